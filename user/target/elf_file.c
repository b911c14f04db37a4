#include "target/elf_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "target/elf_guard.h"
#include "util/array.h"
#include "util/error.h"

/* Those that CPython runs on; a number does for the others. */
static const char *machine_name(unsigned machine)
{
    static const struct {
        unsigned machine;
        const char *name;
    } names[] = {
        {EM_386, "i386"},    {EM_X86_64, "x32"},          {EM_AARCH64, "aarch64"},
        {EM_ARM, "arm"},     {EM_PPC64, "ppc64"},         {EM_S390, "s390x"},
        {EM_RISCV, "riscv"}, {EM_LOONGARCH, "loongarch"}, {EM_MIPS, "mips"},
    };
    static char number[32];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].machine == machine)
            return names[i].name;
    }
    snprintf(number, sizeof(number), "ELF machine %u", machine);
    return number;
}

static int check_header(const struct elf_file *file, const char *path)
{
    GElf_Ehdr header;

    if (elf_kind(file->elf) != ELF_K_ELF || gelf_getehdr(file->elf, &header) == NULL)
        return fail("'%s' is not an ELF file", path);
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64)
        return fail("'%s' is built for %s: hotref knows x86-64 only", path, machine_name(header.e_machine));
    if (header.e_ident[EI_DATA] != ELFDATA2LSB)
        return fail("'%s' is damaged: x86-64 has no big-endian files", path);
    if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
        return fail("'%s' is neither an executable nor a shared library", path);
    return 0;
}

/*
 * Shared, as a probe that is for all processes is put into private mappings of the file, ours among them: hotref would read
 * its own breakpoints, or another hotref's, for the file's code. (valid_vma() in kernel/events/uprobes.c, 6.18)
 */
static const uint8_t *map_image(int fd, size_t size)
{
    void *image = size ? mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

    return image == MAP_FAILED ? NULL : image;
}

static int map_file(struct elf_file *file, const char *path, const char *name)
{
    struct stat status;

    file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file->fd < 0)
        return fail_errno("cannot open '%s'", name);
    if (fstat(file->fd, &status) != 0 || !S_ISREG(status.st_mode))
        return fail("'%s' is not a regular file", name);
    elf_version(EV_CURRENT);
    file->size = status.st_size;
    file->image = map_image(file->fd, file->size);
    if (file->image == NULL)
        return file->size ? fail_errno("cannot read '%s'", name) : fail("'%s' is not an ELF file", name);
    elf_guard_add(file->image, file->size);
    file->elf = elf_memory((char *)(uintptr_t)file->image, file->size);
    if (file->elf == NULL)
        return fail("cannot read '%s': %s", name, elf_errmsg(-1));
    return check_header(file, name);
}

static int read_segments(struct elf_file *file, const char *path)
{
    size_t count;
    GElf_Phdr header;

    if (elf_getphdrnum(file->elf, &count) != 0)
        count = 0;
    for (size_t i = 0; i < count; i++) {
        if (gelf_getphdr(file->elf, (int)i, &header) == NULL)
            break;
        file->has_interpreter |= header.p_type == PT_INTERP;
        if (header.p_type != PT_LOAD)
            continue;
        if (header.p_offset > file->size || header.p_filesz > file->size - header.p_offset)
            return fail("'%s' is damaged: a segment lies beyond its end", path);
        if (header.p_vaddr > UINT64_MAX - header.p_filesz)
            return fail("'%s' is damaged: a segment has no valid address", path);
        arrput(file->segments, header);
    }
    if (arrlen(file->segments) == 0)
        return fail("'%s' is damaged: it has no segment to load", path);
    return 0;
}

