/* The table and the JSON export: that they fit, and that no name breaks them. */
#include "profile_sample.h"
#include "emitted_text.h"

#include <jansson.h>
#include <locale.h>

#include "emit/emit.h"
#include "emit/text.h"

static int setup(void **state)
{
    (void)state;
    return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

static char *emitted(const struct emitter *emitter, const struct profile *p, struct emit_options options)
{
    struct rows *rows = rows_build(p, NULL);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_int_equal(emitter->emit(p, rows, &options, out), 0);
    fclose(out);
    rows_free(rows);
    return text;
}

static void contend(struct profile *p, const char *type, const char *name, const char *field, uint64_t ops)
{
    uint32_t object = sample_object(p, type, name, 0x7f0000001000);

    sample_count(p, object, field, 1, ops);
    sample_count(p, object, field, 2, ops);
}

static struct profile *usual(void)
{
    struct profile *p = sample_new();

    contend(p, "dict", "globals of __main__", "function.func_globals", 20000);
    contend(p, "dict", "builtins", "function.func_builtins", 19000);
    contend(p, "code", "code nested.<locals>.f (nested.py:4)", "function.func_code", 18000);
    sample_count(p, sample_object(p, "float", "3.14", 0x1000), "list[0]", 1, 20012);
    return p;
}

static void contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in:\n%s", part, text);
}

static void lacks(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("'%s' is in:\n%s", part, text);
}

static void the_table_tells_the_culprit_first(void **state)
{
    struct profile *p = usual();
    char *text = emitted(&emit_table, p, (struct emit_options){0});

    (void)state;
    assert_ptr_equal(strstr(text, "2 threads fight over 3 objects: "), text);
    contains(text, "OPS");
    assert_true(strstr(text, "globals of __main__") < strstr(text, "builtins "));
    contains(text, "40,000        2");
    contains(text, "one thread only: 20,012 operations in 1 row, which --all lists");
    lacks(text, "list[0]");
    lacks(text, "\033");
    free(text);
    profile_free(p);
}

static void the_table_fits_any_width(void **state)
{
    struct profile *p = usual();

    (void)state;
    contend(p, "app.models.Configuration", "größe 鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵",
            "a.very.long.field.name.that.goes.on", 5);
    for (int width = 50; width <= 200; width++) {
        char *text = emitted(&emit_table, p, (struct emit_options){.width = width, .all = true});

        assert_in_range(widest_line(text), 1, width);
        free(text);
    }
    profile_free(p);
}

static void eighty_columns_show_field_and_object(void **state)
{
    struct profile *p = usual();
    char *text = emitted(&emit_table, p, (struct emit_options){.width = 80});

    (void)state;
    contains(text, "1  40,000        2  dict  function.func_globals   globals of __main__\n");
    contains(text, "3  36,000        2  code  function.func_code      code nested.f (nested.py:4)\n");
    free(text);
    profile_free(p);
}

/* The column, from 0, that part begins in, in the line that it is in. */
static size_t column_of(const char *text, const char *part)
{
    const char *at = strstr(text, part), *line = at;
    char *before;
    size_t column;

    if (!at)
        fail_msg("'%s' is not in:\n%s", part, text);
    while (line > text && line[-1] != '\n')
        line--;
    before = strndup(line, (size_t)(at - line));
    column = text_width(before);
    free(before);
    return column;
}

static void columns_stand_below_each_other_where_no_terminal_is(void **state)
{
    struct profile *p = sample_new();
    char name[300], *text;

    (void)state;
    contend(p, "dict", "short", "global A", 20);
    contend(p, "dict", "größe 鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵 that is longer than forty e\u0301", "global B", 19);
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    contend(p, "dict", name, "global C", 18);
    p->counts[1].site = 2;
    p->counts[2].site = 2;
    text = emitted(&emit_table, p, (struct emit_options){0});
    assert_int_equal(column_of(text, "cell_dealloc"), column_of(text, "FUNCTION"));
    assert_int_equal(column_of(text, "func_dealloc"), column_of(text, "FUNCTION"));
    contains(text, name);
    lacks(text, " \n");
    free(text);
    profile_free(p);
}

