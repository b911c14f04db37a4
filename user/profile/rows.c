#include "profile/rows.h"

#include <stdlib.h>
#include <string.h>

#include "profile/entry.h"
#include "profile/stacks.h"
#include "util/array.h"
#include "util/error.h"

/* What one object's counts through one field amount to. */
enum part { COLD, ALONE, CONTENDED };

#define SEVERAL UINT32_MAX

/* What is at hand while rows are built. */
struct builder {
    const struct profile *profile;
    struct rows *rows;
    struct entry *entries;   /* all counts, grouped by sorting */
    struct entry *alone;     /* of the group at hand: objects of one thread, ... */
    struct entry *contended; /* ... those of several, ... */
    struct entry *cold;      /* ... and those of which that is not known */
    struct line_entry *lines; /* objects of ranked rows that share a line */
    struct stack_index *stacks;
    const struct profile_stack **alone_stacks, **contended_stacks; /* as alone and contended */
    uint32_t *object_thread; /* by object: one that reaches it through whatever field, or SEVERAL */
    bool *object_ranked;     /* by object: is in a ranked row */
    bool *thread_ranked;     /* by thread: reaches an object that is */
    uint32_t *target_threads; /* by target: that are known to reach one */
};

static uint64_t count_ops(const struct builder *builder, const struct profile_count *count)
{
    return is_sampled(builder->profile) ? count->samples : count->decrefs + count->increfs;
}

/* An object that has no name, or is a fold already, goes into "N others". */
static text_id name_to_group(const struct profile_object *object)
{
    return object->others ? 0 : object->name;
}

static struct entry *entries_of(const struct profile *profile)
{
    struct entry *entries = NULL;

    arrsetcap(entries, arrlenu(profile->counts));
    for (size_t i = 1; i < arrlenu(profile->counts); i++) {
        const struct profile_count *count = &profile->counts[i];
        const struct profile_object *object = &profile->objects[count->object];
        const struct profile_thread *thread = &profile->threads[count->thread];
        struct entry entry = {object->type,  count->field,   name_to_group(object), object->others > 0,
                              count->object, object->target, thread->tid,
                              count};

        arrput(entries, entry);
    }
    return entries;
}

static int by_group(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;

    return compare(a->type, b->type) ?: compare(a->field, b->field) ?: compare(a->name, b->name)
        ?: a->fold - b->fold ?: compare(a->object, b->object) ?: compare(a->target, b->target) ?: compare(a->tid, b->tid);
}

static bool same_group(const struct builder *builder, const struct entry *a, const struct entry *b)
{
    if (builder->rows->by_object && a->object != b->object && !(a->fold && b->fold))
        return false;
    return a->type == b->type && a->field == b->field && a->name == b->name;
}

/* The end of the entries from begin on that belong to the same object, within the same group. */
static size_t object_end(const struct entry *entries, size_t begin, size_t end)
{
    size_t i = begin + 1;

    while (i < end && entries[i].object == entries[begin].object)
        i++;
    return i;
}

static enum part part_of_fold(const struct entry *entries, size_t count)
{
    uint32_t threads = 0;

    for (size_t i = 0; i < count; i++)
        threads = entries[i].count->threads > threads ? entries[i].count->threads : threads;
    return threads >= 2 ? CONTENDED : threads == 1 ? ALONE : COLD;
}

/* Entries of one object are ordered by thread: if the ends agree, so does all between. */
static enum part part_of(const struct profile *profile, const struct entry *entries, size_t count)
{
    if (profile->objects[entries[0].object].others)
        return part_of_fold(entries, count);
    /* Rows that were put together say how many threads were behind them. */
    return same_thread(&entries[0], &entries[count - 1]) && part_of_fold(entries, count) != CONTENDED ? ALONE : CONTENDED;
}

/* A thread may be listed twice: what tells threads apart is target and tid. */
static bool equal_threads(const struct profile *profile, uint32_t a, uint32_t b)
{
    const struct profile_thread *threads = profile->threads;

    return a == b || (threads[a].target == threads[b].target && threads[a].tid == threads[b].tid);
}

static void find_object_threads(struct builder *builder)
{
    const struct profile *profile = builder->profile;

    for (size_t i = 1; i < arrlenu(profile->counts); i++) {
        uint32_t thread = profile->counts[i].thread;
        uint32_t *known = &builder->object_thread[profile->counts[i].object];

        if (*known == 0)
            *known = thread;
        else if (*known != SEVERAL && !equal_threads(profile, *known, thread))
            *known = SEVERAL;
    }
}

static void place(struct builder *builder, const struct entry *entry, enum part part)
{
    struct rows *rows = builder->rows;
    uint64_t ops = count_ops(builder, entry->count);

    switch (part) {
    case COLD:
        rows->cold_ops += ops;
        arrput(builder->cold, *entry);
        break;
    case ALONE:
        rows->single_ops += ops;
        rows->elsewhere_ops += builder->object_thread[entry->object] == SEVERAL ? ops : 0;
        arrput(builder->alone, *entry);
        break;
    case CONTENDED:
        rows->ranked_ops += ops;
        builder->object_ranked[entry->object] = true;
        builder->thread_ranked[entry->count->thread] = true;
        if (entry->count->threads > builder->target_threads[entry->target])
            builder->target_threads[entry->target] = entry->count->threads;
        arrput(builder->contended, *entry);
        break;
    }
}

