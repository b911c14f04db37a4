#include "probe/touch.h"

#include <string.h>

#include "probe/refcount.h"
#include "util/array.h"

#define HEADER_BYTES 32 /* PyObject: Include/object.h (3.13 to 3.15, free-threaded) */

/* The instruction behind one that touches is a candidate too: an atomic's wait is seen there, and a load's now and then. */
struct touch {
    struct span own, behind; /* behind is empty where the object cannot be found there */
    value_id object;
    bool atomic;
    struct operation site;
};

struct touches {
    struct touch *all;  /* stb_ds array */
    size_t settled;     /* so many of them */
};

struct touches *touches_new(void)
{
    return calloc(1, sizeof(struct touches));
}

void touches_free(struct touches *touches)
{
    if (!touches)
        return;
    arrfree(touches->all);
    free(touches);
}

static bool accesses_memory(const struct op *op)
{
    switch (op->code) {
    case OP_LOAD:
    case OP_STORE:
    case OP_STORE_OTHER:
    case OP_ATOMIC:
    case OP_COMPARE:
    case OP_OTHER:
        return op->has_mem && !op->segment;
    default:
        return false;
    }
}

value_id touch_object(struct flow *flow, const struct op *op, const struct flow_state *state)
{
    value_id address = accesses_memory(op) ? flow_address(flow, op, state) : 0, object;
    int64_t offset;

    if (!address || value_of(flow, address)->kind == VALUE_CONST)
        return 0;
    object = flow_strip(flow, address, &offset);
    return offset >= 0 && offset < HEADER_BYTES ? object : 0;
}

/* Where the object lies, or its address and something, which op itself goes by. */
static struct place place_of(const struct flow *flow, const struct op *op, const struct flow_state *state, value_id object,
                             uint32_t allowed, int64_t *adjust)
{
    struct place place = flow_find(flow, state, object, allowed);
    int64_t offset;

    *adjust = 0;
    if (place.kind != PLACE_NONE || op->base == NO_REG || !(allowed & (1u << op->base)) ||
        flow_strip(flow, state->at[op->base], &offset) != object)
        return place;
    *adjust = offset;
    return (struct place){.kind = PLACE_REG, .reg = op->base};
}

/* Registers that hold the same behind op as before it. */
static uint32_t unchanged(const struct flow_state *before, const struct flow_state *after)
{
    uint32_t same = 0;

    for (int reg = 0; reg < REG_COUNT; reg++) {
        if (reg != RSP && before->at[reg] == after->at[reg])
            same |= 1u << reg;
    }
    return same;
}

static bool in_registers_of(const struct slot *slot, uint32_t same)
{
    const struct place *places[] = {&slot->base, &slot->outer, &slot->item};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (places[i]->kind == PLACE_REG && !(same & (1u << places[i]->reg)))
            return false;
    }
    return true;
}

/* The span of the op behind, if that is where the code goes on. */
static struct span next_op(const struct unit *unit, const struct op *op)
{
    size_t number = op - unit->ops + 1;
    uint64_t at = op->address + op->length;

    if (number >= arrlenu(unit->ops) || unit->ops[number].address != at)
        return (struct span){0};
    return (struct span){at, at + unit->ops[number].length};
}

void touches_add(struct touches *touches, struct flow *flow, const struct unit *unit, const struct op *op,
                 const struct flow_state *state, value_id object)
{
    struct flow_state after = *state;
    struct touch touch = {
        .own = {op->address, op->address + op->length}, .object = object, .atomic = op->code == OP_ATOMIC};
    uint32_t same;

    flow_step(flow, op, &after);
    same = unchanged(state, &after);
    touch.site.object = place_of(flow, op, state, object, same, &touch.site.adjust);
    if (touch.site.object.kind == PLACE_NONE)
        touch.site.object = place_of(flow, op, state, object, 0xffff & ~(1u << RSP), &touch.site.adjust);
    if (touch.site.object.kind == PLACE_NONE)
        return;
    touch.site.address = op->address;
    touch.site.function = unit->ranges[0].start;
    touch.site.kind = OPERATION_TOUCH;
    touch.site.slot = slot_of(flow, state, object, 0xffff);
    touch.site.rule = frame_rule_of(flow, state);
    if ((touch.site.object.kind != PLACE_REG || same & (1u << touch.site.object.reg)) &&
        in_registers_of(&touch.site.slot, same))
        touch.behind = next_op(unit, op);
    arrput(touches->all, touch);
}

