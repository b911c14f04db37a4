#include "profile/release.h"

#include <stdio.h>
#include <string.h>

/* Levels of PY_VERSION_HEX. */
enum { ALPHA = 0xa, BETA = 0xb, CANDIDATE = 0xc, FINAL = 0xf };

/* Takes a number of up to limit off text. */
static bool take_number(const char **text, uint32_t limit, uint32_t *number)
{
    const char *begin = *text;

    *number = 0;
    while (**text >= '0' && **text <= '9' && *number <= limit)
        *number = *number * 10 + (uint32_t)(*(*text)++ - '0');
    return *text != begin && *number <= limit;
}

static bool take(const char **text, const char *what)
{
    if (strncmp(*text, what, strlen(what)) != 0)
        return false;
    *text += strlen(what);
    return true;
}

static uint32_t take_level(const char **text)
{
    return take(text, "a") ? ALPHA : take(text, "b") ? BETA : take(text, "rc") ? CANDIDATE : FINAL;
}

uint32_t release_parse(const char *version)
{
    uint32_t major, minor, micro, level, serial = 0;

    if (!take_number(&version, 255, &major) || !take(&version, ".") || !take_number(&version, 255, &minor) ||
        !take(&version, ".") || !take_number(&version, 255, &micro))
        return 0;
    level = take_level(&version);
    if (level != FINAL && !take_number(&version, 15, &serial))
        return 0;
    return major << 24 | minor << 16 | micro << 8 | level << 4 | serial;
}

uint32_t release_series(uint32_t release)
{
    return release & 0xffff0000;
}

const char *release_spoken(uint32_t release, char text[RELEASE_SIZE])
{
    unsigned micro = release >> 8 & 0xff;

    if (micro)
        snprintf(text, RELEASE_SIZE, "%u.%u.%u", release >> 24, release >> 16 & 0xff, micro);
    else
        snprintf(text, RELEASE_SIZE, "%u.%u", release >> 24, release >> 16 & 0xff);
    return text;
}
