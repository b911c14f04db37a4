#include "cmd/command.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/error.h"
#include "util/progress.h"

enum { MOST_OPTIONS = 64 };

int command_failed(const struct command *command, int status)
{
    progress_end();
    fprintf(stderr, "hotref %s: %s\n", command->name, last_failure());
    return status;
}

int command_misused(const struct command *command, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "hotref %s: ", command->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, " (see 'hotref %s --help')\n", command->name);
    return STATUS_USAGE;
}

int command_unknown(const struct command *command, const char *what, const char *text,
                    struct command_item (*values)(size_t number))
{
    char *names = NULL;
    size_t size;
    FILE *out = open_memstream(&names, &size);

    for (size_t i = 0; out && values(i).name; i++)
        fprintf(out, "%s%s", i ? ", " : "", values(i).name);
    if (out)
        fclose(out);
    command_misused(command, "unknown %s '%s': there are %s", what, text, names ? names : "others");
    free(names);
    return STATUS_USAGE;
}

/* What getopt_long() takes, made of the table. */
struct tables {
    struct option longs[MOST_OPTIONS + 1];
    char letters[2 + 3 * MOST_OPTIONS + 1];
};

static struct tables make_tables(const struct command *command)
{
    struct tables tables = {0};
    char *letter = stpcpy(tables.letters, command->mixed ? ":" : "+:");
    const struct command_option *option = command->options;

    for (size_t i = 0; option && option->name && i < MOST_OPTIONS; i++, option++) {
        int has_value = !option->value            ? no_argument
                        : option->value[0] == '[' ? optional_argument
                                                  : required_argument;

        tables.longs[i] = (struct option){option->name, has_value, NULL, option->key};
        if (option->key < LONG(0)) {
            *letter++ = (char)option->key;
            letter = stpcpy(letter, has_value == no_argument ? "" : has_value == required_argument ? ":" : "::");
        }
    }
    return tables;
}

/* getopt_long() keeps the letter or the key of what it does not like. */
static int misused(const struct command *command, int found, char **argv)
{
    if (found == ':')
        command_misused(command, "'%s' needs a value", argv[optind - 1]);
    else if (optopt > 0 && optopt < LONG(0) && strncmp(argv[optind - 1], "--", 2) != 0)
        command_misused(command, "unknown option '-%c'", optopt);
    else if (optopt > 0 && strchr(argv[optind - 1], '='))
        command_misused(command, "'%s' takes no value", argv[optind - 1]);
    else
        command_misused(command, "unknown option '%s'", argv[optind - 1]);
    return '?';
}

int command_next(const struct command *command, int argc, char **argv)
{
    static bool started;
    struct tables tables = make_tables(command);
    int found;

    if (!started)
        optind = 0;
    opterr = 0;
    found = getopt_long(argc, argv, tables.letters, tables.longs, NULL);
    if (found == '?' || found == ':')
        found = misused(command, found, argv);
    started = found != -1 && found != '?';
    return found;
}
