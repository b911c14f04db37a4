/*
 * The instructions of CPython's bytecode: which number is which in each version, what they take from the stack and put
 * on it, and where they go. Specialised and instrumented ones count as the one that they stand for. Pure.
 */
#ifndef HOTREF_TARGET_OPCODES_H
#define HOTREF_TARGET_OPCODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/opcode_table.h"

enum opcode {
    OPCODE_UNKNOWN, /* none that this version has, or one that hides another: INSTRUMENTED_LINE, ENTER_EXECUTOR */
#define X(name, ...) OPCODE_##name,
    OPCODE_TABLE(X)
#undef X
    OPCODE_COUNT
};

enum opcode_flow {
    OPCODE_NEXT,     /* goes on behind itself */
    OPCODE_FORWARD,  /* goes on so many units further */
    OPCODE_BACKWARD,
    OPCODE_BRANCH,   /* either: behind itself or so many units further */
    OPCODE_END,      /* goes nowhere from here */
};

/* How a version's instructions are numbered. */
struct opcodes {
    uint8_t base[256];       /* enum opcode by number */
    uint8_t line, instruction; /* the numbers of INSTRUMENTED_LINE and INSTRUMENTED_INSTRUCTION */
    bool since14, since15;
};

/* Those of the version (as PY_VERSION_HEX) into opcodes; -1 without a sentence where its numbers are not known: alphas
 * change them from commit to commit. */
int opcodes_of(uint64_t hex_version, struct opcodes *opcodes);

/* What an instruction does to the stack: it takes in values from its top and puts out there, of which the lowest keep
 * are the lowest that it took. COPY and SWAP are not told so. */
struct opcode_effect {
    uint32_t in, out, keep;
    uint32_t caches;         /* units behind the instruction that are none themselves */
    enum opcode_flow flow;
};
struct opcode_effect opcode_effect(const struct opcodes *opcodes, enum opcode opcode, uint32_t argument);

#endif
