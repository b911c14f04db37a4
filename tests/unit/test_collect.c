/* What BPF hands over, summed up: nothing is counted twice, and nothing gets lost where rows are folded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "capture/collect.h"
#include "util/array.h"

enum { TYPE = 0x7000, SITE = 3 };

static struct collector collector;

static int set_up(void **state)
{
    (void)state;
    memset(&collector, 0, sizeof(collector));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    collect_free(&collector);
    return 0;
}

static struct abi_key key_of(uint64_t object, uint32_t tid, uint64_t returns_to)
{
    return (struct abi_key){.object = object, .tid = tid, .site = SITE, .returns_to = returns_to, .level = 1};
}

static struct abi_key kept(uint64_t object, uint32_t tid, uint64_t returns_to)
{
    struct abi_key key = key_of(object, tid, returns_to);
    struct abi_row row = {.type = TYPE, .identity = object * 7};

    return collect_key(&key, &row);
}

static void put_row(uint64_t object, uint32_t tid, uint64_t returns_to, struct abi_counts counts)
{
    struct abi_key key = key_of(object, tid, returns_to);
    struct abi_row row = {.counts = counts, .type = TYPE, .identity = object * 7};

    collect_row(&collector, &key, &row);
}

static uint32_t frame_code_of(uint64_t object, const uint32_t *seen, size_t count)
{
    struct abi_key key = key_of(object, 1, 5);
    struct abi_row row = {.type = TYPE, .identity = object * 7};

    for (size_t i = 0; i < count; i++) {
        row.frame_code = seen[i];
        collect_row(&collector, &key, &row);
    }
    key = kept(object, 1, 5);
    return collector.rows[hmgeti(collector.rows, key)].value.frame_code;
}

static void put_event(enum abi_event_kind kind, uint64_t object, uint64_t identity)
{
    struct abi_event event = {.event = kind, .object = object, .identity = identity, .type = TYPE};

    collect_event(&collector, &event);
}

static void add(struct abi_counts *sum, const struct abi_counts *counts)
{
    sum->decrefs += counts->decrefs;
    sum->increfs += counts->increfs;
    sum->handoffs += counts->handoffs;
    sum->retries += counts->retries;
    sum->bounces += counts->bounces;
    sum->samples += counts->samples;
}

/* Everything that was collected, whether still a row or folded. */
static struct abi_counts total(void)
{
    struct abi_counts sum = {0};

    for (ptrdiff_t i = 0; i < hmlen(collector.rows); i++)
        add(&sum, &collector.rows[i].value.counts);
    for (ptrdiff_t i = 0; i < hmlen(collector.folds); i++)
        add(&sum, &collector.folds[i].counts);
    return sum;
}

static void check_counts(struct abi_counts counts, struct abi_counts expected)
{
    assert_int_equal(counts.decrefs, expected.decrefs);
    assert_int_equal(counts.increfs, expected.increfs);
    assert_int_equal(counts.handoffs, expected.handoffs);
    assert_int_equal(counts.retries, expected.retries);
    assert_int_equal(counts.bounces, expected.bounces);
    assert_int_equal(counts.samples, expected.samples);
}

/* The fold of one place, of objects that several threads share or of others. */
static const struct collected_fold *fold_at(uint64_t returns_to, uint32_t shared)
{
    for (ptrdiff_t i = 0; i < hmlen(collector.folds); i++) {
        if (collector.folds[i].key.place.returns_to == returns_to && collector.folds[i].key.shared == shared)
            return &collector.folds[i];
    }
    return NULL;
}

/* Rows are taken out of BPF several times in a recording: the parts of one key add up. */
static void rows_of_one_key(void **state)
{
    (void)state;
    put_row(0x1000, 1, 0x10, (struct abi_counts){10, 1, 2, 3, 4, 0});
    put_row(0x1000, 1, 0x10, (struct abi_counts){5, 4, 3, 2, 1, 0});
    put_row(0x1000, 2, 0x10, (struct abi_counts){7, 0, 0, 0, 0, 0});
    put_row(0x1000, 1, 0x20, (struct abi_counts){1, 0, 0, 0, 0, 0});
    assert_int_equal(hmlen(collector.rows), 3);
    check_counts(hmget(collector.rows, kept(0x1000, 1, 0x10)).counts, (struct abi_counts){15, 5, 5, 5, 5, 0});
    check_counts(hmget(collector.rows, kept(0x1000, 2, 0x10)).counts, (struct abi_counts){7, 0, 0, 0, 0, 0});
    assert_int_equal(hmget(collector.rows, kept(0x1000, 1, 0x10)).type, TYPE);
    assert_int_equal(collect_hits(&collector), 15 + 5 + 5 + 7 + 1);
}

