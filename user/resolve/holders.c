#include "resolve/holders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resolve/shape.h"
#include "target/page_cache.h"
#include "util/array.h"

enum {
    MOST_INTERPRETERS = 64,
    MOST_THREADS = 4096,
    MOST_FRAMES = 128,
    MOST_ITEMS = 100000,   /* of one container, ... */
    MOST_LOOKED_INTO = 1024, /* ... of which so many are looked into */
    MOST_NODES = 32768,    /* objects that others are looked for in */
    MOST_EDGES = 1 << 20,  /* references that are followed, in all, ... */
    MOST_PAGES = 1 << 15,  /* ... and pages that are read for it */
    MOST_WANTED = 65536,
    KEYED_ITEMS = 32,      /* larger dicts are caches, whose keys say little */
    KEY_TEXT = 32,
    NAME_TEXT = 128,
    MOST_TRIES = 3,
    LOOK_UP = 64,          /* after so many objects it is asked whether the interpreter goes on */
};

/* Kinds of local variables, in co_localspluskinds: Include/internal/pycore_code.h (3.13.5 to 3.15.0rc1) */
enum { LOCAL_HIDDEN = 0x10, LOCAL_FREE = 0x80 };

/* A reference of the stack: tagged from 3.14 on; both bits mean a number (Include/internal/pycore_stackref.h). */
enum { STACKREF_TAG = 3 };

/* Steps from a module, times four: what a cell holds comes right behind the cell. */
enum {
    RANK_ROOT = 0,
    RANK_CONTENT = 1,
    RANK_STEP = 4,
    RANK_RUNNING = 8, /* functions that run */
    RANK_LOCAL = 10,
    RANK_LAST = 16,
    RANK_END = 64,    /* above all there can be */
};

enum edge_kind {
    EDGE_ROOT,    /* name: a module's name, or for a frame its globals */
    EDGE_GLOBAL,  /* name: a str, as below */
    EDGE_CLASS,
    EDGE_ATTRIBUTE,
    EDGE_ITEM,    /* name: the key, or 0 */
    EDGE_KEY,
    EDGE_CLOSURE,
    EDGE_CONTENT, /* of a cell */
    EDGE_FIELD,   /* name: a const char * */
    EDGE_LOCAL,
};

/* How an object is held. */
struct edge {
    uint64_t name;
    uint32_t parent; /* node */
    uint8_t kind;
};

/* An object that others are looked for in. */
struct node {
    uint64_t address;
    struct edge edge;
    uint8_t rank;
    uint8_t shape;   /* enum shape_kind */
    bool vague;      /* held in several ways */
};

struct candidate {
    struct edge edge;
    uint64_t at;     /* address of the pointer */
    uint8_t rank;    /* 0: there is none */
    bool several;
};

/* Addresses, each with a number: open addressing, of a size that is fixed beforehand. */
struct address_map {
    uint64_t *keys;
    uint32_t *values;
    size_t size, used; /* size: a power of two */
};

struct walk {
    const struct python_memory *below; /* as it is now, */
    struct python_memory memory;       /* and as it was when its page was first looked at */
    struct page_cache *cache;
    struct known_shape *shapes;
    struct node *nodes;                /* stb_ds array */
    struct address_map visited;        /* node + 1 of each address; 0: what is in it is met elsewhere */
    struct address_map places;         /* number of each that is wanted */
    struct holders_wanted *wanted;
    struct candidate *candidates;
    size_t count;
    uint64_t finalizing;               /* address of what tells it */
    uint64_t owner;                    /* thread whose frames are walked */
    uint64_t edges;
    uint16_t closure, names, kinds;    /* offsets: func_closure, co_localsplusnames, co_localspluskinds, ... */
    uint16_t globals, function;        /* ... f_globals, f_funcobj */
    uint16_t type_fields[3];           /* ... tp_mro, tp_bases, tp_dict */
    uint8_t complete;                  /* all ways up to this rank were looked at */
    bool torn;                         /* something changed while it was read */
    bool ending;                       /* the interpreter is being finalized */
    bool shallow;                      /* what others hold is not looked at */
};

/* Address maps */

static int map_new(struct address_map *map, size_t size)
{
    *map = (struct address_map){calloc(size, sizeof(*map->keys)), calloc(size, sizeof(*map->values)), size, 0};
    return map->keys && map->values ? 0 : -1;
}

static void map_free(struct address_map *map)
{
    free(map->keys);
    free(map->values);
}

static size_t map_place(const struct address_map *map, uint64_t key)
{
    size_t at = (key >> 3) * 0x9e3779b97f4a7c15u >> 40 & (map->size - 1);

    while (map->keys[at] && map->keys[at] != key)
        at = (at + 1) & (map->size - 1);
    return at;
}

static uint32_t *map_find(const struct address_map *map, uint64_t key)
{
    size_t at = map_place(map, key);

    return map->keys[at] ? &map->values[at] : NULL;
}

