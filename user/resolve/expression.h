/* What a value on Python's stack is called, by the instruction that put it there. Pure. */
#ifndef HOTREF_RESOLVE_EXPRESSION_H
#define HOTREF_RESOLVE_EXPRESSION_H

#include "target/bytecode.h"
#include "target/pycode.h"

#define EXPRESSION_SIZE 256

/* A code object and what has been found out of it. */
struct expression_source {
    const struct pycode *code;
    const struct bytecode *bytecode;
    const struct opcodes *opcodes;
    char *const *constants; /* one text for each of code's, "'a b'"; NULL where it has none, or for none at all */
};

/* Writes value as its user would: "Service.ping", "CACHE['key']", "make()"; "" where nothing is known. */
void expression_text(const struct expression_source *source, bytecode_value value, char *into, size_t size);

/*
 * Writes value as a field: where it was read from. false where there is nothing to say.
 *
 *     global RATE          attribute .items         closure state      local x            constant 'a b'
 *     subscript CACHE['k'] result of call f         item of ITEMS      iterator over X    import os.path
 *     exception            cell x                   result of +        new list
 *
 * Values that were read in the same way have the same text in every function.
 */
bool expression_field(const struct expression_source *source, bytecode_value value, char *into, size_t size);

/* The value itself, where the instruction that put it hands on what it took: a method's self beside the method. */
bytecode_value expression_origin(const struct expression_source *source, bytecode_value value);

/* The values that the instruction at index takes, from below, as an stb_ds array; NULL where they are not known, or there
 * are none. */
bytecode_value *expression_inputs(const struct expression_source *source, uint32_t index);

/* What a variable is called as a field: "local x", or what a closure shares. number is that in co_localsplusnames. */
bool expression_variable(const struct expression_source *source, uint32_t number, bool content, char *into,
                         size_t size);

/* The name that an attribute's or global's instruction has; NULL where it has none. */
const char *expression_name(const struct expression_source *source, enum opcode opcode, uint32_t argument);

/* The variable that an instruction's output is read from; BYTECODE_UNKNOWN where it is from none. *content: from the cell
 * there. */
uint32_t expression_variable_of(const struct expression_source *source, bytecode_value value, bool *content);

#endif