/* After BPF's maps were exchanged, generation 0 may be another object than before. */
static void rows_of_several_maps(void **state)
{
    struct abi_key key = key_of(0x1000, 1, 0x10);
    struct abi_row first = {.counts = {.decrefs = 100}, .type = TYPE, .identity = 111};
    struct abi_row second = {.counts = {.decrefs = 900}, .type = TYPE, .identity = 222};

    (void)state;
    collect_row(&collector, &key, &first);
    collect_row(&collector, &key, &second);
    assert_int_equal(hmlen(collector.rows), 2);
    assert_int_equal(hmget(collector.rows, collect_key(&key, &first)).counts.decrefs, 100);
}

/* Two threads that reach one object at a place each: both places have that object. */
/* A row's objects are variables of one code object, or nobody knows of which. */
static void frames_of_one_key(void **state)
{
    (void)state;
    assert_int_equal(frame_code_of(0x1000, (uint32_t[]){0, 7, 0, 7}, 4), 7);
    assert_int_equal(frame_code_of(0x2000, (uint32_t[]){7, 9, 7}, 3), ABI_SEVERAL);
    assert_int_equal(frame_code_of(0x3000, (uint32_t[]){ABI_SEVERAL, 7}, 2), ABI_SEVERAL);
}

static void one_object_at_two_places(void **state)
{
    (void)state;
    put_row(0x1000, 1, 0x10, (struct abi_counts){1, 0, 0, 0, 0, 0});
    put_row(0x1000, 2, 0x20, (struct abi_counts){1, 0, 0, 0, 0, 0});
    collect_trim(&collector, 0);
    assert_int_equal(fold_at(0x10, 1)->objects, 1);
    assert_int_equal(fold_at(0x20, 1)->objects, 1);
    assert_int_equal(fold_at(0x20, 1)->threads, 2);
}

static void colds_of_one_place(void **state)
{
    struct abi_cold_key place = {.type = TYPE, .returns_to = 0x10, .site = SITE}, other = place;

    (void)state;
    other.returns_to = 0x20;
    collect_cold(&collector, &place, &(struct abi_counts){1, 0, 1, 0, 0, 0});
    collect_cold(&collector, &place, &(struct abi_counts){2, 1, 0, 1, 0, 0});
    collect_cold(&collector, &other, &(struct abi_counts){4, 0, 0, 0, 0, 0});
    assert_int_equal(hmlen(collector.folds), 2);
    check_counts(fold_at(0x10, 2)->counts, (struct abi_counts){3, 1, 1, 1, 0, 0});
    assert_int_equal(fold_at(0x10, 2)->objects, 2);
    assert_int_equal(fold_at(0x10, 2)->threads, 0);
    check_counts(fold_at(0x20, 2)->counts, (struct abi_counts){4, 0, 0, 0, 0, 0});
    assert_int_equal(collect_hits(&collector), 3 + 1 + 4);
}

/* Below the limit nothing is folded, cold as it may be. */
static void few_rows_stay(void **state)
{
    (void)state;
    put_row(0x1000, 1, 0x10, (struct abi_counts){1, 0, 0, 0, 0, 0});
    put_row(0x2000, 1, 0x10, (struct abi_counts){1, 0, 0, 0, 0, 0});
    collect_trim(&collector, 2);
    assert_int_equal(hmlen(collector.rows), 2);
    assert_int_equal(hmlen(collector.folds), 0);
    collect_trim(&collector, 1);
    assert_int_equal(hmlen(collector.rows), 0);
    assert_int_equal(hmlen(collector.folds), 1);
    collect_trim(&collector, 0);
    check_counts(total(), (struct abi_counts){2, 0, 0, 0, 0, 0});
}