/* Sections only help (a file runs without them): what is wrong with one hides that one. */
static void read_sections(struct elf_file *file)
{
    Elf_Scn *section = elf_getscn(file->elf, 0);
    GElf_Shdr header;
    size_t names;

    if (elf_getshdrstrndx(file->elf, &names) != 0)
        return;
    for (; section != NULL; section = elf_nextscn(file->elf, section)) {
        struct elf_section entry = {.name = ""};

        if (gelf_getshdr(section, &header) != NULL) {
            const char *name = elf_strptr(file->elf, names, header.sh_name);

            entry.name = name != NULL ? name : "";
            entry.vaddr = header.sh_addr;
            entry.flags = header.sh_flags;
            entry.type = header.sh_type;
            entry.link = header.sh_link;
            if (header.sh_type != SHT_NOBITS && !(header.sh_flags & SHF_COMPRESSED) &&
                header.sh_offset <= file->size && header.sh_size <= file->size - header.sh_offset) {
                entry.bytes = file->image + header.sh_offset;
                entry.size = header.sh_size;
            }
        }
        arrput(file->sections, entry);
    }
}

const struct elf_section *elf_section_at(const struct elf_file *file, uint32_t index)
{
    if ((ptrdiff_t)index >= arrlen(file->sections) || file->sections[index].bytes == NULL)
        return NULL;
    return &file->sections[index];
}

const struct elf_section *elf_section_of_type(const struct elf_file *file, uint32_t type)
{
    for (ptrdiff_t i = 0; i < arrlen(file->sections); i++) {
        if (file->sections[i].type == type && file->sections[i].bytes != NULL)
            return &file->sections[i];
    }
    return NULL;
}

const struct elf_section *elf_section_named(const struct elf_file *file, const char *name)
{
    for (ptrdiff_t i = 0; i < arrlen(file->sections); i++) {
        if (file->sections[i].bytes != NULL && strcmp(file->sections[i].name, name) == 0)
            return &file->sections[i];
    }
    return NULL;
}

const char *elf_string(const struct elf_section *strings, uint64_t offset)
{
    if (strings == NULL || offset >= strings->size ||
        memchr(strings->bytes + offset, '\0', strings->size - offset) == NULL)
        return NULL;
    return (const char *)strings->bytes + offset;
}

bool elf_file_section(const struct elf_file *file, const char *name, uint64_t *vaddr, size_t *size)
{
    const struct elf_section *section = elf_section_named(file, name);

    if (section == NULL)
        return false;
    *vaddr = section->vaddr;
    *size = section->size;
    return true;
}