static void add_row(struct builder *builder, struct row **list, struct entry *entries,
                    const struct profile_stack **stacks)
{
    struct row row;

    if (arrlenu(entries) == 0)
        return;
    row = row_sum(builder->profile, builder->rows, entries, arrlenu(entries));
    row_add_stacks(builder->stacks, builder->rows, &row, stacks, arrlenu(stacks));
    arrput(*list, row);
}

/* Those of the ranked row that was added last. */
static void add_lines(struct builder *builder)
{
    uint32_t row = (uint32_t)arrlenu(builder->rows->ranked) - 1;

    for (size_t i = 0; i < arrlenu(builder->contended); i++) {
        uint32_t object = builder->contended[i].object, line = builder->profile->objects[object].line;

        if (line)
            arrput(builder->lines, ((struct line_entry){line, object, row}));
    }
}

/* One (type, field, name), of which one row comes, or several. */
static void add_group(struct builder *builder, size_t begin, size_t end)
{
    const struct entry *entries = builder->entries;

    arrsetlen(builder->alone, 0);
    arrsetlen(builder->contended, 0);
    arrsetlen(builder->cold, 0);
    arrsetlen(builder->alone_stacks, 0);
    arrsetlen(builder->contended_stacks, 0);
    for (size_t next; begin < end; begin = next) {
        next = object_end(entries, begin, end);
        enum part part = part_of(builder->profile, &entries[begin], next - begin);

        for (size_t i = begin; i < next; i++)
            place(builder, &entries[i], part);
        if (part != COLD)
            stack_index_find(builder->stacks, entries[begin].object, entries[begin].field,
                             part == ALONE ? &builder->alone_stacks : &builder->contended_stacks);
    }
    add_row(builder, &builder->rows->ranked, builder->contended, builder->contended_stacks);
    add_lines(builder);
    add_row(builder, &builder->rows->single, builder->alone, builder->alone_stacks);
    add_row(builder, &builder->rows->cold, builder->cold, NULL);
}

static void add_groups(struct builder *builder)
{
    const struct entry *entries = builder->entries;
    size_t count = arrlenu(entries);

    for (size_t begin = 0, end; begin < count; begin = end) {
        end = begin + 1;
        while (end < count && same_group(builder, &entries[begin], &entries[end]))
            end++;
        add_group(builder, begin, end);
    }
}

static void count_ranked_objects(struct builder *builder)
{
    const struct profile *profile = builder->profile;

    for (size_t i = 1; i < arrlenu(profile->objects); i++)
        builder->rows->ranked_objects += builder->object_ranked[i] && !profile->objects[i].others;
}

static int by_identity(const void *left, const void *right)
{
    const struct profile_thread *a = left, *b = right;

    return compare(a->target, b->target) ?: compare(a->tid, b->tid);
}

/* Adds distinct threads to what folds know, which is a number only. */
static void count_target_threads(struct builder *builder)
{
    const struct profile *profile = builder->profile;
    struct profile_thread *threads = NULL;
    uint32_t distinct = 0;

    for (size_t i = 1; i < arrlenu(profile->threads); i++) {
        if (builder->thread_ranked[i])
            arrput(threads, profile->threads[i]);
    }
    if (threads)
        qsort(threads, arrlenu(threads), sizeof(*threads), by_identity);
    for (size_t i = 0; i < arrlenu(threads); i++) {
        uint32_t *known = &builder->target_threads[threads[i].target];

        if (i > 0 && by_identity(&threads[i], &threads[i - 1]) == 0)
            continue;
        distinct = i > 0 && threads[i].target == threads[i - 1].target ? distinct + 1 : 1;
        *known = distinct > *known ? distinct : *known;
    }
    arrfree(threads);
}

static void count_ranked_threads(struct builder *builder)
{
    struct rows *rows = builder->rows;

    count_target_threads(builder);
    for (size_t i = 1; i < arrlenu(builder->profile->targets); i++) {
        uint32_t threads = builder->target_threads[i];

        if (!threads)
            continue;
        rows->ranked_processes++;
        if (threads > rows->ranked_threads)
            rows->ranked_threads = threads;
        if (!rows->ranked_threads_least || threads < rows->ranked_threads_least)
            rows->ranked_threads_least = threads;
    }
}

/* Texts of one profile are equal if they are the same, which spares most comparisons. */
static int compare_texts(const char *a, const char *b)
{
    return a == b ? 0 : strcmp(a, b);
}

int row_order(const struct row *a, const struct row *b, const struct metric *key)
{
    return compare(key->of(b), key->of(a)) ?: compare(row_weight(b), row_weight(a)) ?: compare_texts(a->type, b->type)
        ?: compare_texts(a->field, b->field) ?: compare_texts(a->object, b->object) ?: a->fold - b->fold
        ?: compare(a->address, b->address);
}

