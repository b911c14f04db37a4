#include "probe/flow.h"

#include <stdlib.h>
#include <string.h>

#include "util/array.h"

/* A stack variable whose address is taken may be written through it, this far. */
#define ESCAPED_BYTES 64
/* How often the fixed point is looked for again without the PHIs that were none. */
#define MAX_PASSES 4
/* A graph that has not settled after so many rounds is taken to differ everywhere, which settles at once. */
#define MAX_ROUNDS 64

struct flow {
    const struct unit *unit;
    struct value *values;      /* stb_ds array; 0 is unused */
    uint32_t *table;           /* open addressing over values */
    uint32_t table_size;
    int64_t slots[FLOW_SLOTS]; /* offsets from rsp at the entry */
    bool escaped[FLOW_SLOTS];
    int64_t *escapes;          /* stb_ds array: offsets whose address is taken */
    uint32_t slot_count;
    struct flow_state *in, *out; /* by block */
    uint32_t *changed;         /* by block: when its out was last another one, ... */
    uint32_t *looked;          /* ... and when it was last looked at */
    uint32_t clock;
    uint32_t *order;           /* the blocks, each behind what leads to it, but for loops */
    value_id *phis;            /* by block and location: a PHI once is a PHI for good, ... */
    value_id *made;            /* ... stb_ds array: and all of them */
    value_id entry_rsp;
};

/* Values */

static uint32_t value_hash(const struct value *value)
{
    uint64_t h = value->at * 0x9e3779b97f4a7c15u;

    h = (h ^ (uint64_t)value->c) * 0xff51afd7ed558ccdu;
    h = (h ^ ((uint64_t)value->a << 32 | value->b)) * 0xc4ceb9fe1a85ec53u;
    h ^= value->kind;
    return (uint32_t)(h ^ h >> 29);
}

static void table_insert(struct flow *flow, value_id id)
{
    uint32_t at = value_hash(&flow->values[id]) & (flow->table_size - 1);

    while (flow->table[at])
        at = (at + 1) & (flow->table_size - 1);
    flow->table[at] = id;
}

static void table_grow(struct flow *flow)
{
    free(flow->table);
    flow->table_size *= 2;
    flow->table = calloc(flow->table_size, sizeof(uint32_t));
    for (value_id id = 1; id < arrlenu(flow->values); id++)
        table_insert(flow, id);
}

static value_id value(struct flow *flow, struct value wanted)
{
    uint32_t at = value_hash(&wanted) & (flow->table_size - 1);

    for (; flow->table[at]; at = (at + 1) & (flow->table_size - 1)) {
        const struct value *known = &flow->values[flow->table[at]];

        if (known->at == wanted.at && known->c == wanted.c && known->a == wanted.a && known->b == wanted.b &&
            known->kind == wanted.kind)
            return flow->table[at];
    }
    arrput(flow->values, wanted);
    flow->table[at] = arrlenu(flow->values) - 1;
    if (arrlenu(flow->values) * 2 > flow->table_size)
        table_grow(flow);
    return arrlenu(flow->values) - 1;
}

/* Most values are unknown, and each of those stands for itself alone: no table needs to hold them. */
#define UNKNOWN_BIT 0x80000000u
#define LOCATION_BITS 7
_Static_assert(FLOW_LOCATIONS <= 1 << LOCATION_BITS, "a location fits an unknown value's number");

const struct value *value_of(const struct flow *flow, value_id id)
{
    static const struct value unknown_value = {.kind = VALUE_UNKNOWN};

    return id & UNKNOWN_BIT ? &unknown_value : &flow->values[id];
}

value_id flow_strip(const struct flow *flow, value_id id, int64_t *offset)
{
    const struct value *known = value_of(flow, id);

    *offset = known->kind == VALUE_ADD ? known->c : 0;
    return known->kind == VALUE_ADD ? known->a : id;
}

static value_id add(struct flow *flow, value_id id, int64_t step)
{
    int64_t offset;
    value_id base = flow_strip(flow, id, &offset);
    const struct value *known = value_of(flow, base);

    if (known->kind == VALUE_CONST)
        return value(flow, (struct value){.kind = VALUE_CONST, .c = known->c + offset + step});
    if (offset + step == 0)
        return base;
    return value(flow, (struct value){.kind = VALUE_ADD, .a = base, .c = offset + step});
}

