#include "capture/collect.h"

#include <stdlib.h>
#include <string.h>

#include "util/array.h"

static struct abi_event *copy_event(const struct abi_event *event)
{
    struct abi_event *copy = malloc(sizeof(*copy));

    *copy = *event;
    return copy;
}

static void collect_object(struct collector *collector, const struct abi_event *event)
{
    struct object_key key = {event->object, event->identity, event->type, event->target};
    struct collected_object added = {.key = key};

    if (hmgeti(collector->objects, key) >= 0)
        return;
    added.event = copy_event(event); /* hmputs() evaluates what it is given twice */
    hmputs(collector->objects, added);
}

/* What lies behind a text's bytes is nothing. */
static bool same_texts(const struct abi_event *a, const struct abi_event *b)
{
    for (int i = 0; i < ABI_TEXTS; i++) {
        if (a->text[i].bytes != b->text[i].bytes || a->text[i].bytes > ABI_TEXT ||
            memcmp(a->text[i].data, b->text[i].data, a->text[i].bytes) != 0)
            return false;
    }
    return true;
}

static void collect_type(struct collector *collector, const struct abi_event *event)
{
    struct abi_type_key key = {.type = event->object, .target = event->target, .number = event->tid};
    struct collected_type added = {.key = key};
    ptrdiff_t known = hmgeti(collector->types, key);

    if (known >= 0) {
        collector->types[known].reused |= !same_texts(collector->types[known].event, event);
        return;
    }
    if (hmlen(collector->types) >= COLLECT_MOST_TYPES) {
        /* Of those that stood there before it is not certain any more that there was no other one. */
        for (uint32_t number = 0; number < event->tid && number < COLLECT_MOST_TYPES; number++) {
            key.number = number;
            known = hmgeti(collector->types, key);
            if (known >= 0)
                collector->types[known].reused = true;
        }
        return;
    }
    added.event = copy_event(event);
    hmputs(collector->types, added);
}

void collect_event(struct collector *collector, const struct abi_event *event)
{
    struct collected_thread thread = {.key = {event->tid, event->target}, .pointer = event->owner};

    switch (event->event) {
    case ABI_EVENT_OBJECT:
        collect_object(collector, event);
        break;
    case ABI_EVENT_TYPE:
        collect_type(collector, event);
        break;
    case ABI_EVENT_THREAD:
        memcpy(thread.comm, event->comm, sizeof(thread.comm));
        hmputs(collector->threads, thread);
        break;
    }
}

static uint64_t operations(const struct abi_counts *counts)
{
    return counts->decrefs + counts->increfs;
}

static void add_counts(struct abi_counts *sum, const struct abi_counts *counts)
{
    sum->decrefs += counts->decrefs;
    sum->increfs += counts->increfs;
    sum->handoffs += counts->handoffs;
    sum->retries += counts->retries;
    sum->bounces += counts->bounces;
    sum->samples += counts->samples;
}

static void add_frame_code(struct abi_row *known, uint32_t code)
{
    if (!known->frame_code)
        known->frame_code = code;
    else if (code && code != known->frame_code)
        known->frame_code = ABI_SEVERAL;
}

struct abi_key collect_key(const struct abi_key *key, const struct abi_row *row)
{
    struct abi_key kept = *key;

    kept.generation = ABI_IDENTITY(row) * 0x9e3779b97f4a7c15u ^ row->type;
    return kept;
}

void collect_row(struct collector *collector, const struct abi_key *key, const struct abi_row *row)
{
    struct collected_row added = {.key = collect_key(key, row), .value = *row};
    ptrdiff_t at = hmgeti(collector->rows, added.key);

    if (at < 0) {
        hmputs(collector->rows, added);
        return;
    }
    add_counts(&collector->rows[at].value.counts, &row->counts);
    add_frame_code(&collector->rows[at].value, row->frame_code);
}

static void fold(struct collector *collector, const struct fold_key *key, const struct abi_counts *counts,
                 uint64_t objects, uint64_t threads)
{
    ptrdiff_t at = hmgeti(collector->folds, *key);
    struct collected_fold *known;

    if (at < 0) {
        hmputs(collector->folds, ((struct collected_fold){.key = *key}));
        at = hmgeti(collector->folds, *key);
    }
    known = &collector->folds[at];
    add_counts(&known->counts, counts);
    known->objects += objects;
    if (!known->objects)
        known->objects = 1; /* counted at another place, where another thread saw it first: but here is one */
    if (threads > known->threads)
        known->threads = threads;
}

void collect_cold(struct collector *collector, const struct abi_cold_key *key, const struct abi_counts *counts)
{
    struct fold_key fold_key = {.place = *key, .shared = key->single ? 0 : 2};

    /* Operations that ended their objects are one object each. */
    fold_key.place.single = 0;
    fold(collector, &fold_key, counts, key->single ? operations(counts) : 1, key->single);
}

/* Which threads an object was seen from: enough to tell one from several. */
struct sharing {
    struct object_key key;
    uint32_t first_tid;
    uint64_t threads, merged;
    uint64_t weight; /* of all its rows */
};

