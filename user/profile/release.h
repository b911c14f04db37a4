/* Releases of CPython, in the order in which they come. */
#ifndef HOTREF_PROFILE_RELEASE_H
#define HOTREF_PROFILE_RELEASE_H

#include <stdbool.h>
#include <stdint.h>

/* "3.14.0a2" as a number of the form of PY_VERSION_HEX (Include/patchlevel.h), so that a later release is a
 * greater number; 0 for what is none. What follows, as in "3.14.0a2+", does not matter. */
uint32_t release_parse(const char *version);

/* "3.14" of any release of it, as a number: micro, level and serial are 0. */
uint32_t release_series(uint32_t release);

/* As people say it: "3.14" for what came before its first release, else "3.14.4". */
#define RELEASE_SIZE 16
const char *release_spoken(uint32_t release, char text[RELEASE_SIZE]);

#endif
