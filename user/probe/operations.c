#include "probe/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "probe/guard.h"
#include "probe/refcount.h"
#include "probe/touch.h"
#include "util/array.h"

/* A function that hands an argument on to be dropped is followed if it is little more than that: its callers are then
 * the ones that users know. A larger one is itself the answer. */
#define WRAPPER_BYTES 256

/* What function entry is known to do with its arguments, or NULL. */
const struct wrapper *sweep_wrapper(struct sweep *sweep, uint64_t entry)
{
    ptrdiff_t used, at = sweep->wrappers ? hmgeti_ts(sweep->wrappers, entry, used) : -1;

    return at < 0 ? NULL : &sweep->wrappers[at];
}

static void add_wrapper(struct sweep *sweep, uint64_t entry, int argument, uint32_t flag)
{
    arrput(sweep->found, ((struct found){.entry = entry, .argument = argument, .flag = flag}));
}

bool sweep_has_known_tail(const struct wrapper *wrapper, int argument)
{
    return wrapper->flags[argument] == LOSES && wrapper->tails[argument].state == TAIL_KNOWN;
}

static void join_tail(struct tail *known, const struct tail *found)
{
    if (known->state == TAIL_NONE)
        *known = *found;
    else if (found->state != TAIL_KNOWN || found->by != known->by)
        known->state = TAIL_UNKNOWN;
    known->members |= found->members;
}

/* Makes what was found known to the next wave. */
void sweep_publish(struct sweep *sweep, const struct found *found)
{
    const struct wrapper *known = sweep_wrapper(sweep, found->entry);
    struct wrapper wrapper = known ? *known : (struct wrapper){.key = found->entry};

    if (found->flag == LOSES)
        join_tail(&wrapper.tails[found->argument], &found->tail);
    if (!(wrapper.flags[found->argument] & found->flag))
        wrapper.wave[found->argument] = sweep->wave;
    wrapper.flags[found->argument] |= found->flag;
    hmputs(sweep->wrappers, wrapper);
}

static bool is_small(const struct sweep *sweep, uint64_t entry)
{
    const struct code_range *range = elf_file_code_at(sweep->file, entry);

    return range && range->end - range->start <= WRAPPER_BYTES;
}

/* Nobody will know the call sites. */
static void forget_caller(struct slot *slot)
{
    slot->behind = false;
    if (slot->kind == SLOT_ARGUMENT || (slot->base.kind == PLACE_NONE && slot->outer.kind == PLACE_NONE))
        slot->kind = SLOT_NONE;
}

static void put_probe(const struct sweep *sweep, uint64_t at, enum hit_meaning meaning, struct operation *operation)
{
    const struct code_range *range = elf_file_code_at(sweep->file, at);
    const uint8_t *bytes = range ? elf_file_bytes(sweep->file, at, range->end - at) : NULL;

    operation->meaning = meaning;
    operation->cost = bytes ? probe_cost(sweep->decoder, bytes, range->end - at) : PROBE_REFUSED;
    operation->probe = operation->cost == PROBE_REFUSED ? 0 : at;
}

/* The instruction behind a compare-exchange sees its result in ZF, if that is where it continues at all. */
static void probe_behind(const struct sweep *sweep, const struct op *op, struct operation *operation)
{
    put_probe(sweep, op->address + op->length,
              op->atomic == ATOMIC_CMPXCHG ? HIT_COUNTS_IF_ZERO : HIT_COUNTS, operation);
}

/* The object lies in a register or slot, or its address plus 16 does, which the atomic was given. */
static void place_object(const struct flow *flow, const struct op *op, const struct flow_state *state, value_id object,
                         struct operation *operation)
{
    uint32_t changed = op->atomic == ATOMIC_CMPXCHG ? 1u << RAX : 0;

    operation->object = flow_find(flow, state, object, 0xffff & ~(1u << RSP) & ~changed);
    if (operation->object.kind != PLACE_NONE || op->base == NO_REG || (changed & (1u << op->base)))
        return;
    operation->object = (struct place){.kind = PLACE_REG, .reg = op->base};
    operation->adjust = 16 - op->disp;
}

