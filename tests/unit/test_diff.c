/* What a comparison finds, says and shows. */
#include "profile_sample.h"
#include "emitted_text.h"

#include <jansson.h>
#include <locale.h>

#include "emit/diff.h"
#include "emit/text.h"

#define CONFIG "instance of app.Config"
#define HELD CONFIG " (module global app.cfg)"

struct pair {
    struct profile *side[DIFF_SIDES];
    struct comparison comparison;
    struct doubt *doubts;
    struct diff *diff;
};

static int setup(void **state)
{
    (void)state;
    return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

static struct pair pair_new(void)
{
    return (struct pair){.side = {sample_new(), sample_new()}};
}

/* So many by each of two threads. */
static void contend(struct pair *pair, unsigned side, const char *type, const char *name, const char *field, uint64_t ops)
{
    struct profile *p = pair->side[side];
    uint32_t object = sample_object(p, type, name, 0x7f0000001000 + 64 * arrlenu(p->objects));

    sample_count(p, object, field, 1, ops);
    sample_count(p, object, field, 2, ops);
}

static void alone(struct pair *pair, unsigned side, const char *name, const char *field, uint64_t ops)
{
    struct profile *p = pair->side[side];

    sample_count(p, sample_object(p, "dict", name, 0x7f0000002000), field, 1, ops);
}

static struct diff *compare(struct pair *pair, struct diff_options options)
{
    pair->comparison = (struct comparison){.before = pair->side[DIFF_BEFORE],
                                           .after = pair->side[DIFF_AFTER],
                                           .before_path = "a.prof",
                                           .after_path = "b.prof",
                                           .metric = metric_find("decrefs")};
    pair->doubts = comparison_doubts(&pair->comparison);
    pair->diff = diff_build(&pair->comparison, &options);
    assert_non_null(pair->diff);
    pair->diff->doubts = pair->doubts;
    return pair->diff;
}

static struct diff *compare_plainly(struct pair *pair)
{
    return compare(pair, (struct diff_options){0});
}

static void pair_free(struct pair *pair)
{
    diff_free(pair->diff);
    doubts_free(pair->doubts);
    profile_free(pair->side[DIFF_BEFORE]);
    profile_free(pair->side[DIFF_AFTER]);
}

static void is_row(const struct diff_row *row, enum diff_state state, enum diff_match match, uint64_t before, uint64_t after,
                   const char *label)
{
    assert_string_equal(row->label, label);
    assert_int_equal(row->state, state);
    assert_int_equal(row->match, match);
    assert_int_equal(row->side[DIFF_BEFORE].value, before);
    assert_int_equal(row->side[DIFF_AFTER].value, after);
}

static void rows_are_matched_by_name_and_ranked_by_change(void **state)
{
    struct pair pair = pair_new();
    struct diff *diff;

    (void)state;
    contend(&pair, DIFF_BEFORE, "dict", "builtins", "function.func_builtins", 500);
    contend(&pair, DIFF_BEFORE, "dict", "globals of app", "function.func_globals", 100);
    contend(&pair, DIFF_BEFORE, "list", "list x", "cell.ob_ref", 10);
    contend(&pair, DIFF_BEFORE, "list", "list y", "cell.ob_ref", 7);
    contend(&pair, DIFF_AFTER, "list", "list y", "cell.ob_ref", 7);
    contend(&pair, DIFF_AFTER, "list", "list x", "cell.ob_ref", 15);
    contend(&pair, DIFF_AFTER, "dict", "globals of app", "function.func_globals", 1);
    contend(&pair, DIFF_AFTER, "list", "list z", "cell.ob_ref", 2);
    diff = compare_plainly(&pair);
    assert_int_equal(arrlen(diff->ranked), 5);
    is_row(&diff->ranked[0], DIFF_GONE, MATCH_NONE, 1000, 0, "builtins");
    is_row(&diff->ranked[1], DIFF_LESS, MATCH_NAME, 200, 2, "globals of app");
    is_row(&diff->ranked[2], DIFF_MORE, MATCH_NAME, 20, 30, "list x");
    is_row(&diff->ranked[3], DIFF_NEW, MATCH_NONE, 0, 4, "list z");
    is_row(&diff->ranked[4], DIFF_SAME, MATCH_NAME, 14, 14, "list y");
    assert_int_equal(diff->total[DIFF_BEFORE], 1234);
    assert_int_equal(diff->total[DIFF_AFTER], 50);
    assert_true(diff_ratio(&diff->ranked[2]) == 1.5);
    assert_string_equal(diff->verdict,
                        "gone: function.func_builtins (builtins); less: function.func_globals (globals of app); "
                        "1,234 -> 50 contended decrements (-95.9 %)");
    pair_free(&pair);
}

static void equal_runs_say_that_nothing_changed(void **state)
{
    struct pair pair = pair_new();

    (void)state;
    for (unsigned side = 0; side < DIFF_SIDES; side++)
        contend(&pair, side, "dict", "builtins", "function.func_builtins", 20);
    assert_string_equal(compare_plainly(&pair)->verdict,
                        "nothing changed: 40 decrements in 1 contended row on both sides");
    pair_free(&pair);
    pair = pair_new();
    assert_string_equal(compare_plainly(&pair)->verdict, "nothing changed: nothing is contended on either side");
    pair_free(&pair);
}

static void what_holds_an_object_may_be_missing_on_one_side(void **state)
{
    struct pair pair = pair_new();

    (void)state;
    contend(&pair, DIFF_BEFORE, "app.Config", CONFIG, "global cfg", 10);
    contend(&pair, DIFF_AFTER, "app.Config", HELD, "global cfg", 10);
    compare_plainly(&pair);
    assert_int_equal(arrlen(pair.diff->ranked), 1);
    is_row(&pair.diff->ranked[0], DIFF_SAME, MATCH_HOLDER, 20, 20, HELD);
    pair_free(&pair);
}

/* The whole name first: what is left has no other half. */
static void a_whole_name_goes_before_a_part_of_it(void **state)
{
    struct pair pair = pair_new();

    (void)state;
    contend(&pair, DIFF_BEFORE, "app.Config", CONFIG, "global cfg", 10);
    contend(&pair, DIFF_BEFORE, "app.Config", HELD, "global cfg", 3);
    contend(&pair, DIFF_AFTER, "app.Config", HELD, "global cfg", 3);
    compare_plainly(&pair);
    assert_int_equal(arrlen(pair.diff->ranked), 2);
    is_row(&pair.diff->ranked[0], DIFF_GONE, MATCH_NONE, 20, 0, CONFIG);
    is_row(&pair.diff->ranked[1], DIFF_SAME, MATCH_NAME, 6, 6, HELD);
    pair_free(&pair);
}

static void two_holders_are_two_objects(void **state)
{
    struct pair pair = pair_new();

    (void)state;
    contend(&pair, DIFF_BEFORE, "app.Config", CONFIG " (module global app.old)", "global cfg", 10);
    contend(&pair, DIFF_AFTER, "app.Config", HELD, "global cfg", 10);
    compare_plainly(&pair);
    assert_int_equal(arrlen(pair.diff->ranked), 2);
    assert_int_equal(pair.diff->states[DIFF_GONE], 1);
    assert_int_equal(pair.diff->states[DIFF_NEW], 1);
    pair_free(&pair);
}

static void what_the_same_words_mean_is_put_together(void **state)
{
    struct pair pair = pair_new();
    const struct diff_row *row;

    (void)state;
    contend(&pair, DIFF_BEFORE, "app.Config", HELD, "global cfg", 10);
    contend(&pair, DIFF_BEFORE, "app.Config", CONFIG " (module global app.other)", "global cfg", 5);
    contend(&pair, DIFF_AFTER, "app.Config", CONFIG, "global cfg", 15);
    compare_plainly(&pair);
    assert_int_equal(arrlen(pair.diff->ranked), 1);
    row = &pair.diff->ranked[0];
    is_row(row, DIFF_SAME, MATCH_HOLDER, 30, 30, "2 -> 1 x " CONFIG);
    assert_int_equal(row->side[DIFF_BEFORE].rows, 2);
    assert_int_equal(row->side[DIFF_AFTER].rows, 1);
    pair_free(&pair);
}

static void code_is_found_again_where_it_moved(void **state)
{
    struct pair pair = pair_new();

    (void)state;
    contend(&pair, DIFF_BEFORE, "code", "code f (app.py:10)", "function.func_code", 10);
    contend(&pair, DIFF_BEFORE, "code", "code f (lib.py:10)", "function.func_code", 9);
    contend(&pair, DIFF_AFTER, "code", "code f (app.py:12)", "function.func_code", 20);
    compare_plainly(&pair);
    assert_int_equal(arrlen(pair.diff->ranked), 2);
    is_row(&pair.diff->ranked[0], DIFF_MORE, MATCH_LINE, 20, 40, "code f (app.py:12)");
    is_row(&pair.diff->ranked[1], DIFF_GONE, MATCH_NONE, 18, 0, "code f (lib.py:10)");
    pair_free(&pair);
}

static void bytecode_may_be_missing_on_one_side(void **state)
{
    struct pair pair = pair_new();

    (void)state;
    contend(&pair, DIFF_BEFORE, "dict", "dict", "in func_dealloc()", 10);
    contend(&pair, DIFF_AFTER, "dict", "dict", "global TABLE", 10);
    for (size_t i = 1; i < arrlenu(pair.side[DIFF_BEFORE]->counts); i++)
        pair.side[DIFF_BEFORE]->counts[i].field_source = FIELD_SITE;
    for (size_t i = 1; i < arrlenu(pair.side[DIFF_AFTER]->counts); i++)
        pair.side[DIFF_AFTER]->counts[i].field_source = FIELD_BYTECODE;
    compare_plainly(&pair);
    assert_int_equal(arrlen(pair.diff->ranked), 1);
    is_row(&pair.diff->ranked[0], DIFF_SAME, MATCH_FUNCTION, 20, 20, "dict");
    assert_string_equal(pair.diff->ranked[0].field, "global TABLE");
    pair_free(&pair);
}

static void folds_are_compared_whatever_their_number(void **state)
{
    struct pair pair = pair_new();

    (void)state;
    for (unsigned side = 0; side < DIFF_SIDES; side++)
        sample_count(pair.side[side], sample_fold(pair.side[side], "int", 14 - 2 * side), "tuple item", 0, 30)->threads = 2;
    compare_plainly(&pair);
    assert_int_equal(arrlen(pair.diff->ranked), 1);
    is_row(&pair.diff->ranked[0], DIFF_SAME, MATCH_NAME, 30, 30, "14 -> 12 others");
    assert_string_equal(pair.diff->ranked[0].object, "others");
    pair_free(&pair);
}

/* One thread's decrements are no contention, but neither are they nothing. */
static void what_one_thread_alone_does_now_is_gone_and_said(void **state)
{
    struct pair pair = pair_new();

    (void)state;
    contend(&pair, DIFF_BEFORE, "dict", "builtins", "function.func_builtins", 50);
    alone(&pair, DIFF_AFTER, "builtins", "function.func_builtins", 100);
    alone(&pair, DIFF_AFTER, "globals of app", "function.func_globals", 3);
    compare_plainly(&pair);
    assert_int_equal(arrlen(pair.diff->ranked), 1);
    is_row(&pair.diff->ranked[0], DIFF_GONE, MATCH_NAME, 100, 0, "builtins");
    assert_int_equal(pair.diff->ranked[0].side[DIFF_AFTER].alone, 100);
    assert_int_equal(arrlen(pair.diff->single), 1);
    is_row(&pair.diff->single[0], DIFF_NEW, MATCH_NONE, 0, 3, "globals of app");
    pair_free(&pair);
}

static void work_makes_unequal_runs_comparable(void **state)
{
    struct pair pair = pair_new();

    (void)state;
    contend(&pair, DIFF_BEFORE, "dict", "builtins", "function.func_builtins", 1000);
    contend(&pair, DIFF_AFTER, "dict", "builtins", "function.func_builtins", 4001);
    contend(&pair, DIFF_BEFORE, "list", "list", "cell.ob_ref", 1000);
    contend(&pair, DIFF_AFTER, "list", "list", "cell.ob_ref", 8000);
    compare(&pair, (struct diff_options){.scale = SCALE_WORK, .work = {1000, 4000}});
    assert_string_equal(pair.diff->ranked[0].label, "list");
    assert_int_equal(pair.diff->ranked[0].state, DIFF_MORE);
    assert_true(pair.diff->ranked[0].change == 2);
    assert_int_equal(pair.diff->ranked[1].state, DIFF_SAME);
    assert_string_equal(pair.diff->verdict, "more: cell.ob_ref (list); 4.00 -> 6.00 contended decrements a unit of work "
                                            "(+50.0 %)");
    pair_free(&pair);
}

static void shares_are_of_all_that_was_counted(void **state)
{
    struct pair pair = pair_new();

    (void)state;
    contend(&pair, DIFF_BEFORE, "dict", "builtins", "function.func_builtins", 25);
    alone(&pair, DIFF_BEFORE, "globals of app", "function.func_globals", 50);
    contend(&pair, DIFF_AFTER, "dict", "builtins", "function.func_builtins", 100);
    alone(&pair, DIFF_AFTER, "globals of app", "function.func_globals", 200);
    compare(&pair, (struct diff_options){.scale = SCALE_TOTAL});
    assert_string_equal(pair.diff->verdict,
                        "nothing changed by 1 % or more: 50.0 % of all decrements in 1 contended row on both sides");
    pair_free(&pair);
}

static void filters_take_rows_but_not_the_verdict(void **state)
{
    struct pair pair = pair_new();
    struct rows_filter only = {"type=list", false};

    (void)state;
    contend(&pair, DIFF_BEFORE, "dict", "builtins", "function.func_builtins", 10);
    contend(&pair, DIFF_AFTER, "list", "list", "cell.ob_ref", 5);
    compare(&pair, (struct diff_options){.filters = &only, .filter_count = 1});
    assert_int_equal(arrlen(pair.diff->ranked), 1);
    assert_int_equal(pair.diff->left_out, 1);
    assert_int_equal(pair.diff->states[DIFF_GONE], 0);
    assert_non_null(strstr(pair.diff->verdict, "gone: function.func_builtins"));
    pair_free(&pair);
}

static char *emitted(const struct pair *pair, const struct diff_emitter *emitter, struct emit_options options)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_int_equal(emitter->emit(pair->diff, &options, out), 0);
    fclose(out);
    return text;
}

