#include "resolve/operand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"

enum { MOST_CANDIDATES = 64, MOST_STEPS = 6, MOST_BASES = 64, MOST_NAMES = 4096, MOST_ITEMS = 4096, LOCALS_SEEN = 32 };

/* Include/descrobject.h: PyMemberDef (3.13.5 to 3.15.0rc1); Include/cpython/object.h */
enum { MEMBER_OFFSET = 16, TYPE_MRO = 360, TYPE_DESCR_GET = 288, STATICMETHOD_CALLABLE = 32 };
#define TAGS 7ull /* of stack references: objects are aligned */

enum role {
    ROLE_INPUT,    /* the instruction takes it and drops it */
    ROLE_BORROWED, /* the instruction takes it, but holds no reference of its own */
    ROLE_OUTPUT,   /* it puts it on the stack */
    ROLE_OLD,      /* it stood where the instruction stores something else */
    ROLE_INNER,    /* it is looked at on the way */
};

enum status { STATUS_UNKNOWN, STATUS_PROVEN, STATUS_REFUTED };

struct candidate {
    uint8_t role, status;
    char text[EXPRESSION_SIZE]; /* "" where it has no name */
};

/* Where a value is now. */
struct found {
    uint64_t address; /* 0: nobody knows */
    bool certain;     /* it cannot have been another one a moment ago */
};

struct search {
    const struct operand_question *question;
    const struct expression_source *source;
    const struct python_memory *memory;
    struct candidate candidates[MOST_CANDIDATES];
    size_t count;
    bool crowded;          /* there were more */
};

/* Values */

static uint64_t pointer(const struct search *search, uint64_t address)
{
    return search->memory && address ? python_pointer(search->memory, address) : 0;
}

static uint64_t get(const struct search *search, uint64_t dict, const char *key)
{
    return search->memory && dict && key ? python_dict_get(search->memory, dict, key) : 0;
}

static bool is_type(const struct search *search, uint64_t object)
{
    uint64_t flags;

    return search->memory && python_type(search->memory, object, &flags) && (flags & PYTHON_TYPE);
}

/* Calls visit with the dict of each class that type inherits from, itself first, until it returns something. */
static uint64_t each_base(const struct search *search, uint64_t type,
                          uint64_t (*visit)(const struct search *, uint64_t dict, void *), void *context)
{
    const struct layout *layout = search->memory->layout;
    uint64_t mro = pointer(search, type + TYPE_MRO), count = mro ? pointer(search, mro + layout->ob_size) : 0, result = 0;

    for (uint64_t i = 0; i < count && i < MOST_BASES && !result; i++) {
        uint64_t base = pointer(search, mro + layout->tuple_item + 8 * i);

        result = visit(search, pointer(search, base + layout->type_dict), context);
    }
    return result;
}

static uint64_t visit_name(const struct search *search, uint64_t dict, void *name)
{
    return get(search, dict, name);
}

static uint64_t type_attribute(const struct search *search, uint64_t type, const char *name)
{
    return each_base(search, type, visit_name, (void *)name);
}

static bool has_type_name(const struct search *search, uint64_t object, const char *name)
{
    uint64_t type = python_type(search->memory, object, NULL);
    char text[64];

    return type && python_type_name(search->memory, type, text, sizeof(text)) == 0 && strcmp(text, name) == 0;
}

/* What stands in a slot of __slots__. */
static uint64_t slot_of(const struct search *search, uint64_t owner, uint64_t descriptor)
{
    uint64_t definition = pointer(search, descriptor + search->memory->layout->descr_member);
    uint64_t offset = definition ? pointer(search, definition + MEMBER_OFFSET) : 0;

    return offset >= 32 && offset < 1 << 16 && offset % 8 == 0 ? pointer(search, owner + offset) : 0;
}

/* What a class gives for what stands in its dict, where that needs no code to be run. A function stays one: what it is
 * bound to comes beside it. */
static uint64_t bound(const struct search *search, uint64_t owner, uint64_t found)
{
    uint64_t type = python_type(search->memory, found, NULL);

    if (!type || !pointer(search, type + TYPE_DESCR_GET) || has_type_name(search, found, "function"))
        return found;
    if (has_type_name(search, found, "staticmethod"))
        return pointer(search, found + STATICMETHOD_CALLABLE);
    return has_type_name(search, found, "member_descriptor") && !is_type(search, owner)
               ? slot_of(search, owner, found)
               : 0;
}

