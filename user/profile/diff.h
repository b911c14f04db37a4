/*
 * What changed between two profiles: their rows side by side. Pure.
 *
 * Rows belong together by type, field and name of the object, never by address. What holds an object is part of its
 * name, and is not found out in every run; nor is the bytecode of what runs for a moment only. So what is left then is
 * put together by its name without the holder where one side has none, by a code object's name without its line, and by
 * its C function where one side knows no more. Each row says how it was found.
 */
#ifndef HOTREF_PROFILE_DIFF_H
#define HOTREF_PROFILE_DIFF_H

#include "profile/comparable.h"
#include "profile/rows.h"

enum { DIFF_BEFORE, DIFF_AFTER, DIFF_SIDES };

enum diff_state { DIFF_SAME, DIFF_GONE, DIFF_NEW, DIFF_MORE, DIFF_LESS, DIFF_STATES };

enum diff_match {
    MATCH_NAME,     /* type, field and object */
    MATCH_HOLDER,   /* without what holds the object */
    MATCH_LINE,     /* without the line of the code */
    MATCH_FUNCTION, /* without the field, by the C function */
    MATCH_NONE,     /* there is no other side */
};

/* What values are divided by, so that two programs that did not do the same amount of work can be compared. */
enum diff_scale {
    SCALE_NONE,
    SCALE_TOTAL, /* percent of all that was counted on the same side */
    SCALE_WORK,  /* for each unit of work */
    SCALE_TIME,  /* a second of the recording */
};

/* Scaled values are no exact numbers: what differs by less counts as the same. */
#define DIFF_ALIKE 0.01

struct diff_side {
    const struct row *row; /* NULL: two threads did not meet there */
    size_t rows;           /* behind it: several where they had to be put together */
    const struct row **parts; /* stb_ds: those several, each with its own sites and stacks; else NULL */
    uint64_t value;        /* of the metric */
    double scaled;
    uint64_t alone;        /* where row is NULL: what one thread alone did there */
};

struct diff_row {
    struct diff_side side[DIFF_SIDES];
    enum diff_state state;
    enum diff_match match;
    const char *type, *field, *object; /* as both sides have them; object is "others" in a fold */
    const char *label;                 /* object, with how many there are where it is not one */
    double change;                     /* after - before, scaled */
};

struct diff_options {
    enum diff_scale scale;
    uint64_t work[DIFF_SIDES]; /* units */
    const struct rows_filter *filters;
    size_t filter_count;
};

struct diff {
    const struct comparison *comparison;
    const struct doubt *doubts; /* of the caller */
    enum diff_scale scale;
    double divisor[DIFF_SIDES];
    struct diff_row *ranked;    /* stb_ds: contended on one side at least; largest change first */
    struct diff_row *single;    /* stb_ds: by one thread only wherever they are */
    uint64_t total[DIFF_SIDES]; /* the metric over contended rows, unfiltered; of threads, how many there are */
    uint64_t all[DIFF_SIDES];   /* over all rows, those of single threads and the cold ones too */
    uint64_t cold_ops[DIFF_SIDES];
    size_t states[DIFF_STATES]; /* rows of ranked by state */
    char *verdict;              /* what changed, in one sentence, whatever the filters; NULL only without memory */
    size_t left_out;            /* rows, by the filters */
    size_t unmeasured;          /* contended rows without any of the metric on either side */
    struct rows *rows[DIFF_SIDES];
    struct row **merged;        /* stb_ds: rows that were put together, ... */
    const struct row ***parts;  /* ... and lists of what of */
    char **owned;               /* stb_ds: texts */
};

/* NULL with a failure. Borrows from the comparison and the profiles. */
struct diff *diff_build(const struct comparison *comparison, const struct diff_options *options);
void diff_free(struct diff *diff); /* takes NULL */

const char *diff_state_name(enum diff_state state); /* "gone" */
const char *diff_match_name(enum diff_match match); /* "name"; NULL for MATCH_NONE */

/* After divided by before; 0 where before has none. */
double diff_ratio(const struct diff_row *row);

/* A total, scaled as the rows are. */
double diff_scaled(const struct diff *diff, unsigned side, uint64_t value);

/* A scaled value in a few digits: "40,079", "12.5 %", "3.25". Returns text. */
#define DIFF_NUMBER_SIZE 64
const char *diff_number(const struct diff *diff, double scaled, char text[DIFF_NUMBER_SIZE]);

/* "decrements a second", "% of all decrements". Returns text. */
#define DIFF_UNIT_SIZE 64
const char *diff_unit(const struct diff *diff, char text[DIFF_UNIT_SIZE]);

/* The verdict, malloc'ed; NULL only without memory. */
char *diff_verdict(const struct diff *diff);

#endif
