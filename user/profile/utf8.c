#include "profile/utf8.h"

#include <stdlib.h>
#include <string.h>

/* The lowest character that needs so many bytes: less is an overlong form. */
static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};

static size_t announced(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return 2;
    if (first >= 0xe0 && first <= 0xef)
        return 3;
    return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

size_t utf8_decode(const char *bytes, size_t length, uint32_t *code)
{
    size_t size = length ? announced((unsigned char)bytes[0]) : 0;
    uint32_t value;

    if (size == 0 || size > length)
        return 0;
    value = (unsigned char)bytes[0] & (size == 1 ? 0x7f : 0x7f >> size);
    for (size_t i = 1; i < size; i++) {
        if (((unsigned char)bytes[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | ((unsigned char)bytes[i] & 0x3f);
    }
    if (value < lowest[size] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *code = value;
    return size;
}

bool utf8_valid(const char *bytes, size_t length)
{
    uint32_t code;
    size_t at = 0, size;

    while (at < length) {
        size = utf8_decode(bytes + at, length - at, &code);
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

char *utf8_repair(const char *string)
{
    size_t length = strlen(string), used = 0;
    char *copy = malloc(3 * length + 1);
    uint32_t code;

    if (!copy)
        return NULL;
    for (size_t at = 0; at < length;) {
        size_t size = utf8_decode(string + at, length - at, &code);

        memcpy(copy + used, size ? string + at : UTF8_REPLACEMENT, size ? size : 3);
        used += size ? size : 3;
        at += size ? size : 1;
    }
    copy[used] = '\0';
    return copy;
}
