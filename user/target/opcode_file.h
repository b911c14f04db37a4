/* How an interpreter numbers its instructions: as it says itself where its file still names the arrays, else by its
 * version. */
#ifndef HOTREF_TARGET_OPCODE_FILE_H
#define HOTREF_TARGET_OPCODE_FILE_H

#include "target/elf_file.h"
#include "target/opcodes.h"

/* The arrays of the interpreter in file; -1 without a sentence where it names none, or they are damaged. */
int opcode_arrays_in(const struct elf_file *file, struct opcode_arrays *arrays);

/* -1 without a sentence, and no instruction known, where neither tells. */
int opcodes_in_file(const struct elf_file *file, uint64_t hex_version, struct opcodes *opcodes);

#endif
