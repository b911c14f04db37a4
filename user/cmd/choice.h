/* Options that commands have in common: which rows, by which metric, and where they go. */
#ifndef HOTREF_CMD_CHOICE_H
#define HOTREF_CMD_CHOICE_H

#include <stdbool.h>
#include <stdio.h>

#include "cmd/command.h"
#include "profile/rows.h"

/* Rows of a table on a terminal, unless -n says how many. */
#define TERMINAL_ROWS 20

/* A whole number of least or more; false if text is none. */
bool choice_number(const char *text, long least, long *number);

/* -n, -k, and -I or -X, whose patterns are added to a stb_ds array. Each returns STATUS_OK, or STATUS_USAGE having said
 * why. */
int choice_rows(const struct command *command, const char *text, long *rows);
int choice_key(const struct command *command, const char *text, const struct metric **key);
int choice_filter(const struct command *command, const char *pattern, bool exclude, struct rows_filter **filters);

/* What -k takes. */
struct command_item choice_keys(size_t number);

#define CHOICE_ROWS "so many rows, 0 for all (default: 20 on a terminal, else all)"
#define CHOICE_OUTPUT "where to write (default: stdout); no symbolic link is followed"

/* -o: opens path (NULL: stdout), has print write to it, and makes sure that all has arrived. No link is followed.
 * Returns 0, or -1 with a failure. */
int choice_output(const char *path, int (*print)(const void *argument, FILE *out), const void *argument);

#endif
