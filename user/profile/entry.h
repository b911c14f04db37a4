/* Counts on their way into rows: what rows.c groups and row.c sums. */
#ifndef HOTREF_PROFILE_ENTRY_H
#define HOTREF_PROFILE_ENTRY_H

#include "profile/rows.h"

/* One count, with all that grouping looks at. */
struct entry {
    text_id type, field;
    text_id name; /* 0 in what folds */
    bool fold;    /* the object stands for several already */
    uint32_t object;
    uint32_t target; /* of the object, and so of the thread */
    uint32_t tid;    /* 0 in a fold of several */
    const struct profile_count *count;
};

/* True if both are by the same thread. */
static inline bool same_thread(const struct entry *a, const struct entry *b)
{
    return a->target == b->target && a->tid == b->tid;
}

/* An object of a ranked row that is known to share a line. */
struct line_entry {
    uint32_t line, object;
    uint32_t row; /* index */
};

/* Sets rows' line where two objects of ranked rows share one: to the same number for rows that belong together. Sorts
 * entries. */
void lines_mark(struct row *rows, struct line_entry *entries);

/* Numbers them from 1 in the order of the ranked rows, and adds the numbers to the labels. */
void lines_number(struct rows *rows);

/* As qsort() wants it. */
static inline int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* Sums entries of one (type, field, name), ordered by object, into a row. Reorders them. */
struct row row_sum(const struct profile *profile, struct rows *rows, struct entry *entries, size_t count);

#endif
