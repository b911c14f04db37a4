/* Words as a user would type them at a shell. */
#ifndef HOTREF_PROFILE_SPELL_H
#define HOTREF_PROFILE_SPELL_H

#include <stdio.h>

/* Writes word so that a shell takes it for one: as it is where that will do, else 'quoted', and as $'two\nlines' (bash,
 * zsh, ksh, POSIX.1-2024) where it holds what cannot be shown. What comes out is valid UTF-8 without control characters. */
void spell_word(FILE *out, const char *word);

#endif
