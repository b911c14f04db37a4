/* hotref generate: what 'make install' puts beside the program. Not for users, who get it installed. */
#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/manual.h"
#include "util/error.h"

static const struct {
    const char *shell;
    void (*print)(FILE *out);
} completions[] = {{"bash", completion_bash}, {"zsh", completion_zsh}, {"fish", completion_fish}};

static int print_manual(const char *name)
{
    const struct command *command = name ? command_find(name) : NULL;

    if (name && !command)
        return command_misused(&command_generate, "there is no command '%s'", name);
    if (command)
        manual_command(command, stdout);
    else
        manual_program(stdout);
    return STATUS_OK;
}

/* For the build, which writes a page for each. */
static int print_names(void)
{
    for (size_t i = 0; commands[i]; i++) {
        if (!commands[i]->hidden)
            puts(commands[i]->name);
    }
    return STATUS_OK;
}

static int generate(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (strcmp(what, "man") == 0 && argc <= 3)
        return print_manual(argv[2]);
    if (strcmp(what, "commands") == 0 && argc == 2)
        return print_names();
    for (size_t i = 0; argc == 2 && i < sizeof(completions) / sizeof(completions[0]); i++) {
        if (strcmp(what, completions[i].shell) == 0) {
            completions[i].print(stdout);
            return STATUS_OK;
        }
    }
    return command_misused(&command_generate, "give man [COMMAND], bash, zsh, fish or commands");
}

static int run(int argc, char **argv)
{
    int status = generate(argc, argv);

    if (!status && (fflush(stdout) || ferror(stdout))) {
        fail_errno("cannot write");
        return command_failed(&command_generate, STATUS_FAILED);
    }
    return status;
}

const struct command command_generate = {
    .name = "generate",
    .summary = "Print a manual page, a completion script, or the commands' names",
    .operands = "man [COMMAND]|bash|zsh|fish|commands",
    .hidden = true,
    .run = run,
};
