#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/entry.h"
#include "profile/number.h"
#include "util/array.h"

/* The address, the owner and the number of the objects; entries are ordered by object. */
static void sum_objects(const struct profile *profile, struct row *row, const struct entry *entries,
                        size_t count)
{
    const struct profile_object *first = &profile->objects[entries[0].object];
    bool one_owner = true;

    row->per_thread_id = first->per_thread_id;
    for (size_t i = 0; i < count; i++) {
        const struct profile_object *object = &profile->objects[entries[i].object];

        if (i > 0 && entries[i].object == entries[i - 1].object)
            continue;
        row->objects += object->others ? object->others : 1;
        one_owner = one_owner && object->owner == first->owner;
        if (object->per_thread_id != first->per_thread_id)
            row->per_thread_id = ID_UNKNOWN;
    }
    row->owner = one_owner ? profile_string(profile, first->owner) : "";
    row->address = row->objects == 1 && !row->fold ? first->address : 0;
}

static uint64_t ops_in_target(const struct profile *profile, const struct entry *entries, size_t count,
                              uint32_t target)
{
    uint64_t ops = 0;

    for (size_t i = 0; i < count; i++) {
        if (profile->objects[entries[i].object].target == target)
            ops += entries[i].count->decrefs + entries[i].count->increfs + entries[i].count->samples;
    }
    return ops;
}

/* Of the interpreter that did most, by its version. Entries are ordered by object, so that those of a target mostly
 * stand together. */
static const char *busiest_version(const struct profile *profile, const struct entry *entries, size_t count)
{
    uint32_t best = profile->objects[entries[0].object].target;
    uint64_t most = ops_in_target(profile, entries, count, best), ops;

    for (size_t i = 1; i < count; i++) {
        uint32_t target = profile->objects[entries[i].object].target;

        if (target == profile->objects[entries[i - 1].object].target)
            continue;
        ops = ops_in_target(profile, entries, count, target);
        if (ops > most || (ops == most && target > best)) {
            best = target;
            most = ops;
        }
    }
    return profile_string(profile, profile->targets[best].version);
}

/* Counts of a file may be anything: a sum that wrapped would be small. */
static void add(uint64_t *sum, uint64_t more)
{
    if (__builtin_add_overflow(*sum, more, sum))
        *sum = UINT64_MAX;
}

void row_add(struct row *sum, const struct row *row)
{
    add(&sum->decrefs, row->decrefs);
    add(&sum->increfs, row->increfs);
    add(&sum->handoffs, row->handoffs);
    add(&sum->retries, row->retries);
    add(&sum->bounces, row->bounces);
    add(&sum->samples, row->samples);
    sum->threads = row->threads > sum->threads ? row->threads : sum->threads;
}

static void sum_counts(const struct profile *profile, struct row *row, const struct entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct profile_count *from = entries[i].count;

        add(&row->decrefs, from->decrefs);
        add(&row->increfs, from->increfs);
        add(&row->handoffs, from->handoffs);
        add(&row->retries, from->retries);
        add(&row->bounces, from->bounces);
        add(&row->samples, from->samples);
        if (from->field_source && (!row->field_source || from->field_source < row->field_source))
            row->field_source = from->field_source;
    }
    row->sampled = is_sampled(profile);
    row->meta = &profile->meta;
}

static int by_thread(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;

    return compare(a->target, b->target) ?: compare(a->tid, b->tid);
}

static int by_text(const void *left, const void *right)
{
    const char *const *a = left, *const *b = right;

    return strcmp(*a, *b);
}

/* The row's names are the last ones in rows->names. */
static void sort_names(struct rows *rows, struct row *row)
{
    const char **names = row->thread_names;
    uint32_t kept = 0;

    if (row->name_count > 1)
        qsort(names, row->name_count, sizeof(*names), by_text);
    for (uint32_t i = 0; i < row->name_count; i++) {
        if (kept == 0 || strcmp(names[i], names[kept - 1]) != 0)
            names[kept++] = names[i];
    }
    row->name_count = kept;
    rows->used_names += kept;
}

static int by_thread_ops(const void *left, const void *right)
{
    const struct row_thread *a = left, *b = right;

    return compare(b->decrefs + b->increfs + b->samples, a->decrefs + a->increfs + a->samples) ?: strcmp(a->name, b->name)
        ?: compare(a->pid, b->pid) ?: compare(a->tid, b->tid);
}

