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

/* How a version's instructions are numbered, and what they mean there. */
struct opcodes {
    uint8_t base[256];       /* enum opcode by number */
    uint8_t caches[OPCODE_COUNT]; /* units behind each that are none themselves */
    uint8_t line, instruction; /* the numbers of INSTRUMENTED_LINE and INSTRUMENTED_INSTRUCTION; 0: there is none */
    bool since14, since15;
    bool specials;           /* methods of with statements lie on the stack as LOAD_SPECIAL puts them */
};

/* Those of the version (as PY_VERSION_HEX) into opcodes; -1 without a sentence where its numbers are not known: alphas
 * change them from commit to commit. */
int opcodes_of(uint64_t hex_version, struct opcodes *opcodes);

/* What an interpreter says of its own numbers: _PyOpcode_OpName, _PyOpcode_Deopt and _PyOpcode_Caches, the same arrays in
 * Include/internal/pycore_opcode_metadata.h from 3.13.5 to 3.16.0a0. */
#define OPCODE_NAME 48
struct opcode_arrays {
    char names[256][OPCODE_NAME]; /* "" where a number has none */
    uint8_t plain[256];      /* by number: the one that a specialised instruction stands for */
    uint8_t caches[256];
};

/* Those of an interpreter by its own arrays; -1 without a sentence where they do not hold together, or what the version's
 * instructions do is not known. */
int opcodes_by_name(uint64_t hex_version, const struct opcode_arrays *arrays, struct opcodes *opcodes);

/* What an instruction does to the stack: it takes in values from its top and puts out there, of which the lowest keep
 * are the lowest that it took. COPY and SWAP are not told so. */
struct opcode_effect {
    uint32_t in, out, keep;
    uint32_t caches;         /* units behind the instruction that are none themselves */
    enum opcode_flow flow;
};
struct opcode_effect opcode_effect(const struct opcodes *opcodes, enum opcode opcode, uint32_t argument);

#endif
