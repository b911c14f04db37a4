/*
 * A subcommand is one file that exports one descriptor; main.c lists them all, and nothing else does. What it takes is
 * data: the parser, --help, the manual pages and the shells' completions are made of it (docs/contributing.md).
 */
#ifndef HOTREF_CMD_COMMAND_H
#define HOTREF_CMD_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

/* Exit statuses. record ends with its CMD's own where it ran one (docs in record.c). */
enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2, STATUS_NOT_JUDGED = 2, STATUS_RECORD_FAILED = 125, STATUS_NOT_FOUND = 127 };

/* A name and what it means: a value that an option takes, an exit status, an example. */
struct command_item {
    const char *name, *meaning;
};

/* The key of an option that has no letter of its own. */
#define LONG(letter) (0x100 | (letter))

enum { OPTION_REPEATS = 1, OPTION_NEEDED = 2 };

struct command_option {
    int key;             /* its letter, or LONG() of one: what command_next() returns */
    const char *name;    /* without the dashes */
    const char *value;   /* "FILE"; "[N]" or "[=WAY]" where it may be left out; NULL: it takes none */
    const char *meaning; /* plain text, which is broken into lines where it is shown */
    struct command_item (*values)(size_t number); /* those there are, a NULL name behind the last; NULL: any */
    unsigned traits;
};

/* Behind the meaning: .values, .traits. */
#define OPTION(its_key, its_name, its_value, its_meaning, ...)                                                             \
    {.key = its_key, .name = its_name, .value = its_value, .meaning = its_meaning, __VA_ARGS__}

enum command_operands { OPERANDS_NONE, OPERANDS_COMMAND, OPERANDS_FILES, OPERANDS_PROCESS };

struct command {
    const char *name;
    const char *summary;                   /* one line, without a full stop */
    const char *operands;                  /* as the usage line has them; NULL: none */
    enum command_operands operand_kind;    /* what a shell completes them from */
    bool mixed;                            /* options may stand behind operands */
    bool hidden;                           /* no user's business */
    const struct command_option *options;  /* a NULL name behind the last; NULL: none */
    const char *const *notes;              /* paragraphs, NULL behind the last */
    const struct command_item *statuses;   /* exit statuses; these and the next end with a NULL name */
    const struct command_item *examples;
    const struct command_item *environment;
    int (*run)(int argc, char **argv); /* argv[0] is the subcommand's name; returns the exit status */
};

extern const struct command command_record, command_report, command_diff, command_gate, command_scan, command_doctor,
    command_generate;

extern const struct command *const commands[]; /* NULL behind the last */
const struct command *command_find(const char *name); /* NULL if there is none */

/* Prints "hotref NAME: last_failure()" and returns status. */
int command_failed(const struct command *command, int status);

/* Prints one sentence about the arguments and where to find help; returns STATUS_USAGE. */
int command_misused(const struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The next option's key, its value in optarg; -1 behind the last, operands from optind on; '?' having said what is wrong.
 * Starts anew after it has returned -1 or '?'. */
int command_next(const struct command *command, int argc, char **argv);

/* "unknown WHAT 'TEXT': there are a, b, c" of an option's values; returns STATUS_USAGE. */
int command_unknown(const struct command *command, const char *what, const char *text,
                    struct command_item (*values)(size_t number));

#endif
