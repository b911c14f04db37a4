/*
 * Whether numbers of two profiles may be set side by side: what diff and gate refuse, and what they only remark on. Pure.
 *
 * Counts are exact, so a difference is one of the programs, of the interpreters, or of what was looked at; the last is
 * refused. Another interpreter, another build, another program are what people compare for: that is stated.
 */
#ifndef HOTREF_PROFILE_COMPARABLE_H
#define HOTREF_PROFILE_COMPARABLE_H

#include "profile/rows.h"

/* One thing that differs, or is wrong with one of the two. */
struct doubt {
    bool refused; /* the numbers say nothing; else it is only to be known */
    char *text;   /* one sentence without a full stop */
};

struct comparison {
    const struct profile *before, *after;
    const char *before_path, *after_path; /* as sentences call them */
    const struct metric *metric;          /* what is compared */
    bool by_time;                         /* as rates: it does not matter that one was recorded longer */
};

/* All doubts, refusals first, as a stb_ds array; NULL: none. */
struct doubt *comparison_doubts(const struct comparison *comparison);
void doubts_free(struct doubt *doubts); /* takes NULL */

/* 0 if nothing is refused, else -1 with the first refusal as the failure. */
int doubts_refusal(const struct doubt *doubts);

/* True if increments were counted at the same places of both interpreters, or at all places: else only decrements can
 * be compared, which always are counted everywhere. */
bool increfs_comparable(const struct profile *before, const struct profile *after);

/* True if the same inlined increments were counted on both sides, those of modules among them: none, all, or those at the
 * same places. */
bool inlined_comparable(const struct profile *before, const struct profile *after);

/* True if increments are part of the metric. */
bool metric_has_increfs(const struct metric *metric);

#endif
