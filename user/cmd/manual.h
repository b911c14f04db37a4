/* What packages install beside the program, made of the commands' descriptors: manual pages and completions. */
#ifndef HOTREF_CMD_MANUAL_H
#define HOTREF_CMD_MANUAL_H

#include <stdio.h>

#include "cmd/command.h"

void manual_program(FILE *out);
void manual_command(const struct command *command, FILE *out);

/* Scripts by which a shell completes hotref's command line. */
void completion_bash(FILE *out);
void completion_zsh(FILE *out);
void completion_fish(FILE *out);

#endif