static void columns_of_zeroes_are_left_out(void **state)
{
    struct profile *p = usual();
    char *text = emitted(&emit_table, p, (struct emit_options){0});

    (void)state;
    lacks(text, "HANDOFFS");
    lacks(text, "BOUNCES");
    free(text);
    p->counts[1].bounces = 1;
    text = emitted(&emit_table, p, (struct emit_options){0});
    lacks(text, "HANDOFFS");
    contains(text, "BOUNCES");
    free(text);
    profile_free(p);
}

static void names_are_shortened_before_they_are_cut(void **state)
{
    struct profile *p = sample_new();
    char *text;

    (void)state;
    contend(p, "__main__.Config", "instance of __main__.Config (module global __main__.CONFIG)", "subscript LIMITS['memory']", 9);
    contend(p, "str", "str 'instance of __main__.x, and so on'", "function.func_builtins", 8);
    text = emitted(&emit_table, p, (struct emit_options){.width = 80});
    contains(text, "1   18  subscript LIMITS['memory']  Config (global CONFIG)\n");
    contains(text, "2   16  function.func_builtins      str 'instance of __main__.x, and so on'\n");
    lacks(text, "THREADS"); /* which are the same in all rows, and in the verdict */
    free(text);
    text = emitted(&emit_table, p, (struct emit_options){.width = 200});
    contains(text, "instance of __main__.Config (module global __main__.CONFIG)");
    contains(text, "THREADS");
    free(text);
    profile_free(p);
}

static void processes_are_short_where_room_is(void **state)
{
    struct profile *p = sample_new();
    struct profile_target second = p->targets[1];
    char *text;

    (void)state;
    second.pid = 5000;
    arrput(p->targets, second);
    for (uint32_t i = 1; i <= 2; i++)
        arrput(p->threads, ((struct profile_thread){2, 5000 + i, profile_text(p, "Worker")}));
    contend(p, "app.Config", "instance of app.Config (module global app.CONFIG)", "global CONFIG that is read", 9);
    sample_count(p, sample_object(p, "app.Config", "instance of app.Config (module global app.CONFIG)", 16),
                 "global CONFIG that is read", 4, 9);
    sample_count(p, 2, "global CONFIG that is read", 5, 9);
    p->objects[2].target = 2;
    text = emitted(&emit_table, p, (struct emit_options){0});
    contains(text, "2 threads in each of 2 processes fight over 2 objects");
    contains(text, "instance of app.Config (module global app.CONFIG) (in 2 processes)");
    free(text);
    text = emitted(&emit_table, p, (struct emit_options){.width = 90});
    contains(text, "  app.Config (global app.CONFIG) (in 2 pids)\n");
    free(text);
    profile_free(p);
}

/* Three threads fight, two over each object. */
static void threads_are_left_out_only_if_they_have_been_said(void **state)
{
    struct profile *p = sample_new();
    char *text;

    (void)state;
    contend(p, "dict", "a name that is rather long, as are others that one has met", "a.long.field.name.that.goes.on", 9);
    sample_count(p, sample_object(p, "dict", "another", 0x10), "b", 1, 5);
    sample_count(p, 2, "b", 3, 5);
    text = emitted(&emit_table, p, (struct emit_options){.width = 80});
    contains(text, "3 threads fight over 2 objects");
    contains(text, "THREADS");
    free(text);
    profile_free(p);
}

static void rows_that_do_not_matter_give_way(void **state)
{
    struct profile *p = sample_new();
    char *text;

    (void)state;
    contend(p, "dict", "module global one of the names that are long", "function.func_globals", 90000);
    contend(p, "dict", "x", "in a_function_with_a_very_long_name_indeed()", 2);
    text = emitted(&emit_table, p, (struct emit_options){.width = 80});
    contains(text, "  global one of the names that are long\n");
    contains(text, "_indeed()  x\n");
    lacks(text, "in a_function_with_a_very_long_name_indeed()");
    free(text);
    profile_free(p);
}