static value_id unknown(const struct flow *flow, const struct op *op, uint32_t location)
{
    return UNKNOWN_BIT | (uint32_t)(op - flow->unit->ops) << LOCATION_BITS | (location & ((1 << LOCATION_BITS) - 1));
}

/* Stack slots */

/* Whether id is rsp at the entry + *offset. */
static bool on_stack(const struct flow *flow, value_id id, int64_t *offset)
{
    return flow_strip(flow, id, offset) == flow->entry_rsp;
}

static int slot_find(const struct flow *flow, int64_t offset)
{
    for (uint32_t i = 0; i < flow->slot_count; i++) {
        if (flow->slots[i] == offset)
            return REG_COUNT + i;
    }
    return -1;
}

static bool is_escaped(const struct flow *flow, int64_t offset)
{
    for (size_t i = 0; i < arrlenu(flow->escapes); i++) {
        if (offset >= flow->escapes[i] && offset < flow->escapes[i] + ESCAPED_BYTES)
            return true;
    }
    return false;
}

static int slot_get(struct flow *flow, int64_t offset)
{
    int found = slot_find(flow, offset);

    if (found >= 0 || flow->slot_count == FLOW_SLOTS)
        return found;
    flow->slots[flow->slot_count] = offset;
    flow->escaped[flow->slot_count] = is_escaped(flow, offset);
    return REG_COUNT + flow->slot_count++;
}

static void escape(struct flow *flow, int64_t offset)
{
    for (size_t i = 0; i < arrlenu(flow->escapes); i++) {
        if (flow->escapes[i] == offset)
            return;
    }
    arrput(flow->escapes, offset);
    for (uint32_t i = 0; i < flow->slot_count; i++)
        flow->escaped[i] = is_escaped(flow, flow->slots[i]);
}

/* Where a function keeps its caller's registers is no variable of its own: no pointer leads there. */
static bool is_safe(const struct flow *flow, uint32_t slot, value_id held)
{
    const struct value *known = value_of(flow, held);

    return !flow->escaped[slot] || (known->kind == VALUE_ENTRY && (CALLEE_SAVED & (1u << known->c)));
}

static void forget_escaped(struct flow *flow, const struct op *op, struct flow_state *state)
{
    for (uint32_t i = 0; i < flow->slot_count; i++) {
        if (!is_safe(flow, i, state->at[REG_COUNT + i]))
            state->at[REG_COUNT + i] = unknown(flow, op, REG_COUNT + i);
    }
}

/* A store of width bytes at offset ends what is known of every slot that it touches. */
static void stack_store(struct flow *flow, const struct op *op, struct flow_state *state, int64_t offset, int width,
                        value_id stored)
{
    int exact = stored ? slot_get(flow, offset) : -1;

    for (uint32_t i = 0; i < flow->slot_count; i++) {
        if (flow->slots[i] < offset + width && offset < flow->slots[i] + 8)
            state->at[REG_COUNT + i] = unknown(flow, op, REG_COUNT + i);
    }
    if (exact >= 0)
        state->at[exact] = stored;
}

/* Instructions */

value_id flow_address(struct flow *flow, const struct op *op, const struct flow_state *state)
{
    value_id base;

    if (!op->has_mem || op->segment)
        return 0;
    base = op->base == NO_REG ? value(flow, (struct value){.kind = VALUE_CONST}) : state->at[op->base];
    if (op->index == NO_REG)
        return add(flow, base, op->disp);
    return value(flow, (struct value){.kind = VALUE_SCALED,
                                      .a = base,
                                      .b = state->at[op->index],
                                      .c = (int64_t)((uint64_t)op->scale << 48) | (op->disp & 0xffffffffffff)});
}

static value_id load(struct flow *flow, const struct op *op, struct flow_state *state)
{
    value_id address = flow_address(flow, op, state);
    int64_t offset;
    int slot;

    if (!address)
        return unknown(flow, op, op->dst);
    if (on_stack(flow, address, &offset) && op->width == 8) {
        slot = slot_get(flow, offset);
        if (slot < 0)
            return unknown(flow, op, op->dst);
        if (!state->at[slot])
            state->at[slot] = unknown(flow, op, slot);
        return state->at[slot];
    }
    return value(flow, (struct value){.kind = VALUE_LOAD, .at = op->address, .a = address});
}