/* As obj.name finds it, but for what runs code. */
static uint64_t attribute_of(const struct search *search, uint64_t owner, const char *name)
{
    uint64_t found = 0;

    if (is_type(search, owner))
        found = type_attribute(search, owner, name);
    else if ((found = python_attribute(search->memory, owner, name)))
        return found;
    if (!found)
        found = type_attribute(search, python_type(search->memory, owner, NULL), name);
    return found ? bound(search, owner, found) : 0;
}

static uint64_t variable_then(const struct search *search, uint32_t number, bool content)
{
    const struct layout *layout = search->memory ? search->memory->layout : NULL;
    uint64_t value;

    if (number >= search->question->count || number >= arrlenu(search->source->code->variables))
        return 0;
    value = search->question->variables[number] & ~TAGS;
    return content && value ? pointer(search, value + layout->cell_value) : value;
}

static struct found find_value(const struct search *search, bytecode_value value, int steps);

/* The value under the name, where names are looked up. */
static uint64_t global_now(const struct search *search, enum opcode opcode, const char *name)
{
    uint64_t found = opcode != OPCODE_LOAD_GLOBAL ? get(search, search->question->locals, name) : 0;

    if (!found)
        found = get(search, search->question->globals, name);
    return found ? found : get(search, search->question->builtins, name);
}

static struct found find_attribute(const struct search *search, uint32_t instr, const char *name, int steps)
{
    bytecode_value *inputs = expression_inputs(search->source, instr);
    struct found owner = {0};

    if (arrlenu(inputs) > 0)
        owner = find_value(search, inputs[0], steps);
    arrfree(inputs);
    if (!owner.address || !name)
        return (struct found){0};
    return (struct found){attribute_of(search, owner.address, name), owner.certain};
}

static uint64_t item_at(const struct search *search, uint64_t container, uint64_t flags, int64_t number)
{
    const struct layout *layout = search->memory->layout;

    if (number < 0 || number >= 1 << 20)
        return 0;
    if (flags & PYTHON_LIST && (uint64_t)number < pointer(search, container + layout->list_size))
        return pointer(search, pointer(search, container + layout->list_item) + 8 * number);
    if (flags & PYTHON_TUPLE && (uint64_t)number < pointer(search, container + layout->ob_size))
        return pointer(search, container + layout->tuple_item + 8 * number);
    return 0;
}

/* CACHE['key'] and PAIR[0] */
static struct found find_item(const struct search *search, uint32_t instr, int steps)
{
    bytecode_value *inputs = expression_inputs(search->source, instr), by;
    struct found container = {0}, key = {0};
    char text[EXPRESSION_SIZE];
    enum opcode opcode = OPCODE_UNKNOWN;
    uint64_t flags = 0;
    uint32_t argument;
    int64_t number;

    by = arrlenu(inputs) == 2 ? inputs[1] : BYTECODE_UNKNOWN;
    if (by != BYTECODE_UNKNOWN) {
        container = find_value(search, inputs[0], steps);
        key = find_value(search, by, steps);
        bytecode_instr(search->source->bytecode, BYTECODE_INSTR(by), &opcode, &argument);
    }
    arrfree(inputs);
    if (!container.address || !python_type(search->memory, container.address, &flags))
        return (struct found){0};
    if (opcode == OPCODE_LOAD_SMALL_INT)
        return (struct found){item_at(search, container.address, flags, argument), container.certain};
    if (!key.address)
        return (struct found){0};
    if ((flags & PYTHON_DICT) && python_string(search->memory, key.address, text, sizeof(text)) == 0)
        return (struct found){get(search, container.address, text), container.certain && key.certain};
    if (python_int(search->memory, key.address, &number) != 0)
        return (struct found){0};
    return (struct found){item_at(search, container.address, flags, number), container.certain && key.certain};
}

static struct found find_value(const struct search *search, bytecode_value value, int steps)
{
    uint32_t argument, instr, number;
    enum opcode opcode;
    bool content;

