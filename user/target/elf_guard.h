/*
 * Files are read through mappings, and one that somebody truncates meanwhile raises SIGBUS where its pages are touched.
 * For mappings that are guarded, such pages read as zeros instead, and it is remembered that they did.
 */
#ifndef HOTREF_TARGET_ELF_GUARD_H
#define HOTREF_TARGET_ELF_GUARD_H

#include <stdbool.h>
#include <stddef.h>

/* Not while another thread reads a guarded file. */
void elf_guard_add(const void *image, size_t size);
void elf_guard_remove(const void *image);

bool elf_guard_was_cut(const void *image);

#endif
