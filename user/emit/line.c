#include "emit/line.h"

#include <stdarg.h>
#include <stdlib.h>

#include "emit/text.h"

void style(FILE *out, const struct emit_options *options, const char *sequence)
{
    if (options->colour)
        fputs_unlocked(sequence, out);
}

void print_line(FILE *out, const struct emit_options *options, const char *format, ...)
{
    va_list args;
    char *line;
    int length;

    va_start(args, format);
    length = vasprintf(&line, format, args);
    va_end(args);
    if (length < 0)
        return;
    text_wrap(out, line, (size_t)options->width);
    free(line);
}