static void an_order_that_is_not_that_of_the_sums_is_told(void **state)
{
    struct profile *p = usual();
    char *text = emitted(&emit_table, p, (struct emit_options){0});

    (void)state;
    lacks(text, "rows stand in the order");
    free(text);
    arrlast(p->counts).increfs = p->counts[4].increfs = 5000;
    text = emitted(&emit_table, p, (struct emit_options){0});
    contains(text, "\nrows stand in the order of what was dropped or taken");
    free(text);
    text = emitted(&emit_table, p, (struct emit_options){.key = metric_find("decrefs")});
    lacks(text, "rows stand in the order");
    free(text);
    profile_free(p);
}

static void nothing_is_cut_where_no_terminal_is(void **state)
{
    struct profile *p = sample_new();
    char name[10001], *text;

    (void)state;
    memset(name, 'x', 10000);
    name[10000] = '\0';
    contend(p, "str", name, "closure", 5);
    text = emitted(&emit_table, p, (struct emit_options){0});
    contains(text, name);
    free(text);
    text = emitted(&emit_table, p, (struct emit_options){.width = 80});
    assert_in_range(widest_line(text), 1, 80);
    contains(text, "xxx…xxx");
    free(text);
    profile_free(p);
}

/* Three rows, of which two ask for the same; the third is too small to be worth a line. */
static void advice_stands_below_the_rows_that_it_is_for(void **state)
{
    struct profile *p = sample_new();
    char *text;

    (void)state;
    contend(p, "dict", "globals of __main__", "function.func_globals", 20000);
    contend(p, "dict", "builtins", "function.func_builtins", 19000);
    contend(p, "app.Config", "instance of app.Config", "global CONFIG", 900);
    text = emitted(&emit_table, p, (struct emit_options){.width = 80});
    contains(text, "\nwhat to do about rows ('hotref report --explain' tells more):\n"
                   "  1, 2  define the function once, outside of the hot code (partly fixed in\n"
                   "        CPython 3.14, gh-124218)\n\n");
    lacks(text, "  3  ");
    free(text);
    p->meta.duration_ns = 1000000000ull * 86400;
    text = emitted(&emit_table, p, (struct emit_options){.width = 80});
    contains(text, "next to nothing");
    lacks(text, "what to do");
    free(text);
    profile_free(p);
}

/* None of 30 equal rows has a twentieth of the operations. */
static void the_first_row_gets_advice_in_any_case(void **state)
{
    struct profile *p = sample_new();
    char *text, name[] = "instance of app.C00";

    (void)state;
    for (int i = 0; i < 30; i++) {
        name[17] = (char)('0' + i / 10);
        name[18] = (char)('0' + i % 10);
        contend(p, "app.C", name, "global CONFIG", 1000);
    }
    text = emitted(&emit_table, p, (struct emit_options){.width = 120});
    contains(text, "tells more):\n  1  read it once before the loop, or give each thread one of its own (partly fixed in");
    free(text);
    text = emitted(&emit_explain, p, (struct emit_options){.width = 120, .notable = true});
    contains(text, "\n1. app.C global CONFIG: instance of app.C00\n");
    lacks(text, "\n2. ");
    free(text);
    profile_free(p);
}

static void rows_are_explained_in_full(void **state)
{
    struct profile *p = usual();
    char *text = emitted(&emit_explain, p, (struct emit_options){.width = 80});

    (void)state;
    contains(text, "\n1. dict function.func_globals: globals of __main__\n");
    contains(text, "[nested-function-globals]\n\n2. dict function.func_builtins: builtins\n");
    contains(text, "Fixed in CPython 3.14.0a1: https://github.com/python/cpython/issues/124218\n");
    assert_in_range(widest_line(text), 1, 80);
    free(text);
    text = emitted(&emit_explain, p, (struct emit_options){.width = 80, .explain_row = 3});
    lacks(text, "\n1. ");
    contains(text, "\n3. code function.func_code: code nested.<locals>.f (nested.py:4)\n");
    free(text);
    profile_free(p);
}

static void what_was_explained_is_not_repeated(void **state)
{
    struct profile *p = sample_new();
    char *text;

    (void)state;
    contend(p, "dict", "globals of a", "function.func_globals", 20000);
    contend(p, "dict", "globals of b", "function.func_globals", 10000);
    text = emitted(&emit_explain, p, (struct emit_options){0});
    contains(text, "the same as row 1 [nested-function-globals]\n");
    free(text);
    profile_free(p);
}