static struct pair awkward(void)
{
    struct pair pair = pair_new();

    contend(&pair, DIFF_BEFORE, "app.models.Configuration", "größe 鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵\n\"a;b\",\t\033[31m", "a.very.long.field.name.indeed",
            500000);
    contend(&pair, DIFF_AFTER, "app.Config", HELD, "global cfg", 30);
    contend(&pair, DIFF_BEFORE, "app.Config", CONFIG, "global cfg", 31);
    return pair;
}

static void the_table_fits_any_width(void **state)
{
    struct pair pair = awkward();

    (void)state;
    compare_plainly(&pair);
    for (int width = 60; width <= 200; width++) {
        char *text = emitted(&pair, &diff_table, (struct emit_options){.width = width, .all = true});

        assert_in_range(widest_line(text), 1, width);
        assert_null(strchr(text, '\033'));
        free(text);
    }
    pair_free(&pair);
}

static void the_table_says_how_rows_were_found(void **state)
{
    struct pair pair = awkward();
    char *text;

    (void)state;
    compare_plainly(&pair);
    text = emitted(&pair, &diff_table, (struct emit_options){0});
    assert_non_null(strstr(text, HELD " [holder]\n"));
    assert_non_null(strstr(text, "\n[holder]: "));
    free(text);
    pair_free(&pair);
}

