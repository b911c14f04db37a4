/* What of two profiles may be set side by side, and what is refused. */
#include "profile_sample.h"

#include "profile/comparable.h"

struct pair {
    struct profile *before, *after;
};

static struct pair pair_new(void)
{
    return (struct pair){sample_new(), sample_new()};
}

static struct doubt *doubts_of(const struct pair *pair, const char *key, bool by_time)
{
    struct comparison c = {pair->before, pair->after, "a.prof", "b.prof", metric_find(key), by_time};

    return comparison_doubts(&c);
}

static void pair_free(struct pair *pair)
{
    profile_free(pair->before);
    profile_free(pair->after);
}

/* The only doubt, and that it is refused or not. */
static void expect(struct pair pair, const char *key, bool refused, const char *text)
{
    struct doubt *doubts = doubts_of(&pair, key, false);

    assert_int_equal(arrlen(doubts), 1);
    assert_string_equal(doubts[0].text, text);
    assert_int_equal(doubts[0].refused, refused);
    assert_int_equal(doubts_refusal(doubts), refused ? -1 : 0);
    if (refused)
        assert_non_null(strstr(last_failure(), text));
    doubts_free(doubts);
    pair_free(&pair);
}

static void equal_recordings_raise_no_doubt(void **state)
{
    struct pair pair = pair_new();
    struct doubt *doubts = doubts_of(&pair, "decrefs", true);

    (void)state;
    assert_null(doubts);
    assert_int_equal(doubts_refusal(doubts), 0);
    pair_free(&pair);
}

static void what_one_side_cannot_say_is_refused(void **state)
{
    struct pair pair = pair_new();

    (void)state;
    pair.after->meta.complete = 0;
    expect(pair, "decrefs", true, "the recording of 'b.prof' is incomplete");
    pair = pair_new();
    pair.before->meta.lost = 1;
    pair.before->meta.complete = 0;
    expect(pair, "decrefs", true, "'a.prof' lost 1 operation");
    pair = pair_new();
    pair.after->meta.live_probes = 4;
    expect(pair, "decrefs", true, "in 'b.prof' only 4 of 5 probes are proven live");
    pair = pair_new();
    pair.before->meta.live_probes = pair.before->meta.armed_probes = 0;
    expect(pair, "decrefs", true, "in 'a.prof' nothing was measured: no probe was armed");
}

static void another_mode_is_refused(void **state)
{
    struct pair pair = pair_new();

    (void)state;
    pair.after->meta.mode = MODE_SAMPLE;
    expect(pair, "decrefs", true, "'a.prof' was recorded in mode exact and 'b.prof' in mode sample");
    pair = pair_new();
    pair.before->meta.mode = pair.after->meta.mode = MODE_SAMPLE;
    expect(pair, "decrefs", true, "both were recorded in mode sample, which does not count: record with --mode exact");
    pair = pair_new();
    pair.before->meta.mode = MODE_AUTO;
    expect(pair, "decrefs", true, "'a.prof' was recorded in mode auto and 'b.prof' in mode exact");
    pair = pair_new();
    pair.before->meta.mode = 0;
    expect(pair, "decrefs", true, "'a.prof' was recorded in mode unknown and 'b.prof' in mode exact");
}

static void increments_compare_only_where_the_same_were_counted(void **state)
{
    struct pair pair = pair_new();
    struct doubt *doubts;

    (void)state;
    pair.before->targets[1].increments = pair.after->targets[1].increments = 100;
    assert_true(increfs_comparable(pair.before, pair.after));
    pair.after->targets[1].increments_armed = 7;
    assert_false(increfs_comparable(pair.before, pair.after));
    doubts = doubts_of(&pair, "ops", false);
    assert_int_equal(doubts_refusal(doubts), -1);
    doubts_free(doubts);
    doubts = doubts_of(&pair, "decrefs", false);
    assert_int_equal(arrlen(doubts), 1);
    assert_int_equal(doubts_refusal(doubts), 0);
    assert_non_null(strstr(doubts[0].text, "other inlined increments"));
    doubts_free(doubts);
    pair.after->targets[1].increments_armed = 0;
    pair.after->targets[1].build_id = profile_text(pair.after, "0ddba11");
    assert_false(increfs_comparable(pair.before, pair.after));
    pair.before->targets[1].increments_armed = pair.after->targets[1].increments_armed = 100;
    assert_true(increfs_comparable(pair.before, pair.after));
    pair_free(&pair);
}

static void another_interpreter_is_what_people_compare(void **state)
{
    struct pair pair = pair_new();

    (void)state;
    pair.after->targets[1].version = profile_text(pair.after, "3.14.7");
    expect(pair, "decrefs", false, "another interpreter: CPython 3.13.5 before, 3.14.7 after");
    pair = pair_new();
    pair.after->targets[1].build = profile_text(pair.after, "clang 18");
    expect(pair, "decrefs", false, "another build: gcc 12.2.0, static before, clang 18 after");
}

static void less_work_is_remarked_on(void **state)
{
    struct pair pair = pair_new();
    struct doubt *doubts;

    (void)state;
    pair.after->targets[1].end_status = 1;
    expect(pair, "decrefs", false, "in 'b.prof' pid 4242 exited with status 1");
    pair = pair_new();
    pair.after->targets[1].end = END_DETACH;
    pair.after->meta.duration_ns *= 4;
    doubts = doubts_of(&pair, "decrefs", true);
    assert_null(doubts);
    expect(pair, "decrefs", false,
           "the recordings took 1.50 s and 6.00 s, and at least one ended before its program did");
}

static void what_is_not_exact_is_marked(void **state)
{
    (void)state;
    expect(pair_new(), "bounces", false, "'bounces' differs from run to run of the same program");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_recordings_raise_no_doubt),
        cmocka_unit_test(what_one_side_cannot_say_is_refused),
        cmocka_unit_test(another_mode_is_refused),
        cmocka_unit_test(increments_compare_only_where_the_same_were_counted),
        cmocka_unit_test(another_interpreter_is_what_people_compare),
        cmocka_unit_test(less_work_is_remarked_on),
        cmocka_unit_test(what_is_not_exact_is_marked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
