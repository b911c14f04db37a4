/* Names in an ELF file: symbols, and what dynamic relocations bind. */
#include "target/elf_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"

static const struct elf_section *symbol_table(const struct elf_file *file)
{
    const struct elf_section *table = elf_section_of_type(file, SHT_SYMTAB);

    return table != NULL ? table : elf_section_of_type(file, SHT_DYNSYM);
}

static bool symbol_read(const struct elf_section *table, uint64_t index, Elf64_Sym *symbol)
{
    if (index >= table->size / sizeof(*symbol))
        return false;
    memcpy(symbol, table->bytes + index * sizeof(*symbol), sizeof(*symbol));
    return true;
}

static uint64_t name_hash(const char *name)
{
    return stbds_hash_string((char *)name, 0);
}

/* The first of several symbols of one name is the one that is meant. */
static void add_names(const struct elf_file *file, const struct elf_section *table, struct elf_lazy *lazy)
{
    const struct elf_section *strings = table != NULL ? elf_section_at(file, table->link) : NULL;
    Elf64_Sym symbol;

    for (uint64_t i = 1; table != NULL && symbol_read(table, i, &symbol); i++) {
        int type = ELF64_ST_TYPE(symbol.st_info);
        const char *name;

        if (symbol.st_shndx == SHN_UNDEF || type == STT_SECTION || type == STT_FILE || symbol.st_value == 0)
            continue;
        name = elf_string(strings, symbol.st_name);
        if (name != NULL && hmgeti(lazy->names, name_hash(name)) < 0)
            hmputs(lazy->names, ((struct elf_name){name_hash(name), name, symbol.st_value}));
    }
}

uint64_t elf_file_symbol(const struct elf_file *file, const char *name)
{
    struct elf_lazy *lazy = file->lazy;
    struct elf_name *names;
    ptrdiff_t used, at;

    if (!lazy->has_names) {
        lazy->has_names = true;
        add_names(file, elf_section_of_type(file, SHT_SYMTAB), lazy);
        add_names(file, elf_section_of_type(file, SHT_DYNSYM), lazy);
    }
    names = lazy->names; /* several threads may ask */
    at = names != NULL ? hmgeti_ts(names, name_hash(name), used) : -1;
    return at < 0 || strcmp(names[at].name, name) != 0 ? 0 : names[at].value;
}

static bool thread_segment(const struct elf_file *file, GElf_Phdr *segment)
{
    size_t count;

    if (elf_getphdrnum(file->elf, &count) != 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (gelf_getphdr(file->elf, (int)i, segment) != NULL && segment->p_type == PT_TLS)
            return true;
    }
    return false;
}

/* x86-64 psABI, TLS variant II: the executable's block ends at the thread pointer, rounded up to its alignment. */
int64_t elf_file_thread_symbol(const struct elf_file *file, const char *wanted)
{
    const struct elf_section *table = elf_section_of_type(file, SHT_SYMTAB);
    const struct elf_section *strings = table != NULL ? elf_section_at(file, table->link) : NULL;
    GElf_Phdr segment;
    Elf64_Sym symbol;

    if (table == NULL || elf_file_is_shared(file) || !thread_segment(file, &segment) ||
        segment.p_memsz > INT32_MAX || segment.p_align > INT32_MAX)
        return 0;
    for (uint64_t i = 1; symbol_read(table, i, &symbol); i++) {
        const char *name = elf_string(strings, symbol.st_name);
        uint64_t align = segment.p_align != 0 ? segment.p_align : 1;
        uint64_t size = (segment.p_memsz + align - 1) / align * align;

        if (ELF64_ST_TYPE(symbol.st_info) != STT_TLS || symbol.st_shndx == SHN_UNDEF ||
            symbol.st_value >= segment.p_memsz || name == NULL || strcmp(name, wanted) != 0)
            continue;
        return (int64_t)symbol.st_value - (int64_t)size;
    }
    return 0;
}

bool elf_file_imports(const struct elf_file *file, const char *prefix)
{
    const struct elf_section *table = elf_section_of_type(file, SHT_DYNSYM);
    const struct elf_section *strings = table != NULL ? elf_section_at(file, table->link) : NULL;
    Elf64_Sym symbol;

    for (uint64_t i = 1; table != NULL && symbol_read(table, i, &symbol); i++) {
        const char *name = symbol.st_shndx == SHN_UNDEF ? elf_string(strings, symbol.st_name) : NULL;

        if (name != NULL && strncmp(name, prefix, strlen(prefix)) == 0)
            return true;
    }
    return false;
}

