/* Which variable of a frame a row's object is, told while the frame's code object lives. */
#ifndef HOTREF_RESOLVE_POSITION_H
#define HOTREF_RESOLVE_POSITION_H

#include "resolve/live.h"

extern const struct live_lookup live_positions;

/* What the row's objects are a variable of a frame under, "local x", or "cell x" for the cell that closures share. false
 * where they are none, or not certainly. */
bool position_variable(const struct live *live, const struct collected_row *row, char *into, size_t size);

#endif
