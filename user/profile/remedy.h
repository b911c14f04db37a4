/* What can be done about a row: remedies.json beside this file, built in. docs/remedies.md tells how to add
 * to it. */
#ifndef HOTREF_PROFILE_REMEDY_H
#define HOTREF_PROFILE_REMEDY_H

#include <stddef.h>
#include <stdint.h>

#include "profile/rows.h"

/* Texts belong to the table. Those that an entry does not have are NULL. */
struct remedy {
    const char *id;
    const char *summary;       /* what to do, in a few words */
    const char *what;          /* what happens there, and why */
    const char *const *advice; /* what can be done, the best first */
    const char *const
        *fixed; /* releases of CPython that contend no more, the first of each series that was fixed */
    const char *fixed_for; /* which objects of the row they help, where not all */
    size_t advice_count, fixed_count;
    unsigned issue; /* of CPython; 0: none */
};

struct remedies;

/* NULL with a failure where text is no table. Takes a copy of what it needs. */
struct remedies *remedies_parse(const char *text, size_t size);
void remedies_free(struct remedies *remedies); /* takes NULL */
size_t remedies_count(const struct remedies *remedies);
const struct remedy *remedies_at(const struct remedies *remedies, size_t index);

/* The first entry that speaks of the row, in the interpreter that did most of its operations; NULL: none
 * does. */
const struct remedy *remedies_find(const struct remedies *remedies, const struct row *row);

/* True if one line can speak for both: they ask for the same. */
bool remedy_alike(const struct remedy *a, const struct remedy *b);

/* The same as remedies_find(), from the table that is built in. */
const struct remedy *remedy_of(const struct row *row);
const struct remedies *remedies_builtin(void);

#endif
