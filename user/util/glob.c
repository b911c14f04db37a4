#include "util/glob.h"

#include <stddef.h>

/* The byte behind the character at text: those that continue one have 10 in their highest bits. */
static const char *next_character(const char *text)
{
    for (text++; (*text & 0xc0) == 0x80;)
        text++;
    return text;
}

/* Only the last '*' ever needs another try: what it takes more, an earlier one need not. */
bool glob_matches(const char *pattern, const char *text)
{
    const char *star = NULL, *resume = NULL;

    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            resume = text;
        } else if (*pattern == '?') {
            pattern++;
            text = next_character(text);
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}
