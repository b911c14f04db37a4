/* Rows and stacks as one tree: that sums stay whole, whatever is shared out, merged or left away. */
#include "profile_sample.h"

#include <inttypes.h>

#include "emit/emit.h"
#include "emit/folded.h"
#include "profile/flame.h"

#define FIELD "list item"

/* An object that threads 1 and 2 use, each by so many decrements. */
static uint32_t contended(struct profile *p, const char *type, const char *name, const char *field, uint64_t each)
{
    uint32_t object = sample_object(p, type, name, 0x7f0000001000 + 64 * arrlenu(p->objects));

    sample_count(p, object, field, 1, each);
    sample_count(p, object, field, 2, each);
    return object;
}

static char *folded(const struct profile *p, const struct emit_options *options)
{
    struct rows *rows = rows_build(p, NULL);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_int_equal(emit_folded.emit(p, rows, options, out), 0);
    fclose(out);
    rows_free(rows);
    return text;
}

static void folds_to(const struct profile *p, const char *wanted)
{
    char *text = folded(p, &(struct emit_options){0});

    assert_string_equal(text, wanted);
    free(text);
}

static void frames_stand_from_the_root_to_the_object(void **state)
{
    struct profile *p = sample_new();
    uint32_t object = contended(p, "dict", "globals of app", "function.func_globals", 50);

    (void)state;
    sample_stack(p, object, "function.func_globals", 3, "/srv/app.py", "Service.run", 10, "work", 23);
    folds_to(p, "Service.run (app.py:10);work (app.py:23);func_dealloc;function.func_globals (dict globals of app) 100\n");
    profile_free(p);
}

static void what_three_stacks_share_sums_up_to_the_row(void **state)
{
    struct profile *p = sample_new();
    uint32_t object = contended(p, "dict", "d", FIELD, 50);

    (void)state;
    sample_stack(p, object, FIELD, 1, "a.py", "main", 1, "a", 2);
    sample_stack(p, object, FIELD, 1, "a.py", "main", 1, "b", 2);
    sample_stack(p, object, FIELD, 1, "a.py", "main", 1, "c", 2);
    folds_to(p, "main (a.py:1);a (a.py:2);func_dealloc;list item (dict d) 34\n"
                "main (a.py:1);b (a.py:2);func_dealloc;list item (dict d) 33\n"
                "main (a.py:1);c (a.py:2);func_dealloc;list item (dict d) 33\n");
    profile_free(p);
}

/* Of what each C function did it is known how often: its stacks share that, and no other function's. */
static void functions_keep_what_they_did(void **state)
{
    struct profile *p = sample_new();
    uint32_t object = contended(p, "dict", "d", FIELD, 50);

    (void)state;
    sample_count(p, object, FIELD, 1, 7)->site = 2;
    sample_stack(p, object, FIELD, 9, "a.py", "main", 1, "a", 2);
    folds_to(p, "[no Python stack seen];cell_dealloc;list item (dict d) 7\n"
                "main (a.py:1);a (a.py:2);func_dealloc;list item (dict d) 100\n");
    profile_free(p);
}

static void sites_of_one_function_are_one_frame(void **state)
{
    struct profile *p = sample_new();
    uint32_t object = contended(p, "dict", "d", FIELD, 50);
    struct profile_site other = p->sites[1];

    (void)state;
    other.address += 16;
    arrput(p->sites, other);
    sample_count(p, object, FIELD, 1, 1)->site = 2;
    sample_count(p, object, FIELD, 1, 7)->site = 3;
    sample_stack(p, object, FIELD, 9, "a.py", "main", 1, "a", 2);
    folds_to(p, "[no Python stack seen];cell_dealloc;list item (dict d) 1\n"
                "main (a.py:1);a (a.py:2);func_dealloc;list item (dict d) 107\n");
    profile_free(p);
}

static void counts_beyond_32_bits_are_shared_out_exactly(void **state)
{
    struct profile *p = sample_new();
    uint32_t object = contended(p, "dict", "d", FIELD, UINT64_C(1) << 62);

    (void)state;
    sample_stack(p, object, FIELD, UINT64_MAX / 2, "a.py", "main", 1, "a", 2);
    sample_stack(p, object, FIELD, UINT64_MAX / 2, "a.py", "main", 1, "b", 2);
    folds_to(p, "main (a.py:1);a (a.py:2);func_dealloc;list item (dict d) 4611686018427387904\n"
                "main (a.py:1);b (a.py:2);func_dealloc;list item (dict d) 4611686018427387904\n");
    profile_free(p);
}