static int map_add(struct address_map *map, uint64_t key, uint32_t value)
{
    size_t at = map_place(map, key);

    if (!map->keys[at] && map->used++ >= map->size / 4 * 3)
        return -1;
    map->keys[at] = key;
    map->values[at] = value;
    return 0;
}

/* Texts. Each returns false where it cannot be had whole. */

static bool string_text(const struct walk *walk, uint64_t string, char *into, size_t size)
{
    return python_string(&walk->memory, string, into, size) == 0 && *into;
}

static bool type_text(const struct walk *walk, uint64_t object, char *into, size_t size)
{
    return python_type_name(&walk->memory, python_type(&walk->memory, object, NULL), into, size) == 0;
}

static bool fits(int length, size_t size)
{
    return length > 0 && (size_t)length < size;
}

/* Of a qualname. */
enum part { PART_ALL, PART_OUTER, PART_CLASS };

/* "app.make" of "app.make.<locals>.work", and for a method, whose closure knows its class, the class. */
static void cut_to_outer(char *qualname, bool method)
{
    char *inner = method ? strrchr(qualname, '.') : NULL;

    for (char *next = qualname; (next = strstr(next, ".<locals>.")) != NULL; next++)
        inner = method ? inner : next;
    if (inner)
        *inner = '\0';
}

/* "app.make", whole or cut to what is around it */
static bool qualified_text(const struct walk *walk, uint64_t module, uint64_t qualname, enum part part, char *into,
                           size_t size)
{
    char first[NAME_TEXT], second[HOLDERS_TEXT];

    if (!string_text(walk, module, first, sizeof(first)) || !string_text(walk, qualname, second, sizeof(second)))
        return false;
    if (part != PART_ALL)
        cut_to_outer(second, part == PART_CLASS);
    return fits(snprintf(into, size, "%s.%s", first, second), size);
}

static bool function_text(const struct walk *walk, uint64_t function, enum part part, char *into, size_t size)
{
    const struct layout *layout = walk->memory.layout;

    return qualified_text(walk, python_pointer(&walk->memory, function + layout->function_module),
                          python_pointer(&walk->memory, function + layout->function_qualname), part, into, size);
}

/* Of a frame: its code object's name, in the module that its globals are of. */
static bool frame_text(const struct walk *walk, const struct node *frame, char *into, size_t size)
{
    const struct layout *layout = walk->memory.layout;

    return qualified_text(walk, python_dict_get(&walk->memory, frame->edge.name, "__name__"),
                          python_pointer(&walk->memory, frame->address + layout->code_qualname), PART_ALL, into, size);
}

static bool edge_text(const struct walk *walk, const struct edge *edge, char *into, size_t size);

/* What an object that holds others is called. */
static bool holder_text(const struct walk *walk, const struct node *node, char *into, size_t size)
{
    char name[HOLDERS_TEXT];

    switch (node->shape) {
    case SHAPE_TYPE:
        return python_type_name(&walk->memory, node->address, name, sizeof(name)) == 0 &&
               fits(snprintf(into, size, "type %s", name), size);
    case SHAPE_FUNCTION:
        return function_text(walk, node->address, PART_ALL, name, sizeof(name)) &&
               fits(snprintf(into, size, "function %s", name), size);
    default:
        return !node->vague && edge_text(walk, &node->edge, into, size);
    }
}

static bool attribute_text(const struct walk *walk, const struct node *node, const char *name, char *into,
                           size_t size)
{
    char holder[HOLDERS_TEXT];

    if (node->shape == SHAPE_FUNCTION)
        return holder_text(walk, node, holder, sizeof(holder)) &&
               fits(snprintf(into, size, "attribute %s of %s", name, holder), size);
    return type_text(walk, node->address, holder, sizeof(holder)) &&
           fits(snprintf(into, size, "attribute %s.%s", holder, name), size);
}

/* A key is worth its place if it is short and plain. */
static bool key_text(const struct walk *walk, uint64_t key, char *into, size_t size)
{
    if (!key || !string_text(walk, key, into, size))
        return false;
    for (const char *at = into; *at; at++) {
        if (*at < ' ' || *at > '~')
            return false;
    }
    return true;
}

static bool item_text(const struct walk *walk, const struct node *node, uint64_t key, char *into, size_t size)
{
    char holder[HOLDERS_TEXT], name[KEY_TEXT];

    if (!holder_text(walk, node, holder, sizeof(holder)))
        return false;
    if (key_text(walk, key, name, sizeof(name)))
        return fits(snprintf(into, size, "item '%s' of %s", name, holder), size);
    return fits(snprintf(into, size, "item of %s", holder), size);
}

