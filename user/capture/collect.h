/* What comes out of BPF, summed up over a recording: rows, folds of cold ones, and what objects, types and threads are
 * called. Keys and counts only; names are the work of resolve/. */
#ifndef HOTREF_CAPTURE_COLLECT_H
#define HOTREF_CAPTURE_COLLECT_H

#include <stdbool.h>
#include <stddef.h>

#include "abi.h"

struct collected_row {
    struct abi_key key;
    struct abi_row value;
    uint64_t threads;        /* at least so many, where the row is of several (key.tid is 0); else 0 */
    uint32_t one_tid;        /* which one, if so far it is one */
};

/* Cold rows of one kind together: too many to be kept one by one. */
struct fold_key {
    struct abi_cold_key place;
    uint32_t shared;         /* 1: each object behind it was seen from two threads or more; 2: that is not known */
    uint32_t reserved;
};
struct collected_fold {
    struct fold_key key;
    struct abi_counts counts;
    uint64_t objects;        /* at least so many */
    uint64_t threads;        /* of the most shared of them */
};

struct object_key {
    uint64_t address, identity;
    uint64_t type;
    uint64_t target;
};
struct collected_object {
    struct object_key key;
    struct abi_event *event; /* its description */
};

struct collected_type {
    struct abi_type_key key;
    struct abi_event *event;
    bool reused;             /* another type came to stand there */
};

struct thread_key {
    uint32_t tid;
    uint32_t target;
};
struct collected_thread {
    struct thread_key key;
    uint64_t pointer;        /* thread pointer: what ob_tid holds in its objects */
    char comm[16];
};

struct collector {           /* all stb_ds hash maps */
    struct collected_row *rows;
    struct collected_fold *folds;
    struct collected_object *objects;
    struct collected_type *types;
    struct collected_thread *threads;
    uint64_t merged;         /* no map: rows that were put together, so that their threads and code are not known */
};

void collect_free(struct collector *collector); /* takes a zeroed struct */

/* Takes one event from the ring buffer; those that are no description are not for here and are passed over. */
void collect_event(struct collector *collector, const struct abi_event *event);

/* The key that a row is kept under. BPF's generation 0 is whatever came first in one of its maps: over several, only
 * the identity tells objects at one address apart. */
struct abi_key collect_key(const struct abi_key *key, const struct abi_row *row);

void collect_row(struct collector *collector, const struct abi_key *key, const struct abi_row *row);
void collect_cold(struct collector *collector, const struct abi_cold_key *key, const struct abi_counts *counts);

/* Operations and failed attempts in all that was collected: how often a probe was hit. */
uint64_t collect_hits(const struct collector *collector);

/* Once there are more than so many rows, folds those that are cold (fewer operations than ABI_NAME_AT) and, where that is not
 * enough, merges and then folds those of the fewest operations; descriptions of objects without rows go too. Returns whether it has. */
bool collect_trim(struct collector *collector, size_t most);

/* What the rows of one object and place, in whatever thread and Python code, are kept under once they are many and small. */
struct abi_key collect_merged_key(const struct abi_key *key);

/* Of types so many have a name: those that came first. */
#define COLLECT_MOST_TYPES 8192

#endif