static void a_type_that_the_name_tells_is_not_told_twice(void **state)
{
    struct profile *p = sample_new();

    (void)state;
    contended(p, "code", "code f (a.py:1)", FIELD, 1);
    contended(p, "app.Config", "instance of app.Config", FIELD, 1);
    contended(p, "app.Conf", "instance of app.Config", FIELD, 1);
    contended(p, "dict", "", FIELD, 1);
    folds_to(p, "[no Python stack seen];func_dealloc;list item (app.Conf instance of app.Config) 2\n"
                "[no Python stack seen];func_dealloc;list item (code f (a.py:1)) 2\n"
                "[no Python stack seen];func_dealloc;list item (dict others) 2\n"
                "[no Python stack seen];func_dealloc;list item (instance of app.Config) 2\n");
    profile_free(p);
}

static void names_cannot_break_frames_or_lines(void **state)
{
    struct profile *p = sample_new();

    (void)state;
    contended(p, "str", "str 'a;b\\\n\r\xe2\x80\xa8\xc3\xa9\t'", FIELD, 1);
    folds_to(p, "[no Python stack seen];func_dealloc;list item (str 'a\\x3bb\\\\\\n\\x0d\\u2028\xc3\xa9\\x09') 2\n");
    profile_free(p);
}

static void a_key_says_what_is_weighed_and_nothing_is_no_line(void **state)
{
    struct profile *p = sample_new();
    uint32_t object = contended(p, "dict", "d", FIELD, 50);
    char *text;

    (void)state;
    contended(p, "dict", "cold", FIELD, 50);
    sample_count(p, object, FIELD, 3, 4)->handoffs = 3;
    text = folded(p, &(struct emit_options){.key = metric_find("handoffs")});
    assert_string_equal(text, "[no Python stack seen];func_dealloc;list item (dict d) 3\n");
    free(text);
    assert_null(stack_metric(metric_find("threads"), false));
    assert_non_null(strstr(last_failure(), "'threads'"));
    profile_free(p);
}

static void profiles_of_samples_are_weighed_by_these(void **state)
{
    struct profile *p = sample_new();
    uint32_t object = contended(p, "dict", "d", FIELD, 0);

    (void)state;
    p->meta.sample_ns = 1000000;
    p->meta.samples = 100;
    p->meta.mode = MODE_SAMPLE;
    arrlast(p->counts).samples = 3;
    p->counts[arrlenu(p->counts) - 2].samples = 4;
    sample_stack(p, object, FIELD, 9, "a.py", "main", 1, "a", 2);
    folds_to(p, "main (a.py:1);a (a.py:2);func_dealloc;list item (dict d) 7\n");
    assert_null(stack_metric(metric_find("decrefs"), true));
    assert_null(stack_metric(metric_find("samples"), false));
    profile_free(p);
}

static uint64_t total(const struct flame *flame, unsigned side)
{
    uint64_t *totals = flame_totals(flame, side, metric_find("ops")), all = totals[0];

    free(totals);
    return all;
}

static void add(struct flame *flame, unsigned side, const struct profile *p)
{
    struct rows *rows = rows_build(p, NULL);

    for (size_t i = 0; i < arrlenu(rows->ranked); i++) {
        struct flame_row row = flame_row_of(&rows->ranked[i], (uint32_t)i, false);

        assert_int_equal(flame_add(flame, side, p, &row, 1), 0);
    }
    rows_free(rows);
}

/* The same code a line further down in another folder, numbered otherwise. */
static void two_profiles_meet_in_the_frames_that_they_share(void **state)
{
    struct profile *before = sample_new(), *after = sample_new();
    struct flame *flame = flame_new(false);
    uint32_t object = contended(before, "dict", "d", FIELD, 50);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    sample_stack(before, object, FIELD, 1, "/old/a.py", "main", 1, "a", 2);
    contended(after, "dict", "new", FIELD, 3);
    object = contended(after, "dict", "d", FIELD, 10);
    sample_stack(after, object, FIELD, 1, "/new/a.py", "main", 2, "a", 3);
    add(flame, 0, before);
    add(flame, 1, after);
    assert_int_equal(folded_print(flame, metric_find("ops"), 2, (double[]){0, 0}, out), 0);
    fclose(out);
    assert_string_equal(text, "[no Python stack seen];func_dealloc;list item (dict new) 0 6\n"
                              "main (a.py);a (a.py);func_dealloc;list item (dict d) 100 20\n");
    assert_int_equal(total(flame, 0), 100);
    assert_int_equal(total(flame, 1), 26);
    free(text);
    flame_free(flame);
    profile_free(before);
    profile_free(after);
}