static void store(struct flow *flow, const struct op *op, struct flow_state *state, value_id stored)
{
    value_id address = flow_address(flow, op, state);
    int64_t offset;

    if (stored && on_stack(flow, stored, &offset))
        escape(flow, offset);
    if (op->segment)
        return;
    /* An array on the stack, written at an index. */
    if (address && value_of(flow, address)->kind == VALUE_SCALED &&
        on_stack(flow, value_of(flow, address)->a, &offset))
        escape(flow, offset);
    /* String instructions name no address. */
    if (address && on_stack(flow, address, &offset))
        stack_store(flow, op, state, offset, op->width ? op->width : 8, stored);
    else
        forget_escaped(flow, op, state);
}

static void push(struct flow *flow, const struct op *op, struct flow_state *state, value_id pushed)
{
    int64_t offset;

    if (pushed && on_stack(flow, pushed, &offset))
        escape(flow, offset);
    state->at[RSP] = add(flow, state->at[RSP], -8);
    if (on_stack(flow, state->at[RSP], &offset))
        stack_store(flow, op, state, offset, 8, pushed ? pushed : unknown(flow, op, NO_REG));
}

static value_id pop(struct flow *flow, const struct op *op, struct flow_state *state)
{
    value_id popped = unknown(flow, op, op->dst);
    int64_t offset;
    int slot;

    if (on_stack(flow, state->at[RSP], &offset) && (slot = slot_find(flow, offset)) >= 0 && state->at[slot])
        popped = state->at[slot];
    state->at[RSP] = add(flow, state->at[RSP], 8);
    return popped;
}

/* Below rsp, what is called has its own frame. */
static void forget_below(struct flow *flow, const struct op *op, struct flow_state *state)
{
    int64_t depth = flow_depth(flow, state);

    for (uint32_t i = 0; depth >= 0 && i < flow->slot_count; i++) {
        if (flow->slots[i] < -depth)
            state->at[REG_COUNT + i] = unknown(flow, op, REG_COUNT + i);
    }
}

static void call(struct flow *flow, const struct op *op, struct flow_state *state)
{
    for (int reg = 0; reg < REG_COUNT; reg++) {
        if (CALLER_SAVED & (1u << reg))
            state->at[reg] = unknown(flow, op, reg);
    }
    state->at[RAX] = value(flow, (struct value){.kind = VALUE_RESULT, .at = op->address, .c = op->value});
    forget_escaped(flow, op, state);
    forget_below(flow, op, state);
}

static value_id either(struct flow *flow, value_id a, value_id b)
{
    if (a == b)
        return a;
    return value(flow, (struct value){.kind = VALUE_SELECT, .a = a < b ? a : b, .b = a < b ? b : a});
}

static value_id lea(struct flow *flow, const struct op *op, const struct flow_state *state)
{
    value_id address = flow_address(flow, op, state);
    int64_t offset;

    if (!address)
        return unknown(flow, op, op->dst);
    if (on_stack(flow, address, &offset) && op->dst != RSP && op->dst != RBP)
        escape(flow, offset);
    return address;
}

/* What dst becomes, for instructions that only compute. */
static value_id compute(struct flow *flow, const struct op *op, struct flow_state *state)
{
    value_id dst = op->dst == NO_REG ? 0 : state->at[op->dst], src = op->src == NO_REG ? 0 : state->at[op->src];
    int64_t offset;

    switch (op->code) {
    case OP_MOVE:
        if (op->dst != RSP && op->dst != RBP && on_stack(flow, src, &offset))
            escape(flow, offset);
        return src;
    case OP_CONST:
        return value(flow, (struct value){.kind = VALUE_CONST, .c = op->value});
    case OP_LEA:
        return lea(flow, op, state);
    case OP_LOAD:
        return load(flow, op, state);
    case OP_ADD:
        return add(flow, dst, op->value);
    case OP_ADD_CARRY:
        return either(flow, add(flow, dst, op->value), add(flow, dst, op->value + 1));
    case OP_AND:
        return value(flow, (struct value){.kind = VALUE_AND, .a = dst, .c = op->value});
    case OP_OR:
        return value(flow, (struct value){.kind = VALUE_OR, .a = dst, .b = src, .c = op->value});
    case OP_SELECT:
        return either(flow, dst, src);
    case OP_THREAD_POINTER:
        return value(flow, (struct value){.kind = VALUE_THREAD});
    default:
        return unknown(flow, op, op->dst);
    }
}

