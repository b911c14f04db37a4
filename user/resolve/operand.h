/*
 * Which of the values that an instruction handles an object is. The candidates are what the instruction takes, what it
 * puts, and what it looks at on the way; each is looked for in the target, through the dicts and variables that the
 * bytecode names, and has to be the object by address. Pure, over struct python_memory.
 */
#ifndef HOTREF_RESOLVE_OPERAND_H
#define HOTREF_RESOLVE_OPERAND_H

#include "resolve/expression.h"

#define OPERAND_NO_LOCALS 0xffffffffu

struct operand_question {
    const struct expression_source *source;
    const struct python_memory *memory; /* NULL where the target is gone */
    uint64_t object, type; /* of the object */
    uint32_t index;        /* of the instruction */
    uint32_t local;        /* as in struct abi_bytecode; OPERAND_NO_LOCALS where that was not looked for */
    uint64_t globals, builtins, locals; /* the frame's dicts; 0 where not known */
    const uint64_t *variables; /* its first ones, count of them */
    uint32_t count;
};

/* For a decrement [0] and an increment [1]. "" where there is no answer. */
struct operand_answer {
    char proven[2][EXPRESSION_SIZE]; /* the object was found under that name, and under no other */
    char only[2][EXPRESSION_SIZE];   /* nothing else is left that the interpreter's loop does there */
};

void operand_find(const struct operand_question *question, struct operand_answer *answer);

#endif
