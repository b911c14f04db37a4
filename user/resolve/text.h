/* Python strings, as BPF copied them, as UTF-8. Pure. */
#ifndef HOTREF_RESOLVE_TEXT_H
#define HOTREF_RESOLVE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "abi.h"

/* Writes text as UTF-8, NUL-terminated, with "…" behind what BPF or size cut off; returns false for no text. What is
 * no character (NUL, a lone surrogate) becomes U+FFFD. */
bool text_utf8(const struct abi_text *text, char *into, size_t size);

#endif
