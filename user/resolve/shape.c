#include "resolve/shape.h"

#include <string.h>

#include "util/array.h"

enum {
    MOST_BASES = 64,
    MOST_TYPES = 4096, /* that are kept: the rest are leaves */
    MOST_NAMES = 4096, /* in a class */
    FIRST_FIELD = 32, LAST_FIELD = 160,
};

/* Include/descrobject.h: PyMemberDef's type and offset, and the types that are references (3.13.5 to 3.15.0rc1) */
enum { MEMBER_TYPE = 8, MEMBER_OFFSET = 16, MEMBER_OBJECT = 6, MEMBER_OBJECT_EX = 16 };

struct known_shape {
    uint64_t key;
    struct shape value;
};

static bool has_name(const struct python_memory *memory, uint64_t type, const char *name)
{
    char text[64];

    return python_type_name(memory, type, text, sizeof(text)) == 0 && strcmp(text, name) == 0;
}

static bool is_heap(const struct python_memory *memory, uint64_t type)
{
    return python_pointer(memory, type + memory->layout->type_flags) & PYTHON_HEAP_TYPE;
}

/* What C keeps in a type's instances, as the table of fields has it. */
static void add_fields(const struct python_memory *memory, uint64_t type, struct shape *shape)
{
    char name[64];

    if (python_type_name(memory, type, name, sizeof(name)) != 0)
        return;
    for (uint16_t offset = FIRST_FIELD; offset <= LAST_FIELD; offset += 8) {
        struct member member = {.field = layout_field(memory->layout, name, offset), .offset = offset};

        if (member.field != NULL)
            arrput(shape->members, member);
    }
}

static void add_slot(const struct python_memory *memory, uint64_t descriptor, struct shape *shape)
{
    const struct layout *layout = memory->layout;
    uint64_t definition = python_pointer(memory, descriptor + layout->descr_member);
    uint64_t offset = python_pointer(memory, definition + MEMBER_OFFSET);
    uint32_t type = (uint32_t)python_pointer(memory, definition + MEMBER_TYPE);
    struct member member = {.name = python_pointer(memory, descriptor + layout->descr_name),
                            .offset = (uint16_t)offset};

    if (definition != 0 && (type == MEMBER_OBJECT || type == MEMBER_OBJECT_EX) && offset >= FIRST_FIELD &&
        offset <= UINT16_MAX && offset % 8 == 0)
        arrput(shape->members, member);
}

/* __slots__, and what C code declares by the same means. */
static void add_slots(const struct python_memory *memory, uint64_t type, struct shape *shape)
{
    struct python_item *items;

    if (python_dict_items(memory, python_pointer(memory, type + memory->layout->type_dict), MOST_NAMES, &items) != 0)
        return;
    for (size_t i = 0; i < arrlenu(items); i++) {
        uint64_t of = python_type(memory, items[i].value, NULL);

        if (of != 0 && !is_heap(memory, of) && has_name(memory, of, "member_descriptor"))
            add_slot(memory, items[i].value, shape);
    }
    arrfree(items);
}

static enum shape_kind kind_by_name(const struct python_memory *memory, uint64_t type)
{
    static const struct {
        const char *name;
        enum shape_kind kind;
    } kinds[] = {{"module", SHAPE_MODULE}, {"function", SHAPE_FUNCTION}, {"cell", SHAPE_CELL},
                 {"set", SHAPE_SET},       {"frozenset", SHAPE_SET},
                 /* there are many of these, which hold types and names */
                 {"method_descriptor", SHAPE_LEAF},   {"wrapper_descriptor", SHAPE_LEAF},
                 {"getset_descriptor", SHAPE_LEAF},   {"member_descriptor", SHAPE_LEAF},
                 {"classmethod_descriptor", SHAPE_LEAF}, {"builtin_function_or_method", SHAPE_LEAF},
                 {"code", SHAPE_LEAF}};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (has_name(memory, type, kinds[i].name))
            return kinds[i].kind;
    }
    return SHAPE_OTHER;
}

static enum shape_kind kind_by_flags(uint64_t flags)
{
    return flags & PYTHON_TYPE  ? SHAPE_TYPE
         : flags & PYTHON_DICT  ? SHAPE_DICT
         : flags & PYTHON_LIST  ? SHAPE_LIST
         : flags & PYTHON_TUPLE ? SHAPE_TUPLE
                                : SHAPE_OTHER;
}

static struct shape find_shape(const struct python_memory *memory, uint64_t type, uint64_t flags)
{
    const struct layout *layout = memory->layout;
    struct shape shape = {.kind = kind_by_flags(flags)};

    shape.has_attributes = shape.kind != SHAPE_TYPE &&
        (flags & PYTHON_MANAGED_DICT || python_pointer(memory, type + layout->type_dictoffset) != 0);
    for (int i = 0; type != 0 && shape.kind != SHAPE_TYPE && shape.kind != SHAPE_LEAF && i < MOST_BASES; i++) {
        if (shape.kind == SHAPE_OTHER && !is_heap(memory, type))
            shape.kind = kind_by_name(memory, type);
        if (is_heap(memory, type))
            add_slots(memory, type, &shape);
        else if (shape.kind == SHAPE_OTHER)
            add_fields(memory, type, &shape);
        type = python_pointer(memory, type + layout->type_base);
    }
    if (shape.kind == SHAPE_OTHER && !shape.has_attributes && shape.members == NULL)
        shape.kind = SHAPE_LEAF;
    return shape;
}

const struct shape *shape_of(const struct python_memory *memory, struct known_shape **known, uint64_t object)
{
    static const struct shape leaf = {.kind = SHAPE_LEAF};
    uint64_t flags, type = python_pointer(memory, object + memory->layout->ob_type);
    ptrdiff_t at = hmgeti(*known, type);

    if (at >= 0)
        return &(*known)[at].value;
    type = python_type(memory, object, &flags);
    if (type == 0 || hmlen(*known) >= MOST_TYPES)
        return &leaf;
    hmput(*known, type, find_shape(memory, type, flags));
    return &(*known)[hmgeti(*known, type)].value;
}

void shape_free(struct known_shape *known)
{
    for (ptrdiff_t i = 0; i < hmlen(known); i++)
        arrfree(known[i].value.members);
    hmfree(known);
}
