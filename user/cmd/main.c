#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/help.h"

const struct command *const commands[] = {
    &command_record, &command_report, &command_diff, &command_gate, &command_scan, &command_doctor, &command_generate,
    NULL};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; commands[i]; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

static bool is_help(const char *word)
{
    return word && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0);
}

static int unknown(const char *name)
{
    fprintf(stderr, "hotref: unknown command '%s' (see 'hotref --help')\n", name);
    return STATUS_USAGE;
}

/* "hotref --help", "hotref help", "hotref help COMMAND" */
static int help(const char *name)
{
    const struct command *command = name ? command_find(name) : NULL;

    if (name && !command)
        return unknown(name);
    if (command)
        help_command(command, stdout);
    else
        help_program(stdout);
    return STATUS_OK;
}

int main(int argc, char **argv)
{
    const struct command *command;

    if (argc < 2) {
        help_program(stderr);
        return STATUS_USAGE;
    }
    if (is_help(argv[1]))
        return help(NULL);
    if (strcmp(argv[1], "help") == 0)
        return help(argv[2]);
    if (strcmp(argv[1], "--version") == 0) {
        puts("hotref " HOTREF_VERSION);
        return STATUS_OK;
    }
    command = command_find(argv[1]);
    if (!command)
        return unknown(argv[1]);
    return is_help(argv[2]) ? help(argv[1]) : command->run(argc - 1, argv + 1);
}