static char *hex(const uint8_t *bytes, size_t size)
{
    char *text = calloc(1, 2 * size + 1);

    for (size_t i = 0; text != NULL && i < size; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return text;
}

/* Notes: name size, size, type, then name and bytes, each padded to 4. */
static char *read_build_id(const struct elf_file *file)
{
    for (ptrdiff_t i = 0; i < arrlen(file->sections); i++) {
        const struct elf_section *section = &file->sections[i];
        size_t at = 0;

        if (section->type != SHT_NOTE || section->bytes == NULL)
            continue;
        while (section->size - at >= 12) {
            uint32_t head[3]; /* name size, bytes, type */
            uint64_t body, end;

            memcpy(head, section->bytes + at, sizeof(head));
            body = at + 12 + (((uint64_t)head[0] + 3) & ~3ull);
            end = body + (((uint64_t)head[1] + 3) & ~3ull);
            if (end > section->size)
                break;
            if (head[2] == NT_GNU_BUILD_ID && head[0] == 4 && memcmp(section->bytes + at + 12, "GNU", 4) == 0)
                return hex(section->bytes + body, head[1]);
            at = end;
        }
    }
    return hex(NULL, 0);
}

/* "GCC: (Debian 12.2.0-14) 12.2.0" is gcc 12.2.0, "Debian clang version 14.0.6" clang 14.0.6; others, the
 * linker for one, are passed over. */
static bool compiler_of_comment(const char *comment, char *into, size_t size)
{
    const char *clang = strstr(comment, "clang version ");

    if (clang != NULL) {
        clang += strlen("clang version ");
        snprintf(into, size, "clang %.*s", (int)strspn(clang, "0123456789."), clang);
        return true;
    }
    if (strncmp(comment, "GCC: ", 5) == 0) {
        const char *version = strchr(comment, ')');

        version = version != NULL ? version + 1 : comment + 5;
        version += strspn(version, " ");
        snprintf(into, size, "gcc %.*s", (int)strspn(version, "0123456789."), version);
        return true;
    }
    return false;
}

static char *read_compiler(const struct elf_file *file)
{
    const struct elf_section *section = elf_section_named(file, ".comment");
    char one[64], all[256] = "";
    const char *comment;

    for (size_t at = 0; (comment = elf_string(section, at)) != NULL; at += strlen(comment) + 1) {
        if (!compiler_of_comment(comment, one, sizeof(one)) || strstr(all, one) != NULL)
            continue;
        if (strlen(all) + strlen(one) + sizeof(" and ") > sizeof(all))
            break;
        if (all[0] != '\0')
            strcat(all, " and ");
        strcat(all, one);
    }
    return strdup(all);
}

struct elf_file *elf_file_open(const char *path)
{
    return elf_file_open_as(path, path);
}

struct elf_file *elf_file_open_as(const char *path, const char *name)
{
    struct elf_file *file = calloc(1, sizeof(*file));

    if (file == NULL) {
        fail("out of memory");
        return NULL;
    }
    file->fd = -1;
    if (map_file(file, path, name) != 0 || read_segments(file, name) != 0) {
        elf_file_close(file);
        return NULL;
    }
    file->name = strdup(name);
    read_sections(file);
    file->build_id = read_build_id(file);
    file->compiler = read_compiler(file);
    file->lazy = calloc(1, sizeof(*file->lazy));
    if (file->name == NULL || file->build_id == NULL || file->compiler == NULL || file->lazy == NULL) {
        fail("out of memory");
        elf_file_close(file);
        return NULL;
    }
    if (elf_file_check(file) != 0) {
        elf_file_close(file);
        return NULL;
    }
    return file;
}

void elf_file_close(struct elf_file *file)
{
    if (file == NULL)
        return;
    if (file->lazy != NULL) {
        arrfree(file->lazy->code);
        arrfree(file->lazy->symbols);
        arrfree(file->lazy->relocations);
        hmfree(file->lazy->names);
        if (file->lazy->cfi != NULL)
            dwarf_cfi_end(file->lazy->cfi);
        free(file->lazy);
    }
    if (file->image != NULL)
        elf_guard_remove(file->image);
    arrfree(file->segments);
    arrfree(file->sections);
    elf_end(file->elf);
    if (file->image != NULL)
        munmap((void *)(uintptr_t)file->image, file->size);
    if (file->fd >= 0)
        close(file->fd);
    free(file->name);
    free(file->build_id);
    free(file->compiler);
    free(file);
}

const char *elf_file_build_id(const struct elf_file *file)
{
    return file->build_id;
}

const char *elf_file_identity(const struct elf_file *file)
{
    char *identity = file->lazy->identity;

    if (file->build_id[0] != '\0')
        return file->build_id;
    if (identity[0] == '\0')
        snprintf(identity, sizeof(file->lazy->identity), "sum-%zx-%08lx%08lx", file->size,
                 crc32_z(0, file->image, file->size), adler32_z(1, file->image, file->size));
    return identity;
}

int elf_file_check(const struct elf_file *file)
{
    return elf_guard_was_cut(file->image) ? fail("'%s' was truncated while it was read", file->name) : 0;
}

void elf_file_rest(const struct elf_file *file)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    if (((uintptr_t)file->image & (page - 1)) == 0)
        madvise((void *)file->image, file->size, MADV_DONTNEED);
}

const char *elf_file_compiler(const struct elf_file *file)
{
    return file->compiler;
}

bool elf_file_is_stripped(const struct elf_file *file)
{
    return elf_section_of_type(file, SHT_SYMTAB) == NULL;
}

