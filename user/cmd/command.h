/* A subcommand is one file that exports one descriptor; main.c lists them all, and nothing else does. */
#ifndef HOTREF_CMD_COMMAND_H
#define HOTREF_CMD_COMMAND_H

/* Exit statuses. record ends with its CMD's own where it ran one (docs in record.c). */
enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2, STATUS_NOT_JUDGED = 2, STATUS_RECORD_FAILED = 125, STATUS_NOT_FOUND = 127 };

struct command {
    const char *name;
    const char *arguments;  /* what follows the name in the usage line */
    const char *summary;    /* one line */
    const char *help;       /* the options, for --help */
    int (*run)(int argc, char **argv); /* argv[0] is the subcommand's name; returns the exit status */
};

extern const struct command command_record, command_report, command_diff, command_gate, command_scan, command_doctor;

/* Prints "hotref NAME: last_failure()" and returns status. */
int command_failed(const struct command *command, int status);

/* Prints one sentence about the arguments and where to find help; returns STATUS_USAGE. */
int command_misused(const struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Where -h or --help is the next argument: prints the help on stdout and returns 1. */
int command_help(const struct command *command, int argc, char **argv);

#endif
