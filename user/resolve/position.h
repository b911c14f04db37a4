/* Where Python code stood when a row was described: its code object, read at once, and the instruction. */
#ifndef HOTREF_RESOLVE_POSITION_H
#define HOTREF_RESOLVE_POSITION_H

#include "resolve/live.h"

extern const struct live_lookup live_positions;

struct position {
    struct abi_bytecode event;
    const struct pycode *code; /* NULL where it was gone before it could be read */
    const struct pycode *variable_code; /* of the frame whose variable key.how tells; likewise */
};

/* The position of a row with key.code; NULL where it never was described or the message was lost. */
const struct position *position_of(const struct live *live, const struct collected_row *row);

/* What the row's objects are a variable of a frame under, "local x", or "cell x" for the cell that closures share. false
 * where they are none, or not certainly. */
bool position_variable(const struct live *live, const struct collected_row *row, char *into, size_t size);

#endif