static struct profile *many(unsigned objects)
{
    struct profile *p = sample_new();

    for (unsigned i = 0; i < objects; i++) {
        char name[32];

        snprintf(name, sizeof(name), "d%u", i);
        sample_stack(p, contended(p, "dict", name, FIELD, 1 + i), FIELD, 1, "a.py", "main", i / 10, "f", i);
    }
    return p;
}

static void what_is_pruned_stays_in_the_sums(void **state)
{
    struct profile *p = many(200);
    struct flame *flame = flame_new(true);
    size_t nodes, noted = 0;
    uint64_t all;

    (void)state;
    add(flame, 0, p);
    nodes = arrlenu(flame->nodes);
    all = total(flame, 0);
    assert_int_equal(flame_prune(flame, metric_find("ops"), 50), 0);
    assert_int_equal(flame->folded, nodes - 50);
    assert_int_equal(total(flame, 0), all);
    for (size_t i = 1; i < arrlenu(flame->nodes); i++) {
        assert_true(flame->nodes[i].parent < i);
        noted += strcmp(flame->nodes[i].name, "[smaller ones]") == 0;
    }
    assert_true(noted > 0);
    assert_int_equal(arrlenu(flame->nodes), 50 + noted);
    flame_free(flame);
    profile_free(p);
}

/* The dearest objects are the last ones. */
static void the_dearest_are_kept(void **state)
{
    struct profile *p = many(200);
    struct flame *flame = flame_new(true);
    bool found = false;

    (void)state;
    add(flame, 0, p);
    assert_int_equal(flame_prune(flame, metric_find("ops"), 50), 0);
    for (size_t i = 1; i < arrlenu(flame->nodes); i++) {
        assert_string_not_equal(flame->nodes[i].name, "list item (dict d0)");
        found = found || strcmp(flame->nodes[i].name, "list item (dict d199)") == 0;
    }
    assert_true(found);
    flame_free(flame);
    profile_free(p);
}

/* Siblings side by side, whenever they came into the tree: what shows stacks in their order finds nothing torn apart. */
static void leaves_of_one_parent_stand_side_by_side(void **state)
{
    static const char *const wanted[] = {"a", "b", "a"}, *const order[] = {"a", "a", "b"};
    struct profile *p = sample_new();
    struct rows *rows;
    struct flame *flame;
    uint32_t *leaves;

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        char name[] = "d0";

        name[1] = (char)('0' + i);
        sample_stack(p, contended(p, "dict", name, FIELD, 50 - i), FIELD, 1, "a.py", "main", 1, wanted[i], 2);
    }
    rows = rows_build(p, NULL);
    flame = flame_of_rows(p, rows, 0, false);
    leaves = flame_leaves(flame);
    assert_int_equal(arrlenu(leaves), 3);
    for (size_t i = 0; i < 3; i++) {
        const struct flame_node *function = &flame->nodes[flame->nodes[leaves[i]].parent];
        const struct flame_node *frame = &flame->nodes[function->parent];

        assert_int_equal(flame->nodes[leaves[i]].kind, FLAME_OBJECT);
        assert_string_equal(profile_string(p, p->frames[frame->frame].qualname), order[i]);
        assert_string_equal(function->binary, "python3.13t");
    }
    arrfree(leaves);
    flame_free(flame);
    rows_free(rows);
    profile_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_of_one_parent_stand_side_by_side),
        cmocka_unit_test(frames_stand_from_the_root_to_the_object),
        cmocka_unit_test(what_three_stacks_share_sums_up_to_the_row),
        cmocka_unit_test(functions_keep_what_they_did),
        cmocka_unit_test(sites_of_one_function_are_one_frame),
        cmocka_unit_test(counts_beyond_32_bits_are_shared_out_exactly),
        cmocka_unit_test(a_type_that_the_name_tells_is_not_told_twice),
        cmocka_unit_test(names_cannot_break_frames_or_lines),
        cmocka_unit_test(a_key_says_what_is_weighed_and_nothing_is_no_line),
        cmocka_unit_test(profiles_of_samples_are_weighed_by_these),
        cmocka_unit_test(two_profiles_meet_in_the_frames_that_they_share),
        cmocka_unit_test(what_is_pruned_stays_in_the_sums),
        cmocka_unit_test(the_dearest_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
