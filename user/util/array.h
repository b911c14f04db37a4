/* stb_ds gives every room its growing arrays (arrput, arrlen, arrfree) and hash maps (hmput, shput). */
#ifndef HOTREF_UTIL_ARRAY_H
#define HOTREF_UTIL_ARRAY_H

#include <stdlib.h>

#include <stb/stb_ds.h>

/* qsort() may take no NULL, which an empty array is. */
#define array_sort(array, compare)                                                                                  \
    do {                                                                                                            \
        if (arrlenu(array) > 1)                                                                                     \
            qsort(array, arrlenu(array), sizeof(*(array)), compare);                                                \
    } while (0)

#endif
