#include "emit/json_text.h"

#include <string.h>

#include "profile/utf8.h"

void json_print_text(FILE *out, const char *text)
{
    uint32_t code;
    size_t size;

    fputc_unlocked('"', out);
    for (; *text; text += size) {
        size = utf8_decode(text, strnlen(text, 4), &code);
        if (!size)
            fputs_unlocked("\\ufffd", out);
        else if (code < 0x20 || (code < 0x80 && strchr("\"\\<>&\x7f", (int)code)) || code == 0x2028 || code == 0x2029)
            fprintf(out, "\\u%04x", code);
        else
            fwrite_unlocked(text, 1, size, out);
        size += !size;
    }
    fputc_unlocked('"', out);
}
