/* What a report ranks, sums and claims. */
#include "profile_sample.h"

#include "profile/number.h"
#include "profile/rows.h"

static void release(struct profile *p, struct rows *rows)
{
    uint64_t sum = 0;

    for (size_t i = 1; i < arrlenu(p->counts); i++)
        sum += p->counts[i].decrefs + p->counts[i].increfs + p->counts[i].samples;
    assert_int_equal(rows->ranked_ops + rows->single_ops + rows->cold_ops, sum);
    rows_free(rows);
    profile_free(p);
}

static void says(const struct profile *p, const struct rows *rows, const char *expected)
{
    char *sentence = verdict(p, rows);

    assert_string_equal(sentence, expected);
    free(sentence);
}

/* Two threads, three objects, as in the nested-function workload. */
static struct profile *nested(void)
{
    struct profile *p = sample_new();
    uint32_t globals = sample_object(p, "dict", "globals of __main__", 0x1000);
    uint32_t builtins = sample_object(p, "dict", "builtins", 0x2000);
    uint32_t code = sample_object(p, "code", "code nested.<locals>.f (nested.py:4)", 0x3000);

    for (uint32_t thread = 1; thread <= 2; thread++) {
        sample_count(p, globals, "function.func_globals", thread, 20000)->bounces = 10 * thread;
        sample_count(p, builtins, "function.func_builtins", thread, 20000)->retries = thread;
        sample_count(p, code, "function.func_code", thread, 20000)->handoffs = 3 * thread;
    }
    return p;
}

static void contended_objects_are_ranked(void **state)
{
    struct profile *p = nested();
    struct rows *rows = rows_build(p, NULL);

    (void)state;
    assert_int_equal(arrlen(rows->ranked), 3);
    assert_int_equal(arrlen(rows->single), 0);
    assert_string_equal(rows->ranked[0].object, "code nested.<locals>.f (nested.py:4)"); /* ties go by name */
    assert_string_equal(rows->ranked[1].object, "builtins");
    assert_string_equal(rows->ranked[2].object, "globals of __main__");
    assert_int_equal(row_ops(&rows->ranked[0]), 40000);
    assert_int_equal(rows->ranked[0].handoffs, 9);
    assert_int_equal(rows->ranked[1].retries, 3);
    assert_int_equal(rows->ranked[2].bounces, 30);
    assert_int_equal(rows->ranked[2].threads, 2);
    assert_int_equal(rows->ranked[2].objects, 1);
    assert_int_equal(rows->ranked[2].address, 0x1000);
    assert_int_equal(rows->ranked[2].field_source, FIELD_SLOT);
    assert_int_equal(rows->ranked[2].name_count, 2);
    assert_string_equal(rows->ranked[2].thread_names[1], "Thread-2");
    assert_string_equal(rows->ranked[2].owner, "MainThread");
    release(p, rows);
}

static void one_thread_is_no_contention(void **state)
{
    struct profile *p = sample_new();
    struct rows *rows;

    (void)state;
    sample_count(p, sample_object(p, "float", "3.14", 0x1000), "list[0]", 1, 20000);
    rows = rows_build(p, NULL);
    assert_int_equal(arrlen(rows->ranked), 0);
    assert_int_equal(arrlen(rows->single), 1);
    assert_int_equal(rows->single_ops, 20000);
    assert_int_equal(rows->single[0].threads, 1);
    says(p, rows,
         "no object is contended: 20,000 shared decrements in 1.50 s, each object's by one thread only");
    release(p, rows);
}

/* One list for each thread, all with the same name: their sum is no contention. */
static void a_shared_name_is_no_shared_object(void **state)
{
    struct profile *p = sample_new();
    struct rows *rows;

    (void)state;
    for (uint32_t thread = 1; thread <= 3; thread++)
        sample_count(p, sample_object(p, "list", "jobs", 0x1000 * thread), "cell.ob_ref", thread, 100);
    rows = rows_build(p, NULL);
    assert_int_equal(arrlen(rows->ranked), 0);
    assert_int_equal(arrlen(rows->single), 1);
    assert_int_equal(rows->single[0].objects, 3);
    assert_int_equal(rows->single[0].threads, 3);
    assert_int_equal(rows->single[0].address, 0);
    release(p, rows);
}

