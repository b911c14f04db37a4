#include "resolve/expression.h"

#include <stdio.h>
#include <string.h>

#include "util/array.h"

enum { MOST_STEPS = 6 };

/* Operators by number: NB_ADD .. in Include/opcode.h (3.13.5 to 3.15.0rc1); SUBSCRIPT from 3.14 on. */
static const char *const operators[] = {"+",  "&",  "//",  "<<",  "@",  "*",  "%",  "|",   "**", ">>",  "-",  "/", "^",
                                        "+=", "&=", "//=", "<<=", "@=", "*=", "%=", "|=", "**=", ">>=", "-=", "/=", "^="};
enum { SUBSCRIPT = 26 };

/* LOAD_COMMON_CONSTANT: Include/internal/pycore_opcode_utils.h (3.14.7); later ones have more of them. */
static const char *const common_constants[] = {"AssertionError", "NotImplementedError", "tuple", "all", "any", "list",
                                               "set"};

/* LOAD_SPECIAL: Include/internal/pycore_ceval.h (3.14.7, 3.15.0rc1) */
static const char *const special_names[] = {"__enter__", "__exit__", "__aenter__", "__aexit__"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Text that grows at its end, and is cut at its size. */
struct writer {
    char *into;
    size_t size, used;
};

static void put(struct writer *writer, const char *text)
{
    size_t length = strlen(text), room = writer->size - 1 - writer->used;

    if (length > room)
        length = room;
    memcpy(writer->into + writer->used, text, length);
    writer->used += length;
    writer->into[writer->used] = '\0';
}

static const char *variable(const struct expression_source *source, uint32_t number)
{
    return number < arrlenu(source->code->variables) ? source->code->variables[number] : NULL;
}

static uint8_t kind_of(const struct expression_source *source, uint32_t number)
{
    return number < arrlenu(source->code->kinds) ? source->code->kinds[number] : 0;
}

static const char *constant(const struct expression_source *source, uint32_t number)
{
    return source->constants && number < arrlenu(source->code->consts) ? source->constants[number] : NULL;
}

const char *expression_name(const struct expression_source *source, enum opcode opcode, uint32_t argument)
{
    switch (opcode) {
    case OPCODE_LOAD_SPECIAL:
        return argument < COUNT(special_names) ? special_names[argument] : NULL;
    case OPCODE_LOAD_GLOBAL: /* the lowest bits say what else to put: Python/bytecodes.c */
    case OPCODE_LOAD_ATTR:
        argument >>= 1;
        break;
    case OPCODE_LOAD_SUPER_ATTR:
        argument >>= 2;
        break;
    case OPCODE_IMPORT_NAME: /* from 3.15 on they say whether it is a lazy one */
        argument >>= source->opcodes->since15 ? 2 : 0;
        break;
    case OPCODE_LOAD_NAME:
    case OPCODE_LOAD_FROM_DICT_OR_GLOBALS:
    case OPCODE_STORE_ATTR:
    case OPCODE_STORE_GLOBAL:
    case OPCODE_STORE_NAME:
    case OPCODE_DELETE_ATTR:
    case OPCODE_DELETE_GLOBAL:
    case OPCODE_DELETE_NAME:
    case OPCODE_IMPORT_FROM:
        break;
    default:
        return NULL;
    }
    return argument < arrlenu(source->code->names) ? source->code->names[argument] : NULL;
}

uint32_t expression_variable_of(const struct expression_source *source, bytecode_value value, bool *content)
{
    enum opcode opcode;
    uint32_t argument;

    *content = false;
    bytecode_instr(source->bytecode, BYTECODE_INSTR(value), &opcode, &argument);
    switch (opcode) {
    case OPCODE_LOAD_FAST:
    case OPCODE_LOAD_FAST_CHECK:
    case OPCODE_LOAD_FAST_BORROW:
    case OPCODE_LOAD_FAST_AND_CLEAR:
        return argument;
    case OPCODE_LOAD_FAST_LOAD_FAST:
    case OPCODE_LOAD_FAST_BORROW_LOAD_FAST_BORROW:
        return BYTECODE_OUTPUT(value) == 0 ? argument >> 4 : argument & 15;
    case OPCODE_STORE_FAST_LOAD_FAST:
        return argument & 15;
    case OPCODE_LOAD_DEREF:
    case OPCODE_LOAD_FROM_DICT_OR_DEREF:
        *content = true;
        return argument;
    default:
        return BYTECODE_UNKNOWN;
    }
}

bytecode_value *expression_inputs(const struct expression_source *source, uint32_t index)
{
    struct opcode_effect effect;
    bytecode_value *stack, *inputs = NULL;
    enum opcode opcode;
    uint32_t argument;

    if (bytecode_instr(source->bytecode, index, &opcode, &argument) == BYTECODE_UNKNOWN ||
        bytecode_stack(source->bytecode, index, &stack) != 0)
        return NULL;
    effect = opcode_effect(source->opcodes, opcode, argument);
    for (uint32_t i = 0; effect.in <= arrlenu(stack) && i < effect.in; i++)
        arrput(inputs, stack[arrlenu(stack) - effect.in + i]);
    arrfree(stack);
    return inputs;
}

/* What one input of the instruction is; BYTECODE_UNKNOWN where that is not certain. */
static bytecode_value input_of(const struct expression_source *source, uint32_t instr, uint32_t number)
{
    bytecode_value *inputs = expression_inputs(source, instr);
    bytecode_value value = number < arrlenu(inputs) ? inputs[number] : BYTECODE_UNKNOWN;

    arrfree(inputs);
    return value;
}

static bool is_subscript(const struct expression_source *source, enum opcode opcode, uint32_t argument)
{
    return opcode == OPCODE_BINARY_SUBSCR ||
           (opcode == OPCODE_BINARY_OP && source->opcodes->since14 && argument == SUBSCRIPT);
}

static void put_value(const struct expression_source *source, bytecode_value value, int steps, struct writer *writer);

static void put_subscript(const struct expression_source *source, uint32_t instr, int steps, struct writer *writer)
{
    size_t before;

    put_value(source, input_of(source, instr, 0), steps, writer);
    put(writer, "[");
    before = writer->used;
    put_value(source, input_of(source, instr, 1), steps, writer);
    put(writer, writer->used == before ? "…]" : "]");
}

static void put_constant(const struct expression_source *source, enum opcode opcode, uint32_t argument,
                         struct writer *writer)
{
    char number[16];

    if (opcode == OPCODE_LOAD_SMALL_INT) {
        snprintf(number, sizeof(number), "%u", argument);
        put(writer, number);
    } else if (opcode == OPCODE_LOAD_ASSERTION_ERROR) {
        put(writer, common_constants[0]);
    } else if (opcode == OPCODE_LOAD_COMMON_CONSTANT && argument < COUNT(common_constants)) {
        put(writer, common_constants[argument]);
    } else if (opcode == OPCODE_LOAD_CONST && constant(source, argument)) {
        put(writer, constant(source, argument));
    }
}

static void put_value(const struct expression_source *source, bytecode_value value, int steps, struct writer *writer)
{
    uint32_t argument, instr, number;
    enum opcode opcode;
    bool content;

    instr = bytecode_instr(source->bytecode, BYTECODE_INSTR(value), &opcode, &argument);
    number = value == BYTECODE_UNKNOWN ? value : expression_variable_of(source, value, &content);
    if (value == BYTECODE_UNKNOWN || BYTECODE_OUTPUT(value) == BYTECODE_EXCEPTION || steps == 0)
        return;
    if (number != BYTECODE_UNKNOWN) {
        put(writer, variable(source, number) ? variable(source, number) : "");
    } else if (opcode == OPCODE_LOAD_ATTR || opcode == OPCODE_LOAD_SUPER_ATTR) {
        if (opcode == OPCODE_LOAD_SUPER_ATTR)
            put(writer, "super()");
        else
            put_value(source, input_of(source, instr, 0), steps - 1, writer);
        if (BYTECODE_OUTPUT(value) == 0 && expression_name(source, opcode, argument)) {
            put(writer, ".");
            put(writer, expression_name(source, opcode, argument));
        }
    } else if (expression_name(source, opcode, argument)) {
        put(writer, expression_name(source, opcode, argument));
    } else if (is_subscript(source, opcode, argument)) {
        put_subscript(source, instr, steps - 1, writer);
    } else if (opcode == OPCODE_CALL || opcode == OPCODE_CALL_KW || opcode == OPCODE_CALL_FUNCTION_EX) {
        put_value(source, input_of(source, instr, 0), steps - 1, writer);
        put(writer, "()");
    } else if (opcode == OPCODE_GET_ITER || opcode == OPCODE_GET_AITER || opcode == OPCODE_GET_AWAITABLE) {
        put_value(source, input_of(source, instr, 0), steps - 1, writer);
    } else {
        put_constant(source, opcode, argument, writer);
    }
}

void expression_text(const struct expression_source *source, bytecode_value value, char *into, size_t size)
{
    struct writer writer = {into, size, 0};

    into[0] = '\0';
    put_value(source, value, MOST_STEPS, &writer);
}

bool expression_variable(const struct expression_source *source, uint32_t number, bool content, char *into, size_t size)
{
    const char *kind = content                                                      ? "closure"
                     : kind_of(source, number) & (PYCODE_CELL | PYCODE_FREE) ? "cell"
                                                                                     : "local";

    if (!variable(source, number))
        return false;
    snprintf(into, size, "%s %s", kind, variable(source, number));
    return true;
}

/* "word" and what the value is, where that is known. */
static bool word_and_value(const struct expression_source *source, const char *word, bytecode_value value, char *into,
                           size_t size)
{
    char text[EXPRESSION_SIZE];

    expression_text(source, value, text, sizeof(text));
    snprintf(into, size, "%s%s%s", word, *text ? " " : "", text);
    return true;
}

/* A name of a class body or of code that runs in a dict of its own need not be a global. */
static const char *word_for_name(const struct expression_source *source, enum opcode opcode)
{
    return opcode == OPCODE_LOAD_NAME && strcmp(source->code->name, "<module>") != 0 ? "name" : "global";
}

static bool named_field(const struct expression_source *source, enum opcode opcode, uint32_t argument, char *into,
                        size_t size)
{
    const char *name = expression_name(source, opcode, argument);

    if (!name)
        return false;
    if (opcode == OPCODE_LOAD_ATTR || opcode == OPCODE_LOAD_SUPER_ATTR || opcode == OPCODE_LOAD_SPECIAL)
        snprintf(into, size, "attribute .%s", name);
    else if (opcode == OPCODE_IMPORT_NAME)
        snprintf(into, size, "import %s", name);
    else if (opcode == OPCODE_LOAD_GLOBAL || opcode == OPCODE_LOAD_NAME || opcode == OPCODE_LOAD_FROM_DICT_OR_GLOBALS)
        snprintf(into, size, "%s %s", word_for_name(source, opcode), name);
    else
        return false;
    return true;
}

static bool import_field(const struct expression_source *source, uint32_t instr, const char *name, char *into,
                         size_t size)
{
    char module[EXPRESSION_SIZE];

    expression_text(source, input_of(source, instr, 0), module, sizeof(module));
    if (name)
        snprintf(into, size, "import %s%s%s", module, *module ? "." : "", name);
    return name != NULL;
}

/* Values that are made, not read. */
static bool made_field(enum opcode opcode, uint32_t argument, char *into, size_t size)
{
    static const struct {
        uint8_t opcode;
        const char *text;
    } made[] = {
        {OPCODE_BUILD_LIST, "new list"},           {OPCODE_BUILD_TUPLE, "new tuple"},
        {OPCODE_BUILD_SET, "new set"},             {OPCODE_BUILD_MAP, "new dict"},
        {OPCODE_BUILD_CONST_KEY_MAP, "new dict"},  {OPCODE_BUILD_STRING, "new str"},
        {OPCODE_BUILD_SLICE, "new slice"},         {OPCODE_MAKE_FUNCTION, "new function"},
        {OPCODE_FORMAT_SIMPLE, "formatted text"},  {OPCODE_FORMAT_WITH_SPEC, "formatted text"},
        {OPCODE_BINARY_SLICE, "slice"},            {OPCODE_LOAD_BUILD_CLASS, "global __build_class__"},
        {OPCODE_UNARY_NEGATIVE, "result of -"},    {OPCODE_UNARY_INVERT, "result of ~"},
        {OPCODE_COMPARE_OP, "result of comparison"},
    };

    if (opcode == OPCODE_BINARY_OP && argument < COUNT(operators)) {
        snprintf(into, size, "result of %s", operators[argument]);
        return true;
    }
    for (size_t i = 0; i < COUNT(made); i++) {
        if (made[i].opcode == opcode) {
            snprintf(into, size, "%s", made[i].text);
            return true;
        }
    }
    return false;
}

bytecode_value expression_origin(const struct expression_source *source, bytecode_value value)
{
    for (int steps = 0; value != BYTECODE_UNKNOWN && BYTECODE_OUTPUT(value) == 1 && steps < MOST_STEPS; steps++) {
        enum opcode opcode;
        uint32_t argument;

        bytecode_instr(source->bytecode, BYTECODE_INSTR(value), &opcode, &argument);
        if (opcode != OPCODE_LOAD_ATTR && opcode != OPCODE_LOAD_SUPER_ATTR)
            break;
        value = input_of(source, BYTECODE_INSTR(value), opcode == OPCODE_LOAD_ATTR ? 0 : 2);
    }
    return value;
}

static bool field_of(const struct expression_source *source, bytecode_value value, enum opcode opcode,
                     uint32_t argument, char *into, size_t size)
{
    uint32_t instr = BYTECODE_INSTR(value), output = BYTECODE_OUTPUT(value);
    char text[EXPRESSION_SIZE];
    struct writer writer = {text, sizeof(text), 0};

    text[0] = '\0';
    if (is_subscript(source, opcode, argument)) {
        put_subscript(source, instr, MOST_STEPS, &writer);
        snprintf(into, size, "subscript %s", text);
        return true;
    }
    switch (opcode) {
    case OPCODE_CALL:
    case OPCODE_CALL_KW:
    case OPCODE_CALL_FUNCTION_EX:
        return word_and_value(source, "result of call", input_of(source, instr, 0), into, size);
    case OPCODE_GET_ITER:
        return output == 0 && word_and_value(source, "iterator over", input_of(source, instr, 0), into, size);
    case OPCODE_FOR_ITER:
    case OPCODE_UNPACK_SEQUENCE:
    case OPCODE_UNPACK_EX:
        return word_and_value(source, "item of", input_of(source, instr, 0), into, size);
    case OPCODE_IMPORT_FROM:
        return import_field(source, instr, expression_name(source, opcode, argument), into, size);
    case OPCODE_BEFORE_WITH:
        snprintf(into, size, output == 0 ? "attribute .__exit__" : "result of call __enter__");
        return true;
    default:
        put_constant(source, opcode, argument, &writer);
        if (!*text)
            return made_field(opcode, argument, into, size);
        snprintf(into, size, "constant %s", text);
        return true;
    }
}

bool expression_field(const struct expression_source *source, bytecode_value value, char *into, size_t size)
{
    uint32_t argument, number;
    enum opcode opcode;
    bool content;

    into[0] = '\0';
    value = expression_origin(source, value);
    if (value == BYTECODE_UNKNOWN)
        return false;
    if (BYTECODE_OUTPUT(value) == BYTECODE_EXCEPTION) {
        snprintf(into, size, "exception");
        return true;
    }
    if (bytecode_instr(source->bytecode, BYTECODE_INSTR(value), &opcode, &argument) == BYTECODE_UNKNOWN)
        return false;
    number = expression_variable_of(source, value, &content);
    if (number != BYTECODE_UNKNOWN)
        return expression_variable(source, number, content, into, size);
    if (opcode == OPCODE_LOAD_GLOBAL && BYTECODE_OUTPUT(value) == 1)
        return false; /* NULL, where a method has its self */
    return named_field(source, opcode, argument, into, size) ||
           field_of(source, value, opcode, argument, into, size);
}