static void clobber(struct flow *flow, const struct op *op, struct flow_state *state)
{
    bool moves_stack = op->code == OP_PUSH || op->code == OP_POP || op->code == OP_CALL || op->code == OP_LEAVE;

    for (int reg = 0; reg < REG_COUNT; reg++) {
        if ((op->clobbers & (1u << reg)) && !(reg == RSP && moves_stack))
            state->at[reg] = unknown(flow, op, reg);
    }
}

void flow_step(struct flow *flow, const struct op *op, struct flow_state *state)
{
    value_id result = 0;

    switch (op->code) {
    case OP_STORE:
        store(flow, op, state, state->at[op->src]);
        break;
    case OP_STORE_OTHER:
    case OP_ATOMIC:
        store(flow, op, state, 0);
        break;
    case OP_PUSH:
        push(flow, op, state, op->src == NO_REG ? 0 : state->at[op->src]);
        break;
    case OP_POP:
        result = pop(flow, op, state);
        break;
    case OP_LEAVE:
        state->at[RSP] = state->at[RBP];
        state->at[RBP] = pop(flow, op, state);
        return;
    case OP_CALL:
        call(flow, op, state);
        return;
    case OP_COMPARE:
        return;
    case OP_EXCHANGE:
        result = state->at[op->dst];
        state->at[op->dst] = state->at[op->src];
        state->at[op->src] = result;
        return;
    default:
        if (op->dst != NO_REG)
            result = compute(flow, op, state);
    }
    clobber(flow, op, state);
    if (op->dst != NO_REG)
        state->at[op->dst] = result;
}

/* The fixed point */

static value_id phi(struct flow *flow, uint32_t block, uint32_t location)
{
    value_id *known = &flow->phis[block * FLOW_LOCATIONS + location];

    if (!*known) {
        *known = value(flow, (struct value){.kind = VALUE_PHI, .c = block, .a = location});
        arrput(flow->made, *known);
    }
    return *known;
}

static void enter(struct flow *flow, struct flow_state *state)
{
    for (int reg = 0; reg < REG_COUNT; reg++)
        state->at[reg] = value(flow, (struct value){.kind = VALUE_ENTRY, .c = reg});
}

/* The value of a location at the start of a block, from the ends of those that lead there. */
static value_id merge(struct flow *flow, uint32_t number, uint32_t location)
{
    const struct block *block = &flow->unit->blocks[number];
    bool is_slot = location >= REG_COUNT, unwritten = is_slot && block->has_entry;
    value_id merged = 0;

    if (flow->phis[number * FLOW_LOCATIONS + location])
        return phi(flow, number, location);
    if (block->has_entry && !is_slot)
        merged = value(flow, (struct value){.kind = VALUE_ENTRY, .c = location});
    for (uint32_t i = 0; i < block->pred_count; i++) {
        const struct flow_state *out = &flow->out[flow->unit->preds[block->preds + i]];
        value_id there = out->at[location];

        /* A slot that a way which was looked at leaves alone holds anything there. */
        unwritten |= is_slot && !there && out->at[RSP];
        if (!there || there == merged)
            continue;
        if (merged)
            return phi(flow, number, location);
        merged = there;
    }
    /* Nothing that is known leads here, or only what has not been looked at yet. */
    if ((merged && unwritten) || (!merged && block->pred_count == 0 && !is_slot))
        return phi(flow, number, location);
    return merged;
}

static void merge_all(struct flow *flow, uint32_t number, struct flow_state *state)
{
    for (uint32_t location = 0; location < REG_COUNT + flow->slot_count; location++)
        state->at[location] = merge(flow, number, location);
}

/* Whether a block that leads to this one has changed since this one was looked at. */
static bool is_stale(const struct flow *flow, uint32_t number)
{
    const struct block *block = &flow->unit->blocks[number];

    if (!flow->looked[number])
        return true;
    for (uint32_t i = 0; i < block->pred_count; i++) {
        if (flow->changed[flow->unit->preds[block->preds + i]] >= flow->looked[number])
            return true;
    }
    return false;
}

