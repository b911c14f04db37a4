/* What .eh_frame tells: where code lies, and where a frame starts. */
#include "target/elf_internal.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"

/* How a CIE's FDEs write their addresses (LSB, "DWARF Exception Header Encoding"). */
struct encoding {
    Dwarf_Off cie;
    uint8_t format;
    bool known;
};

/* Reads a value of the format in the encoding's low nibble. */
static bool read_encoded(const uint8_t **at, const uint8_t *end, uint8_t format, uint64_t *value)
{
    static const uint8_t sizes[16] = {
        [DW_EH_PE_absptr] = 8, [DW_EH_PE_udata2] = 2, [DW_EH_PE_udata4] = 4, [DW_EH_PE_udata8] = 8,
        [DW_EH_PE_sdata2] = 2, [DW_EH_PE_sdata4] = 4, [DW_EH_PE_sdata8] = 8,
    };
    uint8_t size = sizes[format & 0x0f];

    if (size == 0 || (size_t)(end - *at) < size)
        return false;
    *value = 0;
    memcpy(value, *at, size);
    *at += size;
    if ((format & 0x0f) == DW_EH_PE_sdata2)
        *value = (uint64_t)(int64_t)(int16_t)*value;
    else if ((format & 0x0f) == DW_EH_PE_sdata4)
        *value = (uint64_t)(int64_t)(int32_t)*value;
    return true;
}

/* The augmentation "z..." has one datum for each letter; R is the one that is looked for. */
static bool augmentation_format(const Dwarf_CIE *cie, uint8_t *format)
{
    const uint8_t *at = cie->augmentation_data, *end = at + cie->augmentation_data_size;
    uint64_t ignored;

    *format = DW_EH_PE_absptr;
    if (cie->augmentation == NULL || cie->augmentation[0] != 'z')
        return cie->augmentation != NULL && cie->augmentation[0] == '\0';
    for (const char *letter = cie->augmentation + 1; *letter != '\0'; letter++) {
        if (*letter == 'S' || *letter == 'B')
            continue;
        if (at == NULL || at >= end)
            return false;
        if (*letter == 'R') {
            *format = *at;
            return true;
        }
        if (*letter == 'P') {
            uint8_t personality = *at++;

            if (!read_encoded(&at, end, personality, &ignored))
                return false;
        } else if (*letter == 'L') {
            at++;
        } else {
            return false;
        }
    }
    return true;
}

struct frame_section {
    const struct elf_file *file;
    const struct elf_section *section;
    Elf_Data data;
    uint64_t data_base; /* of DW_EH_PE_datarel: the global offset table */
};

static int next_entry(const struct frame_section *frames, Dwarf_Off at, Dwarf_Off *next,
                      Dwarf_CFI_Entry *entry)
{
    return dwarf_next_cfi(frames->file->image, (Elf_Data *)&frames->data, true, at, next, entry);
}

static const struct encoding *encoding_of(const struct frame_section *frames, Dwarf_Off cie,
                                          struct encoding *last)
{
    Dwarf_CFI_Entry entry;
    Dwarf_Off next;

    if (last->cie == cie)
        return last;
    last->cie = cie;
    last->known = cie < frames->section->size && next_entry(frames, cie, &next, &entry) == 0 &&
                  dwarf_cfi_cie_p(&entry) && augmentation_format(&entry.cie, &last->format);
    return last;
}

static bool decode_range(const struct frame_section *frames, const Dwarf_FDE *fde, uint8_t format,
                         struct code_range *range)
{
    const uint8_t *at = fde->start;
    uint64_t place = frames->section->vaddr + (uint64_t)(fde->start - frames->section->bytes);
    uint64_t size;

    if (!read_encoded(&at, fde->end, format, &range->start) ||
        !read_encoded(&at, fde->end, format & 0x07, &size))
        return false;
    switch (format & 0xf0) {
    case DW_EH_PE_absptr:
        break;
    case DW_EH_PE_pcrel:
        range->start += place;
        break;
    case DW_EH_PE_datarel:
        range->start += frames->data_base;
        break;
    default:
        return false;
    }
    range->end = range->start + size;
    return size != 0 && elf_file_bytes(frames->file, range->start, size) != NULL;
}