bool elf_file_has_lto_symbols(const struct elf_file *file)
{
    static const char mark[] = ".lto_priv";
    const struct elf_section *table = elf_section_of_type(file, SHT_SYMTAB);
    const struct elf_section *strings = table != NULL ? elf_section_at(file, table->link) : NULL;

    return strings != NULL && memmem(strings->bytes, strings->size, mark, strlen(mark)) != NULL;
}

static int by_start_and_rank(const void *left, const void *right)
{
    const struct elf_symbol *a = left, *b = right;

    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return a->rank - b->rank;
}

static void sort_symbols(const struct elf_file *file, struct elf_lazy *lazy)
{
    const struct elf_section *table = symbol_table(file);
    const struct elf_section *strings = table != NULL ? elf_section_at(file, table->link) : NULL;
    Elf64_Sym symbol;
    ptrdiff_t kept = 0;

    for (uint64_t i = 1; table != NULL && symbol_read(table, i, &symbol); i++) {
        int type = ELF64_ST_TYPE(symbol.st_info), bind = ELF64_ST_BIND(symbol.st_info);
        struct elf_symbol entry = {.start = symbol.st_value, .end = symbol.st_value + symbol.st_size};

        if ((type != STT_FUNC && type != STT_GNU_IFUNC) || symbol.st_shndx == SHN_UNDEF ||
            entry.end <= entry.start)
            continue;
        entry.name = elf_string(strings, symbol.st_name);
        entry.rank = bind == STB_GLOBAL ? 0 : bind == STB_WEAK ? 1 : 2;
        if (entry.name != NULL)
            arrput(lazy->symbols, entry);
    }
    if (lazy->symbols == NULL)
        return;
    qsort(lazy->symbols, arrlenu(lazy->symbols), sizeof(*lazy->symbols), by_start_and_rank);
    for (ptrdiff_t i = 0; i < arrlen(lazy->symbols); i++) {
        if (kept == 0 || lazy->symbols[kept - 1].start != lazy->symbols[i].start)
            lazy->symbols[kept++] = lazy->symbols[i];
    }
    arrsetlen(lazy->symbols, kept);
}

const char *elf_file_symbol_at(const struct elf_file *file, uint64_t vaddr, uint64_t *distance)
{
    struct elf_lazy *lazy = file->lazy;
    ptrdiff_t low = 0, high;

    if (!lazy->has_symbols) {
        sort_symbols(file, lazy);
        lazy->has_symbols = true;
    }
    high = arrlen(lazy->symbols);
    while (low < high) { /* the first that starts behind vaddr */
        ptrdiff_t middle = low + (high - low) / 2;

        if (lazy->symbols[middle].start <= vaddr)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || vaddr >= lazy->symbols[low - 1].end)
        return NULL;
    if (distance != NULL)
        *distance = vaddr - lazy->symbols[low - 1].start;
    return lazy->symbols[low - 1].name;
}

static void read_rela(const struct elf_file *file, const struct elf_section *section, struct elf_lazy *lazy)
{
    const struct elf_section *symbols = elf_section_at(file, section->link);
    Elf64_Rela rela;
    Elf64_Sym symbol;

    for (size_t at = 0; section->size - at >= sizeof(rela); at += sizeof(rela)) {
        struct elf_relocation entry = {0};

        memcpy(&rela, section->bytes + at, sizeof(rela));
        entry.vaddr = rela.r_offset;
        switch (ELF64_R_TYPE(rela.r_info)) {
        case R_X86_64_RELATIVE:
            entry.address = (uint64_t)rela.r_addend;
            break;
        case R_X86_64_64:
        case R_X86_64_GLOB_DAT:
        case R_X86_64_JUMP_SLOT:
            if (symbols != NULL && symbol_read(symbols, ELF64_R_SYM(rela.r_info), &symbol))
                entry.name = elf_string(elf_section_at(file, symbols->link), symbol.st_name);
            break;
        }
        if (entry.name != NULL || entry.address != 0)
            arrput(lazy->relocations, entry);
    }
}