static bool edge_text(const struct walk *walk, const struct edge *edge, char *into, size_t size)
{
    const struct node *node = &walk->nodes[edge->parent];
    char holder[HOLDERS_TEXT], name[NAME_TEXT];
    bool named = edge->kind != EDGE_FIELD && edge->kind != EDGE_ITEM &&
                 string_text(walk, edge->name, name, sizeof(name));

    switch (edge->kind) {
    case EDGE_GLOBAL:
        return named && string_text(walk, node->edge.name, holder, sizeof(holder)) &&
               fits(snprintf(into, size, "module global %s.%s", holder, name), size);
    case EDGE_CLASS:
        return named && python_type_name(&walk->memory, node->address, holder, sizeof(holder)) == 0 &&
               fits(snprintf(into, size, "class attribute %s.%s", holder, name), size);
    case EDGE_ATTRIBUTE:
        return named && attribute_text(walk, node, name, into, size);
    case EDGE_ITEM:
        return item_text(walk, node, edge->name, into, size);
    case EDGE_KEY:
        return holder_text(walk, node, holder, sizeof(holder)) &&
               fits(snprintf(into, size, "key of %s", holder), size);
    case EDGE_CLOSURE:
        return named &&
               function_text(walk, node->address, strcmp(name, "__class__") == 0 ? PART_CLASS : PART_OUTER, holder,
                             sizeof(holder)) &&
               fits(snprintf(into, size, "closure %s of %s", name, holder), size);
    case EDGE_CONTENT:
        return !node->vague && edge_text(walk, &node->edge, into, size);
    case EDGE_FIELD:
        return holder_text(walk, node, holder, sizeof(holder)) &&
               fits(snprintf(into, size, "%s of %s", (const char *)edge->name, holder), size);
    case EDGE_LOCAL:
        return named && frame_text(walk, node, holder, sizeof(holder)) &&
               fits(snprintf(into, size, "local %s of %s", name, holder), size);
    }
    return false;
}

/* Choosing between two ways to hold an object that take equally many steps */

enum choice { CHOICE_OLD, CHOICE_NEW, CHOICE_NEITHER };

static size_t dots_in(const char *text)
{
    size_t dots = 0;

    for (; *text; text++)
        dots += *text == '.';
    return dots;
}

static bool is_better_module(const char *name, const char *than)
{
    bool main = strcmp(name, "__main__") == 0, than_main = strcmp(than, "__main__") == 0;
    size_t dots = dots_in(name), than_dots = dots_in(than);

    if (main != than_main)
        return than_main;
    return dots != than_dots ? dots < than_dots : strcmp(name, than) < 0;
}

/* Globals of one name in two modules: one was imported from the other. */
static enum choice choose_global(const struct walk *walk, const struct edge *old, const struct edge *new)
{
    char names[2][NAME_TEXT], modules[2][NAME_TEXT];

    if (!string_text(walk, old->name, names[0], sizeof(names[0])) ||
        !string_text(walk, new->name, names[1], sizeof(names[1])) || strcmp(names[0], names[1]) != 0 ||
        !string_text(walk, walk->nodes[old->parent].edge.name, modules[0], sizeof(modules[0])) ||
        !string_text(walk, walk->nodes[new->parent].edge.name, modules[1], sizeof(modules[1])))
        return CHOICE_NEITHER;
    return is_better_module(modules[1], modules[0]) ? CHOICE_NEW : CHOICE_OLD;
}

static enum choice choose(const struct walk *walk, const struct edge *old, const struct edge *new)
{
    char texts[2][HOLDERS_TEXT];

    if (old->kind == EDGE_GLOBAL && new->kind == EDGE_GLOBAL)
        return choose_global(walk, old, new);
    if (old->kind == EDGE_LOCAL && new->kind == EDGE_LOCAL)
        return CHOICE_OLD; /* the outer frame's, the first of its names */
    if (!edge_text(walk, old, texts[0], sizeof(texts[0])) || !edge_text(walk, new, texts[1], sizeof(texts[1])))
        return CHOICE_NEITHER;
    return strcmp(texts[0], texts[1]) == 0 ? CHOICE_OLD : CHOICE_NEITHER;
}

/* Answers */

static enum holders_answer answer_to(const struct walk *walk, struct holders_wanted *wanted)
{
    const uint32_t *place = map_find(&walk->places, wanted->address);
    const struct candidate *found = place ? &walk->candidates[*place] : NULL;

    if (!found || !python_is_same(walk->below, wanted->address, wanted->type, wanted->owner))
        return HOLDERS_CHANGED;
    if (wanted->known && !wanted->still && (walk->torn || walk->complete != UINT8_MAX))
        return HOLDERS_UNSURE;
    if (!found->rank || found->rank > walk->complete)
        return walk->torn ? HOLDERS_UNSURE : HOLDERS_NONE;
    if (found->several)
        return HOLDERS_SEVERAL;
    if (!edge_text(walk, &found->edge, wanted->text, sizeof(wanted->text)))
        return HOLDERS_NONE;
    if ((python_pointer(walk->below, found->at) & ~(uint64_t)STACKREF_TAG) != wanted->address)
        return HOLDERS_UNSURE;
    return HOLDERS_FOUND;
}