static void doubts_stand_above_the_table(void **state)
{
    struct pair pair = awkward();
    char *text;

    (void)state;
    pair.side[DIFF_AFTER]->meta.complete = 0;
    compare_plainly(&pair);
    text = emitted(&pair, &diff_table, (struct emit_options){0});
    assert_ptr_equal(strstr(text, "doubtful: the recording of 'b.prof' is incomplete\n"), text);
    free(text);
    pair_free(&pair);
}

static void json_keeps_every_name(void **state)
{
    struct pair pair = awkward();
    char *text;
    json_t *json, *row;

    (void)state;
    compare_plainly(&pair);
    text = emitted(&pair, &diff_json, (struct emit_options){.all = true});
    json = json_loads(text, 0, NULL);
    assert_non_null(json);
    row = json_array_get(json_object_get(json, "rows"), 0);
    assert_string_equal(json_string_value(json_object_get(row, "object")), "größe 鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵\n\"a;b\",\t\033[31m");
    assert_string_equal(json_string_value(json_object_get(row, "state")), "gone");
    assert_true(json_is_null(json_object_get(row, "after")));
    assert_int_equal(json_integer_value(json_object_get(row, "difference")), -1000000);
    json_decref(json);
    free(text);
    pair_free(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_matched_by_name_and_ranked_by_change),
        cmocka_unit_test(equal_runs_say_that_nothing_changed),
        cmocka_unit_test(what_holds_an_object_may_be_missing_on_one_side),
        cmocka_unit_test(a_whole_name_goes_before_a_part_of_it),
        cmocka_unit_test(two_holders_are_two_objects),
        cmocka_unit_test(what_the_same_words_mean_is_put_together),
        cmocka_unit_test(code_is_found_again_where_it_moved),
        cmocka_unit_test(bytecode_may_be_missing_on_one_side),
        cmocka_unit_test(folds_are_compared_whatever_their_number),
        cmocka_unit_test(what_one_thread_alone_does_now_is_gone_and_said),
        cmocka_unit_test(work_makes_unequal_runs_comparable),
        cmocka_unit_test(shares_are_of_all_that_was_counted),
        cmocka_unit_test(filters_take_rows_but_not_the_verdict),
        cmocka_unit_test(the_table_fits_any_width),
        cmocka_unit_test(the_table_says_how_rows_were_found),
        cmocka_unit_test(doubts_stand_above_the_table),
        cmocka_unit_test(json_keeps_every_name),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
