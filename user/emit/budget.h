/* A first budget, for people to go on from. */
#ifndef HOTREF_EMIT_BUDGET_H
#define HOTREF_EMIT_BUDGET_H

#include <stdio.h>

#include "profile/profile.h"

/* Writes limits that the profile keeps, with some room, as YAML with comments. -1 with a failure. */
int budget_emit(const struct profile *profile, FILE *out);

#endif
