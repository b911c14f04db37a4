#include "profile/number.h"

#include <stdio.h>
#include <string.h>

/* Written backwards from the end of a buffer: this is most of the time that a long table takes. */
const char *number_grouped(uint64_t number, char text[NUMBER_SIZE])
{
    char digits[NUMBER_SIZE], *at = digits + sizeof(digits);
    int written = 0;

    *--at = '\0';
    do {
        if (written > 0 && written % 3 == 0)
            *--at = ',';
        *--at = (char)('0' + number % 10);
        written++;
        number /= 10;
    } while (number);
    return memcpy(text, at, (size_t)(digits + sizeof(digits) - at));
}

const char *number_share(uint64_t part, uint64_t whole, char text[NUMBER_SIZE])
{
    double percent = whole ? 100.0 * (double)part / (double)whole : 0;

    if (part > 0 && percent < 1)
        return strcpy(text, "under 1 %");
    if (part < whole && percent > 99)
        return strcpy(text, "over 99 %");
    snprintf(text, NUMBER_SIZE, "%.0f %%", percent);
    return text;
}

const char *number_duration(uint64_t nanoseconds, char text[NUMBER_SIZE])
{
    double seconds = (double)nanoseconds / 1e9;
    uint64_t whole = nanoseconds / 1000000000;

    if (seconds < 120)
        snprintf(text, NUMBER_SIZE, seconds < 10 ? "%.2f s" : "%.1f s", seconds);
    else
        snprintf(text, NUMBER_SIZE, "%llu min %u s", (unsigned long long)(whole / 60),
                 (unsigned)(whole % 60));
    return text;
}
