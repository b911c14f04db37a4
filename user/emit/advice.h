/* What to do about the rows, in words: below the table in short, and as a format of its own in full. */
#ifndef HOTREF_EMIT_ADVICE_H
#define HOTREF_EMIT_ADVICE_H

#include "emit/emit.h"

/* A line for each way out of what the hottest of the ranked rows show; nothing where none is known. */
void advice_print(FILE *out, const struct rows *rows, const struct emit_options *options, size_t shown);

#endif