struct seen_thread {
    struct {
        struct object_key object;
        uint64_t tid;
    } key;
    bool value;
};

static uint64_t weight_of(const struct collected_row *row)
{
    return operations(&row->value.counts) + row->value.counts.samples;
}

static struct object_key object_of(const struct collected_row *row)
{
    return (struct object_key){row->key.object, ABI_IDENTITY(&row->value), row->value.type, row->key.target};
}

/* Rows of one object stand for one thread each, or for one place each. */
static struct sharing *find_sharing(const struct collector *collector)
{
    struct sharing *sharing = NULL;
    struct seen_thread *seen = NULL;

    for (ptrdiff_t i = 0; i < hmlen(collector->rows); i++) {
        const struct collected_row *row = &collector->rows[i];
        struct seen_thread thread = {.key = {object_of(row), row->key.tid}};
        ptrdiff_t at = hmgeti(sharing, thread.key.object);

        if (at < 0) {
            hmputs(sharing, ((struct sharing){.key = thread.key.object, .first_tid = row->key.tid}));
            at = hmgeti(sharing, thread.key.object);
        }
        sharing[at].weight += weight_of(row);
        if (hmgeti(seen, thread.key) >= 0)
            continue;
        hmputs(seen, thread);
        if (!row->threads)
            sharing[at].threads++;
        else if (row->threads > sharing[at].merged)
            sharing[at].merged = row->threads;
    }
    hmfree(seen);
    /* The same thread may be among both. */
    for (ptrdiff_t i = 0; i < hmlen(sharing); i++) {
        if (sharing[i].merged > sharing[i].threads)
            sharing[i].threads = sharing[i].merged;
    }
    return sharing;
}

static void fold_row(struct collector *collector, const struct collected_row *row, const struct sharing *object)
{
    const struct abi_key *key = &row->key;
    uint32_t number = ABI_TYPE_NUMBER(&row->value);
    struct fold_key fold_key = {.place = {.type = row->value.type,
                                          .type_number = number < ABI_TYPE_UNKNOWN ? number : ABI_TYPE_UNKNOWN,
                                          .base_type = key->base_type,
                                          .returns_to = key->returns_to,
                                          .target = key->target,
                                          .site = key->site,
                                          .how = key->how,
                                          .level = key->level},
                                .shared = object->threads > 1};

    fold(collector, &fold_key, &row->value.counts, object->first_tid == key->tid, object->threads);
}

/* Rows of so few operations that with those of more no more than that many are left. */
static uint64_t least_kept(const struct collector *collector, size_t left)
{
    size_t rows[65] = {0}, more = 0;
    int bits = 64;

    for (ptrdiff_t i = 0; i < hmlen(collector->rows); i++) {
        uint64_t weight = weight_of(&collector->rows[i]);

        rows[weight ? 64 - __builtin_clzll(weight) : 0]++;
    }
    while (bits > 0 && more + rows[bits] <= left)
        more += rows[bits--];
    return bits >= 64 ? UINT64_MAX : 1ull << bits;
}

static void drop_objects(struct collector *collector)
{
    struct sharing *sharing = find_sharing(collector);
    struct collected_object *kept = NULL;

    for (ptrdiff_t i = 0; i < hmlen(collector->objects); i++) {
        if (hmgeti(sharing, collector->objects[i].key) >= 0)
            hmputs(kept, collector->objects[i]);
        else
            free(collector->objects[i].event);
    }
    hmfree(sharing);
    hmfree(collector->objects);
    collector->objects = kept;
}

/* Folds whatever is_cold() says. */
static void fold_rows(struct collector *collector, bool is_cold(const struct collector *, const struct collected_row *, uint64_t),
                      uint64_t least)
{
    struct sharing *sharing = find_sharing(collector);
    struct collected_row *kept = NULL;

    for (ptrdiff_t i = 0; i < hmlen(collector->rows); i++) {
        const struct collected_row *row = &collector->rows[i];

        if (is_cold(collector, row, least))
            fold_row(collector, row, &sharing[hmgeti(sharing, object_of(row))]);
        else
            hmputs(kept, collector->rows[i]);
    }
    hmfree(sharing);
    hmfree(collector->rows);
    collector->rows = kept;
}

static bool is_unnamed(const struct collector *collector, const struct collected_row *row, uint64_t least)
{
    struct object_key key = object_of(row);

    return weight_of(row) < least && hmgeti(((struct collector *)collector)->objects, key) < 0;
}

static bool is_small(const struct collector *collector, const struct collected_row *row, uint64_t least)
{
    (void)collector;
    return weight_of(row) < least;
}

struct abi_key collect_merged_key(const struct abi_key *key)
{
    struct abi_key merged = *key;

    merged.tid = 0;
    merged.how = ABI_HOW(key->how);
    merged.code = 0;
    merged.code_version = 0;
    merged.instr = 0;
    return merged;
}