/* While the interpreter is being finalized, what is missing was perhaps just cleared: only who is found counts, by the
 * first way that is found, as there may be no time for another. */
static void answer_ending(const struct walk *walk, size_t number)
{
    struct holders_wanted *wanted = &walk->wanted[number];

    if (wanted->answer == HOLDERS_UNSURE && !wanted->known && answer_to(walk, wanted) == HOLDERS_FOUND)
        wanted->answer = HOLDERS_FOUND;
}

/* References that are met */

struct reference {
    struct edge edge;
    uint64_t object;
    uint64_t at; /* address of the pointer */
    uint8_t rank;
};

static bool is_known(const struct walk *walk, const struct edge *edge, const char *known)
{
    char text[HOLDERS_TEXT];

    return known && edge_text(walk, edge, text, sizeof(text)) && strcmp(text, known) == 0;
}

static void consider(struct walk *walk, const struct reference *reference, size_t number)
{
    struct candidate *known = &walk->candidates[number];
    struct holders_wanted *wanted = &walk->wanted[number];
    enum choice choice = CHOICE_NEW;

    if (reference->edge.kind == EDGE_LOCAL && wanted->owner != walk->owner)
        return;
    wanted->still = wanted->still || is_known(walk, &reference->edge, wanted->known);
    if (known->rank && known->rank < reference->rank)
        return;
    if (known->rank == reference->rank)
        choice = choose(walk, &known->edge, &reference->edge);
    if (choice == CHOICE_NEW)
        *known = (struct candidate){reference->edge, reference->at, reference->rank,
                                    known->rank == reference->rank && known->several};
    else if (choice == CHOICE_NEITHER)
        known->several = true;
    if (walk->ending)
        answer_ending(walk, number);
}

/* Only their closures, defaults and attributes are looked at: of most functions there is nothing. */
static bool is_plain_function(const struct walk *walk, uint64_t function)
{
    uint64_t words[5]; /* func_defaults, func_kwdefaults, func_closure, func_doc, func_dict */

    if (walk->memory.read(walk->memory.context, function + walk->closure - 16, words, sizeof(words)) != 0)
        return true;
    return !words[0] && !words[1] && !words[2] && !words[4];
}

static bool holds_others(struct walk *walk, uint64_t object, uint8_t *kind)
{
    const struct shape *shape = shape_of(&walk->memory, &walk->shapes, object);

    *kind = shape->kind;
    return shape->kind != SHAPE_LEAF && shape->kind != SHAPE_MODULE &&
           !(shape->kind == SHAPE_FUNCTION && is_plain_function(walk, object));
}

static void cut_short(struct walk *walk, uint8_t rank)
{
    if (walk->complete > rank)
        walk->complete = rank;
}

/* Known already: perhaps in another way that is as good. */
static void meet_again(struct walk *walk, const struct reference *reference, struct node *node)
{
    enum choice choice;

    if (node->rank != reference->rank || node->vague || node->shape == SHAPE_TYPE || node->shape == SHAPE_FUNCTION)
        return;
    choice = choose(walk, &node->edge, &reference->edge);
    if (choice == CHOICE_NEW)
        node->edge = reference->edge;
    node->vague = choice == CHOICE_NEITHER;
}

static void add_node(struct walk *walk, const struct reference *reference)
{
    struct node node = {.address = reference->object, .edge = reference->edge, .rank = reference->rank};
    uint32_t *known = map_find(&walk->visited, reference->object);

    if (known) {
        if (*known)
            meet_again(walk, reference, &walk->nodes[*known - 1]);
        return;
    }
    if (reference->rank >= RANK_LAST)
        return;
    if (!holds_others(walk, reference->object, &node.shape))
        return;
    if (arrlenu(walk->nodes) >= MOST_NODES || map_add(&walk->visited, node.address, arrlenu(walk->nodes) + 1)) {
        cut_short(walk, reference->rank);
        return;
    }
    arrput(walk->nodes, node);
}

static void meet(struct walk *walk, const struct reference *reference)
{
    const uint32_t *number;

    if (!reference->object || reference->object % 8)
        return;
    if (walk->edges++ >= MOST_EDGES || page_cache_reads(walk->cache) >= MOST_PAGES) {
        cut_short(walk, reference->rank - 1);
        return;
    }
    number = map_find(&walk->places, reference->object);
    if (number)
        consider(walk, reference, *number);
    if (!walk->shallow)
        add_node(walk, reference);
}

/* Meets what node number `parent` holds. */
static void hold(struct walk *walk, size_t parent, enum edge_kind kind, uint64_t name, uint64_t object, uint64_t at)
{
    uint8_t rank = walk->nodes[parent].rank + (kind == EDGE_CONTENT ? RANK_CONTENT : RANK_STEP);

    meet(walk, &(struct reference){{name, (uint32_t)parent, kind}, object, at, rank});
}

