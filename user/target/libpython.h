/* The libpython.so that an executable on disk would load. */
#ifndef HOTREF_TARGET_LIBPYTHON_H
#define HOTREF_TARGET_LIBPYTHON_H

#include "target/elf_file.h"

/* Where the libpython that file (which lies at path) needs is found by its own search path, beside it in
 * ../lib, or in the system's folders. For free(); NULL (without a sentence) where it needs none or none is
 * there. */
char *libpython_of(const struct elf_file *file, const char *path);

#endif