static void a_name_is_split_where_one_of_its_objects_is_contended(void **state)
{
    struct profile *p = sample_new();
    uint32_t shared = sample_object(p, "list", "jobs", 0x1000),
             own = sample_object(p, "list", "jobs", 0x2000);
    struct rows *rows;

    (void)state;
    sample_count(p, shared, "cell.ob_ref", 1, 10);
    sample_count(p, own, "cell.ob_ref", 3, 500);
    sample_count(p, shared, "cell.ob_ref", 2, 10);
    rows = rows_build(p, NULL);
    assert_int_equal(arrlen(rows->ranked), 1);
    assert_int_equal(row_ops(&rows->ranked[0]), 20);
    assert_int_equal(rows->ranked[0].threads, 2);
    assert_int_equal(rows->ranked[0].address, 0x1000);
    assert_int_equal(arrlen(rows->single), 1);
    assert_int_equal(row_ops(&rows->single[0]), 500);
    assert_int_equal(rows->ranked_objects, 1);
    assert_int_equal(rows->ranked_threads, 2);
    release(p, rows);
}

static void several_contended_objects_of_one_name_are_one_row(void **state)
{
    struct profile *p = sample_new();
    struct rows *rows;

    (void)state;
    for (uint64_t address = 0x1000; address <= 0x2000; address += 0x1000) {
        uint32_t object = sample_object(p, "code", "code f (a.py:1)", address);

        sample_count(p, object, "function.func_code", 1, 10);
        sample_count(p, object, "function.func_code", address == 0x1000 ? 2 : 3, 10);
    }
    p->objects[2].owner = 0;
    rows = rows_build(p, NULL);
    assert_int_equal(arrlen(rows->ranked), 1);
    assert_int_equal(rows->ranked[0].objects, 2);
    assert_int_equal(rows->ranked[0].threads, 3);
    assert_int_equal(rows->ranked[0].address, 0);
    assert_string_equal(rows->ranked[0].owner, "");
    release(p, rows);
}

/* What tells threads apart is the process and the tid, not how often the recorder has listed them. */
static void a_thread_that_is_listed_twice_is_one(void **state)
{
    struct profile *p = sample_new();
    uint32_t object = sample_object(p, "float", "3.14", 0x1000);
    struct rows *rows;

    (void)state;
    arrput(p->threads, p->threads[1]);
    sample_count(p, object, "list[0]", 1, 5);
    sample_count(p, object, "list[0]", 4, 5);
    rows = rows_build(p, NULL);
    assert_int_equal(arrlen(rows->ranked), 0);
    assert_int_equal(rows->elsewhere_ops, 0);
    release(p, rows);
}

static void objects_without_a_name_fold(void **state)
{
    struct profile *p = sample_new();
    struct rows *rows;

    (void)state;
    for (uint32_t i = 0; i < 1234; i++) {
        uint32_t object = sample_object(p, "tuple", "", 0x1000 + 64 * i);

        sample_count(p, object, "list item", 1, 1);
        sample_count(p, object, "list item", 2, 1);
    }
    sample_count(p, sample_object(p, "tuple", "", 0x100), "list item", 3, 7);
    rows = rows_build(p, NULL);
    assert_int_equal(arrlen(rows->ranked), 1);
    assert_string_equal(rows->ranked[0].object, "1,234 others");
    assert_true(rows->ranked[0].fold);
    assert_int_equal(rows->ranked[0].objects, 1234);
    assert_int_equal(rows->ranked[0].threads, 2);
    assert_int_equal(rows->ranked_objects, 1234);
    assert_int_equal(arrlen(rows->single), 1);
    assert_string_equal(rows->single[0].object, "1 other");
    assert_int_equal(rows->single[0].address, 0);
    release(p, rows);
}

static void folds_of_the_recorder(void **state)
{
    struct profile *p = sample_new();
    struct rows *rows;

    (void)state;
    sample_count(p, sample_fold(p, "int", 200), "dict value", 0, 1000)->threads = 5;
    sample_count(p, sample_fold(p, "str", 30), "dict value", 0, 600)->threads = 1;
    sample_count(p, sample_fold(p, "bytes", 9), "dict value", 0, 400)->threads = 0;
    rows = rows_build(p, NULL);
    assert_int_equal(arrlen(rows->ranked), 1);
    assert_string_equal(rows->ranked[0].object, "200 others");
    assert_int_equal(rows->ranked[0].threads, 5);
    assert_int_equal(rows->ranked[0].name_count, 0);
    assert_int_equal(arrlen(rows->single), 1);
    assert_int_equal(rows->single_ops, 600);
    assert_int_equal(rows->cold_ops, 400);
    assert_int_equal(rows->ranked_objects, 0);
    says(p, rows,
         "5 threads fight over objects too cold to name: 1,000 of 2,000 shared decrements in 1.50 s (50 %, "
         "666 a second: next to nothing), "
         "hottest dict value (200 others, 50 %)");
    release(p, rows);
}