static int by_start(const void *left, const void *right)
{
    const struct code_range *a = left, *b = right;

    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return a->end > b->end ? -1 : a->end < b->end;
}

/* Sorted, the longest of those at one address kept; what runs into the next is cut there. */
static void put_in_order(struct code_range *code)
{
    ptrdiff_t kept = 0;

    if (code == NULL)
        return;
    qsort(code, arrlenu(code), sizeof(*code), by_start);
    for (ptrdiff_t i = 0; i < arrlen(code); i++) {
        if (kept > 0 && code[kept - 1].start == code[i].start)
            continue;
        if (kept > 0 && code[kept - 1].end > code[i].start)
            code[kept - 1].end = code[i].start;
        code[kept++] = code[i];
    }
    arrsetlen(code, kept);
}

static struct code_range *read_code(const struct elf_file *file)
{
    struct frame_section frames = {.file = file, .section = elf_section_named(file, ".eh_frame")};
    struct encoding last = {.cie = UINT64_MAX};
    struct code_range *code = NULL, range;
    size_t ignored;
    Dwarf_CFI_Entry entry;
    Dwarf_Off next;
    int result;

    if (frames.section == NULL)
        return NULL;
    if (!elf_file_section(file, ".got.plt", &frames.data_base, &ignored))
        elf_file_section(file, ".got", &frames.data_base, &ignored);
    frames.data = (Elf_Data){.d_buf = (void *)frames.section->bytes,
                             .d_size = frames.section->size,
                             .d_type = ELF_T_BYTE,
                             .d_version = EV_CURRENT};
    for (Dwarf_Off at = 0; at < frames.section->size; at = next) {
        next = at;
        result = next_entry(&frames, at, &next, &entry);
        if (result > 0 || next <= at)
            break;
        if (result < 0 || dwarf_cfi_cie_p(&entry))
            continue;
        if (encoding_of(&frames, entry.fde.CIE_pointer, &last)->known &&
            decode_range(&frames, &entry.fde, last.format, &range))
            arrput(code, range);
    }
    put_in_order(code);
    return code;
}

const struct code_range *elf_file_code(const struct elf_file *file, size_t *count)
{
    struct elf_lazy *lazy = file->lazy;

    if (!lazy->has_code) {
        lazy->code = read_code(file);
        lazy->has_code = true;
    }
    *count = arrlenu(lazy->code);
    return lazy->code;
}

static int contains(const void *vaddr, const void *range)
{
    uint64_t at = *(const uint64_t *)vaddr;
    const struct code_range *code = range;

    return at < code->start ? -1 : at >= code->end;
}

const struct code_range *elf_file_code_at(const struct elf_file *file, uint64_t vaddr)
{
    size_t count;
    const struct code_range *code = elf_file_code(file, &count);

    return count > 0 ? bsearch(&vaddr, code, count, sizeof(*code), contains) : NULL;
}

int elf_file_cfa(const struct elf_file *file, uint64_t vaddr, int *reg, int64_t *offset)
{
    struct elf_lazy *lazy = file->lazy;
    Dwarf_Frame *frame;
    Dwarf_Op *ops;
    size_t count;
    int result = -1;

    if (!lazy->has_cfi) {
        lazy->cfi = dwarf_getcfi_elf(file->elf);
        lazy->has_cfi = true;
    }
    if (lazy->cfi == NULL || dwarf_cfi_addrframe(lazy->cfi, vaddr, &frame) != 0)
        return -1;
    if (dwarf_frame_cfa(frame, &ops, &count) == 0 && count == 1) {
        if (ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg31) {
            *reg = ops[0].atom - DW_OP_breg0;
            *offset = (int64_t)ops[0].number;
            result = 0;
        } else if (ops[0].atom == DW_OP_bregx) {
            *reg = (int)ops[0].number;
            *offset = (int64_t)ops[0].number2;
            result = 0;
        }
    }
    free(frame);
    return result;
}
