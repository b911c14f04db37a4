#include "profile/spell.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "profile/utf8.h"

static bool is_ordinary(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("_@%+=:,./-", c));
}

/* Controls, and what turns the direction of writing or breaks lines. */
static bool can_be_shown(uint32_t code)
{
    return code >= 0x20 && !(code >= 0x7f && code < 0xa0) && code != 0x061c && code != 0x200e && code != 0x200f &&
           !(code >= 0x2028 && code <= 0x202e) && !(code >= 0x2066 && code <= 0x2069);
}

/* The size of the character at word, if it can be shown; else 0. */
static size_t shown_size(const char *word)
{
    uint32_t code;
    size_t size = utf8_decode(word, strnlen(word, 4), &code);

    return size && can_be_shown(code) ? size : 0;
}

static bool all_shown(const char *word)
{
    size_t size;

    while (*word && (size = shown_size(word)))
        word += size;
    return !*word;
}

static void spell_quoted(FILE *out, const char *word)
{
    fputc('\'', out);
    for (; *word; word++) {
        if (*word == '\'')
            fputs("'\\''", out);
        else
            fputc(*word, out);
    }
    fputc('\'', out);
}

/* A byte that cannot be shown. Three digits always: one that follows is not taken for another. */
static void spell_byte(FILE *out, unsigned char byte)
{
    if (byte == '\n')
        fputs("\\n", out);
    else if (byte == '\t')
        fputs("\\t", out);
    else
        fprintf(out, "\\%03o", byte);
}

static void spell_escaped(FILE *out, const char *word)
{
    fputs("$'", out);
    while (*word) {
        size_t size = shown_size(word);

        if (*word == '\'' || *word == '\\')
            fputc('\\', out);
        if (size)
            fwrite(word, 1, size, out);
        else
            spell_byte(out, (unsigned char)*word);
        word += size ? size : 1;
    }
    fputc('\'', out);
}

void spell_word(FILE *out, const char *word)
{
    const char *at = word;

    while (is_ordinary(*at))
        at++;
    if (*word && !*at)
        fputs(word, out);
    else if (all_shown(word))
        spell_quoted(out, word);
    else
        spell_escaped(out, word);
}