/* The word at vaddr of the image is the address that a packed relocation rebases. */
static void put_packed(const struct elf_file *file, uint64_t vaddr, struct elf_lazy *lazy)
{
    const uint8_t *word = elf_file_bytes(file, vaddr, sizeof(uint64_t));
    struct elf_relocation entry = {.vaddr = vaddr};

    if (word == NULL)
        return;
    memcpy(&entry.address, word, sizeof(entry.address));
    arrput(lazy->relocations, entry);
}

/* Packed relative relocations: an even word is an address; an odd one has a bit for each of the 63 words
 * behind the last one (generic ABI, "Relative relocation table"). */
static void read_relr(const struct elf_file *file, const struct elf_section *section, struct elf_lazy *lazy)
{
    uint64_t entry, next = 0;

    for (size_t at = 0; section->size - at >= sizeof(entry); at += sizeof(entry)) {
        memcpy(&entry, section->bytes + at, sizeof(entry));
        if ((entry & 1) == 0) {
            put_packed(file, entry, lazy);
            next = entry + 8;
            continue;
        }
        for (int bit = 1; bit < 64; bit++) {
            if (entry >> bit & 1)
                put_packed(file, next + 8 * (uint64_t)(bit - 1), lazy);
        }
        next += 63 * 8;
    }
}

static int by_vaddr(const void *left, const void *right)
{
    const struct elf_relocation *a = left, *b = right;

    return a->vaddr < b->vaddr ? -1 : a->vaddr > b->vaddr;
}

/* A PLT stub: an indirect jump through the slot that a relocation binds, perhaps behind endbr64 and with a bnd prefix. */
static const char *stub_name(const struct elf_file *file, uint64_t vaddr)
{
    static const uint8_t endbr[] = {0xf3, 0x0f, 0x1e, 0xfa}, jump[] = {0xff, 0x25};
    const uint8_t *bytes = elf_file_bytes(file, vaddr, 16);
    size_t at = bytes != NULL && memcmp(bytes, endbr, sizeof(endbr)) == 0 ? sizeof(endbr) : 0;
    int32_t distance;

    if (bytes == NULL)
        return NULL;
    at += bytes[at] == 0xf2;
    if (memcmp(bytes + at, jump, sizeof(jump)) != 0)
        return NULL;
    memcpy(&distance, bytes + at + sizeof(jump), sizeof(distance));
    return elf_file_bound_name(file, vaddr + at + sizeof(jump) + sizeof(distance) + distance);
}

void elf_file_function_name(const struct elf_file *file, const char *path, uint64_t vaddr, char *into, size_t size)
{
    const struct code_range *range = elf_file_code_at(file, vaddr);
    const char *symbol = elf_file_symbol_at(file, vaddr, NULL), *last = strrchr(path, '/');

    if (!symbol)
        symbol = stub_name(file, vaddr);
    if (symbol)
        snprintf(into, size, "%.*s", (int)strcspn(symbol, "."), symbol);
    else
        snprintf(into, size, "%s+0x%llx", last ? last + 1 : path, (unsigned long long)(range ? range->start : vaddr));
}

static const struct elf_relocation *relocation_at(const struct elf_file *file, uint64_t vaddr)
{
    struct elf_lazy *lazy = file->lazy;
    struct elf_relocation wanted = {.vaddr = vaddr};

    if (!lazy->has_relocations) {
        lazy->has_relocations = true;
        for (ptrdiff_t i = 0; i < arrlen(file->sections); i++) {
            const struct elf_section *section = &file->sections[i];

            if (section->bytes == NULL || !(section->flags & SHF_ALLOC))
                continue;
            if (section->type == SHT_RELA)
                read_rela(file, section, lazy);
            else if (section->type == SHT_RELR)
                read_relr(file, section, lazy);
        }
        if (lazy->relocations != NULL)
            qsort(lazy->relocations, arrlenu(lazy->relocations), sizeof(*lazy->relocations), by_vaddr);
    }
    if (lazy->relocations == NULL)
        return NULL;
    return bsearch(&wanted, lazy->relocations, arrlenu(lazy->relocations), sizeof(wanted), by_vaddr);
}

const char *elf_file_bound_name(const struct elf_file *file, uint64_t vaddr)
{
    const struct elf_relocation *relocation = relocation_at(file, vaddr);

    return relocation != NULL ? relocation->name : NULL;
}

uint64_t elf_file_bound_address(const struct elf_file *file, uint64_t vaddr)
{
    const struct elf_relocation *relocation = relocation_at(file, vaddr);

    return relocation != NULL ? relocation->address : 0;
}
