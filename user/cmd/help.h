/* What a command's descriptor tells people: --help, and pieces of it that manual pages have too. */
#ifndef HOTREF_CMD_HELP_H
#define HOTREF_CMD_HELP_H

#include <stdio.h>

#include "cmd/command.h"

/* What is told of hotref as a whole. */
extern const struct command_item program_examples[], program_environment[], program_files[];
extern const char *const program_notes[];
#define PROGRAM_SUMMARY "Tell which Python objects the threads of a free-threaded CPython fight over"

void help_program(FILE *out);
void help_command(const struct command *command, FILE *out);

/* "[-p PID]...": an option in a usage line. */
void help_synopsis(const struct command_option *option, FILE *out);

#endif
