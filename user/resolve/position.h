/* Where Python code stood when a row was described: its code object, read at once, and the instruction. */
#ifndef HOTREF_RESOLVE_POSITION_H
#define HOTREF_RESOLVE_POSITION_H

#include "resolve/live.h"

extern const struct live_lookup live_positions;

struct position {
    struct abi_bytecode event;
    const struct pycode *code; /* NULL where it was gone before it could be read */
};

/* The position of a row with key.code; NULL where it never was described or the message was lost. */
const struct position *position_of(const struct live *live, const struct collected_row *row);

#endif