/* Which threads are behind the rows of one merged key that a trim puts together. */
struct merged_thread {
    struct {
        struct abi_key row;
        uint64_t tid;
    } key;
    bool value;
};

/* Of threads that were merged before and of others nobody knows whether they are the same: at least as many as there are
 * of either, and one more than one if that is another one. */
static void add_thread(struct collected_row *merged, const struct collected_row *row, struct merged_thread **seen,
                       uint64_t *fresh)
{
    struct merged_thread thread = {.key = {merged->key, row->key.tid}};

    if (row->threads) {
        merged->threads = row->threads > merged->threads ? row->threads : merged->threads;
        merged->one_tid = row->threads == 1 ? row->one_tid : 0;
        return;
    }
    if (hmgeti(*seen, thread.key) >= 0)
        return;
    hmputs(*seen, thread);
    (*fresh)++;
    if (merged->threads == 0)
        merged->one_tid = row->key.tid;
    if (*fresh > merged->threads || (merged->threads == 1 && merged->one_tid != row->key.tid))
        merged->threads++;
}

/* How many threads of a merged key are new in this trim. */
struct fresh_threads {
    struct abi_key key;
    uint64_t value;
};

static void merge_row(struct collected_row **kept, const struct collected_row *row, struct merged_thread **seen,
                      struct fresh_threads **fresh)
{
    struct collected_row merged = {.key = collect_merged_key(&row->key), .value = row->value};
    ptrdiff_t at = hmgeti(*kept, merged.key), counted = hmgeti(*fresh, merged.key);

    if (at < 0) {
        merged.value.frame_code = ABI_SEVERAL;
        hmputs(*kept, merged);
        at = hmgeti(*kept, merged.key);
    } else {
        add_counts(&(*kept)[at].value.counts, &row->value.counts);
    }
    if (counted < 0) {
        hmput(*fresh, merged.key, 0);
        counted = hmgeti(*fresh, merged.key);
    }
    add_thread(&(*kept)[at], row, seen, &(*fresh)[counted].value);
}

/* Threads that come and go, and code that is ever new, make a row each: of an object that all of them reach they are one. */
static void merge_rows(struct collector *collector, uint64_t least)
{
    struct sharing *sharing = find_sharing(collector);
    struct collected_row *kept = NULL;
    struct merged_thread *seen = NULL;
    struct fresh_threads *fresh = NULL;

    for (ptrdiff_t i = 0; i < hmlen(collector->rows); i++) {
        const struct collected_row *row = &collector->rows[i];
        const struct sharing *object = &sharing[hmgeti(sharing, object_of(row))];

        if (object->threads > 2 && object->weight >= least && (weight_of(row) < least || row->key.tid == 0)) {
            merge_row(&kept, row, &seen, &fresh);
            collector->merged += row->key.tid != 0;
        } else {
            hmputs(kept, collector->rows[i]);
        }
    }
    hmfree(seen);
    hmfree(fresh);
    hmfree(sharing);
    hmfree(collector->rows);
    collector->rows = kept;
}

/* Too many kinds of folds: what was cold goes by place alone. */
static void merge_folds(struct collector *collector)
{
    struct collected_fold *all = collector->folds;

    collector->folds = NULL;
    for (ptrdiff_t i = 0; i < hmlen(all); i++) {
        struct fold_key key = {.place = {.target = all[i].key.place.target,
                                         .site = all[i].key.place.site,
                                         .type_number = ABI_TYPE_UNKNOWN},
                               .shared = all[i].key.shared};

        fold(collector, &key, &all[i].counts, all[i].objects, all[i].threads);
    }
    hmfree(all);
}

bool collect_trim(struct collector *collector, size_t most)
{
    if (hmlenu(collector->folds) > most / 2)
        merge_folds(collector);
    if (hmlenu(collector->rows) <= most)
        return false;
    fold_rows(collector, is_unnamed, ABI_NAME_AT);
    if (hmlenu(collector->rows) > most)
        merge_rows(collector, least_kept(collector, most / 2));
    if (hmlenu(collector->rows) > most)
        fold_rows(collector, is_small, least_kept(collector, most / 2));
    drop_objects(collector);
    return true;
}

uint64_t collect_hits(const struct collector *collector)
{
    uint64_t hits = 0;

    for (ptrdiff_t i = 0; i < hmlen(collector->rows); i++)
        hits += operations(&collector->rows[i].value.counts) + collector->rows[i].value.counts.retries;
    for (ptrdiff_t i = 0; i < hmlen(collector->folds); i++)
        hits += operations(&collector->folds[i].counts) + collector->folds[i].counts.retries;
    return hits;
}

void collect_free(struct collector *collector)
{
    for (ptrdiff_t i = 0; i < hmlen(collector->objects); i++)
        free(collector->objects[i].event);
    for (ptrdiff_t i = 0; i < hmlen(collector->types); i++)
        free(collector->types[i].event);
    hmfree(collector->rows);
    hmfree(collector->folds);
    hmfree(collector->objects);
    hmfree(collector->types);
    hmfree(collector->threads);
}
