#include "util/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/progress.h"

/* Each thread has its own: what goes wrong in one must not be told as what went wrong in another. */
static _Thread_local char sentence[FAILURE_SIZE] = "no failure";

int fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    return -1;
}

int fail_errno(const char *format, ...)
{
    const char *reason = strerror(errno);
    va_list args;
    size_t used;

    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    used = strlen(sentence);
    snprintf(sentence + used, sizeof(sentence) - used, ": %s", reason);
    return -1;
}

const char *last_failure(void)
{
    return sentence;
}

void warn(const char *format, ...)
{
    va_list args;

    progress_end();
    fputs("hotref: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}
