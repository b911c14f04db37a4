/* How objects of a type hold others: worked out once for each type. Pure, over struct python_memory. */
#ifndef HOTREF_RESOLVE_SHAPE_H
#define HOTREF_RESOLVE_SHAPE_H

#include "target/pyobject.h"

enum shape_kind {
    SHAPE_LEAF,     /* holds nothing that is looked for */
    SHAPE_MODULE,
    SHAPE_TYPE,
    SHAPE_FUNCTION,
    SHAPE_CELL,
    SHAPE_DICT,
    SHAPE_LIST,
    SHAPE_TUPLE,
    SHAPE_SET,
    SHAPE_OTHER,    /* attributes and members only */
};

/* A reference at a fixed offset: a slot of __slots__, or a member of a C type. */
struct member {
    uint64_t name;     /* a str; 0: field is the name */
    const char *field;
    uint16_t offset;
};

struct shape {
    enum shape_kind kind;
    bool has_attributes;    /* under names, in themselves or in a dict */
    struct member *members; /* stb_ds array */
};

/* An stb_ds hash map by address of the type; NULL is an empty one. */
struct known_shape;

/* The shape of object's type. It is valid until the next call; a leaf where no object stands there. */
const struct shape *shape_of(const struct python_memory *memory, struct known_shape **known, uint64_t object);
void shape_free(struct known_shape *known); /* takes NULL */

#endif
