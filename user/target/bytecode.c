#include "target/bytecode.h"

#include <stdlib.h>
#include <string.h>

#include "util/array.h"

enum { MOST_UNITS = 1 << 16, MOST_DEPTH = 1 << 10 };

/* Of all walks together: instructions, and values that are copied or compared. Code as long as it may be needs a fourth of
 * that; more of them is made to take time. */
#define MOST_STEPS (1u << 22)

/* A look at one instruction goes over so many others at most. */
enum { MOST_BETWEEN = 128 };


/* What is known of the stack where ways meet. */
struct meeting {
    bool reached;
    bytecode_value *stack; /* stb_ds array */
};

struct unit {
    uint8_t opcode;        /* of the instruction that stands here; OPCODE_UNKNOWN: a cache or what cannot be told */
    bool starts;           /* this is an instruction, or an EXTENDED_ARG of the one at instr */
    bool meets;            /* jumps and exceptions lead here */
    uint16_t handler;      /* number + 1 of the handler that is tried here */
    uint32_t instr;
    uint32_t argument;
};

struct handler {
    uint32_t target, depth;
    bool lasti;
};

struct bytecode {
    const struct opcodes *opcodes;
    struct unit *units;      /* stb_ds arrays */
    struct handler *handlers;
    struct meeting *meetings; /* one a unit */
    uint32_t *waiting;       /* meetings to be walked from */
    uint32_t steps;
    bool broken;             /* depths do not agree: what was read is no code, or numbered otherwise */
};

/* Instructions */

static struct opcode_effect effect_of(const struct bytecode *bytecode, const struct unit *unit)
{
    return opcode_effect(bytecode->opcodes, unit->opcode, unit->argument);
}

/* Where it leads beside the next instruction; -1 for nowhere. */
static int64_t target_of(const struct bytecode *bytecode, uint32_t at)
{
    const struct unit *unit = &bytecode->units[at];
    struct opcode_effect effect = effect_of(bytecode, unit);
    int64_t next = (int64_t)at + 1 + effect.caches, target;

    if (effect.flow != OPCODE_FORWARD && effect.flow != OPCODE_BACKWARD && effect.flow != OPCODE_BRANCH)
        return -1;
    target = effect.flow == OPCODE_BACKWARD ? next - unit->argument : next + unit->argument;
    return target >= 0 && target < arrlen(bytecode->units) ? target : -1;
}

/* From the first unit on, each instruction telling where the next one is. */
static void split(struct bytecode *bytecode, const struct bytecode_text *text)
{
    uint32_t at = 0, first = 0, argument = 0, instructions = 0;

    while (at < text->units) {
        uint8_t opcode = bytecode->opcodes->base[text->code[2 * at]];
        struct unit *unit = &bytecode->units[at];

        argument = argument << 8 | text->code[2 * at + 1];
        if (opcode == OPCODE_UNKNOWN)
            return;
        if (opcode == OPCODE_EXTENDED_ARG) {
            at++;
            continue;
        }
        for (uint32_t i = first; i <= at; i++) {
            bytecode->units[i].starts = true;
            bytecode->units[i].instr = at;
        }
        unit->opcode = opcode;
        unit->argument = argument;
        bytecode->units[first].meets = instructions++ % MOST_BETWEEN == 0;
        at += 1 + effect_of(bytecode, unit).caches;
        first = at;
        argument = 0;
    }
}

static void mark_targets(struct bytecode *bytecode)
{
    for (uint32_t i = 0; i < arrlenu(bytecode->units); i++) {
        int64_t target = bytecode->units[i].opcode != OPCODE_UNKNOWN ? target_of(bytecode, i) : -1;

        if (target >= 0)
            bytecode->units[target].meets = true;
    }
    bytecode->units[0].meets = true;
}

/* Handlers */

/* 6 bits a byte, the highest first, bit 6 set where more follow: InternalDocs/exception_handling.md (3.14.7), the same
 * from 3.13.5 on. */
static bool read_number(const struct bytecode_text *text, size_t *at, uint32_t *number)
{
    uint8_t byte;

    *number = 0;
    do {
        if (*at >= text->exceptions_size || *number >> 24)
            return false;
        byte = text->exceptions[(*at)++];
        *number = *number << 6 | (byte & 63);
    } while (byte & 64);
    return true;
}

static void read_handlers(struct bytecode *bytecode, const struct bytecode_text *text)
{
    uint32_t start, length, target, depth;
    size_t at = 0, units = arrlenu(bytecode->units);

    while (read_number(text, &at, &start) && read_number(text, &at, &length) && read_number(text, &at, &target) &&
           read_number(text, &at, &depth)) {
        struct handler handler = {target, depth >> 1, depth & 1};

        if (target >= units || start >= units || length > units - start || handler.depth > MOST_DEPTH ||
            arrlen(bytecode->handlers) >= UINT16_MAX)
            return;
        arrput(bytecode->handlers, handler);
        bytecode->units[target].meets = true;
        for (uint32_t i = start; i < start + length; i++)
            bytecode->units[i].handler = (uint16_t)arrlen(bytecode->handlers);
    }
}