static void names_cannot_act_on_the_terminal(void **state)
{
    struct profile *p = sample_new();
    char *text;

    (void)state;
    contend(p, "a\033[2Jb", "one\ntwo\x7f\xc2\x9b\xe2\x80\xae", "x\ty", 5);
    text = emitted(&emit_table, p, (struct emit_options){.width = 120});
    contains(text, "a\\x1b[2Jb");
    contains(text, "one\\ntwo\\x7f\\x9b\\u202e");
    contains(text, "x\\ty");
    lacks(text, "\033");
    free(text);
    profile_free(p);
}

static void colour_is_an_option(void **state)
{
    struct profile *p = usual();
    char *text = emitted(&emit_table, p, (struct emit_options){.width = 80, .colour = true});

    (void)state;
    contains(text, "\033[1m");
    free(text);
    profile_free(p);
}

static void rows_are_limited_and_counted(void **state)
{
    struct profile *p = usual();
    char *text = emitted(&emit_table, p, (struct emit_options){.max_rows = 1, .all = true});

    (void)state;
    contains(text, "and 2 more: 'hotref report -n 0 --all' shows all");
    free(text);
    text = emitted(&emit_table, p, (struct emit_options){.max_rows = 1, .input = "a b"});
    contains(text, "and 2 more: 'hotref report -i 'a b' -n 0' shows all");
    contains(text, "('hotref report -i 'a b' --explain' tells more)");
    free(text);
    text = emitted(&emit_table, p, (struct emit_options){.max_rows = 1, .all = true});
    lacks(text, "func_code ");
    contains(text, "3.14");
    free(text);
    profile_free(p);
}

static void what_went_wrong_is_told(void **state)
{
    struct profile *p = usual();
    char *text;

    (void)state;
    p->meta.complete = 0;
    p->meta.lost = 12345;
    p->meta.lost_names = 7;
    p->meta.live_probes = 4;
    p->targets[1].end = END_SIGNAL;
    p->targets[1].end_status = 9;
    p->targets[1].armed = 3;
    p->targets[1].classified = 8;
    sample_count(p, sample_fold(p, "int", 50), "dict value", 0, 77);
    text = emitted(&emit_table, p, (struct emit_options){0});
    contains(text, "lost: 12,345 operations");
    contains(text, "nameless: 7 descriptions");
    contains(text, "probes: 4 of 5 were live");
    contains(text, "pid 4242 was ended by signal 9 (Killed)");
    contains(text, "pid 4242: 3 of 5 decrements carry a probe");
    contains(text, "the meaning of 1 of 9 atomics is not known");
    contains(text, "too cold to tell: 77 operations");
    free(text);
    profile_free(p);
}

static void plain_ends_need_no_words(void **state)
{
    struct profile *p = usual();
    char *text = emitted(&emit_table, p, (struct emit_options){0});

    (void)state;
    lacks(text, "4242 was");
    lacks(text, "exited");
    free(text);
    p->targets[1].end_status = 3;
    text = emitted(&emit_table, p, (struct emit_options){0});
    contains(text, "pid 4242 exited with status 3");
    free(text);
    profile_free(p);
}

static void rows_of_one_line_are_marked(void **state)
{
    struct profile *p = sample_new();
    char *text;

    (void)state;
    contend(p, "object", "first", "closure", 100);
    contend(p, "object", "second", "closure", 90);
    text = emitted(&emit_table, p, (struct emit_options){0});
    lacks(text, "[line");
    free(text);
    for (size_t i = 1; i < arrlenu(p->objects); i++)
        p->objects[i].line = 5;
    text = emitted(&emit_table, p, (struct emit_options){0});
    contains(text, "first [line 1]");
    contains(text, "second [line 1]");
    contains(text, "[line N]: objects in one 64-byte cache line");
    free(text);
    contend(p, "object", "third", "closure", 200);
    text = emitted(&emit_table, p, (struct emit_options){.max_rows = 1});
    contains(text, "third");
    lacks(text, "[line");
    free(text);
    profile_free(p);
}

