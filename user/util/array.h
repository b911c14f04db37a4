/* stb_ds gives every room its growing arrays (arrput, arrlen, arrfree) and hash maps (hmput, shput). */
#ifndef HOTREF_UTIL_ARRAY_H
#define HOTREF_UTIL_ARRAY_H

#include <stb/stb_ds.h>

#endif
