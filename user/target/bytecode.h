/*
 * Where the values on Python's stack come from: one walk over the bytecode of a code object tells for each instruction
 * which earlier ones put there what it takes. Where ways meet that bring different values, nothing is said. Pure, and
 * bytecode is taken for hostile: what does not fit together has no answers.
 */
#ifndef HOTREF_TARGET_BYTECODE_H
#define HOTREF_TARGET_BYTECODE_H

#include "target/opcodes.h"

/* A value by the instruction that put it on the stack, and which of the values that it puts there it is, from below. */
typedef uint32_t bytecode_value;
#define BYTECODE_UNKNOWN 0xffffffffu
#define BYTECODE_VALUE(instr, output) ((instr) << 8 | (output))
#define BYTECODE_INSTR(value) ((value) >> 8)
#define BYTECODE_OUTPUT(value) ((value) & 0xff)
#define BYTECODE_EXCEPTION 0xff /* the output of a handler's first instruction: the exception that it is there for */

/* Code: 2 bytes a unit, specialised and instrumented as it may be. */
struct bytecode_text {
    const uint8_t *code;
    size_t units;
    const uint8_t *exceptions; /* co_exceptiontable */
    size_t exceptions_size;
};

struct bytecode;

/* NULL where there is too much of it. text is not needed any more after that, opcodes is. bytecode_free() takes NULL. */
struct bytecode *bytecode_new(const struct opcodes *opcodes, const struct bytecode_text *text);
void bytecode_free(struct bytecode *bytecode);

/* The instruction at index (in units; what the EXTENDED_ARGs before it say is in argument, and index may be one of
 * theirs). Returns where it stands, or BYTECODE_UNKNOWN where none is or can be told. */
uint32_t bytecode_instr(const struct bytecode *bytecode, uint32_t index, enum opcode *opcode, uint32_t *argument);

/* The stack right before the instruction at index, from the bottom, as an stb_ds array for arrfree(); -1 where that is
 * not certain. */
int bytecode_stack(const struct bytecode *bytecode, uint32_t index, bytecode_value **stack);

#endif