    if (value == BYTECODE_UNKNOWN || BYTECODE_OUTPUT(value) == BYTECODE_EXCEPTION || steps == 0)
        return (struct found){0};
    instr = bytecode_instr(search->source->bytecode, BYTECODE_INSTR(value), &opcode, &argument);
    if (opcode == OPCODE_LOAD_CONST && argument < arrlenu(search->source->code->consts))
        return (struct found){search->source->code->consts[argument], true};
    if (!search->memory || BYTECODE_OUTPUT(value) > 1)
        return (struct found){0};
    number = expression_variable_of(search->source, value, &content);
    if (number != BYTECODE_UNKNOWN)
        return (struct found){variable_then(search, number, content), false};
    switch (opcode) {
    case OPCODE_LOAD_GLOBAL:
    case OPCODE_LOAD_NAME:
        return BYTECODE_OUTPUT(value) == 0
                   ? (struct found){global_now(search, opcode, expression_name(search->source, opcode, argument)), true}
                   : (struct found){0};
    case OPCODE_LOAD_ATTR:
        return BYTECODE_OUTPUT(value) == 0
                   ? find_attribute(search, instr, expression_name(search->source, opcode, argument), steps - 1)
                   : (struct found){0};
    case OPCODE_LOAD_BUILD_CLASS:
        return (struct found){get(search, search->question->builtins, "__build_class__"), true};
    case OPCODE_BINARY_SUBSCR:
        return find_item(search, instr, steps - 1);
    case OPCODE_BINARY_OP:
        return search->source->opcodes->since14 && argument == 26 ? find_item(search, instr, steps - 1)
                                                                  : (struct found){0};
    default:
        return (struct found){0};
    }
}

/* Candidates */

/* What is found now may not be what was there at the operation: only what cannot change refutes, or, where nothing but
 * names lead there, another type. */
static enum status judge(const struct search *search, struct found found)
{
    uint64_t type;

    if (!found.address)
        return STATUS_UNKNOWN;
    if (found.address == search->question->object)
        return STATUS_PROVEN;
    if (!search->memory)
        return STATUS_REFUTED; /* a constant */
    type = python_type(search->memory, found.address, NULL);
    return found.certain && type && type != search->question->type ? STATUS_REFUTED : STATUS_UNKNOWN;
}

static bool is_opcode(const struct search *search, bytecode_value value, enum opcode wanted)
{
    enum opcode opcode;
    uint32_t argument;

    bytecode_instr(search->source->bytecode, BYTECODE_INSTR(value), &opcode, &argument);
    return opcode == wanted;
}

/* BPF looked at the frame's variables right at the operation, and told the first that is the object. */
static enum status judge_variable(const struct search *search, uint32_t number)
{
    uint32_t local = search->question->local;

    if (local != OPERAND_NO_LOCALS && local == number + 1)
        return STATUS_PROVEN;
    if (local != OPERAND_NO_LOCALS && number < LOCALS_SEEN && (local == 0 || number + 1 < local))
        return STATUS_REFUTED;
    return variable_then(search, number, false) == search->question->object ? STATUS_PROVEN : STATUS_UNKNOWN;
}

/* Whether a list or tuple has the object among its first items. */
static bool has_item(const struct search *search, uint64_t container)
{
    const struct layout *layout = search->memory->layout;
    uint64_t flags, items, count;

    if (!container || !python_type(search->memory, container, &flags) || !(flags & (PYTHON_LIST | PYTHON_TUPLE)))
        return false;
    items = flags & PYTHON_LIST ? pointer(search, container + layout->list_item) : container + layout->tuple_item;
    count = pointer(search, container + (flags & PYTHON_LIST ? layout->list_size : layout->ob_size));
    for (uint64_t i = 0; items && i < count && i < MOST_ITEMS; i++) {
        if (pointer(search, items + 8 * i) == search->question->object)
            return true;
    }
    return false;
}

/* An item that an iteration or an unpacking yields is any of the container's. */
static enum status judge_item(const struct search *search, uint32_t instr)
{
    bytecode_value *inputs = expression_inputs(search->source, instr), of;
    enum opcode opcode;
    uint32_t argument;