/* What is hot, or was hot enough to be described, keeps its rows: all of them that are of the same object. */
static void hot_and_described_stay(void **state)
{
    (void)state;
    put_row(0x1000, 1, 0x10, (struct abi_counts){ABI_NAME_AT, 0, 0, 0, 0, 0});
    put_row(0x2000, 1, 0x10, (struct abi_counts){ABI_NAME_AT - 1, 0, 0, 0, 0, 0});
    put_row(0x3000, 1, 0x10, (struct abi_counts){1, 0, 0, 0, 0, 0});
    put_row(0x3000, 2, 0x20, (struct abi_counts){1, 0, 0, 0, 0, 0});
    put_event(ABI_EVENT_OBJECT, 0x3000, 0x3000 * 7);
    put_event(ABI_EVENT_OBJECT, 0x2000, 1); /* another object that was there before */
    collect_trim(&collector, 4 - 1);
    assert_int_equal(hmlen(collector.rows), 3);
    assert_true(hmgeti(collector.rows, kept(0x1000, 1, 0x10)) >= 0);
    assert_true(hmgeti(collector.rows, kept(0x3000, 1, 0x10)) >= 0);
    assert_true(hmgeti(collector.rows, kept(0x3000, 2, 0x20)) >= 0);
    check_counts(fold_at(0x10, 0)->counts, (struct abi_counts){ABI_NAME_AT - 1, 0, 0, 0, 0, 0});
}

/* Objects that two threads reach are told from those of one, wherever each of the threads does it. */
static void shared_and_single(void **state)
{
    (void)state;
    put_row(0x1000, 1, 0x10, (struct abi_counts){1, 0, 0, 0, 0, 0});
    put_row(0x1000, 2, 0x10, (struct abi_counts){2, 0, 0, 0, 0, 0});
    put_row(0x2000, 1, 0x10, (struct abi_counts){3, 0, 0, 0, 0, 0});
    put_row(0x3000, 5, 0x10, (struct abi_counts){1, 0, 0, 0, 0, 0});
    put_row(0x4000, 5, 0x10, (struct abi_counts){1, 0, 0, 0, 0, 0});
    put_row(0x4000, 6, 0x20, (struct abi_counts){1, 0, 0, 0, 0, 0});
    put_row(0x5000, 6, 0x20, (struct abi_counts){1, 0, 0, 0, 0, 0});
    put_row(0x5000, 6, 0x10, (struct abi_counts){1, 0, 0, 0, 0, 0});
    collect_trim(&collector, 0);
    assert_int_equal(hmlen(collector.rows), 0);
    check_counts(fold_at(0x10, 1)->counts, (struct abi_counts){1 + 2 + 1, 0, 0, 0, 0, 0});
    assert_int_equal(fold_at(0x10, 1)->threads, 2);
    assert_true(fold_at(0x10, 1)->objects <= 2 && fold_at(0x10, 1)->objects >= 1);
    check_counts(fold_at(0x20, 1)->counts, (struct abi_counts){1, 0, 0, 0, 0, 0});
    check_counts(fold_at(0x10, 0)->counts, (struct abi_counts){3 + 1 + 1, 0, 0, 0, 0, 0});
    assert_int_equal(fold_at(0x10, 0)->threads, 1);
    assert_int_equal(fold_at(0x10, 0)->objects, 3);
    check_counts(fold_at(0x20, 0)->counts, (struct abi_counts){1, 0, 0, 0, 0, 0});
}

/* 200,000 messages through a queue: whatever is folded when, the sums are exact. */
static void folding_loses_nothing(void **state)
{
    struct abi_counts expected = {0};
    uint64_t hits = 0;

    (void)state;
    srand(1);
    for (uint64_t i = 0; i < 200000; i++) {
        struct abi_counts counts = {(uint64_t)rand() % 4, (uint64_t)rand() % 2, (uint64_t)rand() % 3, 1,
                                    (uint64_t)rand() % 4, (uint64_t)rand() % 4};

        put_row(0x1000 + (uint64_t)(rand() % 40000) * 16, 1 + rand() % 3, 0x10 * (1 + rand() % 4), counts);
        add(&expected, &counts);
        hits += counts.decrefs + counts.increfs + counts.retries;
        if (i % 10000 == 0)
            collect_trim(&collector, 1000);
    }
    check_counts(total(), expected);
    assert_int_equal(collect_hits(&collector), hits);
    assert_true(hmlen(collector.folds) > 0);
    assert_true(hmlen(collector.folds) <= 2 * 4); /* places, each shared or not */
    collect_trim(&collector, 1000);
    check_counts(total(), expected);
    for (ptrdiff_t i = 0; i < hmlen(collector.rows); i++)
        assert_true(collector.rows[i].value.counts.decrefs + collector.rows[i].value.counts.increfs +
                        collector.rows[i].value.counts.samples >=
                    ABI_NAME_AT);
}