static void sites_are_summed_and_sorted(void **state)
{
    struct profile *p = sample_new();
    uint32_t object = sample_object(p, "dict", "builtins", 0x1000);
    struct rows *rows;

    (void)state;
    arrput(p->sites, p->sites[2]); /* the same place, as a second process has it */
    sample_count(p, object, "function.func_builtins", 1, 10);
    sample_count(p, object, "function.func_builtins", 2, 8)->site = 2;
    sample_count(p, object, "function.func_builtins", 2, 8)->site = 3;
    rows = rows_build(p, NULL);
    assert_int_equal(arrlen(rows->ranked), 1);
    assert_int_equal(rows->ranked[0].site_count, 2);
    assert_string_equal(rows->ranked[0].function, "cell_dealloc");
    assert_int_equal(rows->ranked[0].sites[0].decrefs, 16);
    assert_int_equal(rows->ranked[0].sites[1].address, 0x1000);
    release(p, rows);
}

static void any_metric_sorts(void **state)
{
    struct profile *p = nested();
    struct rows *rows = rows_build(p, &(struct rows_options){.key = metric_find("bounces")});

    (void)state;
    assert_string_equal(rows->ranked[0].object, "globals of __main__");
    rows_free(rows);
    rows = rows_build(p, &(struct rows_options){.key = metric_find("retries")});
    assert_string_equal(rows->ranked[0].object, "builtins");
    says(p, rows,
         "2 threads fight over 3 objects: 120,000 of 120,000 shared decrements in 1.50 s (100 %, 80,000 a "
         "second), "
         "hottest function.func_code (code nested.<locals>.f (nested.py:4), 33 %)");
    assert_null(metric_find("heat"));
    release(p, rows);
}

/* An object whose increments are counted is no hotter for that. */
static void increments_do_not_lead(void **state)
{
    struct profile *p = sample_new();
    uint32_t both = sample_object(p, "str", "'both'", 0x1000), dropped = sample_object(p, "str", "'dropped'", 0x2000);
    struct rows *rows;

    (void)state;
    for (uint32_t thread = 1; thread <= 2; thread++) {
        sample_count(p, both, "closure", thread, 300)->increfs = 300;
        sample_count(p, dropped, "closure", thread, 500);
    }
    rows = rows_build(p, NULL);
    assert_string_equal(rows->ranked[0].object, "'dropped'");
    assert_string_equal(rows->hottest.object, "'dropped'");
    rows_free(rows);
    rows = rows_build(p, &(struct rows_options){.key = metric_find("ops")});
    assert_string_equal(rows->ranked[0].object, "'both'");
    rows_free(rows);
    rows = rows_build(p, &(struct rows_options){.key = metric_find("increfs")});
    assert_int_equal(rows->ranked[0].increfs, 600);
    release(p, rows);
}

static void the_order_does_not_depend_on_the_order_of_counts(void **state)
{
    struct profile *p = nested(), *q = nested();
    struct rows *rows, *other;

    (void)state;
    for (size_t i = 1, j = arrlenu(q->counts) - 1; i < j; i++, j--) {
        struct profile_count count = q->counts[i];

        q->counts[i] = q->counts[j];
        q->counts[j] = count;
    }
    rows = rows_build(p, NULL);
    other = rows_build(q, NULL);
    assert_int_equal(arrlen(rows->ranked), arrlen(other->ranked));
    for (size_t i = 0; i < arrlenu(rows->ranked); i++)
        assert_string_equal(rows->ranked[i].object, other->ranked[i].object);
    release(p, rows);
    release(q, other);
}

static void the_verdict_without_operations(void **state)
{
    struct profile *p = sample_new();
    struct rows *rows = rows_build(p, NULL);

    (void)state;
    says(p, rows, "nothing was counted: there were no shared decrements in 1.50 s");
    p->meta.live_probes = 0;
    says(p, rows, "nothing was measured: none of 5 probes was live");
    p->meta.armed_probes = 0;
    says(p, rows, "nothing was measured: no probe was armed");
    release(p, rows);
}

/* A profile of samples, of which so many found each of two threads waiting for one object. */
static struct profile *sampled(uint64_t all, uint64_t waiting)
{
    struct profile *p = sample_new();
    uint32_t object = sample_object(p, "app.Config", "instance of app.Config", 0x1000);