static bool run_block(struct flow *flow, uint32_t number)
{
    const struct block *block = &flow->unit->blocks[number];
    struct flow_state state = {0};

    if (block->is_padding || !is_stale(flow, number))
        return false;
    flow->looked[number] = ++flow->clock;
    if (block->pred_count == 1 && !block->has_entry)
        state = flow->out[flow->unit->preds[block->preds]];
    else
        merge_all(flow, number, &state);
    if (!state.at[RSP] || (flow->out[number].at[RSP] && memcmp(&state, &flow->in[number], sizeof(state)) == 0))
        return false; /* not reached yet, or nothing new */
    flow->in[number] = state;
    for (uint32_t i = 0; i < block->count; i++)
        flow_step(flow, &flow->unit->ops[block->first + i], &state);
    if (memcmp(&state, &flow->out[number], sizeof(state)) == 0)
        return false;
    flow->out[number] = state;
    flow->changed[number] = flow->clock;
    return true;
}

/* The blocks that each block leads to, from those that lead to each: first[i] to first[i + 1] of the array returned. */
static uint32_t *successors(const struct unit *unit, uint32_t *first)
{
    size_t blocks = arrlenu(unit->blocks);
    uint32_t *all = calloc(arrlenu(unit->preds) + 1, sizeof(*all)), *used = calloc(blocks + 1, sizeof(*used));

    memset(first, 0, (blocks + 1) * sizeof(*first));
    for (size_t i = 0; i < arrlenu(unit->preds); i++)
        first[unit->preds[i] + 1]++;
    for (size_t number = 0; number < blocks; number++)
        first[number + 1] += first[number];
    for (uint32_t number = 0; number < blocks; number++) {
        const struct block *block = &unit->blocks[number];

        for (uint32_t i = 0; i < block->pred_count; i++) {
            uint32_t pred = unit->preds[block->preds + i];

            all[first[pred] + used[pred]++] = number;
        }
    }
    free(used);
    return all;
}

/* Depth first from start; who is left for good is put before all that were left earlier. */
static void visit_from(uint32_t start, const uint32_t *first, const uint32_t *next, uint32_t *stack, uint32_t *tried,
                       uint32_t *order, uint32_t *before)
{
    uint32_t depth = 0;

    if (tried[start])
        return;
    tried[start] = 1;
    stack[depth++] = start;
    while (depth > 0) {
        uint32_t number = stack[depth - 1], at = first[number] + tried[number] - 1;

        if (at == first[number + 1]) {
            order[--*before] = number;
            depth--;
            continue;
        }
        tried[number]++;
        if (tried[next[at]])
            continue;
        tried[next[at]] = 1;
        stack[depth++] = next[at];
    }
}

/*
 * Reverse postorder: when a block is looked at for the first time, all that leads to it is known but for loops. In the
 * order of addresses a cold part at the function's end would come too late, and a value that a loop has taken round by
 * then differs from the new one for good.
 */
static uint32_t *order_blocks(const struct unit *unit)
{
    uint32_t blocks = arrlenu(unit->blocks), before = blocks;
    uint32_t *order = calloc(blocks, sizeof(*order)), *first = calloc(blocks + 1, sizeof(*first));
    uint32_t *stack = calloc(blocks, sizeof(*stack)), *tried = calloc(blocks, sizeof(*tried));
    uint32_t *next = successors(unit, first);

    for (uint32_t number = 0; number < blocks; number++) {
        if (unit->blocks[number].has_entry)
            visit_from(number, first, next, stack, tried, order, &before);
    }
    for (uint32_t number = 0; number < blocks; number++)
        visit_from(number, first, next, stack, tried, order, &before);
    free(first);
    free(stack);
    free(tried);
    free(next);
    return order;
}

/* After too many rounds everything differs wherever ways meet: then nothing is left that could change for ever. */
static void give_up(struct flow *flow)
{
    for (uint32_t number = 0; number < arrlenu(flow->unit->blocks); number++) {
        for (uint32_t location = 0; location < FLOW_LOCATIONS; location++)
            phi(flow, number, location);
        flow->looked[number] = 0;
    }
}