/* The walk */

static void take_steps(struct bytecode *bytecode, uint32_t steps)
{
    bytecode->steps += steps;
    bytecode->broken |= bytecode->steps > MOST_STEPS;
}

/* Another way comes to at, with this stack. */
static void meet(struct bytecode *bytecode, uint32_t at, const bytecode_value *stack, uint32_t depth)
{
    struct meeting *meeting = &bytecode->meetings[at];
    bool changed = !meeting->reached;

    take_steps(bytecode, depth);
    if (meeting->reached && arrlenu(meeting->stack) != depth) {
        bytecode->broken = true;
        return;
    }
    if (!meeting->reached && depth > 0) {
        arrsetlen(meeting->stack, depth);
        memcpy(meeting->stack, stack, depth * sizeof(*stack));
    }
    for (uint32_t i = 0; meeting->reached && i < depth; i++) {
        if (meeting->stack[i] != stack[i] && meeting->stack[i] != BYTECODE_UNKNOWN) {
            meeting->stack[i] = BYTECODE_UNKNOWN;
            changed = true;
        }
    }
    meeting->reached = true;
    if (changed)
        arrput(bytecode->waiting, at);
}

static void meet_handler(struct bytecode *bytecode, uint32_t at, const bytecode_value *stack)
{
    const struct handler *handler = &bytecode->handlers[bytecode->units[at].handler - 1];
    bytecode_value *caught = NULL;

    if (arrlenu(stack) < handler->depth)
        return; /* before what is handled has begun, as between RETURN_GENERATOR and POP_TOP */
    take_steps(bytecode, handler->depth);
    for (uint32_t i = 0; i < handler->depth; i++)
        arrput(caught, stack[i]);
    if (handler->lasti)
        arrput(caught, BYTECODE_UNKNOWN);
    arrput(caught, BYTECODE_VALUE(bytecode->units[handler->target].instr, (uint32_t)BYTECODE_EXCEPTION));
    meet(bytecode, handler->target, caught, arrlenu(caught));
    arrfree(caught);
}

/* Those that hand on what they take, in another order. Returns false for all others. */
static bool shuffle(const struct unit *unit, bytecode_value **stack)
{
    size_t depth = arrlenu(*stack), n = unit->argument;
    bytecode_value top = depth > 0 ? (*stack)[depth - 1] : BYTECODE_UNKNOWN, other;

    switch (unit->opcode) {
    case OPCODE_COPY:
        other = n >= 1 && n <= depth ? (*stack)[depth - n] : BYTECODE_UNKNOWN;
        arrput(*stack, other);
        return true;
    case OPCODE_SWAP:
        if (n >= 1 && n <= depth) {
            (*stack)[depth - 1] = (*stack)[depth - n];
            (*stack)[depth - n] = top;
        }
        return true;
    case OPCODE_PUSH_EXC_INFO: /* below what it takes */
        if (depth > 0)
            (*stack)[depth - 1] = BYTECODE_UNKNOWN;
        arrput(*stack, top);
        return true;
    }
    return false;
}

/* Those that hand on the last value that they take as the last that they put. */
static bool keeps_top(const struct unit *unit)
{
    return unit->opcode == OPCODE_SET_FUNCTION_ATTRIBUTE || unit->opcode == OPCODE_END_SEND ||
           unit->opcode == OPCODE_LOAD_SPECIAL || unit->opcode == OPCODE_GET_YIELD_FROM_ITER;
}

/* One instruction's work on the stack; false where it takes more than there is. */
static bool apply(const struct bytecode *bytecode, uint32_t at, bytecode_value **stack)
{
    const struct unit *unit = &bytecode->units[at];
    struct opcode_effect effect = effect_of(bytecode, unit);
    size_t depth = arrlenu(*stack);
    bytecode_value top = depth > 0 ? (*stack)[depth - 1] : BYTECODE_UNKNOWN;

    if (shuffle(unit, stack))
        return arrlenu(*stack) <= MOST_DEPTH;
    if (effect.in > depth || effect.keep > effect.in || effect.out > MOST_DEPTH ||
        depth - effect.in + effect.out > MOST_DEPTH)
        return false;
    if (*stack)
        arrsetlen(*stack, depth - effect.in + effect.keep);
    for (uint32_t i = effect.keep; i < effect.out; i++)
        arrput(*stack, i < BYTECODE_EXCEPTION ? BYTECODE_VALUE(at, i) : BYTECODE_UNKNOWN);
    if (keeps_top(unit) && effect.out > 0)
        (*stack)[arrlenu(*stack) - 1] = top;
    return true;
}