static void hold_pointer(struct walk *walk, size_t parent, enum edge_kind kind, uint64_t name, uint64_t at)
{
    hold(walk, parent, kind, name, python_pointer(&walk->memory, at), at);
}

/* What is rarely looked for, and leads nowhere. */
static void hold_wanted(struct walk *walk, size_t parent, const char *field, uint64_t at)
{
    uint64_t object = python_pointer(&walk->memory, at);

    if (map_find(&walk->places, object))
        hold(walk, parent, EDGE_FIELD, (uint64_t)field, object, at);
}

/* What objects of each shape hold */

/* A dict that is being changed may be whole a moment later. */
static int read_items(struct walk *walk, uint64_t dict, struct python_item **items)
{
    uint64_t flags;

    *items = NULL;
    if (!python_type(&walk->memory, dict, &flags) || !(flags & PYTHON_DICT))
        return -1;
    for (int i = 0; i < MOST_TRIES; i++) {
        if (python_dict_items(&walk->memory, dict, MOST_ITEMS, items) == 0)
            return 0;
        page_cache_clear(walk->cache);
    }
    walk->torn = true;
    return -1;
}

static void walk_items(struct walk *walk, size_t parent, uint64_t dict, enum edge_kind kind)
{
    bool was_shallow = walk->shallow;
    struct python_item *items;

    if (read_items(walk, dict, &items) != 0)
        return;
    for (size_t i = 0; i < arrlenu(items); i++) {
        bool keyed = kind != EDGE_ITEM || arrlenu(items) <= KEYED_ITEMS;

        walk->shallow = was_shallow || (kind == EDGE_ITEM && i >= MOST_LOOKED_INTO);
        hold(walk, parent, kind, keyed ? items[i].key : 0, items[i].value, items[i].at);
        if (kind == EDGE_ITEM && map_find(&walk->places, items[i].key))
            hold(walk, parent, EDGE_KEY, items[i].key, items[i].key, items[i].at - sizeof(uint64_t));
    }
    walk->shallow = was_shallow;
    arrfree(items);
}

static void walk_array(struct walk *walk, size_t parent, uint64_t array, uint64_t count, uint64_t step)
{
    for (uint64_t i = 0; array && i < count && i < MOST_ITEMS; i++) {
        walk->shallow = i >= MOST_LOOKED_INTO;
        hold_pointer(walk, parent, EDGE_ITEM, 0, array + i * step);
    }
    walk->shallow = false;
}

static void walk_attributes(struct walk *walk, size_t parent)
{
    uint64_t object = walk->nodes[parent].address, flags;
    struct python_item *items;
    int status = -1;

    for (int i = 0; i < MOST_TRIES && status != 0; i++) {
        status = python_attributes(&walk->memory, object, MOST_ITEMS, &items);
        if (status != 0)
            page_cache_clear(walk->cache);
    }
    walk->torn |= status != 0;
    for (size_t i = 0; i < arrlenu(items); i++)
        hold(walk, parent, EDGE_ATTRIBUTE, items[i].key, items[i].value, items[i].at);
    arrfree(items);
    if (python_type(&walk->memory, object, &flags) && flags & PYTHON_MANAGED_DICT)
        hold_wanted(walk, parent, "__dict__", object - sizeof(uint64_t));
}

static void walk_members(struct walk *walk, size_t parent)
{
    uint64_t object = walk->nodes[parent].address;
    const struct shape *shape = shape_of(&walk->memory, &walk->shapes, object);
    struct member *members = NULL; /* meeting others may move what is known of shapes */

    for (size_t i = 0; i < arrlenu(shape->members); i++)
        arrput(members, shape->members[i]);
    for (size_t i = 0; i < arrlenu(members); i++)
        hold_pointer(walk, parent, members[i].field ? EDGE_FIELD : EDGE_ATTRIBUTE,
                     members[i].field ? (uint64_t)members[i].field : members[i].name, object + members[i].offset);
    arrfree(members);
}

static uint64_t tuple_size(const struct walk *walk, uint64_t tuple)
{
    uint64_t flags;

    if (!python_type(&walk->memory, tuple, &flags) || !(flags & PYTHON_TUPLE))
        return 0;
    return python_pointer(&walk->memory, tuple + walk->memory.layout->ob_size);
}

static uint8_t local_kind(const struct walk *walk, uint64_t code, uint64_t index)
{
    uint64_t bytes = python_pointer(&walk->memory, code + walk->kinds);
    uint8_t kind = 0;

    if (index < python_pointer(&walk->memory, bytes + walk->memory.layout->bytes_size))
        walk->memory.read(walk->memory.context, bytes + walk->memory.layout->bytes_data + index, &kind, 1);
    return kind;
}