static void run(struct flow *flow)
{
    size_t blocks = arrlenu(flow->unit->blocks);
    bool changed = true;

    memset(flow->in, 0, blocks * sizeof(*flow->in));
    memset(flow->out, 0, blocks * sizeof(*flow->out));
    memset(flow->looked, 0, blocks * sizeof(*flow->looked));
    for (int round = 0; changed; round++) {
        changed = false;
        if (round == MAX_ROUNDS)
            give_up(flow);
        for (uint32_t i = 0; i < blocks; i++)
            changed |= run_block(flow, flow->order[i]);
    }
}

/* What all ways into phi agree on, as far as settled tells of other PHIs (0: nothing yet); phi itself where they differ. */
static value_id agreed(const struct flow *flow, value_id id, const value_id *settled)
{
    const struct value *merged = value_of(flow, id);
    const struct block *block = &flow->unit->blocks[merged->c];
    value_id all = 0;

    if (block->has_entry)
        return id;
    for (uint32_t i = 0; i < block->pred_count; i++) {
        const struct flow_state *out = &flow->out[flow->unit->preds[block->preds + i]];
        value_id input = out->at[merged->a];

        if (!out->at[RSP])
            continue; /* never reached */
        if (!input)
            return id;
        if (value_of(flow, input)->kind == VALUE_PHI)
            input = settled[input];
        if (!input || input == id)
            continue;
        if (all && all != input)
            return id;
        all = input;
    }
    return all;
}

/*
 * A value that loops have taken round before it settled has met itself, in an older form, and become a PHI for good,
 * though all ways agree in the end. Such PHIs are forgotten; the others are known from the start of the next run, so that
 * nothing old goes round again. Returns whether there were any.
 */
static bool forget_agreed(struct flow *flow)
{
    value_id *settled = calloc(arrlenu(flow->values), sizeof(*settled));
    bool changed = true, any = false;
    size_t kept = 0;

    while (changed) {
        changed = false;
        for (size_t i = 0; i < arrlenu(flow->made); i++) {
            value_id id = flow->made[i], now = settled[id] == id ? id : agreed(flow, id, settled);

            changed |= now != settled[id];
            settled[id] = now;
        }
    }
    for (size_t i = 0; i < arrlenu(flow->made); i++) {
        value_id id = flow->made[i];

        if (settled[id] == id) {
            flow->made[kept++] = id;
            continue;
        }
        any |= settled[id] != 0;
        flow->phis[value_of(flow, id)->c * FLOW_LOCATIONS + value_of(flow, id)->a] = 0;
    }
    arrsetlen(flow->made, kept);
    free(settled);
    return any;
}

/* Until no PHI is left on which all ways agree. */
static void settle(struct flow *flow)
{
    memset(flow->phis, 0, arrlenu(flow->unit->blocks) * FLOW_LOCATIONS * sizeof(*flow->phis));
    arrsetlen(flow->made, 0);
    run(flow);
    for (int pass = 1; pass < MAX_PASSES && forget_agreed(flow); pass++)
        run(flow);
}

struct flow *flow_new(const struct unit *unit)
{
    struct flow *flow = calloc(1, sizeof(*flow));
    size_t blocks = arrlenu(unit->blocks), escapes;
    struct flow_state ignored;

    flow->unit = unit;
    flow->table_size = 256;
    flow->table = calloc(flow->table_size, sizeof(uint32_t));
    arrput(flow->values, ((struct value){0}));
    enter(flow, &ignored);
    flow->entry_rsp = ignored.at[RSP];
    flow->in = calloc(blocks, sizeof(*flow->in));
    flow->out = calloc(blocks, sizeof(*flow->out));
    flow->phis = calloc(blocks * FLOW_LOCATIONS, sizeof(*flow->phis));
    flow->changed = calloc(blocks, sizeof(*flow->changed));
    flow->looked = calloc(blocks, sizeof(*flow->looked));
    flow->order = order_blocks(unit);
    /* An address taken late may matter to what was looked at before: once more, knowing it. */
    do {
        escapes = arrlenu(flow->escapes);
        settle(flow);
    } while (arrlenu(flow->escapes) != escapes);
    return flow;
}

