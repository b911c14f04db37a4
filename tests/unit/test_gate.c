/* The three answers of a gate, and that what cannot be judged is never passed. */
#include "profile_sample.h"

#include "profile/gate.h"

/* Two threads, two objects of 20,000 decrements each, and one that only one thread touches. */
static struct profile *nested(void)
{
    struct profile *p = sample_new();
    uint32_t globals = sample_object(p, "dict", "globals of app", 0x1000);
    uint32_t code = sample_object(p, "code", "code f.<locals>.g (app.py:4)", 0x2000);

    for (uint32_t thread = 1; thread <= 2; thread++) {
        sample_count(p, globals, "function.func_globals", thread, 10000);
        sample_count(p, code, "function.func_code", thread, 10000)->handoffs = 5;
    }
    sample_count(p, sample_object(p, "list", "list", 0x3000), "local x", 1, 500);
    return p;
}

/* Objects that were folded; threads: of the most shared of them, 0 if not known. */
static void add_fold(struct profile *p, const char *type, const char *field, uint64_t decrefs,
                     uint32_t threads)
{
    sample_count(p, sample_fold(p, type, 14), field, 0, decrefs)->threads = threads;
}

/* What a test asks, and what it gets. */
struct question {
    struct gate_input input;
    struct budget *budget;
    struct profile *profile, *baseline;
    struct gate *gate;
};

static struct question ask_file(struct profile *profile, const char *file)
{
    struct question question = {.profile = profile, .budget = budget_new()};

    question.input = (struct gate_input){.profile = profile,
                                         .budget = question.budget,
                                         .profile_path = "p",
                                         .baseline_path = "b",
                                         .today = "2026-11-24"};
    if (file && budget_parse(question.budget, file, strlen(file), "b.yml"))
        fail_msg("%s", last_failure());
    return question;
}

static struct question ask(struct profile *profile, const char *limit)
{
    struct question question = ask_file(profile, NULL);

    if (budget_add(question.budget, limit))
        fail_msg("%s", last_failure());
    return question;
}

static void end(struct question *question)
{
    gate_free(question->gate);
    budget_free(question->budget);
    profile_free(question->profile);
    profile_free(question->baseline);
}

/* Judges; there has to be a judgement. */
static const struct check *judge(struct question *question)
{
    question->input.baseline = question->baseline;
    question->gate = gate_judge(&question->input);
    if (!question->gate)
        fail_msg("%s", last_failure());
    return question->gate->checks;
}

static void answers(struct question question, enum outcome outcome, uint64_t value)
{
    const struct check *check = judge(&question);

    assert_int_equal(check->outcome, outcome);
    assert_int_equal(question.gate->outcome, outcome);
    assert_int_equal(check->value, value);
    end(&question);
}

static void refuses(struct question question, const char *sentence)
{
    question.input.baseline = question.baseline;
    question.gate = gate_judge(&question.input);
    assert_null(question.gate);
    if (!strstr(last_failure(), sentence))
        fail_msg("%s", last_failure());
    end(&question);
}

static void a_limit_holds_for_the_sum_of_the_rows_that_match(void **state)
{
    (void)state;
    answers(ask(nested(), "decrefs=40000"), GATE_PASSED, 40000);
    answers(ask(nested(), "decrefs=39999"), GATE_FAILED, 40000);
    answers(ask(nested(), "field=function.*,decrefs=39999"), GATE_FAILED, 40000);
    answers(ask(nested(), "type=dict,field=function.*,decrefs=20000"), GATE_PASSED, 20000);
    answers(ask(nested(), "type=dict,decrefs=19999"), GATE_FAILED, 20000);
    answers(ask(nested(), "object=code f.*,decrefs=0"), GATE_FAILED, 20000);
    answers(ask(nested(), "function=func_dealloc,decrefs=0"), GATE_FAILED, 40000);
    answers(ask(nested(), "handoffs=10"), GATE_PASSED, 10);
    answers(ask(nested(), "handoffs=9"), GATE_FAILED, 10);
}

static void threads_are_those_of_each_row(void **state)
{
    (void)state;
    answers(ask(nested(), "threads=2"), GATE_PASSED, 2);
    answers(ask(nested(), "threads=1"), GATE_FAILED, 2);
}

static void rows_of_a_single_thread_count_where_asked_for(void **state)
{
    struct question question = ask(nested(), "type=list,decrefs=499");

    (void)state;
    answers(ask(nested(), "type=list,decrefs=499"), GATE_PASSED, 0);
    question.input.all = true;
    answers(question, GATE_FAILED, 500);
    answers(ask_file(nested(), "version: 1\nlimits: [{type: list, all: true, decrefs: 499}]\n"), GATE_FAILED,
            500);
}