    of = arrlenu(inputs) > 0 ? inputs[0] : BYTECODE_UNKNOWN;
    arrfree(inputs);
    bytecode_instr(search->source->bytecode, BYTECODE_INSTR(of), &opcode, &argument);
    if (of != BYTECODE_UNKNOWN && opcode == OPCODE_GET_ITER) {
        inputs = expression_inputs(search->source, BYTECODE_INSTR(of));
        of = arrlenu(inputs) > 0 ? inputs[0] : BYTECODE_UNKNOWN;
        arrfree(inputs);
    }
    return search->memory && has_item(search, find_value(search, of, MOST_STEPS).address) ? STATUS_PROVEN
                                                                                        : STATUS_UNKNOWN;
}

static enum status judge_value(const struct search *search, bytecode_value value)
{
    bool content;
    uint32_t number = expression_variable_of(search->source, value, &content);

    if (is_opcode(search, value, OPCODE_FOR_ITER) || is_opcode(search, value, OPCODE_UNPACK_SEQUENCE))
        return judge_item(search, BYTECODE_INSTR(value));
    if (number != BYTECODE_UNKNOWN && !content)
        return judge_variable(search, number);
    /* Constants stay what they are. */
    if (is_opcode(search, value, OPCODE_LOAD_CONST))
        return find_value(search, value, 1).address == search->question->object ? STATUS_PROVEN : STATUS_REFUTED;
    return judge(search, find_value(search, value, MOST_STEPS));
}

static struct candidate *add(struct search *search, enum role role, enum status status)
{
    struct candidate *added = &search->candidates[search->count];

    if (search->count == MOST_CANDIDATES) {
        search->crowded = true;
        return NULL;
    }
    search->count++;
    *added = (struct candidate){.role = (uint8_t)role, .status = (uint8_t)status};
    return added;
}

static void add_text(struct search *search, enum role role, enum status status, const char *prefix, const char *name)
{
    struct candidate *added = name ? add(search, role, status) : NULL;

    if (added)
        snprintf(added->text, sizeof(added->text), "%s%s", prefix, name);
}

/* What never is an object with a count: NULL where a self may be, small ints, an iterator's companion. */
static bool is_nothing(const struct search *search, bytecode_value value)
{
    return is_opcode(search, value, OPCODE_PUSH_NULL) || is_opcode(search, value, OPCODE_LOAD_SMALL_INT) ||
           (BYTECODE_OUTPUT(value) == 1 &&
            (is_opcode(search, value, OPCODE_LOAD_GLOBAL) || is_opcode(search, value, OPCODE_GET_ITER)));
}

static bool is_borrowed(const struct search *search, bytecode_value value)
{
    return is_opcode(search, value, OPCODE_LOAD_FAST_BORROW) ||
           is_opcode(search, value, OPCODE_LOAD_FAST_BORROW_LOAD_FAST_BORROW);
}

static void add_value(struct search *search, enum role role, bytecode_value value)
{
    struct candidate *added;

    value = expression_origin(search->source, value);
    if (value != BYTECODE_UNKNOWN && BYTECODE_OUTPUT(value) != BYTECODE_EXCEPTION && is_nothing(search, value))
        return;
    if (value == BYTECODE_UNKNOWN || BYTECODE_OUTPUT(value) == BYTECODE_EXCEPTION)
        added = add(search, role, STATUS_UNKNOWN);
    else
        added = add(search, role == ROLE_INPUT && is_borrowed(search, value) ? ROLE_BORROWED : role,
                    judge_value(search, value));
    if (added && !expression_field(search->source, value, added->text, sizeof(added->text)))
        added->text[0] = '\0';
}

static void add_variable(struct search *search, enum role role, uint32_t number, bool content)
{
    struct candidate *added = add(search, role, STATUS_UNKNOWN);

    if (added)
        expression_variable(search->source, number, content, added->text, sizeof(added->text));
}

/* Those that take values without dropping them. */
static bool moves(enum opcode opcode)
{
    switch (opcode) {
    case OPCODE_RETURN_VALUE:
    case OPCODE_YIELD_VALUE:
    case OPCODE_BUILD_TUPLE:
    case OPCODE_BUILD_LIST:
    case OPCODE_PUSH_EXC_INFO:
    case OPCODE_POP_EXCEPT:
    case OPCODE_LIST_APPEND:
    case OPCODE_MAP_ADD:
    case OPCODE_LOAD_SPECIAL:
    case OPCODE_SET_FUNCTION_ATTRIBUTE:
        return true;
    default:
        return false;
    }
}

