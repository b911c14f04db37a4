/* Output formats. Each is one file that exports one struct; all are listed in emit.c and nowhere else. */
#ifndef HOTREF_EMIT_EMIT_H
#define HOTREF_EMIT_EMIT_H

#include <stdio.h>

#include "profile/rows.h"

struct emit_options {
    int max_rows; /* 0: all */
    bool limited; /* somebody asked for max_rows: a format that has a limit of its own does without */
    bool all;     /* rows of a single thread too */
    int width;    /* of the terminal; 0 where out is none: nothing is cut then */
    bool colour;
    size_t stacks; /* so many Python stacks under each row; 0: none */
    bool notable;       /* of what is explained: no more rows than matter */
    size_t explain_row; /* explain this ranked row alone, from 1; 0: those that matter */
    const struct metric *key; /* that was asked for; NULL: none was */
    const char *input; /* the profile's path, for a hint of what to type; NULL where it is the default one */
};

struct emitter {
    const char *name;    /* the value of -f */
    const char *summary; /* one line for --help */
    /* Writes to out; the caller flushes and checks for errors. Returns 0, or -1 with a failure. */
    int (*emit)(const struct profile *profile, const struct rows *rows, const struct emit_options *options,
                FILE *out);
};

extern const struct emitter emit_table, emit_explain, emit_json, emit_csv, emit_folded, emit_flamegraph, emit_speedscope,
    emit_pprof, emit_openmetrics, emit_prometheus;
extern const struct emitter *const emitters[];        /* ends with NULL */
const struct emitter *emitter_find(const char *name); /* NULL if there is none */

/* The JSON schema of what emit_json writes, as a text. */
const char *emit_json_schema(void);

/* Sets width and colour to what out can show: a terminal's width, and colour unless NO_COLOR forbids it. */
void emit_fit(struct emit_options *options, FILE *out);

/* " -i FILE" as a user would type it, or "" for the default one, malloc'ed; NULL without memory. */
char *emit_input(const struct emit_options *options);

/* What stands at the end of a recording: the verdict and the ten hottest rows, as a table that fits out. */
int emit_summary(const struct profile *profile, const char *input, FILE *out);

#endif