static void descriptions(void **state)
{
    struct abi_event event = {.event = ABI_EVENT_OBJECT, .object = 0x1000, .identity = 1, .type = TYPE};
    struct object_key key = {0x1000, 1, TYPE, 0};

    (void)state;
    event.words[0] = 5;
    collect_event(&collector, &event);
    event.words[0] = 6; /* of the same object: the first description holds */
    collect_event(&collector, &event);
    event.identity = 2; /* another one at its address */
    collect_event(&collector, &event);
    event.target = 1; /* in another process */
    collect_event(&collector, &event);
    assert_int_equal(hmlen(collector.objects), 3);
    assert_int_equal(hmgets(collector.objects, key).event->words[0], 5);
    put_event(ABI_EVENT_TYPE, TYPE, 0);
    put_event(ABI_EVENT_TYPE, TYPE, 0);
    put_event(ABI_EVENT_TYPE, TYPE + 0x200, 0);
    assert_int_equal(hmlen(collector.types), 2);
    put_event(ABI_EVENT_END, 0, 0);
    put_event(ABI_EVENT_FULL, 0, 0);
    assert_int_equal(hmlen(collector.objects), 3);
    assert_int_equal(hmlen(collector.types), 2);
    assert_int_equal(hmlen(collector.threads), 0);
}

/* A type that comes to stand where another one stood has the next number. */
static void types_of_one_address(void **state)
{
    struct abi_event event = {.event = ABI_EVENT_TYPE, .object = 0x5000, .tid = 0, .target = 1};

    (void)state;
    event.text[0].bytes = 5;
    memcpy(event.text[0].data, "First", 5);
    collect_event(&collector, &event);
    event.tid = 1;
    memcpy(event.text[0].data, "Other", 5);
    collect_event(&collector, &event);
    assert_int_equal(hmlen(collector.types), 2);
    assert_false(collector.types[0].reused);
    assert_false(collector.types[1].reused);
    /* Two of one number cannot be told apart. */
    memcpy(event.text[0].data, "Third", 5);
    collect_event(&collector, &event);
    assert_int_equal(hmlen(collector.types), 2);
    assert_true(collector.types[1].reused);
}

/* A thread may take another name while it runs. */
static void threads(void **state)
{
    struct abi_event event = {.event = ABI_EVENT_THREAD, .tid = 42, .target = 1, .owner = 0x7f00};

    (void)state;
    strcpy(event.comm, "python");
    collect_event(&collector, &event);
    strcpy(event.comm, "worker");
    collect_event(&collector, &event);
    assert_int_equal(hmlen(collector.threads), 1);
    assert_string_equal(collector.threads[0].comm, "worker");
    assert_int_equal(collector.threads[0].key.target, 1);
    assert_int_equal(collector.threads[0].pointer, 0x7f00);
}

/* A day of it: threads that die, code and classes made anew, and one object that is always there. */
static void a_long_recording_stays_small(void **state)
{
    enum { ROUNDS = 200000, MOST = 2000, HOT = 0x1000 };
    uint64_t hot = 0;

    (void)state;
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        uint64_t made = 0x100000 + 32ull * round;
        struct abi_event type = {.event = ABI_EVENT_TYPE, .object = made};

        put_row(HOT, round, 0x10, (struct abi_counts){10, 0, 0, 0, 0, 0});
        put_row(made, round, 0x20 + round, (struct abi_counts){ABI_NAME_AT, 0, 0, 0, 0, 0});
        put_event(ABI_EVENT_OBJECT, made, made * 7);
        collect_event(&collector, &type);
        if (round % 500 == 0)
            collect_trim(&collector, MOST);
    }
    assert_in_range(hmlen(collector.rows), 1, 2 * MOST);
    assert_in_range(hmlen(collector.objects), 0, 2 * MOST);
    assert_in_range(hmlen(collector.folds), 1, 2 * MOST);
    assert_in_range(hmlen(collector.types), 1, COLLECT_MOST_TYPES);
    assert_int_equal(total().decrefs, ROUNDS * (10 + ABI_NAME_AT));
    for (ptrdiff_t i = 0; i < hmlen(collector.rows); i++)
        hot += collector.rows[i].key.object == HOT ? collector.rows[i].value.counts.decrefs : 0;
    assert_int_equal(hot, ROUNDS * 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_of_one_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_of_several_maps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(frames_of_one_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_object_at_two_places, set_up, tear_down),
        cmocka_unit_test_setup_teardown(colds_of_one_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(few_rows_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_recording_stays_small, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hot_and_described_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shared_and_single, set_up, tear_down),
        cmocka_unit_test_setup_teardown(folding_loses_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(descriptions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(types_of_one_address, set_up, tear_down),
        cmocka_unit_test_setup_teardown(threads, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("collect", tests, NULL, NULL);
}