static json_t *exported(const struct profile *p, bool all)
{
    char *text = emitted(&emit_json, p, (struct emit_options){.all = all});
    json_error_t error;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &error);

    if (!value)
        fail_msg("%s in:\n%s", error.text, text);
    free(text);
    return value;
}

/* A profile with stacks, of which one has names that would act on a terminal or break a line. */
static struct profile *with_stacks(void)
{
    struct profile *p = usual();

    sample_stack(p, 1, "function.func_globals", 97, "/srv/nested.py", "run", 9, "outer.<locals>.work", 22);
    sample_stack(p, 1, "function.func_globals", 3, "/srv/a;b\"c\nd.py", "run", 9, "w\033[2J", 7);
    return p;
}

static void stacks_stand_below_their_rows(void **state)
{
    struct profile *p = with_stacks();
    char *plain = emitted(&emit_table, p, (struct emit_options){0}),
         *text = emitted(&emit_table, p, (struct emit_options){.stacks = 1}),
         *all = emitted(&emit_table, p, (struct emit_options){.stacks = 9}),
         *narrow = emitted(&emit_table, p, (struct emit_options){.width = 60});

    (void)state;
    contains(plain, "nested.py:22 in work");
    lacks(plain, "nested.py:9 in run");
    contains(text, " 97 %  func_dealloc\n           nested.py:22 in work\n           nested.py:9 in run\n");
    lacks(text, "  3 %");
    contains(text, "no Python stack was seen");
    contains(all, "  3 %  func_dealloc\n           a;b\"c\\nd.py:7 in w\\x1b[2J\n");
    lacks(all, "\033");
    contains(narrow, "nested.py:22\n"); /* the line stays, whatever has to go */
    free(plain);
    free(text);
    free(all);
    free(narrow);
    profile_free(p);
}

static void json_has_stacks(void **state)
{
    struct profile *p = with_stacks();
    json_t *root = exported(p, false), *row = json_array_get(json_object_get(root, "rows"), 0),
           *stack = json_array_get(json_object_get(row, "stacks"), 0),
           *top = json_array_get(json_object_get(stack, "frames"), 0);

    (void)state;
    assert_int_equal(json_array_size(json_object_get(row, "stacks")), 2);
    assert_int_equal(json_integer_value(json_object_get(stack, "hits")), 97);
    assert_int_equal(json_array_size(json_object_get(stack, "frames")), 2);
    assert_string_equal(json_string_value(json_object_get(top, "function")), "outer.<locals>.work");
    assert_int_equal(json_integer_value(json_object_get(top, "line")), 22);
    assert_true(json_equal(top, json_object_get(row, "place")));
    json_decref(root);
    profile_free(p);
}

static void json_holds_the_contract(void **state)
{
    static const char *const members[] = {
        "type",     "field",        "field_source", "object",   "address",     "objects", "fold",
        "function", "ops",          "decrefs",      "increfs",  "retries",     "bounces", "handoffs",
        "threads",  "thread_names", "owner",        "stall_ns", "stall_share", "stall_low",
        "stall_high", "samples", "rate", "rate_low", "rate_high", "remedy",  "sites",
        "per_thread_id", "line", "place", "stacks", "processes", "pid",
    };
    struct profile *p = usual();
    json_t *root = exported(p, false), *rows = json_object_get(root, "rows"),
           *first = json_array_get(rows, 0);

    (void)state;
    assert_int_equal(json_integer_value(json_object_get(root, "schema_version")), 1);
    assert_true(json_is_true(json_object_get(root, "complete")));
    assert_int_equal(json_integer_value(json_object_get(root, "total_ops")), 134012);
    assert_int_equal(json_array_size(rows), 3);
    assert_null(json_object_get(root, "single_thread_rows"));
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        assert_non_null(json_object_get(first, members[i]));
    assert_int_equal(json_object_size(first), sizeof(members) / sizeof(members[0]));
    assert_int_equal(json_integer_value(json_object_get(first, "ops")), 40000);
    assert_string_equal(json_string_value(json_object_get(first, "address")), "0x7f0000001000");
    assert_true(json_is_null(json_object_get(first, "increfs")));
    assert_string_equal(json_string_value(json_object_get(json_object_get(first, "remedy"), "id")),
                        "nested-function-globals");
    json_decref(root);
    root = exported(p, true);
    assert_int_equal(json_array_size(json_object_get(root, "single_thread_rows")), 1);
    json_decref(root);
    profile_free(p);
}

