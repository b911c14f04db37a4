#include "probe/refcount.h"

#define OB_REF_LOCAL 12
#define OB_REF_SHARED 16
#define ONE_REFERENCE 4
#define WORD 8
#define QUEUED 2
#define MERGED 3

const enum reg argument_regs[ARGUMENTS] = {RDI, RSI, RDX, RCX};
const enum reg saved_regs[SAVED_REGS] = {RBX, RBP, R12, R13, R14, R15};

value_id refcount_object(struct flow *flow, const struct op *op, const struct flow_state *state)
{
    value_id address, object;
    int64_t offset;

    if (op->code != OP_ATOMIC || op->width != 8 || !(address = flow_address(flow, op, state)))
        return 0;
    if (value_of(flow, address)->kind == VALUE_CONST)
        return address;
    object = flow_strip(flow, address, &offset);
    return offset == OB_REF_SHARED ? object : 0;
}

/* The stored value as the compared one plus *step, if it is that, with *bits set perhaps; -1 where they are computed. */
static bool is_step(const struct flow *flow, value_id stored, value_id compared, int64_t *step, int64_t *bits)
{
    *step = 0;
    *bits = 0;
    for (int depth = 0; depth < 8; depth++) {
        const struct value *value = value_of(flow, stored);

        if (stored == compared)
            return true;
        if (value->kind == VALUE_ADD) {
            *step += value->c;
        } else if (value->kind == VALUE_OR) {
            *bits |= value->b ? -1 : value->c;
            if (value->b && value_of(flow, value->a)->kind != VALUE_ADD && value->a != compared) {
                stored = value->b;
                continue;
            }
        } else if (value->kind != VALUE_AND) {
            return false;
        }
        stored = value->a;
    }
    return false;
}

static bool is_const(const struct flow *flow, value_id id, int64_t c)
{
    return value_of(flow, id)->kind == VALUE_CONST && value_of(flow, id)->c == c;
}

static enum operation_kind exchange_meaning(const struct flow *flow, value_id stored, value_id compared, int depth);

/* What is compared where its block is entered as number: a PHI of the same block has an input of its own for each. */
static value_id compared_input(const struct flow *flow, value_id phi, value_id compared, uint32_t number)
{
    const struct value *value = value_of(flow, compared);
    value_id input;

    if (value->kind != VALUE_PHI || value->c != value_of(flow, phi)->c)
        return compared;
    input = flow_input(flow, compared, number);
    return input ? input : compared;
}

/* Every way that leads here must mean the same. clang (19) keeps the old count and the new one side by side through the
 * loop, so each way's new count is held against that way's old one. */
static enum operation_kind merged_meaning(const struct flow *flow, value_id phi, value_id compared, int depth)
{
    enum operation_kind all = OPERATION_UNKNOWN;
    value_id input;

    for (uint32_t i = 0; depth < 3 && (input = flow_input(flow, phi, i)); i++) {
        enum operation_kind one =
            exchange_meaning(flow, input, compared_input(flow, phi, compared, i), depth + 1);

        if (i > 0 && one != all)
            return OPERATION_UNKNOWN;
        all = one;
    }
    return all;
}

/* (count * 4) | 3 is also computed as an address. */
static bool is_merged_count(const struct value *value)
{
    if (value->kind == VALUE_OR)
        return !value->b && value->c == MERGED;
    return value->kind == VALUE_SCALED && value->c >> 48 == ONE_REFERENCE && (value->c & 3) == MERGED;
}

static enum operation_kind exchange_meaning(const struct flow *flow, value_id stored, value_id compared, int depth)
{
    const struct value *value = value_of(flow, stored);
    int64_t step, bits;

