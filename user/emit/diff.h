/* Output formats of a comparison. Each is one file that exports one struct; all are listed in diff.c and nowhere else. */
#ifndef HOTREF_EMIT_DIFF_H
#define HOTREF_EMIT_DIFF_H

#include "emit/emit.h"
#include "profile/diff.h"

struct diff_emitter {
    const char *name;    /* the value of -f */
    const char *summary; /* one line for --help */
    /* Writes to out; the caller flushes and checks for errors. Returns 0, or -1 with a failure. */
    int (*emit)(const struct diff *diff, const struct emit_options *options, FILE *out);
};

extern const struct diff_emitter diff_table, diff_json, diff_csv, diff_folded, diff_flamegraph;
extern const struct diff_emitter *const diff_emitters[];        /* ends with NULL */
const struct diff_emitter *diff_emitter_find(const char *name); /* NULL if there is none */

/* The JSON schema of what diff_json writes, as a text. */
const char *diff_json_schema(void);

/* So many of the rows are shown. */
size_t diff_shown(const struct diff_row *rows, const struct emit_options *options);

/* False where a side cannot know the metric. */
bool diff_measured(const struct diff *diff, unsigned side, const struct metric *metric);

#endif