static void json_keeps_odd_names(void **state)
{
    static const char *const names[] = {"a;b", "\"quoted\" \\ 'name'", "two\nlines\t\x01",
                                        "größe 鍵 \xf0\x9f\x94\xa5"};
    struct profile *p = sample_new();
    char *text;
    json_t *root, *rows;

    (void)state;
    for (uint64_t i = 0; i < 4; i++)
        contend(p, "str", names[i], "closure", 100 - i);
    contend(p, "str", "bad \xff\xfe bytes", "closure", 90);
    root = exported(p, false);
    rows = json_object_get(root, "rows");
    assert_int_equal(json_array_size(rows), 5);
    for (size_t i = 0; i < 4; i++) {
        json_t *object = json_object_get(json_array_get(rows, i), "object");

        assert_string_equal(json_string_value(object), names[i]);
    }
    text = (char *)(uintptr_t)json_string_value(json_object_get(json_array_get(rows, 4), "object"));
    assert_string_equal(text, "bad \xef\xbf\xbd\xef\xbf\xbd bytes");
    json_decref(root);
    profile_free(p);
}

static void csv_quotes_what_needs_it(void **state)
{
    struct profile *p = sample_new();
    char *text;

    (void)state;
    contend(p, "str", "a \"b\"", "closure, x", 100);
    contend(p, "str", "two\nlines", "größe;", 90);
    sample_count(p, sample_object(p, "float", "3.14", 0x1000), "list[0]", 1, 20012);
    text = emitted(&emit_csv, p, (struct emit_options){0});
    assert_ptr_equal(strstr(text, "ranked,type,field,object,function,field_source,address,objects,fold,ops,"), text);
    contains(text, "\r\ntrue,str,\"closure, x\",\"a \"\"b\"\"\",func_dealloc,slot,0x7f0000001000,1,false,200,200,,2,");
    contains(text, "\r\ntrue,str,größe;,\"two\nlines\",");
    lacks(text, "float");
    free(text);
    text = emitted(&emit_csv, p, (struct emit_options){.all = true, .max_rows = 1});
    lacks(text, "two");
    contains(text, "\r\nfalse,float,list[0],3.14,");
    free(text);
    profile_free(p);
}

static void formats_are_found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(emitter_find("json"), &emit_json);
    assert_ptr_equal(emitter_find("table"), &emit_table);
    assert_null(emitter_find("yaml"));
}

static void a_file_is_no_terminal(void **state)
{
    struct emit_options options = {.width = 1, .colour = true};
    FILE *out = tmpfile();
    struct profile *p = usual();

    (void)state;
    emit_fit(&options, out);
    assert_int_equal(options.width, 0);
    assert_false(options.colour);
    assert_int_equal(emit_summary(p, NULL, out), 0);
    fclose(out);
    profile_free(p);
}