    p->meta.mode = MODE_SAMPLE;
    p->meta.armed_probes = p->meta.live_probes = 0;
    p->meta.samples = all;
    p->meta.sample_ns = 1001001;
    for (uint32_t thread = 1; thread <= 2 && waiting; thread++)
        sample_count(p, object, "global cfg", thread, 0)->samples = waiting;
    return p;
}

/* Rows of many threads that were put together have no thread of their own. */
static void merged_rows_are_of_several_threads(void **state)
{
    struct profile *p = sample_new();
    uint32_t shared = sample_object(p, "app.Config", "instance of app.Config", 0x1000);
    uint32_t alone = sample_object(p, "app.Local", "instance of app.Local", 0x2000);
    struct rows *rows;

    (void)state;
    sample_count(p, shared, "global cfg", 0, 500)->threads = 40;
    sample_count(p, alone, "local x", 0, 300)->threads = 1;
    rows = rows_build(p, NULL);
    assert_int_equal(arrlen(rows->ranked), 1);
    assert_string_equal(rows->ranked[0].type, "app.Config");
    assert_int_equal(rows->ranked[0].threads, 40);
    assert_int_equal(arrlen(rows->single), 1);
    assert_string_equal(rows->single[0].type, "app.Local");
    release(p, rows);
}