/* Entries are ordered by thread. */
static void split_by_thread(const struct profile *profile, struct rows *rows, struct row *row,
                            const struct entry *entries, size_t count)
{
    struct row_thread *part = NULL;

    row->by_thread = rows->threads + rows->used_threads;
    for (size_t i = 0; i < count; i++) {
        const struct profile_count *from = entries[i].count;
        const struct profile_thread *thread = &profile->threads[from->thread];

        if (i == 0 || !same_thread(&entries[i], &entries[i - 1])) {
            part = &row->by_thread[row->thread_count++];
            *part = (struct row_thread){.name = profile_string(profile, thread->name),
                                        .pid = profile->targets[entries[i].target].pid,
                                        .tid = thread->tid};
        }
        add(&part->decrefs, from->decrefs);
        add(&part->increfs, from->increfs);
        add(&part->handoffs, from->handoffs);
        add(&part->retries, from->retries);
        add(&part->bounces, from->bounces);
        add(&part->samples, from->samples);
    }
    rows->used_threads += row->thread_count;
    if (row->thread_count > 1)
        qsort(row->by_thread, row->thread_count, sizeof(*row->by_thread), by_thread_ops);
}

/* Those of one target, ordered by thread. Threads of a fold are not known one by one; it says how many its most shared
 * object had. */
static uint32_t count_threads(const struct entry *entries, size_t count)
{
    uint32_t most = 0, distinct = 0;

    for (size_t i = 0; i < count; i++) {
        const struct profile_count *from = entries[i].count;

        most = from->threads > most ? from->threads : most;
        distinct += from->thread && (i == 0 || !same_thread(&entries[i], &entries[i - 1]));
    }
    return distinct > most ? distinct : most;
}

/* Threads of different processes do not add up: they never meet. Entries are ordered by target and thread. */
static void sum_processes(const struct profile *profile, struct row *row, const struct entry *entries, size_t count)
{
    for (size_t begin = 0, end; begin < count; begin = end) {
        uint32_t threads;

        for (end = begin + 1; end < count && entries[end].target == entries[begin].target;)
            end++;
        threads = count_threads(&entries[begin], end - begin);
        row->threads = threads > row->threads ? threads : row->threads;
        row->processes++;
    }
    row->pid = row->processes == 1 ? profile->targets[entries[0].target].pid : 0;
}

static void add_names(const struct profile *profile, struct rows *rows, struct row *row, const struct entry *entries,
                      size_t count)
{
    row->thread_names = rows->names + rows->used_names;
    for (size_t i = 0; i < count; i++) {
        uint32_t thread = entries[i].count->thread;
        const char *name = profile_string(profile, profile->threads[thread].name);

        if (thread && *name && (i == 0 || !same_thread(&entries[i], &entries[i - 1])))
            row->thread_names[row->name_count++] = name;
    }
    sort_names(rows, row);
}

static void sum_threads(const struct profile *profile, struct rows *rows, struct row *row,
                        struct entry *entries, size_t count)
{
    if (entries[0].object != entries[count - 1].object)
        qsort(entries, count, sizeof(*entries), by_thread);
    sum_processes(profile, row, entries, count);
    add_names(profile, rows, row, entries, count);
    if (rows->threads)
        split_by_thread(profile, rows, row, entries, count);
}

/* Sites of two targets may be the same place in the same binary. */
static int compare_sites(const struct profile_site *a, const struct profile_site *b)
{
    return compare(a->function, b->function) ?: compare(a->operation, b->operation)
        ?: compare(a->binary, b->binary) ?: compare(a->address, b->address);
}

static int by_site(const void *left, const void *right, void *argument)
{
    const struct profile_site *sites = argument;
    const struct entry *a = left, *b = right;

    return compare_sites(&sites[a->count->site], &sites[b->count->site]);
}

static int by_ops(const void *left, const void *right)
{
    const struct row_site *a = left, *b = right;

    return compare(b->decrefs + b->increfs + b->samples, a->decrefs + a->increfs + a->samples) ?: strcmp(a->function, b->function)
        ?: strcmp(a->operation, b->operation) ?: strcmp(a->binary, b->binary)
        ?: compare(a->address, b->address);
}

static void add_to_site(struct row_site *site, const struct profile_count *from)
{
    add(&site->decrefs, from->decrefs);
    add(&site->increfs, from->increfs);
    add(&site->handoffs, from->handoffs);
    add(&site->retries, from->retries);
    add(&site->bounces, from->bounces);
    add(&site->samples, from->samples);
}