void flow_free(struct flow *flow)
{
    if (!flow)
        return;
    arrfree(flow->values);
    arrfree(flow->escapes);
    arrfree(flow->made);
    free(flow->table);
    free(flow->in);
    free(flow->out);
    free(flow->phis);
    free(flow->changed);
    free(flow->looked);
    free(flow->order);
    free(flow);
}

bool flow_enter(const struct flow *flow, uint32_t number, struct flow_state *state)
{
    *state = flow->in[number];
    return state->at[RSP] != 0;
}

void flow_walk(struct flow *flow, flow_visit *visit, void *context)
{
    for (size_t number = 0; number < arrlenu(flow->unit->blocks); number++) {
        const struct block *block = &flow->unit->blocks[number];
        struct flow_state state;

        if (!flow_enter(flow, number, &state))
            continue;
        for (uint32_t i = 0; i < block->count; i++) {
            const struct op *op = &flow->unit->ops[block->first + i];

            visit(context, flow, op, &state);
            flow_step(flow, op, &state);
        }
    }
}

/* Questions */

int64_t flow_depth(const struct flow *flow, const struct flow_state *state)
{
    int64_t offset;

    return on_stack(flow, state->at[RSP], &offset) && offset <= 0 ? -offset : -1;
}

struct place flow_find(const struct flow *flow, const struct flow_state *state, value_id id, uint32_t allowed)
{
    int64_t depth = flow_depth(flow, state);

    for (int reg = 0; reg < REG_COUNT; reg++) {
        if ((allowed & (1u << reg)) && state->at[reg] == id)
            return (struct place){.kind = PLACE_REG, .reg = reg};
    }
    for (uint32_t i = 0; depth >= 0 && i < flow->slot_count; i++) {
        /* Below rsp nothing is kept, but for a leaf's red zone, which is ours to read at a probe, yet not behind a
         * call. */
        int64_t least = allowed == CALLEE_SAVED ? 0 : -128;

        if (state->at[REG_COUNT + i] == id && is_safe(flow, i, id) && flow->slots[i] + depth >= least)
            return (struct place){.kind = PLACE_STACK, .offset = flow->slots[i] + depth};
    }
    if (value_of(flow, id)->kind == VALUE_CONST && value_of(flow, id)->c == (int32_t)value_of(flow, id)->c)
        return (struct place){.kind = PLACE_FIXED, .offset = value_of(flow, id)->c};
    return (struct place){.kind = PLACE_NONE};
}

struct place flow_find_entry(const struct flow *flow, const struct flow_state *state, enum reg reg)
{
    for (value_id id = 1; id < arrlenu(flow->values); id++) {
        if (flow->values[id].kind == VALUE_ENTRY && flow->values[id].c == reg)
            return flow_find(flow, state, id, 1u << reg);
    }
    return (struct place){.kind = PLACE_NONE};
}

value_id flow_root(const struct flow *flow, value_id id)
{
    for (int depth = 0; depth < 8; depth++) {
        const struct value *known = value_of(flow, id);

        if (known->kind != VALUE_ADD && known->kind != VALUE_SCALED)
            return id;
        id = known->a;
    }
    return id;
}

value_id flow_input(const struct flow *flow, value_id phi_id, uint32_t number)
{
    const struct value *merged = value_of(flow, phi_id);
    const struct block *block;

    if (merged->kind != VALUE_PHI)
        return 0;
    block = &flow->unit->blocks[merged->c];
    for (uint32_t i = 0; i < block->pred_count && !block->has_entry; i++) {
        value_id input = flow->out[flow->unit->preds[block->preds + i]].at[merged->a];

        /* Nothing comes from filler, or from what is never reached. */
        if (input && number-- == 0)
            return input;
    }
    return 0;
}

value_id flow_coming_from(const struct flow *flow, value_id id, uint32_t number, uint32_t from)
{
    const struct value *merged = value_of(flow, id);

    return merged->kind == VALUE_PHI && merged->c == number ? flow->out[from].at[merged->a] : id;
}

bool flow_is_walking(const struct flow *flow, value_id id)
{
    value_id input;

    for (uint32_t i = 0; (input = flow_input(flow, id, i)); i++) {
        if (flow_root(flow, input) != input)
            return true;
    }
    return false;
}