static void the_verdict_on_samples(void **state)
{
    static const struct {
        uint64_t all, waiting;
        const char *sentence;
    } cases[] = {
        {1000, 130, "2 threads wait for 1 object that they share in 26 % (23 to 29) of their CPU time, hottest global cfg "
                    "(instance of app.Config, 26 %); 1,000 samples in 1.50 s"},
        {10000, 1, "shared objects cost at most 0.1 % of CPU time: look elsewhere; 10,000 samples in 1.50 s"},
        {10, 0, "no two threads were seen to wait for one object, but with so few samples that it may be 28 % of CPU time: "
                "record for longer; 10 samples in 1.50 s"},
        {0, 0, "nothing was sampled: no thread was seen on a CPU in 1.50 s"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct profile *p = sampled(cases[i].all, cases[i].waiting);
        struct rows *rows = rows_build(p, NULL);

        says(p, rows, cases[i].sentence);
        release(p, rows);
    }
}

static void samples_rank_where_they_were_taken(void **state)
{
    struct profile *p = sampled(1000, 130);
    uint32_t other = sample_object(p, "app.Cache", "instance of app.Cache", 0x2000);
    struct rows *rows;

    (void)state;
    for (uint32_t thread = 1; thread <= 2; thread++)
        sample_count(p, other, "global cache", thread, 0)->samples = 150;
    rows = rows_build(p, NULL);
    assert_int_equal(arrlen(rows->ranked), 2);
    assert_string_equal(rows->ranked[0].type, "app.Cache");
    assert_int_equal(rows->ranked_ops, 560);
    assert_int_equal(row_stall_ns(&rows->ranked[1]), 260 * 1001001);
    assert_true(row_stall(&rows->ranked[1]).low > 0.23 && row_stall(&rows->ranked[1]).high < 0.29);
    release(p, rows);
}

static void the_verdict_has_its_caveats(void **state)
{
    struct profile *p = nested();
    struct rows *rows = rows_build(p, NULL);
    char *sentence;

    (void)state;
    p->meta.complete = 0;
    sentence = verdict(p, rows);
    assert_non_null(strstr(sentence, "; a lower bound: the recording is incomplete"));
    free(sentence);
    p->meta.lost = 1500;
    p->meta.live_probes = 3;
    p->targets[1].armed = 4;
    sentence = verdict(p, rows);
    assert_non_null(strstr(sentence,
                           "; a lower bound: only 3 of 5 probes were live, 1,500 operations were lost, "
                           "1 of 5 decrements in the machine code carry no probe"));
    free(sentence);
    release(p, rows);
}

/* Two threads that meet on one object, each through its own field, must not be told that all is well. */
static void the_verdict_on_an_object_of_two_fields(void **state)
{
    struct profile *p = sample_new();
    uint32_t object = sample_object(p, "list", "queue", 0x1000);
    struct rows *rows;

    (void)state;
    sample_count(p, object, "cell.ob_ref", 1, 700);
    sample_count(p, object, "method.im_self", 2, 300);
    sample_count(p, sample_fold(p, "int", 2), "dict value", 0, 50);
    rows = rows_build(p, NULL);
    assert_int_equal(rows->elsewhere_ops, 1000);
    says(p, rows,
         "no object is contended through one field: 1,050 shared decrements in 1.50 s, each object's by one "
         "thread only for each field, but 1,000 on objects that other threads reach through other fields, "
         "and 50 on objects too cold to tell");
    release(p, rows);
}

static void the_verdict_cuts_long_names_on_terminals_only(void **state)
{
    struct profile *p = sample_new();
    char name[10001], *sentence;
    struct rows *rows;
    uint32_t object;

    (void)state;
    memset(name, 'x', 10000);
    name[10000] = '\0';
    object = sample_object(p, "str", name, 0x1000);
    sample_count(p, object, "closure", 1, 1)->increfs = 4;
    sample_count(p, object, "closure", 2, 1);
    rows = rows_build(p, NULL);
    sentence = verdict_short(p, rows);
    assert_in_range(strlen(sentence), 100, 300);
    assert_non_null(strstr(sentence, "6 of 6 shared reference-count operations"));
    free(sentence);
    sentence = verdict(p, rows);
    assert_non_null(strstr(sentence, name));
    free(sentence);
    release(p, rows);
}

static void numbers(void **state)
{
    char text[NUMBER_SIZE];

    (void)state;
    assert_string_equal(number_grouped(0, text), "0");
    assert_string_equal(number_grouped(999, text), "999");
    assert_string_equal(number_grouped(1000, text), "1,000");
    assert_string_equal(number_grouped(UINT64_MAX, text), "18,446,744,073,709,551,615");
    assert_string_equal(number_share(0, 0, text), "0 %");
    assert_string_equal(number_share(1, 1000, text), "under 1 %");
    assert_string_equal(number_share(999, 1000, text), "over 99 %");
    assert_string_equal(number_share(1000, 1000, text), "100 %");
    assert_string_equal(number_duration(840000000, text), "0.84 s");
    assert_string_equal(number_duration(12340000000, text), "12.3 s");
    assert_string_equal(number_duration(250000000000, text), "4 min 10 s");
}

/* First two rows whose objects share a line; then one name with two objects in another line; then an object whose mate
 * is no ranked one. */
/* Stacks of all objects behind a row are the row's; the line is the one on top of most of them. */
static void stacks_are_summed_to_rows(void **state)
{
    struct profile *p = sample_new();
    uint32_t one = sample_object(p, "list", "list", 0x1000), other = sample_object(p, "list", "list", 0x2000);
    struct rows *rows;

    (void)state;
    for (uint32_t thread = 1; thread <= 2; thread++) {
        sample_count(p, one, "list item", thread, 500);
        sample_count(p, other, "list item", thread, 500);
        sample_count(p, one, "cell.ob_ref", thread, 400);
    }
    sample_stack(p, one, "list item", 7, "/srv/app.py", "main", 5, "Service.handle", 22);
    arrput(p->stacks, ((struct profile_stack){other, 1, profile_text(p, "list item"), 2, 5})); /* the same one */
    sample_stack(p, other, "list item", 9, "/srv/pkg/__init__.py", "main", 6, "load.<locals>.inner", 31);
    sample_stack(p, one, "cell.ob_ref", 3, "", "main", 5, "[unknown]", 0);
    rows = rows_build(p, NULL);
    assert_int_equal(arrlen(rows->ranked), 2);
    assert_int_equal(rows->ranked[0].stack_count, 2);
    assert_int_equal(rows->ranked[0].stack_hits, 21);
    assert_int_equal(rows->ranked[0].stacks[0].hits, 12);
    assert_int_equal(rows->ranked[0].stacks[0].node, 2);
    assert_string_equal(rows->ranked[0].stacks[0].function, "func_dealloc");
    assert_int_equal(rows->ranked[0].stacks[1].hits, 9);
    assert_string_equal(rows->ranked[0].place, "app.py:22 in Service.handle");
    assert_int_equal(rows->ranked[1].stack_count, 1);
    assert_int_equal(rows->ranked[1].frame, 0); /* what is not known is no line */
    assert_string_equal(rows->ranked[1].place, "");
    release(p, rows);
}

static void places_are_short(void **state)
{
    struct profile *p = sample_new();
    static const struct {
        const char *file, *qualname, *label;
        uint32_t line;
    } cases[] = {
        {"/srv/pkg/__init__.py", "load.<locals>.inner", "pkg/__init__.py:31 in inner", 31},
        {"__main__.py", "<module>", "__main__.py:1 in <module>", 1},
        {"app.py", "a.<locals>.B.c", "app.py in B.c", 0},
        {"", "[truncated]", "[truncated]", 0},
        {"/", "f", "f", 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *label = frame_label(p, sample_frame(p, cases[i].file, cases[i].qualname, cases[i].line));

        assert_string_equal(label, cases[i].label);
        free(label);
    }
    profile_free(p);
}

static void rows_of_one_line_are_marked(void **state)
{
    static const struct {
        const char *name;
        uint32_t line, threads;
        uint64_t ops;
    } objects[] = {{"first", 7, 2, 900}, {"alone", 0, 2, 800}, {"second", 7, 2, 700}, {"twins", 3, 2, 600},
                   {"twins", 3, 2, 600}, {"mate", 5, 2, 500},  {"quiet", 5, 1, 400},  {"twins", 4, 2, 100}};
    struct profile *p = sample_new();
    struct rows *rows;

    (void)state;
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        uint32_t object = sample_object(p, "object", objects[i].name, 0x1000 + 32 * i);

        p->objects[object].line = objects[i].line;
        for (uint32_t thread = 1; thread <= objects[i].threads; thread++)
            sample_count(p, object, "list item", thread, objects[i].ops);
    }
    rows = rows_build(p, NULL);
    assert_int_equal(arrlen(rows->ranked), 5);
    assert_string_equal(rows->ranked[0].label, "3 x twins [line 1]");
    assert_string_equal(rows->ranked[1].label, "first [line 2]");
    assert_string_equal(rows->ranked[1].object, "first");
    assert_string_equal(rows->ranked[2].label, "alone");
    assert_string_equal(rows->ranked[3].label, "second [line 2]");
    assert_int_equal(rows->ranked[3].line, 2);
    assert_string_equal(rows->ranked[4].label, "mate");
    assert_int_equal(rows->ranked[4].line, 0);
    release(p, rows);
}

/* Rows are connected by lines that they share with a third one. */
static void lines_connect_rows(void **state)
{
    static const struct {
        const char *name;
        uint32_t line;
    } objects[] = {{"a", 1}, {"b", 2}, {"c", 1}, {"c", 2}, {"d", 9}, {"e", 9}};
    struct profile *p = sample_new();
    struct rows *rows;

    (void)state;
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        uint32_t object = sample_object(p, "object", objects[i].name, 0x1000 + 32 * i);

        p->objects[object].line = objects[i].line;
        sample_count(p, object, "list item", 1, 1000 - 100 * i);
        sample_count(p, object, "list item", 2, 1000 - 100 * i);
    }
    rows = rows_build(p, NULL);
    assert_int_equal(arrlen(rows->ranked), 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(rows->ranked[i].line, rows->ranked[i].object[0] <= 'c' ? 1 : 2);
    release(p, rows);
}

/* Two objects of one name, an unnamed one, and a fold; each used by two threads. */
static struct profile *alike(void)
{
    struct profile *p = sample_new();
    uint32_t objects[] = {sample_object(p, "list", "items", 0x1000), sample_object(p, "list", "items", 0x2000),
                          sample_object(p, "list", "", 0x3000), sample_fold(p, "list", 7)};

    for (uint32_t i = 0; i < 3; i++) {
        sample_count(p, objects[i], "tuple item", 1, 100 - i)->retries = 3;
        sample_count(p, objects[i], "tuple item", 2, 50);
    }
    sample_count(p, objects[3], "tuple item", 0, 10)->threads = 2;
    return p;
}

static void objects_of_a_name_can_have_rows_of_their_own(void **state)
{
    struct profile *p = alike();
    struct rows *rows = rows_build(p, NULL);

    (void)state;
    assert_int_equal(arrlenu(rows->ranked), 2);
    rows_free(rows);
    rows = rows_build(p, &(struct rows_options){.by_object = true});
    assert_int_equal(arrlenu(rows->ranked), 4);
    assert_string_equal(rows->ranked[0].label, "items @0x1000");
    assert_int_equal(rows->ranked[0].address, 0x1000);
    assert_string_equal(rows->ranked[1].object, "items");
    assert_int_equal(rows->ranked[1].address, 0x2000);
    assert_string_equal(rows->ranked[2].object, "nameless");
    assert_int_equal(rows->ranked[2].address, 0x3000);
    assert_false(rows->ranked[2].fold);
    assert_string_equal(rows->ranked[3].object, "7 others");
    assert_true(rows->ranked[3].fold);
    release(p, rows);
}

static void rows_tell_what_each_thread_did(void **state)
{
    struct profile *p = alike();
    struct rows *rows = rows_build(p, &(struct rows_options){.per_thread = true});
    const struct row *row = &rows->ranked[0];
    struct row part;

    (void)state;
    assert_int_equal(row->thread_count, 2);
    assert_string_equal(row->by_thread[0].name, "Thread-1");
    assert_int_equal(row->by_thread[0].tid, 4243);
    assert_int_equal(row->by_thread[0].pid, 4242);
    assert_int_equal(row->by_thread[0].decrefs, 199);
    assert_int_equal(row->by_thread[1].decrefs, 100);
    part = row_of_thread(row, &row->by_thread[0]);
    assert_int_equal(row_ops(&part), 199);
    assert_int_equal(part.threads, 1);
    assert_int_equal(part.retries, 6);
    row = &rows->ranked[1]; /* the nameless one and the fold, whose threads are not known */
    assert_int_equal(row->thread_count, 3);
    assert_int_equal(row->by_thread[2].tid, 0);
    assert_string_equal(row->by_thread[2].name, "");
    release(p, rows);
}

static struct rows *filtered(const struct profile *p, const struct rows_filter *filters, size_t count)
{
    struct rows *rows = rows_build(p, NULL);

    rows_filter(rows, filters, count);
    return rows;
}

static void filters_leave_the_sums(void **state)
{
    static const struct {
        struct rows_filter filters[3];
        size_t count, left;
        const char *first;
    } cases[] = {
        {{{"function.*", false}}, 1, 3, "code nested.<locals>.f (nested.py:4)"},
        {{{"builtins", false}}, 1, 1, "builtins"},
        {{{"object=globals*", false}}, 1, 1, "globals of __main__"},
        {{{"type=function*", false}}, 1, 0, NULL},
        {{{"field=function*", false}, {"type=code", true}}, 2, 2, "builtins"},
        {{{"type=code", true}, {"*globals*", true}}, 2, 1, "builtins"},
        {{{"type=code", false}, {"builtins", false}}, 2, 2, "code nested.<locals>.f (nested.py:4)"},
        {{{"function=func_dealloc", false}}, 1, 3, "code nested.<locals>.f (nested.py:4)"},
        {{{"no=such", false}}, 1, 0, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct profile *p = nested();
        struct rows *rows = filtered(p, cases[i].filters, cases[i].count);

        assert_int_equal(arrlenu(rows->ranked), cases[i].left);
        if (cases[i].first)
            assert_string_equal(rows->ranked[0].object, cases[i].first);
        assert_int_equal(rows->ranked_ops, 120000);
        assert_int_equal(rows->left_out_rows, 3 - cases[i].left);
        assert_int_equal(rows->left_out_ops, 40000 * (3 - cases[i].left));
        says(p, rows,
             "2 threads fight over 3 objects: 120,000 of 120,000 shared decrements in 1.50 s (100 %, 80,000 a second), "
             "hottest function.func_code (code nested.<locals>.f (nested.py:4), 33 %)");
        release(p, rows);
    }
}

/* Two processes of the same program: the second has its own globals, and so many threads that use it. */
static struct profile *two_processes(uint32_t threads)
{
    struct profile *p = nested();
    struct profile_target target = p->targets[1];
    uint32_t globals;

    target.pid = 5000;
    arrput(p->targets, target);
    globals = sample_object(p, "dict", "globals of __main__", 0x1000);
    p->objects[globals].target = 2;
    for (uint32_t i = 1; i <= threads; i++) {
        arrput(p->threads, ((struct profile_thread){2, 5000 + i, profile_text(p, "Worker")}));
        sample_count(p, globals, "function.func_globals", (uint32_t)arrlenu(p->threads) - 1, 20000);
    }
    return p;
}

static bool begins(const struct profile *p, const struct rows *rows, const char *beginning)
{
    char *sentence = verdict(p, rows);
    bool so = strncmp(sentence, beginning, strlen(beginning)) == 0;

    free(sentence);
    return so;
}

static void processes_do_not_add_up(void **state)
{
    static const struct {
        uint32_t threads, in_row;
        const char *verdict, *label;
    } cases[] = {
        {2, 2, "2 threads in each of 2 processes fight over 4 objects: ", "globals of __main__ (in 2 processes)"},
        {3, 3, "2 to 3 threads in each of 2 processes fight over 4 objects: ", "globals of __main__ (in 2 processes)"},
        {1, 2, "2 threads in one of 2 processes fight over 3 objects: ", "globals of __main__"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct profile *p = two_processes(cases[i].threads);
        struct rows *rows = rows_build(p, NULL);
        const struct row *row = &rows->ranked[0];

        for (; strcmp(row->object, "globals of __main__") != 0;)
            row++;
        assert_int_equal(row->threads, cases[i].in_row);
        assert_int_equal(row->processes, cases[i].threads > 1 ? 2 : 1);
        assert_int_equal(row->pid, cases[i].threads > 1 ? 0 : 4242);
        assert_string_equal(row->label, cases[i].label);
        assert_true(begins(p, rows, cases[i].verdict));
        release(p, rows);
    }
}

static void processes_are_told_apart(void **state)
{
    struct profile *p = two_processes(2);
    struct rows *rows = rows_build(p, &(struct rows_options){.by_object = true, .per_thread = true});
    size_t found = 0;

    (void)state;
    for (size_t i = 0; i < arrlenu(rows->ranked); i++) {
        const struct row *row = &rows->ranked[i];
        bool second = row->pid == 5000;

        if (strcmp(row->object, "globals of __main__") != 0)
            continue;
        found++;
        assert_string_equal(row->label, second ? "globals of __main__ @0x1000 (pid 5000)" : "globals of __main__ @0x1000 (pid 4242)");
        assert_int_equal(row->threads, 2);
        assert_int_equal(row->by_thread[0].pid, second ? 5000 : 4242);
    }
    assert_int_equal(found, 2);
    release(p, rows);
}

/* Of a fold only a number of threads is known; so is its process. */
static void folds_of_processes_do_not_add_up(void **state)
{
    struct profile *p = two_processes(2);
    struct rows *rows;

    (void)state;
    for (uint32_t target = 1; target <= 2; target++) {
        uint32_t fold = sample_fold(p, "float", 100);

        p->objects[fold].target = target;
        sample_count(p, fold, "list item", 0, 300)->threads = 2 + target;
    }
    rows = rows_build(p, NULL);
    for (size_t i = 0; i < arrlenu(rows->ranked); i++) {
        if (!rows->ranked[i].fold)
            continue;
        assert_int_equal(rows->ranked[i].threads, 4);
        assert_string_equal(rows->ranked[i].label, "200 others (in 2 processes)");
    }
    assert_true(begins(p, rows, "3 to 4 threads in each of 2 processes fight over "));
    release(p, rows);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_of_a_name_can_have_rows_of_their_own),
        cmocka_unit_test(rows_tell_what_each_thread_did),
        cmocka_unit_test(filters_leave_the_sums),
        cmocka_unit_test(contended_objects_are_ranked),
        cmocka_unit_test(one_thread_is_no_contention),
        cmocka_unit_test(stacks_are_summed_to_rows),
        cmocka_unit_test(places_are_short),
        cmocka_unit_test(rows_of_one_line_are_marked),
        cmocka_unit_test(lines_connect_rows),
        cmocka_unit_test(a_shared_name_is_no_shared_object),
        cmocka_unit_test(a_name_is_split_where_one_of_its_objects_is_contended),
        cmocka_unit_test(several_contended_objects_of_one_name_are_one_row),
        cmocka_unit_test(a_thread_that_is_listed_twice_is_one),
        cmocka_unit_test(objects_without_a_name_fold),
        cmocka_unit_test(folds_of_the_recorder),
        cmocka_unit_test(sites_are_summed_and_sorted),
        cmocka_unit_test(any_metric_sorts),
        cmocka_unit_test(increments_do_not_lead),
        cmocka_unit_test(the_order_does_not_depend_on_the_order_of_counts),
        cmocka_unit_test(the_verdict_without_operations),
        cmocka_unit_test(merged_rows_are_of_several_threads),
        cmocka_unit_test(the_verdict_on_samples),
        cmocka_unit_test(samples_rank_where_they_were_taken),
        cmocka_unit_test(the_verdict_has_its_caveats),
        cmocka_unit_test(the_verdict_on_an_object_of_two_fields),
        cmocka_unit_test(the_verdict_cuts_long_names_on_terminals_only),
        cmocka_unit_test(processes_do_not_add_up),
        cmocka_unit_test(processes_are_told_apart),
        cmocka_unit_test(folds_of_processes_do_not_add_up),
        cmocka_unit_test(numbers),
    };

    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