/* An entry of .dynamic as the n-th with that tag; false if there is none. */
static bool dynamic_entry(const struct elf_file *file, int64_t tag, size_t n, uint64_t *value)
{
    const struct elf_section *section = elf_section_of_type(file, SHT_DYNAMIC);
    Elf64_Dyn entry;

    for (size_t at = 0; section != NULL && section->size - at >= sizeof(entry); at += sizeof(entry)) {
        memcpy(&entry, section->bytes + at, sizeof(entry));
        if (entry.d_tag == DT_NULL)
            break;
        if (entry.d_tag == tag && n-- == 0) {
            *value = entry.d_un.d_val;
            return true;
        }
    }
    return false;
}

const char *elf_file_dynamic_string(const struct elf_file *file, int64_t tag, size_t n)
{
    const struct elf_section *section = elf_section_of_type(file, SHT_DYNAMIC);
    uint64_t offset;

    if (!dynamic_entry(file, tag, n, &offset))
        return NULL;
    return elf_string(elf_section_at(file, section->link), offset);
}

bool elf_file_is_shared(const struct elf_file *file)
{
    uint64_t flags = 0;

    if (elf_file_dynamic_string(file, DT_SONAME, 0) != NULL)
        return true;
    dynamic_entry(file, DT_FLAGS_1, 0, &flags);
    return !file->has_interpreter && !(flags & DF_1_PIE) && elf_section_of_type(file, SHT_DYNAMIC) != NULL;
}

static const GElf_Phdr *segment_at(const struct elf_file *file, uint64_t vaddr)
{
    for (ptrdiff_t i = 0; i < arrlen(file->segments); i++) {
        if (vaddr >= file->segments[i].p_vaddr &&
            vaddr - file->segments[i].p_vaddr < file->segments[i].p_filesz)
            return &file->segments[i];
    }
    return NULL;
}

const uint8_t *elf_file_bytes(const struct elf_file *file, uint64_t vaddr, size_t size)
{
    const GElf_Phdr *segment = segment_at(file, vaddr);

    if (segment == NULL || size > segment->p_filesz - (vaddr - segment->p_vaddr))
        return NULL;
    return file->image + segment->p_offset + (vaddr - segment->p_vaddr);
}

uint64_t elf_file_offset(const struct elf_file *file, uint64_t vaddr)
{
    const GElf_Phdr *segment = segment_at(file, vaddr);

    return segment != NULL ? vaddr - segment->p_vaddr + segment->p_offset : UINT64_MAX;
}

uint64_t elf_file_vaddr(const struct elf_file *file, uint64_t offset)
{
    for (ptrdiff_t i = 0; i < arrlen(file->segments); i++) {
        const GElf_Phdr *segment = &file->segments[i];

        if (offset >= segment->p_offset && offset - segment->p_offset < segment->p_filesz)
            return offset - segment->p_offset + segment->p_vaddr;
    }
    return UINT64_MAX;
}

/* A mapping starts at a page's boundary, which may lie before the segment that it holds. */
uint64_t elf_file_bias(const struct elf_file *file, uint64_t start, uint64_t offset)
{
    for (ptrdiff_t i = 0; i < arrlen(file->segments); i++) {
        const GElf_Phdr *segment = &file->segments[i];
        uint64_t page = segment->p_offset & ~0xfffull;

        if ((segment->p_flags & PF_X) && offset >= page && offset - page < segment->p_filesz)
            return start - (offset - segment->p_offset + segment->p_vaddr);
    }
    return UINT64_MAX;
}

void elf_file_text(const struct elf_file *file, uint64_t *start, uint64_t *end)
{
    *start = UINT64_MAX;
    *end = 0;
    for (ptrdiff_t i = 0; i < arrlen(file->segments); i++) {
        const GElf_Phdr *segment = &file->segments[i];

        if (!(segment->p_flags & PF_X) || segment->p_filesz == 0)
            continue;
        *start = segment->p_vaddr < *start ? segment->p_vaddr : *start;
        *end = segment->p_vaddr + segment->p_filesz > *end ? segment->p_vaddr + segment->p_filesz : *end;
    }
    if (*end == 0)
        *start = 0;
}
