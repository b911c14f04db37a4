#include "cmd/choice.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/error.h"

bool choice_number(const char *text, long least, long *number)
{
    char *end;

    errno = 0;
    *number = strtol(text, &end, 10);
    return !errno && end != text && !*end && *number >= least && *number <= INT_MAX;
}

int choice_rows(const struct command *command, const char *text, long *rows)
{
    if (!choice_number(text, 0, rows))
        return command_misused(command, "'%s' is not a number of rows", text);
    return STATUS_OK;
}

struct command_item choice_keys(size_t number)
{
    if (number >= metric_count)
        return (struct command_item){0};
    return (struct command_item){metrics[number].key, metrics[number].meaning};
}

int choice_key(const struct command *command, const char *text, const struct metric **key)
{
    *key = metric_find(text);
    return *key ? STATUS_OK : command_unknown(command, "key", text, choice_keys);
}

int choice_filter(const struct command *command, const char *pattern, bool exclude, struct rows_filter **filters)
{
    char key[64], keys[256] = "";

    if (filter_key(pattern, key, sizeof(key))) {
        arrput(*filters, ((struct rows_filter){pattern, exclude}));
        return STATUS_OK;
    }
    for (size_t i = 0; i < naming_count; i++) {
        strcat(keys, i ? ", " : "");
        strcat(keys, namings[i].key);
    }
    return command_misused(command, "unknown key '%s' in '%s': there are %s", key, pattern, keys);
}

/* The output is no place to follow a link to, where others may have put one. */
static FILE *open_output(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

    if (!out)
        fail_errno("cannot write '%s'", path);
    return out;
}

int choice_output(const char *path, int (*print)(const void *argument, FILE *out), const void *argument)
{
    FILE *out = path ? open_output(path) : stdout;
    const char *name = path ? path : "stdout";
    int status = out ? print(argument, out) : -1;

    errno = EIO; /* what remains of an error that came before */
    if (!status && (fflush(out) || ferror(out)))
        status = fail_errno("cannot write '%s'", name);
    if (out && out != stdout && fclose(out) && !status)
        status = fail_errno("cannot write '%s'", name);
    return status;
}