/* Those that only drop what stood where they put what they take. */
static bool replaces(enum opcode opcode)
{
    return opcode == OPCODE_STORE_FAST || opcode == OPCODE_STORE_FAST_LOAD_FAST ||
           opcode == OPCODE_STORE_FAST_STORE_FAST || opcode == OPCODE_STORE_DEREF;
}

static void add_inputs(struct search *search, enum opcode opcode, uint32_t argument)
{
    bytecode_value *inputs;

    if (replaces(opcode))
        return;
    inputs = expression_inputs(search->source, search->question->index);
    if (!inputs && opcode_effect(search->source->opcodes, opcode, argument).in > 0)
        add_value(search, ROLE_INPUT, BYTECODE_UNKNOWN);
    for (size_t i = 0; i < arrlenu(inputs); i++)
        add_value(search, moves(opcode) ? ROLE_INNER : ROLE_INPUT, inputs[i]);
    arrfree(inputs);
}

static void add_outputs(struct search *search, uint32_t instr, enum opcode opcode, uint32_t argument)
{
    struct opcode_effect effect = opcode_effect(search->source->opcodes, opcode, argument);

    for (uint32_t i = effect.keep; i < effect.out && i < BYTECODE_EXCEPTION; i++)
        add_value(search, ROLE_OUTPUT, BYTECODE_VALUE(instr, i));
}

/* What stores replace. */
static void add_old(struct search *search, enum opcode opcode, uint32_t argument)
{
    const char *name = expression_name(search->source, opcode, argument);

    switch (opcode) {
    case OPCODE_STORE_FAST:
    case OPCODE_DELETE_FAST:
        add_variable(search, ROLE_OLD, argument, false);
        return;
    case OPCODE_STORE_FAST_STORE_FAST:
        add_variable(search, ROLE_OLD, argument & 15, false);
        add_variable(search, ROLE_OLD, argument >> 4, false);
        return;
    case OPCODE_STORE_FAST_LOAD_FAST:
        add_variable(search, ROLE_OLD, argument >> 4, false);
        return;
    case OPCODE_STORE_DEREF:
    case OPCODE_DELETE_DEREF:
        add_variable(search, ROLE_OLD, argument, true);
        return;
    case OPCODE_POP_EXCEPT: /* the thread's, for which the one before comes back */
        add_text(search, ROLE_OLD, STATUS_UNKNOWN, "exception", "");
        return;
    case OPCODE_MAKE_CELL: /* it was one till then */
        if (argument < arrlenu(search->source->code->variables))
            add_text(search, ROLE_OLD, STATUS_UNKNOWN, "local ", search->source->code->variables[argument]);
        return;
    case OPCODE_COPY_FREE_VARS:
        if (search->question->local != 0 && search->question->local != OPERAND_NO_LOCALS)
            add_variable(search, ROLE_OUTPUT, search->question->local - 1, false);
        return;
    case OPCODE_STORE_ATTR:
    case OPCODE_DELETE_ATTR:
        add_text(search, ROLE_OLD, STATUS_UNKNOWN, "attribute .", name);
        return;
    case OPCODE_STORE_GLOBAL:
    case OPCODE_DELETE_GLOBAL:
        add_text(search, ROLE_OLD, STATUS_UNKNOWN, "global ", name);
        return;
    case OPCODE_STORE_NAME:
    case OPCODE_DELETE_NAME:
        add_text(search, ROLE_OLD, STATUS_UNKNOWN,
                 strcmp(search->source->code->name, "<module>") == 0 ? "global " : "name ", name);
        return;
    default:
        return;
    }
}

