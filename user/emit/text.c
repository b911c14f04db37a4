#include "emit/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

#include "profile/utf8.h"

struct text_locale text_begin(void)
{
    struct text_locale locale = {.utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0)};

    if (locale.utf8)
        locale.before = uselocale(locale.utf8);
    return locale;
}

void text_end(const struct text_locale *locale)
{
    if (!locale->utf8)
        return;
    uselocale(locale->before);
    freelocale(locale->utf8);
}

/* One character as it is shown. */
struct piece {
    char text[12];
    size_t width;
};

static bool turns_direction(uint32_t code)
{
    return code == 0x061c || code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

static void escape(struct piece *piece, uint32_t code)
{
    static const char short_form[] = "abtnvfr";

    if (code >= 7 && code <= 13)
        snprintf(piece->text, sizeof(piece->text), "\\%c", short_form[code - 7]);
    else
        snprintf(piece->text, sizeof(piece->text),
                 code < 0x100     ? "\\x%02x"
                 : code < 0x10000 ? "\\u%04x"
                                  : "\\U%08x",
                 code);
    piece->width = strlen(piece->text);
}

/* Takes one character off text. */
static const char *take(const char *text, struct piece *piece)
{
    uint32_t code;
    size_t size = utf8_decode(text, strnlen(text, 4), &code);
    int width;

    if (size == 0) {
        escape(piece, (unsigned char)*text);
        return text + 1;
    }
    width = turns_direction(code) ? -1 : wcwidth((wchar_t)code);
    if (width < 0) {
        escape(piece, code);
    } else {
        memcpy(piece->text, text, size);
        piece->text[size] = '\0';
        piece->width = (size_t)width;
    }
    return text + size;
}

/* Length of text if it is all printable ASCII, as nearly all of it is; else 0. */
static size_t plain_length(const char *text)
{
    const char *at = text;

    while (*at >= 0x20 && *at < 0x7f)
        at++;
    return *at ? 0 : (size_t)(at - text);
}

size_t text_width(const char *text)
{
    size_t width = plain_length(text);
    struct piece piece;

    if (width)
        return width;
    while (*text) {
        text = take(text, &piece);
        width += piece.width;
    }
    return width;
}

/* The end tells as much as the beginning: a code object's name ends with its file and line. */
static size_t print_cut(FILE *out, const char *text, size_t width, size_t limit)
{
    size_t tail = (limit - 1) / 2, head = limit - 1 - tail, at = 0, printed = 1;
    bool cut = false;
    struct piece piece;

    while (*text) {
        text = take(text, &piece);
        if (!cut && at + piece.width > head) {
            fputs_unlocked("…", out);
            cut = true;
        }
        if (!cut || at >= width - tail) {
            fputs_unlocked(piece.text, out);
            printed += piece.width;
        }
        at += piece.width;
    }
    return printed;
}

size_t text_print(FILE *out, const char *text, size_t limit)
{
    size_t plain = plain_length(text), width = plain ? plain : text_width(text);
    struct piece piece;

    if (limit && width > limit)
        return print_cut(out, text, width, limit);
    if (plain) {
        fwrite_unlocked(text, 1, plain, out);
        return width;
    }
    while (*text) {
        text = take(text, &piece);
        fputs_unlocked(piece.text, out);
    }
    return width;
}

void text_pad(FILE *out, size_t columns)
{
    static const char blanks[] = "                                        ";
    const size_t most = sizeof(blanks) - 1;

    for (; columns > most; columns -= most)
        fwrite_unlocked(blanks, 1, most, out);
    fwrite_unlocked(blanks, 1, columns, out);
}

void text_flow(FILE *out, const char *text, size_t width, size_t column, size_t indent)
{
    char word[256];
    bool begun = false;

    if (!width) {
        text_print(out, text, 0);
        fputc_unlocked('\n', out);
        return;
    }
    while (*text) {
        size_t length = strcspn(text, " "), columns;

        /* A longer one is no word of ours; taking it in parts is good enough. */
        length = length < sizeof(word) ? length : sizeof(word) - 1;
        memcpy(word, text, length);
        word[length] = '\0';
        columns = text_width(word);
        if (begun && column + 1 + columns > width) {
            fputc_unlocked('\n', out);
            text_pad(out, indent);
            column = indent;
        } else if (begun) {
            fputc_unlocked(' ', out);
            column++;
        }
        column += text_print(out, word, width > indent ? width - indent : 1);
        begun = true;
        text += length;
        text += strspn(text, " ");
    }
    fputc_unlocked('\n', out);
}

void text_wrap(FILE *out, const char *text, size_t width)
{
    text_flow(out, text, width, 0, 0);
}
