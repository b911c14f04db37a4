/* What a gate found, for people, CI systems and programs. Each format is one struct; all are listed in
 * gate.c. */
#ifndef HOTREF_EMIT_GATE_H
#define HOTREF_EMIT_GATE_H

#include <stdbool.h>
#include <stdio.h>

#include "profile/gate.h"

struct gate_report {
    const struct gate *gate; /* NULL: there is none, because of refusal */
    const char *refusal;     /* one sentence */
    const struct budget *budget;
    const char *profile_path;
    const char
        *workspace; /* where the repository is checked out: files are called relative to it; NULL: unknown */
    int width;      /* of the terminal; 0: it is none */
    bool colour;
};

struct gate_emitter {
    const char *name; /* the value of -f */
    const char *summary;
    bool document;                                            /* one that nothing may be mixed with */
    int (*emit)(const struct gate_report *report, FILE *out); /* 0, or -1 with a failure */
};

extern const struct gate_emitter gate_text, gate_github, gate_junit, gate_json;
extern const struct gate_emitter *const gate_emitters[];                       /* ends with NULL */
const struct gate_emitter *gate_emitter_find(const char *name, size_t length); /* NULL if there is none */

/* What GitHub shows on the page of a run: Markdown, for $GITHUB_STEP_SUMMARY. */
int gate_summary(const struct gate_report *report, FILE *out);

/* The sentence above all: "failed: 1 of 3 limits is exceeded"; malloc'ed, NULL without memory. */
char *gate_headline(const struct gate_report *report);

/* One check in a sentence: "decrefs 40,000, 39,000 more than the 1,000 allowed". The same. */
char *gate_sentence(const struct check *check);

/* "hotref-budget.yml:4", "--max"; the same. */
char *gate_origin(const struct budget *budget, unsigned line);

#define GATE_ROWS 5           /* that a failed limit shows; how many more there are is told */
#define GATE_NAME_COLUMNS 400 /* of a name, where people read it */

/* Metric of all the check's rows from number on; for one that is not summed, the largest. */
uint64_t gate_remainder(const struct check *check, size_t number);

#endif
