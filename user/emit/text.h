/* Text on a terminal: names come from the target, so nothing in them may act on the terminal. */
#ifndef HOTREF_EMIT_TEXT_H
#define HOTREF_EMIT_TEXT_H

#include <locale.h>
#include <stddef.h>
#include <stdio.h>

/* Names are UTF-8 whatever the user's locale is, and must be measured as that: between begin and end they are. */
struct text_locale {
    locale_t utf8, before;
};
struct text_locale text_begin(void);
void text_end(const struct text_locale *locale);

/* Columns that text takes as text_print() writes it: control characters and those that turn the direction of
 * writing around as escapes such as \n or \u202e, wide characters as two. Needs an LC_CTYPE with UTF-8. */
size_t text_width(const char *text);

/* Writes text into at most limit columns (0: as many as it takes), with "…" for its middle where it is
 * longer. Returns the columns taken. */
size_t text_print(FILE *out, const char *text, size_t limit);

/* Writes text and a newline, broken at blanks to lines of width columns (0: one line). */
void text_wrap(FILE *out, const char *text, size_t width);

/* The same for text that begins in a column (from 0) and goes on indented below. */
void text_flow(FILE *out, const char *text, size_t width, size_t column, size_t indent);

void text_pad(FILE *out, size_t columns);

#endif