static void a_profile_without_rows_passes(void **state)
{
    struct question question = ask(sample_new(), "decrefs=0");

    (void)state;
    answers(ask(sample_new(), "decrefs=0"), GATE_PASSED, 0);
    question.profile->meta.live_probes = 4;
    refuses(question, "'p' cannot be judged: only 4 of 5 probes are proven live");
}

static struct question relative(const char *limit, uint64_t more)
{
    struct question question = ask(nested(), limit);

    question.profile->counts[1].decrefs += more;
    question.baseline = nested();
    return question;
}

static void limits_relative_to_a_baseline(void **state)
{
    struct question scaled = relative("decrefs=1.0x", 40000);

    (void)state;
    answers(relative("type=dict,decrefs=+5%", 1000), GATE_PASSED, 21000);
    answers(relative("type=dict,decrefs=+5%", 1001), GATE_FAILED, 21001);
    answers(relative("type=dict,decrefs=1.15x", 3000), GATE_PASSED, 23000);
    answers(relative("type=dict,decrefs=1.15x", 3001), GATE_FAILED, 23001);
    answers(relative("type=dict,decrefs=+100", 100), GATE_PASSED, 20100);
    answers(relative("type=dict,decrefs=+100", 101), GATE_FAILED, 20101);
    answers(relative("object=new*,decrefs=2x", 0), GATE_PASSED, 0);
    scaled.input.work = 20;
    scaled.input.baseline_work = 10;
    answers(scaled, GATE_PASSED, 80000);
}

static void what_the_baseline_does_not_have_may_not_be(void **state)
{
    struct question question = relative("object=new,decrefs=2x", 0);
    uint32_t object = sample_object(question.profile, "str", "new", 0x9000);

    (void)state;
    sample_count(question.profile, object, "local x", 1, 1);
    sample_count(question.profile, object, "local x", 2, 1);
    answers(question, GATE_FAILED, 2);
}

static void limits_for_each_unit_of_work(void **state)
{
    struct question kept = ask(nested(), "decrefs=2.5/unit"), broken = ask(nested(), "decrefs=2.5/unit");

    (void)state;
    kept.input.work = 16000;
    broken.input.work = 15999;
    answers(kept, GATE_PASSED, 40000);
    answers(broken, GATE_FAILED, 40000);
}

static void what_has_no_effect_is_refused(void **state)
{
    struct question question;

    (void)state;
    refuses(ask_file(nested(), NULL), "no limit is given");
    refuses(ask_file(nested(), "version: 1\nlimits: []\n"), "'b.yml' holds no limit");
    refuses(ask(nested(), "decrefs=+5%"), "no baseline is given");
    refuses(relative("decrefs=5", 0), "no limit is relative");
    refuses(ask(nested(), "decrefs=5/unit"), "--work N");
    question = ask(nested(), "decrefs=5");
    question.input.work = 3;
    refuses(question, "--work is given");
    question = relative("decrefs=+5", 0);
    question.input.baseline_work = 3;
    refuses(question, "--baseline-work needs --work");
}

static struct profile_meta *meta_of(struct question *question)
{
    return &question->profile->meta;
}

static void what_was_not_seen_whole_is_not_judged(void **state)
{
    struct question q;

    (void)state;
    q = ask(nested(), "decrefs=1"), meta_of(&q)->mode = 2;
    refuses(q, "not recorded in exact mode");
    q = ask(nested(), "decrefs=1"), meta_of(&q)->armed_probes = meta_of(&q)->live_probes = 0;
    refuses(q, "no probe was armed");
    q = ask(nested(), "decrefs=1"), meta_of(&q)->live_probes = 0;
    refuses(q, "only 0 of 5 probes");
    q = ask(nested(), "decrefs=1"), meta_of(&q)->lost = 3, meta_of(&q)->complete = 0;
    refuses(q, "3 operations were lost");
    q = ask(nested(), "decrefs=1"), meta_of(&q)->complete = 0;
    refuses(q, "incomplete");
    q = ask(nested(), "decrefs=1"), arrsetlen(q.profile->targets, 1);
    refuses(q, "no interpreter was recorded");
    q = ask(nested(), "decrefs=1"), q.profile->targets[1].armed--;
    refuses(q, "of 5 decrements in process 4242's interpreter 4 carried a probe");
    q = ask(nested(), "decrefs=1"), q.profile->targets[1].classified--;
    refuses(q, "1 of 9 atomics");
    q = ask(nested(), "decrefs=1"), q.profile->targets[1].undecoded = 2;
    refuses(q, "2 functions were not understood");
    q = ask(nested(), "decrefs=1"), q.profile->modules[1].decrements = 1;
    refuses(q, "of 1 decrements in '/opt/counting.so' 0 carried a probe");
    q = ask(nested(), "decrefs=1"), q.profile->modules[1].failed = 1;
    refuses(q, "'/opt/counting.so'");
    q = ask(nested(), "decrefs=1"), q.profile->modules[1].decrements = q.profile->modules[1].armed = 1;
    q.profile->modules[1].late_ns = 1500000;
    refuses(q, "loaded 1.5 ms before");
    q = relative("decrefs=+5", 0),
    q.profile->targets[1].increments = q.profile->targets[1].increments_armed = 9;
    q.baseline->targets[1].increments = 9;
    refuses(q, "other increments were counted");
    q = relative("decrefs=+5", 0), q.profile->modules[1].increments = q.profile->modules[1].increments_armed = 3;
    q.baseline->modules[1].increments = 3;
    refuses(q, "other increments were counted");
    q = relative("decrefs=+5", 0), q.baseline->meta.lost = 1;
    refuses(q, "'b' cannot be judged: 1 operations were lost");
}