/* Free variables are the last names of a code object, in the order of the closure. */
static void walk_closure(struct walk *walk, size_t parent)
{
    const struct layout *layout = walk->memory.layout;
    uint64_t function = walk->nodes[parent].address;
    uint64_t code = python_pointer(&walk->memory, function + layout->function_code);
    uint64_t closure = python_pointer(&walk->memory, function + walk->closure), cells = tuple_size(walk, closure);
    uint64_t names = python_pointer(&walk->memory, code + walk->names), count = tuple_size(walk, names);

    if (cells == 0 || cells > count || count > UINT16_MAX || !(local_kind(walk, code, count - cells) & LOCAL_FREE))
        return;
    for (uint64_t i = 0; i < cells; i++) {
        uint64_t name = python_pointer(&walk->memory, names + layout->tuple_item + 8 * (count - cells + i));

        hold_pointer(walk, parent, EDGE_CLOSURE, name, closure + layout->tuple_item + 8 * i);
    }
}

static void walk_function(struct walk *walk, size_t parent)
{
    static const char *const fields[] = {"func_defaults", "func_kwdefaults", "func_closure"};
    uint64_t function = walk->nodes[parent].address;

    for (int i = 0; i < 3; i++)
        hold_pointer(walk, parent, EDGE_FIELD, (uint64_t)fields[i], function + walk->closure - 16 + 8 * i);
    walk_closure(walk, parent);
}

static void walk_type(struct walk *walk, size_t parent)
{
    static const char *const fields[] = {"tp_mro", "tp_bases", "tp_dict"};
    uint64_t type = walk->nodes[parent].address;

    walk_items(walk, parent, python_pointer(&walk->memory, type + walk->memory.layout->type_dict), EDGE_CLASS);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        hold_wanted(walk, parent, fields[i], type + walk->type_fields[i]);
}

static void walk_set(struct walk *walk, size_t parent)
{
    const struct layout *layout = walk->memory.layout;
    uint64_t set = walk->nodes[parent].address, mask = python_pointer(&walk->memory, set + layout->set_mask);

    walk_array(walk, parent, python_pointer(&walk->memory, set + layout->set_table), mask + 1, 16);
}

static void expand(struct walk *walk, size_t parent)
{
    const struct layout *layout = walk->memory.layout;
    uint64_t object = walk->nodes[parent].address;
    uint8_t kind = walk->nodes[parent].shape;

    switch (kind) {
    case SHAPE_MODULE:
        walk_items(walk, parent, python_pointer(&walk->memory, object + layout->module_dict), EDGE_GLOBAL);
        return;
    case SHAPE_TYPE:
        walk_type(walk, parent);
        return;
    case SHAPE_FUNCTION:
        walk_function(walk, parent);
        break;
    case SHAPE_CELL:
        hold_pointer(walk, parent, EDGE_CONTENT, 0, object + layout->cell_value);
        return;
    case SHAPE_DICT:
        walk_items(walk, parent, object, EDGE_ITEM);
        break;
    case SHAPE_LIST:
        walk_array(walk, parent, python_pointer(&walk->memory, object + layout->list_item),
                   python_pointer(&walk->memory, object + layout->list_size), 8);
        break;
    case SHAPE_TUPLE:
        walk_array(walk, parent, object + layout->tuple_item, tuple_size(walk, object), 8);
        break;
    case SHAPE_SET:
        walk_set(walk, parent);
        break;
    }
    if (shape_of(&walk->memory, &walk->shapes, object)->has_attributes)
        walk_attributes(walk, parent);
    walk_members(walk, parent);
}

/* Where the walk starts */

static int add_root(struct walk *walk, uint64_t address, uint64_t name, uint8_t rank, uint8_t shape)
{
    struct node node = {address, {.name = name, .kind = EDGE_ROOT}, rank, shape, false};

    if (arrlenu(walk->nodes) >= MOST_NODES ||
        (shape == SHAPE_MODULE && map_add(&walk->visited, address, arrlenu(walk->nodes) + 1)))
        return -1;
    arrput(walk->nodes, node);
    return 0;
}

/* The modules, and their dicts, which have a name of their own. */
static void add_module(struct walk *walk, const struct python_item *item)
{
    uint64_t dict = python_pointer(&walk->memory, item->value + walk->memory.layout->module_dict);

    if (shape_of(&walk->memory, &walk->shapes, item->value)->kind == SHAPE_MODULE &&
        !map_find(&walk->visited, item->value) && !add_root(walk, item->value, item->key, RANK_ROOT, SHAPE_MODULE))
        map_add(&walk->visited, dict, 0);
}

/* __main__ first: in what it imports itself there is the least to be found. */
static int add_modules(struct walk *walk, uint64_t interp)
{
    uint64_t modules = python_pointer(&walk->memory, interp + walk->memory.layout->interp_modules);
    uint64_t main_module = python_dict_get(&walk->memory, modules, "__main__");
    struct python_item *items;

    if (read_items(walk, modules, &items) != 0)
        return -1;
    for (size_t i = 0; main_module && i < arrlenu(items); i++) {
        if (items[i].value == main_module)
            add_module(walk, &items[i]);
    }
    for (size_t i = 0; i < arrlenu(items); i++)
        add_module(walk, &items[i]);
    arrfree(items);
    return 0;
}

