/* What to do about the rows, in words: below the table in short, and as a format of its own in full. */
#ifndef HOTREF_EMIT_ADVICE_H
#define HOTREF_EMIT_ADVICE_H

#include "emit/emit.h"
#include "profile/remedy.h"

/* A line for each way out of what the hottest of the ranked rows show; nothing where none is known. */
void advice_print(FILE *out, const struct rows *rows, const struct emit_options *options, size_t shown);

/* What the remedy asks for in a few words, and where it is fixed; malloc'ed, NULL without memory. */
char *advice_short(const struct remedy *remedy);

#endif
