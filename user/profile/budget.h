/*
 * What a gate allows: limits from the command line, and from a YAML file that people keep beside their
 * program (docs/ci.md, docs/budget.schema.json). Whatever is not understood is refused: a limit that was
 * misread would pass.
 */
#ifndef HOTREF_PROFILE_BUDGET_H
#define HOTREF_PROFILE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/rows.h"

#define BUDGET_VERSION 1
#define BUDGET_FRACTION                                                                                      \
    1000000u /* factors are counted in millionths: 1.15 x 100 is 115, which doubles do not know */

enum bound_kind {
    BOUND_ABSOLUTE, /* "1000" */
    BOUND_PLUS,     /* "+100": above the baseline's value */
    BOUND_TIMES,    /* "1.05x", "+5%": the baseline's value times so many millionths */
    BOUND_PER_UNIT, /* "0.5/unit": for each unit of work, in millionths */
};

struct bound {
    enum bound_kind kind;
    uint64_t amount;
};

/* Which rows: all of the patterns match. By their place in namings[]; NULL: whatever. */
struct selector {
    char *patterns[NAMINGS];
};

/* At most so much of a metric, in all rows that are selected. */
struct limit {
    struct selector selector;
    char *name; /* what its author calls it; NULL: nothing */
    const struct metric *metric;
    struct bound bound;
    bool all;      /* rows of a single thread count too */
    bool rest;     /* only the rows that no other limit with a pattern, and no exception, selects */
    int exception; /* the exception whose rows these are, by its place; -1: none */
    unsigned line; /* in the budget's file, from 1; 0: given on the command line */
};

/* Rows that no limit counts, and why not. */
struct exception {
    struct selector selector;
    char *reason;
    char *expires; /* "2027-03-31", the last day that it holds; NULL: never */
    unsigned line;
};

struct budget {
    char *path;                   /* NULL: nothing was read from a file */
    struct limit *limits;         /* stb_ds */
    struct exception *exceptions; /* stb_ds */
    unsigned bad_line;            /* where the file is wrong, if it is; 0: not known */
};

struct budget *budget_new(void);
void budget_free(struct budget *budget); /* takes NULL */

/* Adds 'type=GLOB,field=GLOB,METRIC=VALUE'. A comma before what does not look like KEY= belongs to the
 * pattern. -1 with a failure. */
int budget_add(struct budget *budget, const char *text);

/* Adds what the file holds; once. -1 with a failure, which names the line. */
int budget_read(struct budget *budget, const char *path);

/* The same from memory; path is what failures call it. */
int budget_parse(struct budget *budget, const char *text, size_t size, const char *path);

/* -1 with a failure for what is no bound. */
int bound_parse(const char *text, struct bound *bound);

/* True if the bound needs a baseline. */
bool bound_is_relative(const struct bound *bound);

bool selector_matches(const struct selector *selector, const struct row *row);
bool selector_is_empty(const struct selector *selector);

/* "type=dict field=function.*", or "all rows"; malloc'ed, NULL only without memory. */
char *selector_text(const struct selector *selector);

/* "2027-03-31": a day that there is. */
bool is_date(const char *text);

#endif
