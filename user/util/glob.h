/* The patterns of filters, budgets and remedies. */
#ifndef HOTREF_UTIL_GLOB_H
#define HOTREF_UTIL_GLOB_H

#include <stdbool.h>

/* True if pattern matches all of text: '*' stands for any run of bytes, '?' for one character of UTF-8, and
 * everything else, brackets and backslashes included, for itself: names such as list[0] are full of them. */
bool glob_matches(const char *pattern, const char *text);

#endif
