/*
 * The gate: whether a profile keeps within a budget. Pure: it reads nothing but what it is given. There are
 * three answers, and whatever does not allow for one of the first two is the third.
 */
#ifndef HOTREF_PROFILE_GATE_H
#define HOTREF_PROFILE_GATE_H

#include "profile/budget.h"
#include "profile/comparable.h"
#include "profile/rows.h"

/* So many operations, on objects too cold to have been named, are passed over by limits for certain objects.
 */
#define GATE_COLD 100

enum outcome { GATE_PASSED, GATE_FAILED, GATE_UNDECIDED };

struct gate_input {
    const struct profile *profile;
    const struct profile *baseline; /* NULL: none */
    const struct budget *budget;
    const char *profile_path, *baseline_path; /* as failures call them */
    const char *today;                        /* "2026-11-24": exceptions expire */
    uint64_t work;                            /* units of work that the profile's program did; 0: not known */
    uint64_t baseline_work;                   /* 0: as much as the profile's */
    bool all;                                 /* all limits count rows of a single thread too */
    bool ended_anyhow;                        /* a program that failed or was killed is judged, too */
};

/* One limit, judged. */
struct check {
    const struct limit *limit;
    char *what;  /* which rows: the limit's name, or what it selects */
    char *bound; /* "1,000", "1,050 (1.05x of the baseline's 1,000)" */
    enum outcome outcome;
    uint64_t value; /* of the metric, in the rows that match */
    uint64_t most;  /* with rows that may belong to them: objects too cold to have been told apart */
    uint64_t allowed;
    uint64_t baseline;       /* the baseline's value */
    const struct row **rows; /* stb_ds: those that match, by the metric, largest first */
    bool stale;              /* allows something, and matches no row: a typing error, perhaps */
};

/* What an exception is good for. */
struct waiver {
    const struct exception *exception;
    char *what;
    bool expired; /* it takes no rows any more */
    size_t rows;  /* ranked rows that it takes, or would take */
    uint64_t decrefs;
};

struct gate {
    const struct gate_input *input;
    enum outcome outcome;
    struct check *checks;   /* stb_ds: failed ones first, then the undecided ones, largest excess first */
    struct waiver *waivers; /* stb_ds */
    size_t failed, undecided, passed;
    size_t free_rows;      /* ranked rows that no limit and no exception looks at, ... */
    uint64_t free_decrefs; /* ... and what they dropped */
    struct rows *rows, *baseline_rows;
    struct doubt *doubts; /* what is to be known of profile and baseline; none of them refuses */
};

/* NULL with a failure where the question cannot be judged at all. Borrows from input, which must outlive it.
 */
struct gate *gate_judge(const struct gate_input *input);
void gate_free(struct gate *gate); /* takes NULL */

/* 0 if what the profile counted is all that its program did, else -1 with a failure that says why not. */
int gate_judgeable(const struct profile *profile, const char *path, bool ended_anyhow);

/* How much a failed check is over its limit. */
uint64_t check_excess(const struct check *check);

#endif
