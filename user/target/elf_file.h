/*
 * An ELF file on disk, read through libelf and libdw. Addresses are the file's own virtual addresses (what
 * its symbols hold), not those of a process. x86-64 only; whatever the file says is checked before it is
 * used.
 */
#ifndef HOTREF_TARGET_ELF_FILE_H
#define HOTREF_TARGET_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_file;

/* A piece of code, [start, end), as an FDE of .eh_frame bounds it: a function, or its .cold half. */
struct code_range {
    uint64_t start;
    uint64_t end;
};

/* path may be a magic link (/proc/PID/exe, /proc/PID/map_files/..). NULL with a failure for what is no ELF
 * file, not x86-64, or damaged. elf_file_close() takes NULL. */
struct elf_file *elf_file_open(const char *path);
struct elf_file *elf_file_open_as(const char *path, const char *name); /* sentences quote name instead */
void elf_file_close(struct elf_file *file);

/* The build id in hex; where the file has none, "" . Owned by file. */
const char *elf_file_build_id(const struct elf_file *file);

/* What tells this file from others: its build id, else a checksum of all of it. Owned by file. */
const char *elf_file_identity(const struct elf_file *file);

/* -1 with a failure where the file turned out to be shorter by now than it was when it was opened: what was missing read as
 * zeros. */
int elf_file_check(const struct elf_file *file);

/* Gives the memory back that reading the file took; what is read again comes from the disk's cache. */
void elf_file_rest(const struct elf_file *file);

/* Whether the file leaves a symbol whose name starts so to be found in other files. */
bool elf_file_imports(const struct elf_file *file, const char *prefix);

bool elf_file_is_shared(const struct elf_file *file);   /* a library: has a SONAME or no interpreter */
bool elf_file_is_stripped(const struct elf_file *file); /* has no .symtab */

/* Link-time optimisation left its mark in the names (gcc's .lto_priv); false says nothing where it is
 * stripped. */
bool elf_file_has_lto_symbols(const struct elf_file *file);

/* The compiler as .comment names it, shortened: "gcc 12.2.0", "clang 14.0.6"; "" if unknown. Several are
 * joined by " and ". Owned by file. */
const char *elf_file_compiler(const struct elf_file *file);

/* The n-th (from 0) string of .dynamic with that tag: DT_SONAME, DT_NEEDED, DT_RUNPATH..; NULL if none. */
const char *elf_file_dynamic_string(const struct elf_file *file, int64_t tag, size_t n);

/* Where the section of that name stands in the image; false if the file has none. */
bool elf_file_section(const struct elf_file *file, const char *name, uint64_t *vaddr, size_t *size);

/* size bytes of the file's image at vaddr (a loadable segment's file-backed part), or NULL. Owned by file. */
const uint8_t *elf_file_bytes(const struct elf_file *file, uint64_t vaddr, size_t size);

/* File offset of vaddr and back; UINT64_MAX where no loadable segment has it. */
uint64_t elf_file_offset(const struct elf_file *file, uint64_t vaddr);
uint64_t elf_file_vaddr(const struct elf_file *file, uint64_t offset);

/* The load bias (address in the process = address in the file + bias) of a process that has the executable
 * code from offset on mapped at start; UINT64_MAX where no executable segment holds it. */
uint64_t elf_file_bias(const struct elf_file *file, uint64_t start, uint64_t offset);

/* The executable part of the image: [*start, *end) covers all executable segments. */
void elf_file_text(const struct elf_file *file, uint64_t *start, uint64_t *end);

/* All code ranges that .eh_frame tells, sorted by start, without overlaps. Owned by file. */
const struct code_range *elf_file_code(const struct elf_file *file, size_t *count);
const struct code_range *elf_file_code_at(const struct elf_file *file, uint64_t vaddr); /* NULL if none */

/* The value of a defined symbol, from .symtab, else .dynsym; 0 if there is none. */
uint64_t elf_file_symbol(const struct elf_file *file, const char *name);

/* Where a thread-local variable of an executable stands, from the thread pointer (fs base): below 0. 0 where the file
 * is a library, whose place only the loader knows, or names no such variable. */
int64_t elf_file_thread_symbol(const struct elf_file *file, const char *name);

/* The function symbol that covers vaddr, and how far in it is; NULL if none. Prefers global names where
 * several stand at one address. A range of a stripped file has none. Owned by file. */
const char *elf_file_symbol_at(const struct elf_file *file, uint64_t vaddr, uint64_t *distance);

/* Writes what the function at vaddr is called, "func_clear"; without a symbol, "python3.13t+0x1191c0" by the file's path
 * and the start of its code. What compilers append to the names of parts and copies (.part.0, .constprop.0, .cold,
 * .lto_priv.0) is none of the source's and left away. */
void elf_file_function_name(const struct elf_file *file, const char *path, uint64_t vaddr, char *into, size_t size);

/* The name that a dynamic relocation binds the pointer at vaddr to (GOT or PLT slot); NULL if none. */
const char *elf_file_bound_name(const struct elf_file *file, uint64_t vaddr);

/* The address that a relative relocation (R_X86_64_RELATIVE) puts there, or 0. */
uint64_t elf_file_bound_address(const struct elf_file *file, uint64_t vaddr);

/* The canonical frame address at vaddr as register + offset by .eh_frame; reg is a DWARF number (7: rsp,
 * 6: rbp). Returns 0, or -1 (without a sentence) where .eh_frame has an expression or nothing. */
int elf_file_cfa(const struct elf_file *file, uint64_t vaddr, int *reg, int64_t *offset);

#endif