    if (is_const(flow, stored, QUEUED))
        return OPERATION_DECREMENT;
    if (value->kind == VALUE_PHI)
        return merged_meaning(flow, stored, compared, depth);
    if (value->kind == VALUE_SELECT) {
        enum operation_kind a = exchange_meaning(flow, value->a, compared, depth);
        enum operation_kind b = exchange_meaning(flow, value->b, compared, depth);

        return a == b ? a : OPERATION_UNKNOWN;
    }
    if (is_step(flow, stored, compared, &step, &bits)) {
        if (step == -ONE_REFERENCE && !bits)
            return OPERATION_DECREMENT;
        if (step >= ONE_REFERENCE)
            return OPERATION_TRY_INCREMENT;
        if (step != 0 || !bits)
            return OPERATION_UNKNOWN;
        /* A count that stays as it is is merged by the flag alone. */
        return bits == MERGED ? OPERATION_MERGE : OPERATION_FLAGS;
    }
    if (is_const(flow, stored, MERGED) || is_merged_count(value))
        return OPERATION_MERGE;
    return OPERATION_UNKNOWN;
}

enum operation_kind refcount_meaning(struct flow *flow, const struct op *op, const struct flow_state *state)
{
    switch (op->atomic) {
    case ATOMIC_CMPXCHG:
        return op->src == NO_REG ? OPERATION_UNKNOWN
                                 : exchange_meaning(flow, state->at[op->src], state->at[RAX], 0);
    case ATOMIC_ADD:
    case ATOMIC_XADD:
        if (op->src == NO_REG)
            return op->value == ONE_REFERENCE ? OPERATION_INCREMENT : OPERATION_FOREIGN;
        return OPERATION_ADD;
    case ATOMIC_XCHG:
        return OPERATION_FOREIGN;
    default:
        return OPERATION_UNKNOWN;
    }
}

value_id refcount_tested(struct flow *flow, const struct op *op, const struct flow_state *state)
{
    value_id address = op->has_mem && op->width == 4 ? flow_address(flow, op, state) : 0;
    int64_t offset;
    value_id object = address ? flow_strip(flow, address, &offset) : 0;

    return object && offset == OB_REF_LOCAL ? object : 0;
}

/* The object behind tag bits (stack references from 3.14 on carry them in the low bits). */
static value_id untagged(const struct flow *flow, value_id id)
{
    const struct value *value = value_of(flow, id);

    return value->kind == VALUE_AND && value->c < 0 && value->c >= -8 ? value->a : id;
}

#define MOST_PHIS 16

/* PHIs on the way, which lead to each other in loops: each is asked once. */
struct trail {
    value_id seen[MOST_PHIS];
    int count;
};

static bool is_new(struct trail *trail, value_id id)
{
    for (int i = 0; i < trail->count; i++) {
        if (trail->seen[i] == id)
            return false;
    }
    if (trail->count < MOST_PHIS)
        trail->seen[trail->count++] = id;
    return true;
}

/* Settles *address, or finds another one; false where id is not from one place. */
static bool same_address(const struct flow *flow, value_id id, struct trail *trail, value_id *address)
{
    const struct value *value = value_of(flow, id);
    value_id input;

    if (value->kind == VALUE_LOAD) {
        bool same = !*address || *address == value->a;

        *address = value->a;
        return same;
    }
    if (value->kind != VALUE_PHI || trail->count == MOST_PHIS || !flow_input(flow, id, 0))
        return false;
    for (uint32_t i = 0; (input = flow_input(flow, id, i)); i++) {
        if (value_of(flow, input)->kind == VALUE_PHI && !is_new(trail, input))
            continue;
        if (!same_address(flow, input, trail, address))
            return false;
    }
    return true;
}

/* The address that id was read from: by one load, or by several on the ways that lead here, all from the same place. */
static value_id load_address(const struct flow *flow, value_id id)
{
    struct trail trail = {.seen = {id}, .count = 1};
    value_id address = 0;

    return same_address(flow, id, &trail, &address) ? address : 0;
}