/* A frame's variables, of which closures hold cells. */
static void walk_frame(struct walk *walk, uint64_t frame, uint64_t code)
{
    const struct layout *layout = walk->memory.layout;
    uint64_t names = python_pointer(&walk->memory, code + walk->names), count = tuple_size(walk, names);
    uint64_t globals = python_pointer(&walk->memory, frame + walk->globals);
    size_t parent = arrlenu(walk->nodes);

    if (add_root(walk, code, globals, RANK_LOCAL - RANK_STEP, SHAPE_LEAF))
        return;
    for (uint64_t i = 0, reference; i < count && i < UINT8_MAX; i++) {
        uint64_t at = frame + layout->frame_localsplus + 8 * i;
        uint64_t name = python_pointer(&walk->memory, names + layout->tuple_item + 8 * i);

        reference = python_pointer(&walk->memory, at);
        if ((reference & STACKREF_TAG) != STACKREF_TAG && !(local_kind(walk, code, i) & (LOCAL_HIDDEN | LOCAL_FREE)))
            hold(walk, parent, EDGE_LOCAL, name, reference & ~(uint64_t)STACKREF_TAG, at);
    }
}

static bool is_code(const struct walk *walk, uint64_t object)
{
    char name[8];

    return type_text(walk, object, name, sizeof(name)) && strcmp(name, "code") == 0;
}

static bool is_owner(const struct walk *walk, uint64_t thread)
{
    for (size_t i = 0; i < walk->count; i++) {
        if (walk->wanted[i].owner == thread)
            return true;
    }
    return false;
}

/* A function that runs is held by its frame: what its closure is called does not depend on that. */
static void walk_running(struct walk *walk, uint64_t frame)
{
    uint64_t at = frame + walk->function, function = python_pointer(&walk->memory, at) & ~(uint64_t)STACKREF_TAG;

    meet(walk, &(struct reference){{.kind = EDGE_ROOT}, function, at, RANK_RUNNING});
}

/* From the outermost frame on, whose variables last longest. */
static void walk_thread(struct walk *walk, uint64_t state)
{
    const struct layout *layout = walk->memory.layout;
    uint64_t frames[MOST_FRAMES], codes[MOST_FRAMES];
    uint64_t frame = python_pointer(&walk->memory, state + layout->tstate_current_frame);
    size_t count = 0;
    bool locals;

    walk->owner = python_pointer(&walk->memory, state + layout->tstate_thread_id);
    locals = is_owner(walk, walk->owner);
    for (int i = 0; frame && i < MOST_FRAMES; i++) {
        frames[count] = frame;
        codes[count] = python_pointer(&walk->memory, frame + layout->frame_executable) & ~(uint64_t)STACKREF_TAG;
        count += is_code(walk, codes[count]);
        frame = python_pointer(&walk->memory, frame + layout->frame_previous);
    }
    while (count-- > 0) {
        if (locals)
            walk_frame(walk, frames[count], codes[count]);
        walk_running(walk, frames[count]);
    }
}

/* Calls walk_it() for each interpreter. */
static int each_interpreter(struct walk *walk, uint64_t runtime, int (*walk_it)(struct walk *, uint64_t))
{
    const struct layout *layout = walk->memory.layout;
    uint64_t interp = python_pointer(&walk->memory, runtime + layout->runtime_interpreters_head);
    int found = 0;

    for (int i = 0; interp && i < MOST_INTERPRETERS; i++) {
        found += walk_it(walk, interp) == 0;
        interp = python_pointer(&walk->memory, interp + layout->interp_next);
    }
    return found ? 0 : -1;
}

static int walk_threads(struct walk *walk, uint64_t interp)
{
    uint64_t state = python_pointer(&walk->memory, interp + walk->memory.layout->interp_threads_head);

    for (int i = 0; state && i < MOST_THREADS; i++) {
        walk_thread(walk, state);
        state = python_pointer(&walk->memory, state + walk->memory.layout->tstate_next);
    }
    return 0;
}

/* Whether nothing of a higher rank can change the answer. */
static bool is_final(const struct walk *walk, size_t number, uint8_t rank)
{
    const struct candidate *found = &walk->candidates[number];

    return rank == RANK_END || walk->wanted[number].still ||
           (!walk->wanted[number].known && found->rank && found->rank <= rank);
}

static bool is_settled(const struct walk *walk, uint8_t rank)
{
    for (size_t i = 0; i < walk->count; i++) {
        if (!is_final(walk, i, rank))
            return false;
    }
    return true;
}