/* A copy of what is known at a meeting. */
static bytecode_value *stack_at(const struct bytecode *bytecode, uint32_t at)
{
    bytecode_value *stack = NULL;

    for (size_t i = 0; i < arrlenu(bytecode->meetings[at].stack); i++)
        arrput(stack, bytecode->meetings[at].stack[i]);
    return stack;
}

/* From a meeting to the next one, or the end. */
static void walk(struct bytecode *bytecode, uint32_t from)
{
    bytecode_value *stack = stack_at(bytecode, from);
    uint32_t at = from;

    take_steps(bytecode, arrlenu(stack));
    while (at < arrlenu(bytecode->units) && bytecode->units[at].starts && !bytecode->broken) {
        uint32_t instr = bytecode->units[at].instr;
        struct opcode_effect effect = effect_of(bytecode, &bytecode->units[instr]);
        int64_t target = target_of(bytecode, instr);

        take_steps(bytecode, 1 + effect.out);
        if (bytecode->units[instr].handler)
            meet_handler(bytecode, instr, stack);
        if (!apply(bytecode, instr, &stack)) {
            bytecode->broken = true;
            break;
        }
        if (target >= 0)
            meet(bytecode, (uint32_t)target, stack, arrlenu(stack));
        at = instr + 1 + effect.caches;
        if (effect.flow == OPCODE_END || effect.flow == OPCODE_FORWARD || effect.flow == OPCODE_BACKWARD)
            break;
        if (at < arrlenu(bytecode->units) && bytecode->units[at].meets) {
            meet(bytecode, at, stack, arrlenu(stack));
            break;
        }
    }
    arrfree(stack);
}

struct bytecode *bytecode_new(const struct opcodes *opcodes, const struct bytecode_text *text)
{
    struct bytecode *bytecode;

    if (text->units == 0 || text->units > MOST_UNITS)
        return NULL;
    bytecode = calloc(1, sizeof(*bytecode));
    bytecode->opcodes = opcodes;
    arrsetlen(bytecode->units, text->units);
    memset(bytecode->units, 0, text->units * sizeof(*bytecode->units));
    arrsetlen(bytecode->meetings, text->units);
    memset(bytecode->meetings, 0, text->units * sizeof(*bytecode->meetings));
    split(bytecode, text);
    mark_targets(bytecode);
    read_handlers(bytecode, text);
    meet(bytecode, 0, NULL, 0);
    while (arrlenu(bytecode->waiting) > 0 && !bytecode->broken)
        walk(bytecode, arrpop(bytecode->waiting));
    arrfree(bytecode->waiting);
    return bytecode;
}

void bytecode_free(struct bytecode *bytecode)
{
    if (!bytecode)
        return;
    for (size_t i = 0; i < arrlenu(bytecode->meetings); i++)
        arrfree(bytecode->meetings[i].stack);
    arrfree(bytecode->meetings);
    arrfree(bytecode->handlers);
    arrfree(bytecode->units);
    free(bytecode);
}

/* Answers */

uint32_t bytecode_instr(const struct bytecode *bytecode, uint32_t index, enum opcode *opcode, uint32_t *argument)
{
    uint32_t instr;

    *opcode = OPCODE_UNKNOWN;
    *argument = 0;
    if (index >= arrlenu(bytecode->units) || !bytecode->units[index].starts)
        return BYTECODE_UNKNOWN;
    instr = bytecode->units[index].instr;
    *opcode = bytecode->units[instr].opcode;
    *argument = bytecode->units[instr].argument;
    return instr;
}

int bytecode_stack(const struct bytecode *bytecode, uint32_t index, bytecode_value **stack)
{
    uint32_t argument, instr, at;
    enum opcode opcode;

    *stack = NULL;
    instr = bytecode_instr(bytecode, index, &opcode, &argument);
    if (instr == BYTECODE_UNKNOWN || bytecode->broken)
        return -1;
    for (at = instr; !bytecode->units[at].meets || !bytecode->units[at].starts; at--)
        ;
    if (!bytecode->meetings[at].reached)
        return -1;
    *stack = stack_at(bytecode, at);
    while (bytecode->units[at].instr < instr) {
        struct opcode_effect effect = effect_of(bytecode, &bytecode->units[bytecode->units[at].instr]);

        if (effect.flow == OPCODE_END || effect.flow == OPCODE_FORWARD || effect.flow == OPCODE_BACKWARD ||
            !apply(bytecode, bytecode->units[at].instr, stack)) {
            arrfree(*stack);
            return -1;
        }
        at = bytecode->units[at].instr + 1 + effect.caches;
    }
    return 0;
}
