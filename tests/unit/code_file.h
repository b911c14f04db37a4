/*
 * ELF files made of literal machine code, for tests of what reads them: the code at its addresses, an
 * .eh_frame that bounds each piece as a linker's does, and dynamic symbols and relocations where a test wants
 * some.
 */
#ifndef HOTREF_TESTS_CODE_FILE_H
#define HOTREF_TESTS_CODE_FILE_H

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/elf_file.h"
#include "util/array.h"

/* Addresses are offsets in the file too. Code lies in [TEXT, DATA), all else that is loaded in [DATA, REST).
 */
enum { CODE_FILE_TEXT = 0x1000, CODE_FILE_DATA = 0x3000, CODE_FILE_REST = 0x4000 };

struct code_piece {
    uint64_t address;
    const char *bytes;
    size_t size;
    uint8_t frame; /* how far the canonical frame address lies above rsp at its start: 8 where it is called;
                      0: data */
};
#define CODE(address, bytes)                                                                                 \
    {                                                                                                        \
        (address), (bytes), sizeof(bytes) - 1, 8                                                             \
    }
#define COLD(address, bytes, frame)                                                                          \
    {                                                                                                        \
        (address), (bytes), sizeof(bytes) - 1, (frame)                                                       \
    }
#define DATA(address, bytes)                                                                                 \
    {                                                                                                        \
        (address), (bytes), sizeof(bytes) - 1, 0                                                             \
    }
#define END_OF_CODE                                                                                          \
    {                                                                                                        \
        0, NULL, 0, 0                                                                                        \
    }

/* A defined symbol, or with a slot the name that a relocation binds it to; without a name a relative
 * relocation. */
struct code_symbol {
    const char *name;
    uint64_t address;
    uint64_t slot;
};
#define END_OF_SYMBOLS                                                                                       \
    {                                                                                                        \
        NULL, 0, 0                                                                                           \
    }

static inline void code_put(uint8_t **into, const void *bytes, size_t size)
{
    if (size)
        memcpy(arraddnptr(*into, size), bytes, size);
}

static inline void code_put_word(uint8_t **into, uint32_t word)
{
    code_put(into, &word, sizeof(word));
}

/* One CIE, as compilers write it: addresses relative to where they stand, rsp + 8 and the return address
 * below it. */
static inline void code_put_cie(uint8_t **frames)
{
    static const uint8_t cie[] = {
        0x14, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 0x10, 1, 0x1b, /* pcrel, sdata4 */
        0x0c, 7, 8,                                                        /* DW_CFA_def_cfa rsp, 8 */
        0x90, 1,                                                           /* DW_CFA_offset ra, 1 */
        0,    0,
    };

    code_put(frames, cie, sizeof(cie));
}

static inline void code_put_fde(uint8_t **frames, const struct code_piece *piece)
{
    const uint8_t frame[] = {0, 0x0e /* DW_CFA_def_cfa_offset */, piece->frame, 0};
    uint64_t at = CODE_FILE_REST + arrlenu(*frames);

    code_put_word(frames, 4 + 4 + 4 + sizeof(frame));
    code_put_word(frames, arrlenu(*frames));
    code_put_word(frames, (uint32_t)(piece->address - (at + 8)));
    code_put_word(frames, (uint32_t)piece->size);
    code_put(frames, frame, sizeof(frame));
}

static inline uint8_t *code_frames(const struct code_piece *pieces)
{
    uint8_t *frames = NULL;

    code_put_cie(&frames);
    for (; pieces->bytes; pieces++) {
        if (pieces->frame)
            code_put_fde(&frames, pieces);
    }
    code_put_word(&frames, 0);
    return frames;
}

/* What the symbols become: .dynsym, .dynstr and .rela.dyn. */
struct code_tables {
    uint8_t *symbols, *strings, *relocations;
};

static inline void code_put_symbol(struct code_tables *tables, const struct code_symbol *symbol,
                                   uint64_t number)
{
    Elf64_Sym entry = {.st_value = symbol->address, .st_shndx = symbol->address ? SHN_ABS : SHN_UNDEF};
    Elf64_Rela relocation = {.r_offset = symbol->slot, .r_info = ELF64_R_INFO(number, R_X86_64_JUMP_SLOT)};

    entry.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
    entry.st_name = arrlenu(tables->strings);
    code_put(&tables->strings, symbol->name ? symbol->name : "", symbol->name ? strlen(symbol->name) + 1 : 1);
    code_put(&tables->symbols, &entry, sizeof(entry));
    if (!symbol->name) {
        relocation.r_info = ELF64_R_INFO(0, R_X86_64_RELATIVE);
        relocation.r_addend = (int64_t)symbol->address;
    }
    if (symbol->slot)
        code_put(&tables->relocations, &relocation, sizeof(relocation));
}

