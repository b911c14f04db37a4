/*
 * Python objects in another process's memory, read over a function so that literal bytes do for a test.
 * Whatever stands there is taken for hostile, and may change while it is read: nothing here crashes, loops or
 * returns what it didn't check, but a caller that must not be wrong has to see to it that the object still
 * lives.
 */
#ifndef HOTREF_TARGET_PYOBJECT_H
#define HOTREF_TARGET_PYOBJECT_H

#include "target/layout.h"
#include "target/process.h"

struct opcodes;

/* read copies size bytes at address and returns 0, or -1 where that memory isn't there. */
struct python_memory {
    const struct layout *layout;
    const struct opcodes *opcodes; /* NULL where nobody asks for bytecode */
    int (*read)(const void *context, uint64_t address, void *into, size_t size);
    const void *context;
};

/* The memory of process, which must outlive it, as layout must. */
struct python_memory python_memory_of(const struct process *process, const struct layout *layout);

/* Bits of tp_flags: Include/object.h, the same from 3.13 to 3.15. */
#define PYTHON_INLINE_VALUES (1ull << 2)
#define PYTHON_MANAGED_DICT (1ull << 4)
#define PYTHON_HEAP_TYPE (1ull << 9)
#define PYTHON_READY (1ull << 12)
#define PYTHON_INT (1ull << 24)
#define PYTHON_LIST (1ull << 25)
#define PYTHON_TUPLE (1ull << 26)
#define PYTHON_BYTES (1ull << 27)
#define PYTHON_STR (1ull << 28)
#define PYTHON_DICT (1ull << 29)
#define PYTHON_EXCEPTION (1ull << 30)
#define PYTHON_TYPE (1ull << 31)

/* The pointer at address; 0 where it can't be read. */
uint64_t python_pointer(const struct python_memory *memory, uint64_t address);

/* The object's type, and that type's flags; 0 where no object stands there. flags may be NULL. */
uint64_t python_type(const struct python_memory *memory, uint64_t object, uint64_t *flags);

/* Whether the object that was seen at address with this type and ob_tid lives, as far as can be told. An owner may have
 * let go of its object since, but nobody gets one; and what lives has a reference. */
bool python_is_same(const struct python_memory *memory, uint64_t address, uint64_t type, uint64_t owner);

/* "app.Config"; a builtin type goes without its module: "dict". Returns 0, or -1. */
int python_type_name(const struct python_memory *memory, uint64_t type, char *into, size_t size);

/* A str as UTF-8; what can't be shown (NUL, lone surrogates) becomes U+FFFD. Returns 0, 1 where the text was
 * cut to fit (between characters), or -1 where object is no str. */
int python_string(const struct python_memory *memory, uint64_t object, char *into, size_t size);

/* An int that fits. Returns 0, or -1. Takes digits of 30 bits, as every 64-bit build has by default. */
int python_int(const struct python_memory *memory, uint64_t object, int64_t *value);

struct python_item {
    uint64_t key, value;
    uint64_t at; /* address of the pointer to value */
};

/* The items of a dict in order, as an stb_ds array for arrfree(); at most limit. Returns 0, or -1 where
 * object is no dict, or is being changed. */
int python_dict_items(const struct python_memory *memory, uint64_t object, size_t limit,
                      struct python_item **items);

/* The value under a str key of ASCII; 0 where there is none. */
uint64_t python_dict_get(const struct python_memory *memory, uint64_t object, const char *key);

/* All that the instance itself holds under names, as python_dict_items() does: 0 and *items NULL where it has no
 * attributes of its own. */
int python_attributes(const struct python_memory *memory, uint64_t object, size_t limit,
                      struct python_item **items);

/* What the instance itself holds under name, in inline values or its dict; 0 where it holds nothing. */
uint64_t python_attribute(const struct python_memory *memory, uint64_t object, const char *name);

#endif
