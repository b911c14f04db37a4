/* Measures of what was emitted. */
#ifndef HOTREF_TESTS_EMITTED_TEXT_H
#define HOTREF_TESTS_EMITTED_TEXT_H

#include <stdlib.h>
#include <string.h>

#include "emit/text.h"

/* Columns of the widest line. */
static inline size_t widest_line(const char *text)
{
    char *copy = strdup(text), *rest = copy, *line;
    size_t widest = 0;

    while ((line = strsep(&rest, "\n"))) {
        size_t width = text_width(line);

        widest = width > widest ? width : widest;
    }
    free(copy);
    return widest;
}

#endif
