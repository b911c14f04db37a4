/* Flame graphs as one page of HTML that needs nothing else: user/emit/flamegraph/ with the data put in. */
#ifndef HOTREF_EMIT_FLAMEGRAPH_H
#define HOTREF_EMIT_FLAMEGRAPH_H

#include <stdio.h>

#include "profile/flame.h"

/* A line of the page's table: a row, or of two profiles the rows that belong together, of which one may be NULL; and what
 * it is called there. */
struct flamegraph_row {
    const struct row *sides[FLAME_SIDES];
    const char *type, *field, *label;
};

/* What a page shows: one profile, or two side by side. */
struct flamegraph {
    const char *verdict;
    char **notes;                  /* stb_ds array: what was recorded, and what is not shown */
    unsigned sides;
    struct flame *flame;           /* is pruned to what a browser can draw; its rows are numbered as those below */
    const struct metric *metric;   /* what it shows at first; must sum up */
    const struct metric **offered; /* stb_ds array: what can be chosen instead, and that one */
    const struct flamegraph_row *rows; /* the hottest first; those beyond what a browser can list are left out */
    size_t row_count;
    double divisor[FLAME_SIDES];   /* of all counts of a side; 0: none */
    double alike;                  /* divided counts that differ by this share or less are the same */
    const char *unit;              /* of divided counts: "operations a second"; NULL: none */
};

/* Offers what sums up and was measured. */
void flamegraph_offer(struct flamegraph *graph, bool sampled, bool increfs);

/* Appends a note, which it takes. */
void flamegraph_note(struct flamegraph *graph, char *note);

/* What was recorded, and when: as a note. */
void flamegraph_note_subject(struct flamegraph *graph, const struct profile *profile, const char *before);

/* Writes the page; frees notes and offered. Returns 0, or -1 with a failure: a terminal gets none. */
int flamegraph_print(struct flamegraph *graph, FILE *out);

#endif
