/* A row's Python stacks, for people. */
#ifndef HOTREF_EMIT_STACKS_H
#define HOTREF_EMIT_STACKS_H

#include "emit/emit.h"

/* Prints the hottest options->stacks of them, each with its share and from the C function that did the operation down to
 * the root. Needs an LC_CTYPE with UTF-8. */
void stacks_print(FILE *out, const struct profile *profile, const struct row *row, const struct emit_options *options);

#endif
