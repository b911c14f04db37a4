/* Texts in JSON that is written piece by piece. */
#ifndef HOTREF_EMIT_JSON_TEXT_H
#define HOTREF_EMIT_JSON_TEXT_H

#include <stdio.h>

/* In quotes, and such that it may stand within a script element: nothing in it ends that, or begins a comment there. */
void json_print_text(FILE *out, const char *text);

#endif