static inline struct code_tables code_tables(const struct code_symbol *symbols)
{
    struct code_tables tables = {0};
    Elf64_Sym none = {0};

    code_put(&tables.symbols, &none, sizeof(none));
    code_put(&tables.strings, "", 1);
    for (uint64_t i = 0; symbols && (symbols[i].name || symbols[i].slot); i++)
        code_put_symbol(&tables, &symbols[i], i + 1);
    return tables;
}

static inline void code_put_image(uint8_t **image, const struct code_piece *pieces)
{
    static const Elf64_Phdr segments[] = {
        {PT_LOAD, PF_R | PF_X, CODE_FILE_TEXT, CODE_FILE_TEXT, CODE_FILE_TEXT,
         CODE_FILE_DATA - CODE_FILE_TEXT, CODE_FILE_DATA - CODE_FILE_TEXT, 0x1000},
        {PT_LOAD, PF_R | PF_W, CODE_FILE_DATA, CODE_FILE_DATA, CODE_FILE_DATA,
         CODE_FILE_REST - CODE_FILE_DATA, CODE_FILE_REST - CODE_FILE_DATA, 0x1000},
    };

    memset(arraddnptr(*image, CODE_FILE_REST), 0, CODE_FILE_REST);
    memcpy(*image + sizeof(Elf64_Ehdr), segments, sizeof(segments));
    for (; pieces->bytes; pieces++)
        memcpy(*image + pieces->address, pieces->bytes, pieces->size);
}

static inline void code_put_section(uint8_t **image, Elf64_Shdr *header, uint8_t *content)
{
    header->sh_addr = header->sh_offset = arrlenu(*image);
    header->sh_size = arrlenu(content);
    header->sh_addralign = 1;
    code_put(image, content, arrlenu(content));
    while (arrlenu(*image) % 8)
        code_put(image, "", 1);
    arrfree(content);
}

/* .eh_frame comes first: its address is known to those that wrote it. */
static inline void code_put_sections(uint8_t **image, const struct code_piece *pieces,
                                     const struct code_symbol *symbols)
{
    static const char names[] = "\0.eh_frame\0.dynsym\0.dynstr\0.rela.dyn\0.shstrtab";
    Elf64_Shdr sections[] = {
        {0},
        {.sh_name = 1, .sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC},
        {.sh_name = 11,
         .sh_type = SHT_DYNSYM,
         .sh_flags = SHF_ALLOC,
         .sh_link = 3,
         .sh_entsize = sizeof(Elf64_Sym)},
        {.sh_name = 19, .sh_type = SHT_STRTAB, .sh_flags = SHF_ALLOC},
        {.sh_name = 27,
         .sh_type = SHT_RELA,
         .sh_flags = SHF_ALLOC,
         .sh_link = 2,
         .sh_entsize = sizeof(Elf64_Rela)},
        {.sh_name = 37, .sh_type = SHT_STRTAB},
    };
    struct code_tables tables = code_tables(symbols);
    uint8_t *text = NULL;
    Elf64_Ehdr *header;

    code_put(&text, names, sizeof(names));
    code_put_section(image, &sections[1], code_frames(pieces));
    code_put_section(image, &sections[2], tables.symbols);
    code_put_section(image, &sections[3], tables.strings);
    code_put_section(image, &sections[4], tables.relocations);
    code_put_section(image, &sections[5], text);
    header = (Elf64_Ehdr *)*image;
    header->e_shoff = arrlenu(*image);
    header->e_shnum = sizeof(sections) / sizeof(sections[0]);
    header->e_shstrndx = header->e_shnum - 1;
    code_put(image, sections, sizeof(sections));
}

static inline void code_put_header(uint8_t *image)
{
    Elf64_Ehdr header = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_DYN,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_phoff = sizeof(header),
        .e_ehsize = sizeof(header),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = 2,
        .e_shentsize = sizeof(Elf64_Shdr),
    };

    memcpy(image, &header, sizeof(header));
}

/* The file, opened; symbols may be NULL. NULL if that fails, which no test expects. */
static inline struct elf_file *code_file(const struct code_piece *pieces, const struct code_symbol *symbols)
{
    char path[] = "/tmp/hotref-unit-XXXXXX";
    int fd = mkstemp(path);
    uint8_t *image = NULL;
    struct elf_file *file = NULL;

    code_put_image(&image, pieces);
    code_put_header(image);
    code_put_sections(&image, pieces, symbols);
    if (fd >= 0 && write(fd, image, arrlenu(image)) == (ssize_t)arrlenu(image))
        file = elf_file_open(path);
    unlink(path);
    close(fd);
    arrfree(image);
    return file;
}

#endif