static void texts_are_cut_in_the_middle(void **state)
{
    static const struct {
        const char *text;
        size_t limit;
        const char *shown;
    } cases[] = {
        {"globals", 7, "globals"}, {"globals", 6, "glo…ls"}, {"globals", 1, "…"},
        {"globals", 0, "globals"}, {"鍵鍵鍵鍵", 5, "鍵…鍵"},   {"a\nb", 4, "a\\nb"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *shown = NULL;
        size_t size, columns;
        FILE *out = open_memstream(&shown, &size);

        columns = text_print(out, cases[i].text, cases[i].limit);
        fclose(out);
        assert_string_equal(shown, cases[i].shown);
        assert_int_equal(columns, text_width(shown));
        free(shown);
    }
}

/* A series that is twice there costs a scrape: a name in both lists is one. */
static void a_series_is_there_once(void **state)
{
    static const char series[] = "hotref_decrefs_total{type=\"dict\",field=\"f\\n\",object=\"a\\\\ \\\"b\\\"\"} ";
    struct profile *p = sample_new();
    char *text;

    (void)state;
    contend(p, "dict", "a\\ \"b\"", "f\n", 20);
    sample_count(p, sample_object(p, "dict", "a\\ \"b\"", 0x1000), "f\n", 1, 7);
    text = emitted(&emit_openmetrics, p, (struct emit_options){.all = true});
    contains(strstr(text, series), " 47\n");
    assert_null(strstr(strstr(text, series) + 1, series));
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
    free(text);
    profile_free(p);
}

static void series_are_limited_and_the_rest_is_summed_up(void **state)
{
    struct profile *p = usual();
    char *text = emitted(&emit_prometheus, p, (struct emit_options){.limited = true, .max_rows = 1});

    (void)state;
    contains(text, "# TYPE hotref_decrefs_total counter\nhotref_decrefs_total{type=\"dict\",field=\"function.func_globals\",object="
                   "\"globals of __main__\"} 40000\n# HELP");
    contains(text, "hotref_rest{metric=\"decrefs\"} 74000\n");
    contains(text, "hotref_rest_rows 2\n");
    contains(text, "hotref_all_ops{rows=\"single_thread\"} 20012\n");
    lacks(text, "# EOF");
    free(text);
    profile_free(p);
}

/* 900 operations in 0.9 s of the targets' own CPU time, of which they took a second in each. */
static void series_have_rates_where_bursts_tell(void **state)
{
    struct profile *p = usual();
    char *text;

    (void)state;
    contend(p, "list", "l", "list item", 450);
    p->meta.mode = MODE_AUTO;
    p->meta.burst_counted_ns = 1000000000;
    p->meta.burst_bare_ns = 900000000;
    p->meta.cpu_ns = p->meta.duration_ns;
    text = emitted(&emit_openmetrics, p, (struct emit_options){0});
    contains(text, "hotref_ops_per_second{type=\"list\",field=\"list item\",object=\"l\"} 1000\n");
    lacks(text, "hotref_ops_total");
    free(text);
    profile_free(p);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_tells_the_culprit_first),
        cmocka_unit_test(the_table_fits_any_width),
        cmocka_unit_test(eighty_columns_show_field_and_object),
        cmocka_unit_test(columns_stand_below_each_other_where_no_terminal_is),
        cmocka_unit_test(columns_of_zeroes_are_left_out),
        cmocka_unit_test(names_are_shortened_before_they_are_cut),
        cmocka_unit_test(threads_are_left_out_only_if_they_have_been_said),
        cmocka_unit_test(rows_that_do_not_matter_give_way),
        cmocka_unit_test(processes_are_short_where_room_is),
        cmocka_unit_test(an_order_that_is_not_that_of_the_sums_is_told),
        cmocka_unit_test(nothing_is_cut_where_no_terminal_is),
        cmocka_unit_test(advice_stands_below_the_rows_that_it_is_for),
        cmocka_unit_test(the_first_row_gets_advice_in_any_case),
        cmocka_unit_test(rows_are_explained_in_full),
        cmocka_unit_test(what_was_explained_is_not_repeated),
        cmocka_unit_test(names_cannot_act_on_the_terminal),
        cmocka_unit_test(colour_is_an_option),
        cmocka_unit_test(rows_are_limited_and_counted),
        cmocka_unit_test(what_went_wrong_is_told),
        cmocka_unit_test(plain_ends_need_no_words),
        cmocka_unit_test(rows_of_one_line_are_marked),
        cmocka_unit_test(stacks_stand_below_their_rows),
        cmocka_unit_test(json_has_stacks),
        cmocka_unit_test(json_holds_the_contract),
        cmocka_unit_test(json_keeps_odd_names),
        cmocka_unit_test(csv_quotes_what_needs_it),
        cmocka_unit_test(a_series_is_there_once),
        cmocka_unit_test(series_are_limited_and_the_rest_is_summed_up),
        cmocka_unit_test(series_have_rates_where_bursts_tell),
        cmocka_unit_test(formats_are_found_by_name),
        cmocka_unit_test(a_file_is_no_terminal),
        cmocka_unit_test(texts_are_cut_in_the_middle),
    };

    return cmocka_run_group_tests_name("emit", tests, setup, NULL);
}
