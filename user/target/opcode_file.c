#include "target/opcode_file.h"

#include <stdlib.h>
#include <string.h>

static int copy_bytes(const struct elf_file *file, const char *symbol, uint8_t *into, size_t size)
{
    uint64_t vaddr = elf_file_symbol(file, symbol);
    const uint8_t *bytes = vaddr ? elf_file_bytes(file, vaddr, size) : NULL;

    if (!bytes)
        return -1;
    memcpy(into, bytes, size);
    return 0;
}

/* "" for a name that is none, or too long. */
static void copy_name(const struct elf_file *file, uint64_t vaddr, char into[OPCODE_NAME])
{
    for (size_t i = 0; vaddr && i < OPCODE_NAME; i++) {
        const uint8_t *byte = elf_file_bytes(file, vaddr + i, 1);

        if (!byte)
            break;
        into[i] = (char)*byte;
        if (!*byte)
            return;
    }
    into[0] = '\0';
}

/* Pointers, which the loader puts there in a position-independent file. */
static int copy_names(const struct elf_file *file, struct opcode_arrays *arrays)
{
    uint64_t vaddr = elf_file_symbol(file, "_PyOpcode_OpName"), name;
    const uint8_t *bytes = vaddr ? elf_file_bytes(file, vaddr, 256 * sizeof(name)) : NULL;

    if (!bytes)
        return -1;
    for (size_t i = 0; i < 256; i++) {
        memcpy(&name, bytes + i * sizeof(name), sizeof(name));
        if (!name)
            name = elf_file_bound_address(file, vaddr + i * sizeof(name));
        copy_name(file, name, arrays->names[i]);
    }
    return 0;
}

int opcode_arrays_in(const struct elf_file *file, struct opcode_arrays *arrays)
{
    memset(arrays, 0, sizeof(*arrays));
    return copy_bytes(file, "_PyOpcode_Deopt", arrays->plain, sizeof(arrays->plain)) != 0 ||
                   copy_bytes(file, "_PyOpcode_Caches", arrays->caches, sizeof(arrays->caches)) != 0 ||
                   copy_names(file, arrays) != 0
               ? -1
               : 0;
}

int opcodes_in_file(const struct elf_file *file, uint64_t hex_version, struct opcodes *opcodes)
{
    struct opcode_arrays *arrays = calloc(1, sizeof(*arrays));
    int status = arrays && opcode_arrays_in(file, arrays) == 0 ? opcodes_by_name(hex_version, arrays, opcodes) : -1;

    free(arrays);
    if (status != 0)
        status = opcodes_of(hex_version, opcodes);
    if (status != 0)
        memset(opcodes, 0, sizeof(*opcodes));
    return status;
}