static bool asks_caller(const struct slot *slot)
{
    return slot->kind == SLOT_ARGUMENT || slot->behind;
}

static struct place fixed_place(int64_t address)
{
    return address == (int32_t)address ? (struct place){.kind = PLACE_FIXED, .offset = address} : (struct place){0};
}

/* Where the object lies at an op that state stands before, where it came from, and how to get on to the caller. */
static void describe_object(const struct flow *flow, const struct flow_state *state, value_id object,
                            struct operation *operation)
{
    operation->slot = slot_of(flow, state, object, 0xffff);
    operation->rule = frame_rule_of(flow, state);
}

/* Whose callers are worth asking: a larger function that increments one of its arguments is itself the answer. */
static bool is_called_to_count(const struct sweep *sweep, const struct operation *operation)
{
    return operation->kind == OPERATION_DECREMENT ||
           ((operation->kind == OPERATION_TRY_INCREMENT || operation->kind == OPERATION_INCREMENT ||
             operation->kind == OPERATION_NO_ID_INCREMENT) &&
            is_small(sweep, sweep->function));
}

static void add_operation(struct sweep *sweep, struct operation operation)
{
    if (asks_caller(&operation.slot)) {
        if (is_called_to_count(sweep, &operation))
            add_wrapper(sweep, sweep->function, operation.slot.argument, WRAPS);
        else
            forget_caller(&operation.slot);
    }
    arrput(sweep->scan->operations, operation);
}

/* Behind an atomic that is no jump's target nobody comes by but those who did it. */
static bool leads_straight_on(const struct unit *unit, uint32_t atomic)
{
    const struct block *block = &unit->blocks[unit_block_of(unit, atomic)];

    return atomic + 1 < block->first + block->count;
}

/* An increment that a guard leads to, counted there: the kernel takes no probe on the atomic itself, and most often
 * the code goes on where others come from elsewhere. */
static void add_guarded(struct sweep *sweep, struct flow *flow, const struct guard *guard, struct operation operation)
{
    const struct unit *unit = sweep->unit;
    const struct op *jump = &unit->ops[guard->jump];
    uint32_t number = unit_block_of(unit, guard->jump);
    struct flow_state state;

    if (!flow_enter(flow, number, &state))
        return;
    for (const struct op *op = &unit->ops[unit->blocks[number].first]; op < jump; op++)
        flow_step(flow, op, &state);
    put_probe(sweep, jump->address, HIT_COUNTS_IF_NOT, &operation);
    operation.guarded = true;
    if (value_of(flow, guard->object)->kind != VALUE_CONST)
        operation.object = flow_find(flow, &state, guard->object, 0xffff & ~(1u << RSP));
    operation.adjust = 0;
    operation.head = span_to(flow, unit, guard->jump, guard->object);
    if (operation.body.start >= operation.head.start && operation.body.start <= operation.head.end) {
        operation.body.start = operation.head.start;
        operation.head = (struct span){0};
    }
    describe_object(flow, &state, guard->object, &operation);
    add_operation(sweep, operation);
}

static void add_increment(struct sweep *sweep, struct flow *flow, const struct op *op, value_id object,
                          struct operation *operation)
{
    uint32_t number = op - sweep->unit->ops;
    struct guard guards[MOST_GUARDS];
    int count = guards_of(flow, sweep->unit, number, object, guards);

    for (int i = 0; i < count; i++)
        add_guarded(sweep, flow, &guards[i], *operation);
    if (count)
        return;
    if (operation->cost != PROBE_EMULATED || !leads_straight_on(sweep->unit, number))
        operation->probe = 0;
    add_operation(sweep, *operation);
}