/* What a walking pointer set out from, apart from its own steps; *origin settles or differs as above. */
static bool same_origin(const struct flow *flow, value_id pointer, struct trail *trail, value_id *origin)
{
    value_id input;

    if (trail->count == MOST_PHIS || !flow_input(flow, pointer, 0))
        return false;
    for (uint32_t i = 0; (input = flow_input(flow, pointer, i)); i++) {
        value_id root = flow_root(flow, input);

        if (value_of(flow, root)->kind == VALUE_PHI) {
            if (is_new(trail, root) && !same_origin(flow, root, trail, origin))
                return false;
        } else if (*origin && *origin != root &&
                   (!load_address(flow, root) || load_address(flow, root) != load_address(flow, *origin))) {
            return false;
        } else {
            *origin = root;
        }
    }
    return true;
}

value_id refcount_origin(const struct flow *flow, value_id pointer)
{
    struct trail trail = {.seen = {pointer}, .count = 1};
    value_id origin = 0;

    return same_origin(flow, pointer, &trail, &origin) ? origin : 0;
}

/* base itself was read from another object's memory: that object may be the one to name. */
static void find_outer(const struct flow *flow, const struct flow_state *state, value_id base, uint32_t allowed,
                       struct slot *slot)
{
    value_id address = load_address(flow, untagged(flow, base)), outer;

    if (!address)
        return;
    outer = untagged(flow, flow_strip(flow, address, &slot->outer_disp));
    /* A fixed address is a variable's, or lies somewhere in a static object: where that starts is not told. */
    if (value_of(flow, outer)->kind != VALUE_CONST)
        slot->outer = flow_find(flow, state, outer, allowed);
}

static struct slot checked(struct slot slot)
{
    if (slot.base.kind == PLACE_NONE && slot.outer.kind == PLACE_NONE && !slot.behind)
        slot.kind = SLOT_NONE;
    return slot;
}

/* An array that the function was given: its caller knows which object's it is. */
static void find_behind(const struct flow *flow, value_id array, struct slot *slot)
{
    const struct value *value = value_of(flow, array);

    for (int i = 0; i < ARGUMENTS; i++) {
        if (value->kind == VALUE_ENTRY && value->c == argument_regs[i]) {
            slot->behind = true;
            slot->argument = i;
        }
    }
}

/* Which of the items it was: a register still holds what counts them, a pointer or an index, or a neighbour's. */
static void find_item(const struct flow *flow, const struct flow_state *state, value_id counter, int64_t disp, int size,
                      uint32_t allowed, struct slot *slot)
{
    int64_t wanted, held;

    counter = flow_strip(flow, counter, &wanted);
    for (int reg = 0; reg < REG_COUNT && slot->item.kind == PLACE_NONE; reg++) {
        if (!(allowed & (1u << reg)) || reg == RSP || !state->at[reg] ||
            flow_strip(flow, state->at[reg], &held) != counter)
            continue;
        slot->item = (struct place){.kind = PLACE_REG, .reg = reg};
        slot->item_disp = disp + size * (wanted - held);
    }
}

/* A pointer that walks through memory: what it set out from is an object or an array behind one. */
static struct slot walking_slot(const struct flow *flow, const struct flow_state *state, value_id pointer,
                                int64_t disp, uint32_t allowed)
{
    struct slot slot = {.kind = SLOT_ITEM};
    value_id origin = refcount_origin(flow, pointer);

    if (!origin)
        return (struct slot){0};
    find_item(flow, state, pointer, disp, 1, allowed, &slot);
    slot.base = flow_find(flow, state, origin, allowed);
    find_outer(flow, state, origin, allowed, &slot);
    find_behind(flow, origin, &slot);
    return checked(slot);
}