static void a_program_that_failed_has_not_done_its_work(void **state)
{
    struct question q;

    (void)state;
    q = ask(nested(), "decrefs=1"), q.profile->targets[1].end_status = 1;
    refuses(q, "failed with exit status 1");
    q = ask(nested(), "decrefs=1"), q.profile->targets[1].end = END_SIGNAL,
    q.profile->targets[1].end_status = 11;
    refuses(q, "was ended by signal 11");
    q = ask(nested(), "decrefs=1"), q.profile->targets[1].end = END_UNKNOWN;
    refuses(q, "how process 4242 ended is not known");
    q = ask(nested(), "decrefs=1"), q.profile->targets[1].end_status = 1, q.input.ended_anyhow = true;
    answers(q, GATE_FAILED, 40000);
}

static struct profile *with_fold(uint64_t decrefs, uint32_t threads)
{
    struct profile *p = nested();

    add_fold(p, "dict", "local y", decrefs, threads);
    return p;
}

static void objects_too_cold_to_be_told_apart(void **state)
{
    struct question q;

    (void)state;
    /* Whether two threads met there is not known: they may count. */
    answers(ask(with_fold(5000, 0), "decrefs=45000"), GATE_PASSED, 40000);
    answers(ask(with_fold(5000, 0), "decrefs=44999"), GATE_UNDECIDED, 40000);
    answers(ask(with_fold(5000, 0), "decrefs=39999"), GATE_FAILED, 40000);
    answers(ask(with_fold(5000, 0), "type=code,decrefs=20000"), GATE_PASSED, 20000);
    /* Two did, but which objects those were is not known. */
    answers(ask(with_fold(5000, 2), "decrefs=44999"), GATE_FAILED, 45000);
    answers(ask(with_fold(5000, 2), "object=other*,decrefs=4999"), GATE_UNDECIDED, 0);
    answers(ask(with_fold(5000, 2), "object=other*,decrefs=5000"), GATE_PASSED, 0);
    answers(ask(with_fold(5000, 2), "object=other*,type=code,decrefs=0"), GATE_PASSED, 0);
    answers(ask(with_fold(GATE_COLD, 2), "object=other*,decrefs=0"), GATE_PASSED, 0);
    answers(ask(with_fold(GATE_COLD + 1, 2), "object=other*,decrefs=0"), GATE_UNDECIDED, 0);
    answers(ask(with_fold(5000, 1), "decrefs=40000"), GATE_PASSED, 40000);
    q = ask(with_fold(5000, 0), "decrefs=45499"), q.input.all = true;
    answers(q, GATE_FAILED, 45500);
}

static void objects_that_could_not_be_read_may_be_of_any_type(void **state)
{
    struct profile *p = nested();
    uint32_t object = sample_object(p, "", "", 0x9000);

    (void)state;
    sample_count(p, object, "local x", 1, 500);
    sample_count(p, object, "local x", 2, 500);
    answers(ask(p, "type=list,decrefs=999"), GATE_UNDECIDED, 0);
}

