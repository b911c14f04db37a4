#include "cmd/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/error.h"

static const struct command *const commands[] = {
    &command_record,
    &command_report,
    &command_diff,
    &command_gate,
    &command_scan,
    &command_doctor,
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

int command_failed(const struct command *command, int status)
{
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

int command_help(const struct command *command, int argc, char **argv)
{
    if (argc < 2 || (strcmp(argv[1], "-h") != 0 && strcmp(argv[1], "--help") != 0))
        return 0;
    printf("usage: hotref %s%s%s\n\n%s.\n\n%s", command->name, *command->arguments ? " " : "", command->arguments,
           command->summary, command->help);
    return 1;
}

static void usage(FILE *out)
{
    fputs("usage: hotref COMMAND [ARGUMENTS]\n\n"
          "Tells which Python objects the threads of a free-threaded CPython fight over.\n\n",
          out);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n'hotref COMMAND --help' tells more of each; 'hotref --version' the version.\n", out);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return STATUS_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return STATUS_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("hotref " HOTREF_VERSION);
        return STATUS_OK;
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i]->name) == 0)
            return command_help(commands[i], argc - 1, argv + 1) ? STATUS_OK
                                                                 : commands[i]->run(argc - 1, argv + 1);
    }
    fprintf(stderr, "hotref: unknown command '%s' (see 'hotref --help')\n", argv[1]);
    return STATUS_USAGE;
}