static struct row_site *add_site(const struct profile *profile, struct row *row,
                                 const struct profile_site *site)
{
    struct row_site *added = &row->sites[row->site_count++];

    *added = (struct row_site){
        .function = profile_string(profile, site->function),
        .operation = profile_string(profile, site->operation),
        .binary = profile_string(profile, site->binary),
        .address = site->address,
        .in_module = site->in_module != 0,
    };
    return added;
}

static const char *with_module(struct rows *rows, const struct row_site *site)
{
    const char *last = strrchr(site->binary, '/');
    char *name;

    if (!site->in_module || !*site->function || asprintf(&name, "%s (%s)", site->function, last ? last + 1 : site->binary) < 0)
        return site->function;
    arrput(rows->owned, name);
    return name;
}

static void sum_sites(const struct profile *profile, struct rows *rows, struct row *row,
                      struct entry *entries, size_t count)
{
    const struct profile_site *last = NULL, *site;
    struct row_site *sum = NULL;

    qsort_r(entries, count, sizeof(*entries), by_site, profile->sites);
    row->sites = rows->sites + rows->used_sites;
    for (size_t i = 0; i < count; i++) {
        site = &profile->sites[entries[i].count->site];
        if (!last || compare_sites(site, last) != 0)
            sum = add_site(profile, row, site);
        add_to_site(sum, entries[i].count);
        last = site;
    }
    rows->used_sites += row->site_count;
    if (row->site_count > 1)
        qsort(row->sites, row->site_count, sizeof(*row->sites), by_ops);
    row->function = row->sites[0].function;
    row->where = with_module(rows, &row->sites[0]);
}

static const char *fold_name(struct rows *rows, uint64_t objects)
{
    char number[NUMBER_SIZE], *name;

    if (asprintf(&name, "%s other%s", number_grouped(objects, number), objects == 1 ? "" : "s") < 0)
        return "others";
    arrput(rows->owned, name);
    return name;
}

/* "51 x list": so many objects that share a name are not one that so many threads share. Nor do those of several
 * processes have anything to do with each other. */
static char *told_apart(const struct rows *rows, const struct row *row)
{
    char number[NUMBER_SIZE], processes[NUMBER_SIZE], *name = NULL;
    int length = 0;

    number_grouped(row->processes, processes);
    if (rows->by_object && row->address && rows->several)
        length = asprintf(&name, "%s @0x%llx (pid %u)", row->object, (unsigned long long)row->address, row->pid);
    else if (rows->by_object && row->address)
        length = asprintf(&name, "%s @0x%llx", row->object, (unsigned long long)row->address);
    else if (row->processes > 1 && (row->fold || row->objects == row->processes))
        length = asprintf(&name, "%s (in %s processes)", row->object, processes);
    else if (row->processes > 1)
        length = asprintf(&name, "%s x %s (in %s processes)", number_grouped(row->objects, number), row->object, processes);
    else if (!row->fold && row->objects > 1)
        length = asprintf(&name, "%s x %s", number_grouped(row->objects, number), row->object);
    return length > 0 ? name : NULL;
}

static const char *label_of(struct rows *rows, const struct row *row)
{
    char *name = told_apart(rows, row);

    if (!name)
        return row->object;
    arrput(rows->owned, name);
    return name;
}

struct row row_sum(const struct profile *profile, struct rows *rows, struct entry *entries, size_t count)
{
    struct row row = {
        .type = profile_string(profile, entries[0].type),
        .field = profile_string(profile, entries[0].field),
        .object = profile_string(profile, entries[0].name),
        .fold = entries[0].name == 0 && (entries[0].fold || !rows->by_object),
    };

    sum_objects(profile, &row, entries, count);
    row.version = busiest_version(profile, entries, count);
    sum_counts(profile, &row, entries, count);
    sum_threads(profile, rows, &row, entries, count);
    sum_sites(profile, rows, &row, entries, count);
    if (row.fold)
        row.object = fold_name(rows, row.objects);
    else if (!*row.object)
        row.object = "nameless";
    row.label = label_of(rows, &row);
    return row;
}

struct row row_of_thread(const struct row *row, const struct row_thread *thread)
{
    struct row part = *row;

    part.threads = thread->tid ? 1 : 0;
    part.processes = 1;
    part.pid = thread->pid;
    part.decrefs = thread->decrefs;
    part.increfs = thread->increfs;
    part.handoffs = thread->handoffs;
    part.retries = thread->retries;
    part.bounces = thread->bounces;
    part.samples = thread->samples;
    return part;
}

const char *field_source_name(uint32_t source)
{
    static const char *const names[] = {NULL, "slot", "bytecode", "site"};

    return source < sizeof(names) / sizeof(names[0]) ? names[source] : NULL;
}