static bool fill_operation(struct sweep *sweep, struct flow *flow, const struct op *op, const struct flow_state *state,
                           value_id object, struct operation *operation)
{
    operation->kind = refcount_meaning(flow, op, state);
    if (operation->kind == OPERATION_INCREMENT && sweep->function == sweep->without_id)
        operation->kind = OPERATION_NO_ID_INCREMENT;
    if (value_of(flow, object)->kind == VALUE_CONST) {
        /* A static variable at a fixed address: an object if its count is handled as one. */
        if (operation->kind != OPERATION_DECREMENT && operation->kind != OPERATION_INCREMENT &&
            operation->kind != OPERATION_TRY_INCREMENT)
            return false;
        operation->object = fixed_place(value_of(flow, object)->c - 16);
    } else {
        place_object(flow, op, state, object, operation);
    }
    operation->body = span_to(flow, sweep->unit, op - sweep->unit->ops, object);
    probe_behind(sweep, op, operation);
    describe_object(flow, state, object, operation);
    return true;
}

static void visit_atomic(struct sweep *sweep, struct flow *flow, const struct op *op, const struct flow_state *state)
{
    value_id object = refcount_object(flow, op, state);
    struct operation operation = {.address = op->address, .function = sweep->function};

    if (!object || sweep->wave > 0 || !fill_operation(sweep, flow, op, state, object, &operation))
        return;
    if (operation.kind == OPERATION_INCREMENT || operation.kind == OPERATION_NO_ID_INCREMENT) {
        hmput(sweep->counted, object, true);
        add_increment(sweep, flow, op, object, &operation);
        return;
    }
    if (operation.kind != OPERATION_UNKNOWN && operation.kind != OPERATION_FOREIGN && operation.kind != OPERATION_ADD)
        hmput(sweep->counted, object, true);
    if (operation.kind == OPERATION_UNKNOWN)
        arrput(sweep->doubts, ((struct doubt){arrlenu(sweep->scan->operations), object}));
    add_operation(sweep, operation);
}

/* In what a call hands to a function, the member that this one drops with its last jump, if it is always the same one. */
static struct slot tail_slot(const struct flow *flow, const struct flow_state *state, const struct tail *tail)
{
    struct slot slot = {.kind = SLOT_FIELD,
                        .base = flow_find(flow, state, state->at[argument_regs[tail->by]], CALLEE_SAVED),
                        .disp = 8 * __builtin_ctzll(tail->members)};
    bool one = (tail->members & (tail->members - 1)) == 0;

    return slot.base.kind == PLACE_NONE || !one ? (struct slot){0} : slot;
}

static void visit_call(struct sweep *sweep, const struct flow *flow, const struct op *op,
                       const struct flow_state *state, const struct wrapper *target)
{
    struct caller caller = {
        .returns_to = op->address + op->length, .function = sweep->function, .target = target->key};

    for (int i = 0; i < ARGUMENTS; i++) {
        if (sweep_has_known_tail(target, i))
            caller.arguments[i] = tail_slot(flow, state, &target->tails[i]);
        if (target->flags[i] != WRAPS)
            continue;
        caller.arguments[i] = slot_of(flow, state, state->at[argument_regs[i]], CALLEE_SAVED);
        if (caller.arguments[i].behind ||
            (caller.arguments[i].kind == SLOT_ARGUMENT && is_small(sweep, sweep->function)))
            add_wrapper(sweep, sweep->function, caller.arguments[i].argument, WRAPS);
    }
    caller.rule = frame_rule_of(flow, state);
    hmput(sweep->callers, caller.returns_to, caller);
}

/* known: the jump is the function's last one, and its target operates on what it is given, and on nothing else. */
static void add_tail(struct sweep *sweep, const struct flow *flow, value_id value, int argument, bool known)
{
    struct found found = {
        .entry = sweep->function, .argument = argument, .flag = LOSES, .tail = {.state = TAIL_UNKNOWN}};

    if (known)
        found.tail.members = argument_members(flow, value, &found.tail.by);
    if (found.tail.members)
        found.tail.state = TAIL_KNOWN;
    arrput(sweep->found, found);
}

/* A tail jump hands its own caller's return address on: transparent where the argument is handed on as it came. */
static void visit_tail(struct sweep *sweep, const struct flow *flow, const struct flow_state *state,
                       const struct wrapper *target)
{
    for (int i = 0; i < ARGUMENTS; i++) {
        const struct value *value = value_of(flow, state->at[argument_regs[i]]);
        bool last = flow_depth(flow, state) == 0;
        bool same = last && value->kind == VALUE_ENTRY && value->c == argument_regs[i];

        if (target->flags[i] && same)
            add_wrapper(sweep, sweep->function, i, WRAPS);
        else if (target->flags[i])
            add_tail(sweep, flow, state->at[argument_regs[i]], i, last && target->flags[i] == WRAPS);
    }
}

