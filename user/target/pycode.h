/*
 * Code objects, read from another process: what they are called, their bytecode and names, and which line an
 * instruction stands on. As with all objects there (target/pyobject.h) nothing is trusted: sizes are bounded, and
 * what does not fit together is no code object.
 */
#ifndef HOTREF_TARGET_PYCODE_H
#define HOTREF_TARGET_PYCODE_H

#include "target/pyobject.h"

/* Kinds of variables: Include/internal/pycore_code.h (3.13.5 to 3.15.0rc1). */
#define PYCODE_LOCAL 0x20
#define PYCODE_CELL 0x40
#define PYCODE_FREE 0x80

struct pycode {
    uint64_t address;
    uint32_t version;      /* co_version: no two code objects of one interpreter have the same */
    uint32_t firstlineno;
    uint64_t qualname_at, linetable_at; /* the objects' addresses */
    char *qualname, *name, *filename; /* UTF-8; with "…" at their end where they were too long for PYCODE_TEXT bytes */
    uint8_t *linetable;    /* stb_ds arrays from here on */
    uint8_t *exceptions;   /* co_exceptiontable */
    uint8_t *bytecode;     /* as the code object itself holds it now: specialised, instrumented; 2 bytes a unit */
    char **names;          /* of globals and attributes; NULL where it could not be read */
    char **variables;      /* of co_localsplus: locals, cells, free variables; NULL likewise */
    uint8_t *kinds;        /* PYCODE_LOCAL, .. for each variable */
    uint64_t *consts;      /* addresses */
};

#define PYCODE_TEXT 512

/* Reads the code object at address. NULL where there is none that holds together. pycode_free() takes NULL. */
struct pycode *pycode_read(const struct python_memory *memory, uint64_t address);
void pycode_free(struct pycode *code);

/* The line of an instruction (index in code units), 1 or more; 0 where it has none or linetable is damaged. */
uint32_t pycode_line(const struct pycode *code, uint32_t instr);

/* Code objects that have been read, by address and version: those of one process. */
struct pycode_cache {
    struct pycode_cached *codes; /* stb_ds hash map */
    size_t bytes;                /* that they take, about, with what their bytecode may be studied for */
};

/* The code object of that version at address, read if it is not known. NULL where none is there (any more). Valid
 * until pycode_cache_free(). */
const struct pycode *pycode_cached(struct pycode_cache *cache, const struct python_memory *memory, uint64_t address,
                                   uint32_t version);

/* The same, but reads nothing. */
const struct pycode *pycode_known(const struct pycode_cache *cache, uint64_t address, uint32_t version);
void pycode_cache_free(struct pycode_cache *cache); /* takes a zeroed struct */

#endif
