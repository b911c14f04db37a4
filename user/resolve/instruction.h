/* The field of an operation that no slot tells: from the bytecode of the frame on top, looked up while the object lives. */
#ifndef HOTREF_RESOLVE_INSTRUCTION_H
#define HOTREF_RESOLVE_INSTRUCTION_H

#include "resolve/live.h"

extern const struct live_lookup live_instructions;

/* Where in the interpreter the operation was. */
enum instruction_place {
    INSTRUCTION_LOOP,   /* in the loop that runs bytecode: it does what the instruction says, and nothing else */
    INSTRUCTION_CALLEE, /* where a frame is cleared, that of what the instruction called perhaps */
    INSTRUCTION_BELOW,  /* in another function */
};

/* "global RATE", or NULL where it cannot be told. increment: the row's operations are increments. */
const char *instruction_field(const struct live *live, const struct collected_row *row, enum instruction_place place,
                              bool increment);

#endif