static struct slot loaded_slot(const struct flow *flow, const struct flow_state *state, value_id address,
                               uint32_t allowed)
{
    const struct value *value = value_of(flow, address);
    struct slot slot = {.kind = SLOT_FIELD};
    int64_t offset;
    value_id base;

    if (value->kind == VALUE_CONST)
        return (struct slot){.kind = SLOT_STATIC, .disp = value->c};
    if (value->kind == VALUE_SCALED) {
        slot.kind = SLOT_ITEM;
        base = flow_strip(flow, value->a, &offset);
        slot.disp = ((value->c << 16) >> 16) + offset;
        if (value->c >> 48 == WORD) {
            slot.item_indexed = true;
            find_item(flow, state, value->b, slot.disp, WORD, allowed, &slot);
        }
    } else {
        base = flow_strip(flow, address, &slot.disp);
    }
    base = untagged(flow, base);
    if (flow_is_walking(flow, base))
        return walking_slot(flow, state, base, slot.disp, allowed);
    /* No object holds a reference before its type: what is read there is an array's item, or lies in an interpreter
     * frame, which starts with one (3.13 to 3.15). */
    if (slot.disp >= OB_TYPE || (slot.kind == SLOT_FIELD && slot.disp >= 0))
        slot.base = flow_find(flow, state, base, allowed);
    find_outer(flow, state, base, allowed, &slot);
    if (slot.disp < OB_TYPE)
        find_behind(flow, base, &slot);
    return checked(slot);
}

struct slot slot_of(const struct flow *flow, const struct flow_state *state, value_id id, uint32_t allowed)
{
    const struct value *value;
    int64_t offset;
    value_id address;

    id = untagged(flow, flow_strip(flow, id, &offset));
    value = value_of(flow, id);
    address = load_address(flow, id);
    if (address)
        return loaded_slot(flow, state, address, allowed);
    switch (value->kind) {
    case VALUE_RESULT:
        return (struct slot){.kind = SLOT_RESULT, .callee = (uint64_t)value->c};
    case VALUE_ENTRY:
        for (int i = 0; i < ARGUMENTS; i++) {
            if (value->c == argument_regs[i])
                return (struct slot){.kind = SLOT_ARGUMENT, .argument = i};
        }
        return (struct slot){0};
    default:
        return (struct slot){0};
    }
}

struct frame_rule frame_rule_of(const struct flow *flow, const struct flow_state *state)
{
    struct frame_rule rule = {.depth = flow_depth(flow, state)};

    for (int i = 0; i < SAVED_REGS; i++)
        rule.saved[i] = flow_find_entry(flow, state, saved_regs[i]);
    return rule;
}

/* One more member of the argument, if address lies in one. */
static bool add_member(const struct flow *flow, value_id address, uint8_t *argument, uint64_t *members)
{
    int64_t disp;
    const struct value *value = value_of(flow, flow_strip(flow, address, &disp));

    if (value->kind != VALUE_ENTRY || disp < 0 || disp % 8 || disp >= 64 * 8)
        return false;
    for (uint8_t i = 0; i < ARGUMENTS; i++) {
        if (value->c != argument_regs[i] || (*members && *argument != i))
            continue;
        *argument = i;
        *members |= 1ull << (disp / 8);
        return true;
    }
    return false;
}

static bool add_members(const struct flow *flow, value_id id, struct trail *trail, uint8_t *argument, uint64_t *members)
{
    const struct value *value = value_of(flow, id);
    value_id input;

    if (value->kind == VALUE_LOAD)
        return add_member(flow, value->a, argument, members);
    if (value->kind != VALUE_PHI || trail->count == MOST_PHIS || !flow_input(flow, id, 0))
        return false;
    for (uint32_t i = 0; (input = flow_input(flow, id, i)); i++) {
        if (value_of(flow, input)->kind == VALUE_PHI && !is_new(trail, input))
            continue;
        if (!add_members(flow, input, trail, argument, members))
            return false;
    }
    return true;
}

uint64_t argument_members(const struct flow *flow, value_id id, uint8_t *argument)
{
    struct trail trail = {.seen = {id}, .count = 1};
    uint64_t members = 0;

    *argument = 0;
    return add_members(flow, id, &trail, argument, &members) ? members : 0;
}
