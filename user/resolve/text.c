#include "resolve/text.h"

#include <string.h>

#define REPLACEMENT 0xfffd
#define ELLIPSIS 0x2026
#define ELLIPSIS_BYTES 3
#define LONGEST 4 /* bytes of one character */

static size_t encode(uint32_t character, char *into)
{
    if (character < 0x80) {
        into[0] = character;
        return 1;
    }
    if (character < 0x800) {
        into[0] = 0xc0 | character >> 6;
        into[1] = 0x80 | (character & 0x3f);
        return 2;
    }
    if (character < 0x10000) {
        into[0] = 0xe0 | character >> 12;
        into[1] = 0x80 | (character >> 6 & 0x3f);
        into[2] = 0x80 | (character & 0x3f);
        return 3;
    }
    into[0] = 0xf0 | character >> 18;
    into[1] = 0x80 | (character >> 12 & 0x3f);
    into[2] = 0x80 | (character >> 6 & 0x3f);
    into[3] = 0x80 | (character & 0x3f);
    return 4;
}

static uint32_t character_at(const struct abi_text *text, size_t number, int width)
{
    uint32_t character = 0;

    memcpy(&character, text->data + number * width, width);
    if (character == 0 || (character >= 0xd800 && character < 0xe000) || character > 0x10ffff)
        return REPLACEMENT;
    return character;
}

bool text_utf8(const struct abi_text *text, char *into, size_t size)
{
    int width = text->width ? text->width : 1;
    size_t bytes = text->bytes < ABI_TEXT ? text->bytes : ABI_TEXT, count, used = 0, i;
    bool c_string = text->width == 0;

    into[0] = '\0';
    if (!text->bytes || (width != 1 && width != 2 && width != 4))
        return false;
    count = bytes / width;
    for (i = 0; i < count && used + 2 * LONGEST < size; i++) {
        /* A C string is taken to be UTF-8 already. */
        if (c_string)
            into[used++] = text->data[i];
        else
            used += encode(character_at(text, i, width), into + used);
    }
    if ((i < count || text->length > count || (c_string && bytes == ABI_TEXT - 1)) && used + ELLIPSIS_BYTES < size)
        used += encode(ELLIPSIS, into + used);
    into[used] = '\0';
    return true;
}