void touches_settle(struct touches *touches, touch_is_object *is_object, void *context)
{
    size_t kept = touches->settled;

    for (size_t i = kept; i < arrlenu(touches->all); i++) {
        if (is_object(context, touches->all[i].object))
            touches->all[kept++] = touches->all[i];
    }
    if (touches->all)
        arrsetlen(touches->all, kept);
    touches->settled = kept;
}

void touches_take(struct touches *touches, struct touches *from)
{
    for (size_t i = 0; i < arrlenu(from->all); i++)
        arrput(touches->all, from->all[i]);
    touches->settled = arrlenu(touches->all);
}

/* Of several that claim an instruction: an atomic's next one is that atomic's, as nothing else is interrupted so; else it
 * is its own, if it touches; else that of the one before. */
static int claim(const struct touch *touch, bool behind)
{
    return behind ? (touch->atomic ? 3 : 1) : 2;
}

struct claimed {
    struct span span;
    uint32_t touch;
    uint8_t claim;
};

static int by_start(const void *a, const void *b)
{
    const struct claimed *x = a, *y = b;

    if (x->span.start != y->span.start)
        return x->span.start < y->span.start ? -1 : 1;
    return y->claim - x->claim;
}

/* One site for all that find an object in the same way within a function. */
struct known_site {
    struct operation key;
    uint32_t value;
};

static uint32_t number_of(struct known_site **known, struct scan *scan, const struct operation *site)
{
    struct operation key = *site;
    ptrdiff_t at;

    key.address = 0;
    at = hmgeti(*known, key);
    if (at >= 0)
        return (*known)[at].value;
    hmput(*known, key, (uint32_t)arrlenu(scan->touches));
    arrput(scan->touches, *site);
    return arrlenu(scan->touches) - 1;
}

static struct claimed *claims_of(const struct touches *touches)
{
    struct claimed *claimed = NULL;

    for (size_t i = 0; i < arrlenu(touches->all); i++) {
        const struct touch *touch = &touches->all[i];

        arrput(claimed, ((struct claimed){touch->own, i, claim(touch, false)}));
        if (touch->behind.end)
            arrput(claimed, ((struct claimed){touch->behind, i, claim(touch, true)}));
    }
    array_sort(claimed, by_start);
    return claimed;
}

static int by_span(const void *a, const void *b)
{
    const struct span *x = a, *y = b;

    return x->start < y->start ? -1 : x->start > y->start;
}

/* The instructions of increments, by address. */
static struct span *increments_of(const struct scan *scan)
{
    struct span *spans = NULL;

    for (size_t i = 0; i < arrlenu(scan->operations); i++) {
        const struct operation *operation = &scan->operations[i];

        if (operation->kind != OPERATION_INCREMENT && operation->kind != OPERATION_TRY_INCREMENT &&
            operation->kind != OPERATION_NO_ID_INCREMENT)
            continue;
        if (operation->head.end)
            arrput(spans, operation->head);
        arrput(spans, operation->body);
    }
    array_sort(spans, by_span);
    return spans;
}

/* Touches come by address, as spans do. */
static void mark_increments(struct touches *touches, const struct claimed *claimed, const struct scan *scan)
{
    struct span *spans = increments_of(scan);
    size_t at = 0;

    for (size_t i = 0; i < arrlenu(claimed); i++) {
        struct touch *touch = &touches->all[claimed[i].touch];

        while (at < arrlenu(spans) && spans[at].end <= claimed[i].span.start)
            at++;
        if (at < arrlenu(spans) && touch->own.start == claimed[i].span.start && touch->own.start >= spans[at].start)
            touch->site.guarded = true;
    }
    arrfree(spans);
}

void touches_finish(struct touches *touches, struct scan *scan)
{
    struct claimed *claimed = claims_of(touches);
    struct known_site *known = NULL;

    mark_increments(touches, claimed, scan);
    for (size_t i = 0; i < arrlenu(claimed); i++) {
        struct touch_span *last = scan->touch_spans ? &arrlast(scan->touch_spans) : NULL;
        struct touch_span span = {claimed[i].span, 0};

        if (i && claimed[i].span.start == claimed[i - 1].span.start)
            continue;
        span.touch = number_of(&known, scan, &touches->all[claimed[i].touch].site);
        if (last && last->touch == span.touch && last->span.end == span.span.start)
            last->span.end = span.span.end;
        else
            arrput(scan->touch_spans, span);
    }
    hmfree(known);
    arrfree(claimed);
}
