/* Extension modules, and whatever else in a target changes reference counts with code of its own. */
#ifndef HOTREF_CAPTURE_MODULES_H
#define HOTREF_CAPTURE_MODULES_H

#include "capture/session.h"

/* Files that do without Python's own functions hold none of its references: the C library, and most others. */
bool modules_uses_python(const struct elf_file *file);

/*
 * Looks through the target's mappings for files with code that have not been looked at yet, and puts probes on those that
 * use Python objects. Modules that were unloaded, or loaded again elsewhere, are followed. mapped_ns: when the newest came
 * to be mapped (monotonic clock), 0 where they were there before anything was counted. What is wrong with one file is said
 * on stderr, once, and does not hinder the others.
 */
void modules_refresh(struct session *session, uint32_t target, uint64_t mapped_ns);

/* What that address of the process was in, of modules, ever since they were counted in. */
enum modules_found { MODULES_NONE, MODULES_ONE, MODULES_SEVERAL };
enum modules_found modules_at(const struct session_target *target, uint64_t address, struct session_range *range);

/* Compares the target's modules with its mappings: which ranges are mapped, and which have come to be others'. Returns
 * whether any has changed. Part of modules_refresh(). */
bool modules_move(struct session_target *target);

/* Puts the probes of all modules of a target back, after modules_detach(). One that has gone meanwhile has none; one that
 * has not and cannot be counted in is said on stderr, and failed. */
void modules_attach(struct session *session, uint32_t target);

/* Takes their probes away. */
void modules_detach(struct session_target *target);
void modules_free(struct session_target *target);

#endif