/* Whether the interpreter is being finalized by now. */
static bool is_ending(struct walk *walk)
{
    if (walk->ending || !python_pointer(walk->below, walk->finalizing))
        return walk->ending;
    walk->ending = true;
    for (size_t i = 0; i < walk->count; i++)
        answer_ending(walk, i);
    return true;
}

/* Answers what is final, at once: the program may end any moment. */
static int answer(struct walk *walk, uint8_t rank)
{
    enum holders_answer *answers = calloc(walk->count, sizeof(*answers));

    for (size_t i = 0; answers && i < walk->count; i++)
        answers[i] = walk->wanted[i].answer == HOLDERS_UNSURE && is_final(walk, i, rank)
                         ? answer_to(walk, &walk->wanted[i])
                         : HOLDERS_UNSURE;
    for (size_t i = 0; answers && !is_ending(walk) && i < walk->count; i++) {
        if (walk->wanted[i].answer == HOLDERS_UNSURE)
            walk->wanted[i].answer = answers[i];
    }
    free(answers);
    return answers ? 0 : -1;
}

static void walk_rank(struct walk *walk, uint8_t rank)
{
    size_t expanded = 0;

    for (size_t i = 0; i < arrlenu(walk->nodes); i++) {
        if (walk->nodes[i].rank != rank || walk->nodes[i].shape == SHAPE_LEAF)
            continue;
        expand(walk, i);
        if (++expanded % LOOK_UP == 0)
            is_ending(walk);
    }
}

/* Most often all are globals, which the modules' dicts alone can tell, and soon. */
static int walk_all(struct walk *walk, uint64_t runtime)
{
    is_ending(walk);
    if (each_interpreter(walk, runtime, add_modules))
        return -1;
    walk->shallow = true;
    walk_rank(walk, RANK_ROOT);
    walk->shallow = false;
    if (answer(walk, RANK_STEP))
        return -1;
    if (is_settled(walk, RANK_STEP))
        return 0;
    for (uint8_t rank = RANK_ROOT; rank < RANK_LAST && !is_settled(walk, rank); rank++) {
        if (rank == RANK_LOCAL - RANK_STEP)
            each_interpreter(walk, runtime, walk_threads);
        walk_rank(walk, rank);
        if (answer(walk, rank))
            return 0;
    }
    answer(walk, RANK_END);
    return 0;
}

static size_t power_above(size_t count)
{
    size_t power = 16;

    while (power < count)
        power *= 2;
    return power;
}

/* From the table of fields; 0 where it has none. */
static uint16_t field_offset(const struct layout *layout, const char *type, const char *field)
{
    for (uint16_t offset = 0; offset < 1024; offset += 8) {
        const char *name = layout_field(layout, type, offset);

        if (name && strcmp(name, field) == 0)
            return offset;
    }
    return 0;
}


static int start(struct walk *walk, const struct python_memory *memory, struct holders_wanted *wanted, size_t count)
{
    const struct layout *layout = memory->layout;

    *walk = (struct walk){
        .finalizing = walk->finalizing,
        .below = memory,
        .cache = page_cache_new(memory),
        .wanted = wanted,
        .count = count,
        .candidates = calloc(count, sizeof(*walk->candidates)),
        .closure = field_offset(layout, "function", "func_closure"),
        .names = field_offset(layout, "code", "co_localsplusnames"),
        .kinds = field_offset(layout, "code", "co_localspluskinds"),
        .globals = field_offset(layout, "interpreter_frame", "f_globals"),
        .function = field_offset(layout, "interpreter_frame", "f_funcobj"),
        .type_fields = {field_offset(layout, "type", "tp_mro"), field_offset(layout, "type", "tp_bases"),
                        layout->type_dict},
        .complete = UINT8_MAX,
    };
    if (!walk->cache || !walk->candidates || map_new(&walk->visited, power_above(2 * MOST_NODES)) ||
        map_new(&walk->places, power_above(2 * count)))
        return -1;
    walk->memory = page_cache_memory(walk->cache);
    for (size_t i = 0; i < count; i++) {
        wanted[i].still = false;
        wanted[i].answer = HOLDERS_UNSURE;
        if (wanted[i].address && !map_find(&walk->places, wanted[i].address))
            map_add(&walk->places, wanted[i].address, (uint32_t)i);
    }
    return 0;
}

static void stop(struct walk *walk)
{
    page_cache_free(walk->cache);
    shape_free(walk->shapes);
    arrfree(walk->nodes);
    map_free(&walk->visited);
    map_free(&walk->places);
    free(walk->candidates);
}

int holders_find(const struct python_memory *memory, uint64_t runtime, struct holders_wanted *wanted, size_t count)
{
    struct walk walk = {.finalizing = runtime + memory->layout->runtime_finalizing};
    int status = -1;

    if (count > 0 && count <= MOST_WANTED && !start(&walk, memory, wanted, count))
        status = walk_all(&walk, runtime);
    stop(&walk);
    return status;
}
