/* A text file that is rewritten now and then, while others read it: they find the old content or the new one, as a whole. */
#ifndef HOTREF_UTIL_REPLACE_H
#define HOTREF_UTIL_REPLACE_H

#include <stdio.h>

struct replaced_file;

/* Proves that the file's folder can be written to. The path is kept by directory: a later chdir() does not matter. NULL with a
 * failure; replaced_free() takes NULL, and leaves the file. */
struct replaced_file *replaced_open(const char *path);
void replaced_free(struct replaced_file *file);

/* Writes the content beside the file and gives it its name; a symbolic link there is replaced, not followed. Returns 0, or
 * -1 with a failure: then the file is as it was. */
int replaced_write(struct replaced_file *file, int (*print)(const void *argument, FILE *out), const void *argument);

#endif