static void visit(void *context, const struct flow *flow, const struct op *op, const struct flow_state *state)
{
    struct sweep *sweep = context;
    const struct wrapper *target;
    uint64_t entry;
    value_id tested, touched;

    if (sweep->wave == 0 && sweep->touches && (touched = touch_object((struct flow *)flow, op, state)))
        touches_add(sweep->touches, (struct flow *)flow, sweep->unit, op, state, touched);
    if (sweep->wave == 0 && (tested = refcount_tested((struct flow *)flow, op, state)))
        hmput(sweep->tested, tested, true);
    if (op->code == OP_ATOMIC) {
        visit_atomic(sweep, (struct flow *)flow, op, state);
        return;
    }
    if (op->code != OP_CALL && op->code != OP_JUMP && op->code != OP_BRANCH)
        return;
    if (op->value)
        entry = sweep_target(sweep, op->value);
    else
        entry = op->has_mem && op->base == NO_REG && op->index == NO_REG ? sweep_bound_function(sweep, op->disp) : 0;
    target = entry ? sweep_wrapper(sweep, entry) : NULL;
    if (target && op->code == OP_CALL)
        visit_call(sweep, flow, op, state, target);
    else if (target && entry != sweep->function)
        visit_tail(sweep, flow, state, target);
}

/* Chains the ranges of each function from its entry on. */
void sweep_group(struct sweep *sweep)
{
    for (size_t i = 0; i < sweep->range_count; i++) {
        uint32_t root = sweep_root(sweep, i);

        if (root == i)
            continue;
        sweep->facts[i].next = sweep->facts[root].next;
        sweep->facts[root].next = i + 1;
    }
}

static struct code_range *ranges_of_unit(const struct sweep *sweep, uint32_t root)
{
    struct code_range *ranges = NULL;

    arrput(ranges, sweep->ranges[root]);
    for (uint32_t i = sweep->facts[root].next; i; i = sweep->facts[i - 1].next)
        arrput(ranges, sweep->ranges[i - 1]);
    return ranges;
}

static bool is_known_object(void *context, value_id object)
{
    struct sweep *sweep = context;

    return hmgeti(sweep->tested, object) >= 0 || hmgeti(sweep->counted, object) >= 0;
}

static void settle_doubts(struct sweep *sweep)
{
    if (sweep->touches)
        touches_settle(sweep->touches, is_known_object, sweep);
    for (size_t i = 0; i < arrlenu(sweep->doubts); i++) {
        if (hmgeti(sweep->tested, sweep->doubts[i].object) < 0)
            sweep->scan->operations[sweep->doubts[i].operation].kind = OPERATION_FOREIGN;
    }
    arrfree(sweep->doubts);
    hmfree(sweep->tested);
    hmfree(sweep->counted);
}

void sweep_analyse(struct sweep *sweep, uint32_t root)
{
    struct unit *unit = unit_build(sweep->file, sweep->decoder, ranges_of_unit(sweep, root));
    struct flow *flow;

    if (!unit)
        return;
    sweep->function = sweep->ranges[root].start;
    sweep->unit = unit;
    flow = flow_new(unit);
    flow_walk(flow, visit, sweep);
    settle_doubts(sweep);
    flow_free(flow);
    unit_free(unit);
}

/* Callers are only known of what was found to operate on its argument. */
void sweep_finish_touches(struct sweep *sweep)
{
    struct scan *scan = sweep->scan;

    touches_finish(sweep->touches, scan);
    for (size_t i = 0; i < arrlenu(scan->touches); i++) {
        struct operation *touch = &scan->touches[i];
        const struct wrapper *wrapper = sweep_wrapper(sweep, touch->function);

        if (asks_caller(&touch->slot) && !(wrapper && wrapper->flags[touch->slot.argument] & WRAPS))
            forget_caller(&touch->slot);
    }
}