static void exceptions_take_rows_until_they_expire(void **state)
{
    static const char file[] = "version: 1\nlimits: [{decrefs: 20000}]\nexceptions:\n"
                               "  - {object: 'code *', reason: known, expires: 2026-11-24, decrefs: 20000}\n";
    struct question q = ask_file(nested(), file);

    (void)state;
    judge(&q);
    assert_int_equal(q.gate->outcome, GATE_PASSED);
    assert_int_equal(arrlen(q.gate->checks), 2);
    assert_int_equal(q.gate->waivers[0].rows, 1);
    assert_int_equal(q.gate->waivers[0].decrefs, 20000);
    end(&q);
    q = ask_file(nested(), file), q.input.today = "2026-11-25";
    judge(&q);
    assert_int_equal(q.gate->outcome, GATE_FAILED);
    assert_int_equal(arrlen(q.gate->checks), 1);
    assert_int_equal(q.gate->checks[0].value, 40000);
    assert_true(q.gate->waivers[0].expired);
    end(&q);
    q = ask_file(nested(), file), q.profile->counts[2].decrefs++;
    judge(&q);
    assert_int_equal(q.gate->outcome, GATE_FAILED);
    assert_int_equal(q.gate->checks[0].limit->exception, 0);
    assert_int_equal(check_excess(&q.gate->checks[0]), 1);
    end(&q);
    refuses(ask_file(nested(),
                     "version: 1\nexceptions: [{object: '*', reason: r, expires: 2020-01-01, decrefs: 1}]\n"),
            "expired");
}

static void the_rest_is_what_no_other_limit_names(void **state)
{
    struct question q =
        ask_file(nested(), "version: 1\nlimits:\n  - {decrefs: 99999}\n  - {type: dict, decrefs: 99999}\n"
                           "  - {rest: true, decrefs: 19999}\n");

    (void)state;
    answers(q, GATE_FAILED, 20000);
    q = ask_file(nested(), "version: 1\nlimits:\n  - {type: dict, decrefs: 99999}\n");
    judge(&q);
    assert_int_equal(q.gate->free_rows, 1);
    assert_int_equal(q.gate->free_decrefs, 20000);
    end(&q);
}

static void limits_that_match_nothing_are_told_of_where_they_allow_something(void **state)
{
    struct question q = ask(nested(), "object=glbals*,decrefs=3"),
                    none = ask(nested(), "object=glbals*,decrefs=0");

    (void)state;
    assert_true(judge(&q)->stale);
    assert_int_equal(q.gate->outcome, GATE_PASSED);
    assert_false(judge(&none)->stale);
    end(&q);
    end(&none);
}

static void failed_checks_come_first_the_largest_excess_before(void **state)
{
    struct question q =
        ask_file(nested(), "version: 1\nlimits:\n  - {decrefs: 99999}\n  - {type: dict, decrefs: 19000}\n"
                           "  - {type: code, decrefs: 10}\n");
    const struct check *checks = judge(&q);

    (void)state;
    assert_int_equal(checks[0].value - checks[0].allowed, 19990);
    assert_int_equal(checks[1].value - checks[1].allowed, 1000);
    assert_int_equal(checks[2].outcome, GATE_PASSED);
    assert_int_equal(q.gate->failed, 2);
    assert_string_equal(checks[0].rows[0]->type, "code");
    end(&q);
}

static void counts_of_hostile_files_do_not_wrap(void **state)
{
    struct profile *p = nested();

    (void)state;
    p->counts[1].decrefs = UINT64_MAX - 5;
    answers(ask(p, "decrefs=50000"), GATE_FAILED, UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_holds_for_the_sum_of_the_rows_that_match),
        cmocka_unit_test(threads_are_those_of_each_row),
        cmocka_unit_test(rows_of_a_single_thread_count_where_asked_for),
        cmocka_unit_test(a_profile_without_rows_passes),
        cmocka_unit_test(limits_relative_to_a_baseline),
        cmocka_unit_test(what_the_baseline_does_not_have_may_not_be),
        cmocka_unit_test(limits_for_each_unit_of_work),
        cmocka_unit_test(what_has_no_effect_is_refused),
        cmocka_unit_test(what_was_not_seen_whole_is_not_judged),
        cmocka_unit_test(a_program_that_failed_has_not_done_its_work),
        cmocka_unit_test(objects_too_cold_to_be_told_apart),
        cmocka_unit_test(objects_that_could_not_be_read_may_be_of_any_type),
        cmocka_unit_test(exceptions_take_rows_until_they_expire),
        cmocka_unit_test(the_rest_is_what_no_other_limit_names),
        cmocka_unit_test(limits_that_match_nothing_are_told_of_where_they_allow_something),
        cmocka_unit_test(failed_checks_come_first_the_largest_excess_before),
        cmocka_unit_test(counts_of_hostile_files_do_not_wrap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
