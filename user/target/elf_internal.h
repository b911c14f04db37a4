/* What the files that implement elf_file.h share. Nobody else includes it. */
#ifndef HOTREF_TARGET_ELF_INTERNAL_H
#define HOTREF_TARGET_ELF_INTERNAL_H

#include "target/elf_file.h"

#include <elfutils/libdw.h>
#include <gelf.h>

/* A section whose bytes were checked to lie within the file; bytes is NULL for one that has none there. */
struct elf_section {
    const char *name;
    const uint8_t *bytes;
    size_t size;
    uint64_t vaddr;
    uint64_t flags;
    uint32_t type;
    uint32_t link;
};

struct elf_symbol {
    uint64_t start, end;
    const char *name;
    int rank; /* of several at one address the lowest is shown: global, weak, local */
};

struct elf_relocation {
    uint64_t vaddr;
    uint64_t address; /* of a relative one, else 0 */
    const char *name; /* of a symbolic one, else NULL */
};

/* A defined symbol by the hash of its name: a stb_ds hash map. */
struct elf_name {
    uint64_t key;
    const char *name;
    uint64_t value;
};

/* What is dear to compute and not always wanted: filled on first use. */
struct elf_lazy {
    struct code_range *code;
    struct elf_symbol *symbols;
    struct elf_name *names;
    struct elf_relocation *relocations;
    Dwarf_CFI *cfi;
    char identity[64];
    bool has_code, has_symbols, has_names, has_relocations, has_cfi;
};

struct elf_file {
    int fd;
    Elf *elf;
    const uint8_t *image; /* the whole file, mapped */
    size_t size;
    GElf_Phdr *segments; /* loadable ones, clipped to the file */
    struct elf_section *sections;
    bool has_interpreter;
    char *name; /* for sentences */
    char *build_id;
    char *compiler;
    struct elf_lazy *lazy;
};

/* The first section of that type that holds bytes in the file; NULL if none. */
const struct elf_section *elf_section_of_type(const struct elf_file *file, uint32_t type);
const struct elf_section *elf_section_named(const struct elf_file *file, const char *name);
const struct elf_section *elf_section_at(const struct elf_file *file, uint32_t index);

/* The string at offset of a string table; NULL where it isn't terminated within it. */
const char *elf_string(const struct elf_section *strings, uint64_t offset);

#endif
