/* What tables for people are put together from: styles, where colour is wanted, and sentences. */
#ifndef HOTREF_EMIT_LINE_H
#define HOTREF_EMIT_LINE_H

#include "emit/emit.h"

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define PLAIN "\033[0m"

void style(FILE *out, const struct emit_options *options, const char *sequence);

/* A sentence of its own, wrapped. */
void __attribute__((format(printf, 3, 4)))
print_line(FILE *out, const struct emit_options *options, const char *format, ...);

#endif