/* Globals that instructions look up by themselves: only where they are the object. */
static void add_hidden_globals(struct search *search, enum opcode opcode)
{
    static const struct {
        uint8_t opcode;
        const char *name;
    } hidden[] = {
        {OPCODE_MAKE_FUNCTION, "__builtins__"}, {OPCODE_MAKE_FUNCTION, "__name__"},
        {OPCODE_IMPORT_NAME, "__import__"},     {OPCODE_LOAD_BUILD_CLASS, "__build_class__"},
    };

    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        if (hidden[i].opcode == opcode &&
            global_now(search, OPCODE_LOAD_GLOBAL, hidden[i].name) == search->question->object)
            add_text(search, ROLE_INNER, STATUS_PROVEN, "global ", hidden[i].name);
    }
}

struct key_search {
    uint64_t object;
    char *into;
    size_t size;
};

static uint64_t visit_value(const struct search *search, uint64_t dict, void *context)
{
    const struct key_search *wanted = context;
    struct python_item *items;
    uint64_t found = 0;

    if (!dict || python_dict_items(search->memory, dict, MOST_NAMES, &items) != 0)
        return 0;
    for (size_t i = 0; i < arrlenu(items) && !found; i++) {
        if (items[i].value == wanted->object &&
            python_string(search->memory, items[i].key, wanted->into, wanted->size) == 0)
            found = items[i].key;
    }
    arrfree(items);
    return found;
}

static bool is_proven(const struct search *search)
{
    for (size_t i = 0; i < search->count; i++) {
        if (search->candidates[i].status == STATUS_PROVEN)
            return true;
    }
    return false;
}

/* The object is what a class of owner's has under some name, and no value that is known otherwise: a property. */
static void add_class_attribute(struct search *search, uint64_t owner)
{
    char name[EXPRESSION_SIZE / 2];
    struct key_search wanted = {search->question->object, name, sizeof(name)};
    uint64_t type = python_type(search->memory, owner, NULL);

    if (!type || is_proven(search))
        return;
    if (each_base(search, type, visit_value, &wanted) ||
        (is_type(search, owner) && each_base(search, owner, visit_value, &wanted)))
        add_text(search, ROLE_INNER, STATUS_PROVEN, "class attribute .", name);
}

/* The object is the class of one that the instruction handles. */
static void add_class(struct search *search, uint64_t owner)
{
    char name[EXPRESSION_SIZE / 2];
    const char *last;

    if (python_type(search->memory, owner, NULL) != search->question->object ||
        python_type_name(search->memory, search->question->object, name, sizeof(name)) != 0)
        return;
    last = strrchr(name, '.');
    add_text(search, ROLE_INNER, STATUS_PROVEN, last ? last + 1 : name, ".ob_type");
}

/* The object is a member of what the instruction calls: a partial's function. A function's are its frame's, too. */
static void add_member(struct search *search, uint64_t owner)
{
    char type[EXPRESSION_SIZE / 2], text[EXPRESSION_SIZE];
    uint64_t offset;
    size_t next = 0;
    const char *member, *last;

    if (python_type_name(search->memory, python_type(search->memory, owner, NULL), type, sizeof(type)) != 0 ||
        strcmp(type, "function") == 0)
        return;
    last = strrchr(type, '.');
    while ((member = layout_next_field(search->memory->layout, type, &next, &offset))) {
        if (pointer(search, owner + offset) != search->question->object)
            continue;
        snprintf(text, sizeof(text), "%s.%s", last ? last + 1 : type, member);
        add_text(search, ROLE_INNER, STATUS_PROVEN, text, "");
    }
}

/* The callee's code, which its frame holds. */
static void add_callee_code(struct search *search, uint64_t callee)
{
    const struct layout *layout = search->memory->layout;

    if (has_type_name(search, callee, "method"))
        callee = pointer(search, callee + layout->method_function);
    if (callee && has_type_name(search, callee, "function") &&
        pointer(search, callee + layout->function_code) == search->question->object)
        add_text(search, ROLE_INNER, STATUS_PROVEN, "frame.", "f_executable");
}