/* What is sorted in a row's place: rows are large. */
struct place_in_order {
    uint64_t value; /* of the key */
    const struct row *row;
};

static int by_key(const void *left, const void *right, void *key)
{
    const struct place_in_order *a = left, *b = right;

    return compare(b->value, a->value) ?: row_order(a->row, b->row, key);
}

/* -1 without memory. */
static int sort_rows(struct row **rows, const struct metric *key)
{
    size_t count = arrlenu(*rows);
    struct place_in_order *order = malloc((count + 1) * sizeof(*order));
    struct row *sorted = NULL;

    if (!order)
        return -1;
    for (size_t i = 0; i < count; i++)
        order[i] = (struct place_in_order){key->of(&(*rows)[i]), &(*rows)[i]};
    qsort_r(order, count, sizeof(*order), by_key, (void *)(uintptr_t)key);
    arrsetcap(sorted, count);
    for (size_t i = 0; i < count; i++)
        arrput(sorted, *order[i].row);
    free(order);
    arrfree(*rows);
    *rows = sorted;
    return 0;
}

static void build(struct builder *builder)
{
    builder->entries = entries_of(builder->profile);
    find_object_threads(builder);
    if (arrlenu(builder->entries) > 1)
        qsort(builder->entries, arrlenu(builder->entries), sizeof(*builder->entries), by_group);
    add_groups(builder);
    lines_mark(builder->rows->ranked, builder->lines);
    count_ranked_objects(builder);
    count_ranked_threads(builder);
}

static void find_hottest(struct rows *rows)
{
    for (size_t i = 0; i < arrlenu(rows->ranked); i++) {
        if (i == 0 || row_order(&rows->ranked[i], &rows->hottest, &metric_usual) < 0)
            rows->hottest = rows->ranked[i];
    }
}

static void free_builder(struct builder *builder)
{
    arrfree(builder->entries);
    arrfree(builder->alone);
    arrfree(builder->contended);
    arrfree(builder->cold);
    arrfree(builder->lines);
    arrfree(builder->alone_stacks);
    arrfree(builder->contended_stacks);
    stack_index_free(builder->stacks);
    free(builder->object_thread);
    free(builder->object_ranked);
    free(builder->thread_ranked);
    free(builder->target_threads);
}

/* No row has more sites or names than counts, or more stacks than the profile: room for all can be had at once, and never
 * moves. */
static struct rows *rows_new(size_t counts, size_t stacks, const struct rows_options *options)
{
    struct rows *rows = calloc(1, sizeof(*rows));

    if (!rows)
        return NULL;
    rows->sites = malloc(counts * sizeof(*rows->sites));
    rows->names = malloc(counts * sizeof(*rows->names));
    rows->stacks = malloc((stacks + 1) * sizeof(*rows->stacks));
    rows->threads = options->per_thread ? malloc(counts * sizeof(*rows->threads)) : NULL;
    rows->by_object = options->by_object;
    if (rows->sites && rows->names && rows->stacks && (rows->threads || !options->per_thread))
        return rows;
    rows_free(rows);
    return NULL;
}

struct rows *rows_build(const struct profile *profile, const struct rows_options *options)
{
    static const struct rows_options usual = {0};
    const struct metric *key = options && options->key ? options->key : &metric_usual;
    size_t objects = arrlenu(profile->objects);
    struct builder builder = {
        .profile = profile,
        .rows = rows_new(arrlenu(profile->counts), arrlenu(profile->stacks), options ? options : &usual),
        .stacks = stack_index_new(profile),
        .object_thread = calloc(objects, sizeof(uint32_t)),
        .object_ranked = calloc(objects, sizeof(bool)),
        .thread_ranked = calloc(arrlenu(profile->threads), sizeof(bool)),
        .target_threads = calloc(arrlenu(profile->targets), sizeof(uint32_t)),
    };

    if (!builder.rows || !builder.stacks || !builder.object_thread || !builder.object_ranked || !builder.thread_ranked ||
        !builder.target_threads) {
        fail("cannot sum the profile: out of memory");
        free_builder(&builder);
        rows_free(builder.rows);
        return NULL;
    }
    builder.rows->several = arrlenu(profile->targets) > 2;
    build(&builder);
    if (sort_rows(&builder.rows->ranked, key) || sort_rows(&builder.rows->single, key)) {
        fail("cannot sort the rows: out of memory");
        free_builder(&builder);
        rows_free(builder.rows);
        return NULL;
    }
    find_hottest(builder.rows);
    builder.rows->single_rows = arrlenu(builder.rows->single);
    lines_number(builder.rows);
    free_builder(&builder);
    return builder.rows;
}

void rows_free(struct rows *rows)
{
    if (!rows)
        return;
    arrfree(rows->ranked);
    arrfree(rows->single);
    arrfree(rows->cold);
    for (size_t i = 0; i < arrlenu(rows->owned); i++)
        free(rows->owned[i]);
    arrfree(rows->owned);
    free(rows->sites);
    free(rows->names);
    free(rows->stacks);
    free(rows->threads);
    free(rows);
}
