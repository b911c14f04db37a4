/* CSV as RFC 4180 says. */
#ifndef HOTREF_EMIT_CSV_H
#define HOTREF_EMIT_CSV_H

#include <stdio.h>

/* A field, in quotes where they are needed. */
void csv_text(FILE *out, const char *text);

#endif