/* Only attributes' and calls' instructions look through classes. */
static bool looks_inside(enum opcode opcode)
{
    switch (opcode) {
    case OPCODE_CALL:
    case OPCODE_CALL_KW:
    case OPCODE_CALL_FUNCTION_EX:
    case OPCODE_LOAD_ATTR:
    case OPCODE_STORE_ATTR:
    case OPCODE_LOAD_SUPER_ATTR:
    case OPCODE_LOAD_SPECIAL:
    case OPCODE_BEFORE_WITH:
    case OPCODE_BINARY_OP:
    case OPCODE_BINARY_SUBSCR:
    case OPCODE_STORE_SUBSCR:
    case OPCODE_COMPARE_OP:
    case OPCODE_CONTAINS_OP:
    case OPCODE_GET_ITER:
    case OPCODE_FOR_ITER:
    case OPCODE_RAISE_VARARGS:
        return true;
    default:
        return false;
    }
}

static void add_inner(struct search *search, enum opcode opcode)
{
    bytecode_value *inputs;

    if (!search->memory)
        return;
    add_hidden_globals(search, opcode);
    if (!looks_inside(opcode))
        return;
    inputs = expression_inputs(search->source, search->question->index);
    for (size_t i = 0; i < arrlenu(inputs); i++) {
        struct found found = find_value(search, expression_origin(search->source, inputs[i]), MOST_STEPS);

        if (!found.address || found.address == search->question->object)
            continue;
        add_class_attribute(search, found.address);
        add_class(search, found.address);
        if (i > 0)
            continue;
        if (opcode == OPCODE_CALL || opcode == OPCODE_CALL_KW || opcode == OPCODE_CALL_FUNCTION_EX)
            add_member(search, found.address);
        add_callee_code(search, found.address);
    }
    arrfree(inputs);
}

/* Answers */

static bool is_primary(const struct candidate *candidate, bool increment)
{
    return increment ? candidate->role == ROLE_OUTPUT : candidate->role == ROLE_INPUT || candidate->role == ROLE_OLD;
}

/* The one text that all proven candidates have; 0 for none, -1 for several. */
static int one_proven(const struct search *search, bool increment, bool primary, char *into)
{
    int found = 0;

    for (size_t i = 0; i < search->count; i++) {
        const struct candidate *candidate = &search->candidates[i];

        if (candidate->status != STATUS_PROVEN || is_primary(candidate, increment) != primary)
            continue;
        if (!*candidate->text || (found && strcmp(into, candidate->text) != 0))
            return -1;
        snprintf(into, EXPRESSION_SIZE, "%s", candidate->text);
        found = 1;
    }
    return found;
}

static void answer_proven(const struct search *search, bool increment, char *into)
{
    int found = one_proven(search, increment, true, into);

    if (found == 0)
        found = one_proven(search, increment, false, into);
    if (found != 1)
        into[0] = '\0';
}

/* What is left once the refuted are gone: all of it has to have one name. */
static void answer_only(const struct search *search, bool increment, char *into)
{
    bool found = false;

    for (size_t i = 0; i < search->count && !search->crowded; i++) {
        const struct candidate *candidate = &search->candidates[i];

        if (!is_primary(candidate, increment) || candidate->status == STATUS_REFUTED)
            continue;
        if (!*candidate->text || (found && strcmp(into, candidate->text) != 0)) {
            into[0] = '\0';
            return;
        }
        snprintf(into, EXPRESSION_SIZE, "%s", candidate->text);
        found = true;
    }
    if (!found || search->crowded)
        into[0] = '\0';
}

/* An object's type is dropped last of all when the object ends, by code that leaves no trace of itself. */
static bool may_be_type(const struct search *search)
{
    uint64_t flags;

    return search->memory &&
           (!python_type(search->memory, search->question->object, &flags) || (flags & PYTHON_TYPE));
}

void operand_find(const struct operand_question *question, struct operand_answer *answer)
{
    struct search search = {.question = question, .source = question->source, .memory = question->memory};
    uint32_t argument, instr;
    enum opcode opcode;

    memset(answer, 0, sizeof(*answer));
    instr = bytecode_instr(question->source->bytecode, question->index, &opcode, &argument);
    if (instr == BYTECODE_UNKNOWN)
        return;
    add_inputs(&search, opcode, argument);
    add_outputs(&search, instr, opcode, argument);
    add_old(&search, opcode, argument);
    add_inner(&search, opcode);
    for (int increment = 0; increment < 2; increment++) {
        answer_proven(&search, increment, answer->proven[increment]);
        if (!may_be_type(&search))
            answer_only(&search, increment, answer->only[increment]);
    }
}
