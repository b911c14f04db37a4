#include "probe/guard.h"

#define OB_TID 0
#define OB_REF_LOCAL 12
#define OB_REF_SHARED 16
/* Blocks between a guard and its atomic, and instructions of one operation: compilers move little in between. */
#define MOST_BLOCKS 16
#define MOST_OPS 24

/* Whether address is that of a member of object, as refcount_object() gives it: for a static one that is where its
 * ob_ref_shared stands. */
static bool is_member(const struct flow *flow, value_id address, value_id object, int64_t member)
{
    const struct value *base = value_of(flow, object);
    int64_t offset;

    if (base->kind == VALUE_CONST)
        return value_of(flow, address)->kind == VALUE_CONST &&
               value_of(flow, address)->c == base->c - OB_REF_SHARED + member;
    return flow_strip(flow, address, &offset) == object && offset == member;
}

static bool is_owner(const struct flow *flow, value_id id, value_id object)
{
    const struct value *value = value_of(flow, id);

    return value->kind == VALUE_LOAD && is_member(flow, value->a, object, OB_TID);
}

static bool is_thread(const struct flow *flow, value_id id)
{
    return value_of(flow, id)->kind == VALUE_THREAD;
}

/* Whether op compares ob_tid of object with the thread pointer: either may be read on the spot. */
static bool compares_owner(struct flow *flow, const struct op *op, const struct flow_state *state, value_id object)
{
    value_id here = state->at[op->src], address;

    if (!op->has_mem) {
        value_id there = state->at[op->dst];

        return (is_thread(flow, here) && is_owner(flow, there, object)) ||
               (is_thread(flow, there) && is_owner(flow, here, object));
    }
    if (op->segment)
        return op->base == NO_REG && op->index == NO_REG && op->disp == 0 && is_owner(flow, here, object);
    address = flow_address(flow, op, state);
    return address && is_thread(flow, here) && is_member(flow, address, object, OB_TID);
}

/* The op whose result in ZF the jump at the end of a block reads; NULL where that is in no op of the block. */
static const struct op *flag_setter(const struct unit *unit, const struct block *block)
{
    const struct op *op = &unit->ops[block->first + block->count - 1];

    while (op > &unit->ops[block->first]) {
        if ((--op)->sets_zero)
            return op;
    }
    return NULL;
}

/* Whether the jump at the end of block number is one that compares the owner of object. */
static bool is_guard(struct flow *flow, const struct unit *unit, uint32_t number, value_id object)
{
    const struct block *block = &unit->blocks[number];
    const struct op *setter = flag_setter(unit, block);
    struct flow_state state;

    if (!setter || setter->code != OP_COMPARE || !flow_enter(flow, number, &state))
        return false;
    for (const struct op *op = &unit->ops[block->first]; op < setter; op++)
        flow_step(flow, op, &state);
    return compares_owner(flow, setter, &state, object);
}

/* Blocks that nothing but the ways to an atomic leads through, and what they call its object. */
struct trail {
    uint32_t blocks[MOST_BLOCKS];
    value_id objects[MOST_BLOCKS];
    int count, done;
};

static bool follow(struct trail *trail, uint32_t block, value_id object)
{
    for (int i = 0; i < trail->count; i++) {
        if (trail->blocks[i] == block)
            return trail->objects[i] == object;
    }
    if (trail->count == MOST_BLOCKS || !object)
        return false;
    trail->blocks[trail->count] = block;
    trail->objects[trail->count++] = object;
    return true;
}

/* What leads from block number to the one that starts at address: a guard, or that block alone. */
static bool take_way(struct flow *flow, const struct unit *unit, uint32_t number, uint64_t address, value_id object,
                     struct trail *trail, struct guard *guards, int *count)
{
    const struct block *block = &unit->blocks[number];
    const struct op *last = &unit->ops[block->first + block->count - 1];
    bool taken, falls;

    if (block->count == 0)
        return false; /* an indirect jump */
    if (last->code != OP_BRANCH)
        return (last->code != OP_JUMP || last->value) && follow(trail, number, object);
    taken = (uint64_t)last->value == address;
    falls = last->address + last->length == address;
    /* The atomic is not the owner's, for whom the two sides are equal. */
    if (taken == falls || !last->zero_flag || taken == last->taken_if_zero || *count == MOST_GUARDS ||
        !is_guard(flow, unit, number, object))
        return false;
    guards[(*count)++] = (struct guard){.jump = block->first + block->count - 1, .object = object};
    return true;
}

int guards_of(struct flow *flow, const struct unit *unit, uint32_t atomic, value_id object,
              struct guard guards[MOST_GUARDS])
{
    struct trail trail = {.blocks = {unit_block_of(unit, atomic)}, .objects = {object}, .count = 1};
    int count = 0;

    for (; trail.done < trail.count; trail.done++) {
        uint32_t number = trail.blocks[trail.done];
        const struct block *block = &unit->blocks[number];
        uint64_t address = unit->ops[block->first].address;

        if (block->has_entry || block->pred_count == 0)
            return 0;
        for (uint32_t i = 0; i < block->pred_count; i++) {
            uint32_t pred = unit->preds[block->preds + i];
            value_id there = flow_coming_from(flow, trail.objects[trail.done], number, pred);

            if (unit->blocks[pred].is_padding)
                continue;
            if (!take_way(flow, unit, pred, address, there, &trail, guards, &count))
                return 0;
        }
    }
    return count;
}

static bool is_header(struct flow *flow, const struct op *op, const struct flow_state *state, value_id object)
{
    value_id address = op->has_mem ? flow_address(flow, op, state) : 0;

    return address && (is_member(flow, address, object, OB_TID) || is_member(flow, address, object, OB_REF_LOCAL) ||
                       is_member(flow, address, object, OB_REF_SHARED));
}

/* The first op of the straight run of code that leads to op number last. */
static uint32_t start_of_run(const struct unit *unit, uint32_t last)
{
    uint32_t first = last;

    while (first > 0 && last - first < MOST_OPS) {
        const struct op *before = &unit->ops[first - 1];

        if (before->address + before->length != unit->ops[first].address || before->code == OP_CALL ||
            before->code == OP_RETURN || before->code == OP_JUMP || before->code == OP_ATOMIC)
            break;
        first--;
    }
    return first;
}

struct span span_to(struct flow *flow, const struct unit *unit, uint32_t last, value_id object)
{
    uint32_t first = start_of_run(unit, last);
    struct span span = {unit->ops[last].address, unit->ops[last].address + unit->ops[last].length};

    for (uint32_t number = unit_block_of(unit, first); unit->blocks[number].count && unit->blocks[number].first < last;
         number++) {
        const struct block *block = &unit->blocks[number];
        struct flow_state state;

        if (!flow_enter(flow, number, &state))
            continue;
        for (uint32_t i = block->first; i < block->first + block->count && i < last; i++) {
            if (i >= first && is_header(flow, &unit->ops[i], &state, object)) {
                span.start = unit->ops[i].address;
                return span;
            }
            flow_step(flow, &unit->ops[i], &state);
        }
    }
    return span;
}
