/* Text from the target may be any bytes; what a profile keeps is UTF-8. */
#ifndef HOTREF_PROFILE_UTF8_H
#define HOTREF_PROFILE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Bytes of the character that starts at bytes, of length bytes at most; 0 where none does (overlong forms,
 * surrogates and all above U+10FFFF included). The character goes to *code. */
size_t utf8_decode(const char *bytes, size_t length, uint32_t *code);

/* True if bytes are UTF-8 throughout; NUL counts as a character. */
bool utf8_valid(const char *bytes, size_t length);

/* A copy with U+FFFD for each byte that belongs to no character; malloc'ed. */
char *utf8_repair(const char *string);

#endif
