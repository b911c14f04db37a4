#include "util/progress.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define USUAL_COLUMNS 80

static bool shown;

static bool is_terminal(void)
{
    const char *terminal = getenv("TERM");

    return isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
}

/* A line that wraps could not be taken away again. Names may hold anything: what is no plain ASCII is shown as '?'. */
static void print_fitting(const char *text)
{
    struct winsize size = {0};
    int columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || size.ws_col < 2 ? USUAL_COLUMNS : size.ws_col;

    fputs("\r\033[K", stderr);
    for (int i = 0; i < columns - 1 && text[i]; i++)
        fputc(text[i] >= ' ' && text[i] <= '~' ? text[i] : '?', stderr);
    fflush(stderr);
}

void progress_begin(const char *format, ...)
{
    char text[512];
    va_list args;

    if (!is_terminal())
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    print_fitting(text);
    shown = true;
}

void progress_end(void)
{
    if (!shown)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    shown = false;
}
