#include "probe/scan.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "probe/guard.h"
#include "probe/refcount.h"
#include "probe/touch.h"
#include "probe/unit.h"
#include "util/array.h"
#include "util/error.h"

/* How deep wrappers are followed: BPF climbs to the caller's caller, and tail jumps add one. */
#define MAX_WAVES 8
/* A function that hands an argument on to be dropped is followed if it is little more than that: its callers are then
 * the ones that users know. A larger one is itself the answer. */
#define WRAPPER_BYTES 256
/* Each further one gains less and takes as much memory. */
#define MOST_THREADS 4
/* Python/uniqueid.c (3.14.7): an object whose references each thread counts for itself comes here where it has no id. */
#define WITHOUT_ID "_PyObject_ThreadIncrefSlow"

/* What the first look over a code range leaves. */
struct range_facts {
    uint32_t first_link, link_count; /* of sweep.links */
    uint32_t unit;                   /* number of the range that its function is entered by, or one on the way there */
    uint32_t next;                   /* number + 1 of the next range of the function, from the entry on */
    bool has_atomic;
    bool called;                     /* directly, at its start */
    bool undecoded;
};

/* A direct call or jump out of a range. */
struct link {
    uint64_t returns_to;             /* the address behind it */
    uint64_t target;                 /* seen through the PLT */
    bool call;
};

/* A function that operates on one of its arguments, so that its call sites are worth knowing; or one that ends in a
 * tail jump to such a function with something else, so that a return address behind a call of it tells less. */
enum { WRAPS = 1, LOSES = 2 };
struct wrapper {
    uint64_t key;                    /* its entry */
    uint8_t flags[ARGUMENTS];
    uint32_t wave[ARGUMENTS];        /* when each argument was found */
};

/* What a wave finds is known in the next one, whichever thread finds it first. */
struct found {
    uint64_t entry;
    uint8_t argument, flag;
};

struct known_target {
    uint64_t key, value;
};

struct known_caller {
    uint64_t key;
    struct caller value;
};

/* An operation that is not understood: on an object only if its local count is looked at too. */
struct doubt {
    size_t operation;
    value_id object;
};

struct tested {
    value_id key;
    bool value;
};

/* The scan of a file. In a wave each thread works on a copy, of which it writes to nothing that the others read. */
struct sweep {
    const struct elf_file *file;
    struct decoder *decoder;
    const struct code_range *ranges;
    size_t range_count;
    struct range_facts *facts;
    struct link *links;              /* stb_ds array */
    struct wrapper *wrappers;        /* stb_ds hash map; read alone in a wave */
    struct known_target *targets;    /* stb_ds hash map: what a direct target is, seen through the PLT; the same */
    struct known_target *slots;      /* stb_ds hash map: what the pointer in a GOT slot is; the same */
    struct known_target *more_slots; /* stb_ds hash map: those that the wave has met first; a thread's own */
    struct known_caller *callers;    /* stb_ds hash map; a thread's own of the wave */
    struct found *found;             /* stb_ds array; the same */
    uint32_t wave;
    struct scan *scan;               /* a thread's own: operations of the wave */
    struct touches *touches;         /* a thread's own; NULL where they are not wanted */
    uint64_t function;               /* start of the function that is being analysed */
    const struct unit *unit;         /* it itself */
    struct doubt *doubts;            /* stb_ds array: of that function */
    uint64_t without_id;             /* the function that increments what should have a per-thread id and has none */
    struct tested *tested;           /* stb_ds hash map: objects whose local count it looks at, ... */
    struct tested *counted;          /* ... and those whose shared count it changes */
};

const char *operation_name(enum operation_kind kind)
{
    static const char *const names[] = {"unknown", "decrement", "increment", "try-increment", "flags", "merge",
                                        "foreign", "add", "no-id increment", "touch"};

    return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}

/* The first look: links and atomics */

/* Functions that drop the reference that they are given. What nearly everybody calls is known beforehand: it saves looking
 * at its callers twice, and in modules, which import them, there is nothing else to tell them by. */
static const char *const drops[] = {"_Py_DecRefShared", "_Py_DecRefSharedDebug", "_Py_DecRef", "Py_DecRef"};
#define DROPS (sizeof(drops) / sizeof(drops[0]))
/* They have no address in a file that imports them, but need one that no code has. */
#define IMPORTED (1ull << 48)

static uint64_t imported_drop(const char *name)
{
    for (size_t i = 0; i < DROPS; i++) {
        if (strcmp(drops[i], name) == 0)
            return IMPORTED + i;
    }
    return 0;
}

/* A PLT stub is a jump through a slot that a relocation binds to a name; if this file defines it, that is meant. */
static uint64_t bound_function(struct sweep *sweep, uint64_t slot)
{
    ptrdiff_t used, known = sweep->slots ? hmgeti_ts(sweep->slots, slot, used) : -1;
    uint64_t bound;
    const char *name;

    if (known >= 0)
        return sweep->slots[known].value;
    known = hmgeti(sweep->more_slots, slot);
    if (known >= 0)
        return sweep->more_slots[known].value;
    name = elf_file_bound_name(sweep->file, slot);
    bound = name ? elf_file_symbol(sweep->file, name) : elf_file_bound_address(sweep->file, slot);
    if (name && !bound)
        bound = imported_drop(name);
    hmput(sweep->more_slots, slot, bound);
    return bound;
}

/* What stands at target, if that is a stub, is what its slot is bound to. */
static uint64_t decode_stub(struct sweep *sweep, uint64_t target)
{
    uint64_t at = target;

    for (int i = 0; i < 2; i++) {
        const uint8_t *bytes = elf_file_bytes(sweep->file, at, 16);
        struct op op;

        if (!bytes || decode_op(sweep->decoder, bytes, 16, at, &op))
            return target;
        if (op.code == OP_JUMP && !op.value && op.has_mem && op.base == NO_REG && op.index == NO_REG) {
            uint64_t bound = bound_function(sweep, op.disp);

            return bound ? bound : target;
        }
        at += op.length;
    }
    return target;
}

static uint64_t through_plt(struct sweep *sweep, uint64_t target)
{
    ptrdiff_t known = hmgeti(sweep->targets, target);

    if (known < 0) {
        hmput(sweep->targets, target, decode_stub(sweep, target));
        known = hmgeti(sweep->targets, target);
    }
    return sweep->targets[known].value;
}

/* The same in a wave, when all that leads out of a range is known; what does not is no function's entry. */
static uint64_t known_target(struct sweep *sweep, uint64_t target)
{
    ptrdiff_t used, known = sweep->targets ? hmgeti_ts(sweep->targets, target, used) : -1;

    return known < 0 ? 0 : sweep->targets[known].value;
}

/* call *slot(%rip), as code that was built without a PLT calls what it imports. */
static uint64_t through_slot(struct sweep *sweep, const struct op *op)
{
    const uint8_t *bytes = elf_file_bytes(sweep->file, op->address, op->length);
    int32_t distance;

    if (!bytes || op->length != 6 || bytes[0] != 0xff || (bytes[1] != 0x15 && bytes[1] != 0x25))
        return 0;
    memcpy(&distance, bytes + 2, sizeof(distance));
    return bound_function(sweep, op->address + op->length + distance);
}

static void add_link(struct sweep *sweep, const struct code_range *range, const struct op *op)
{
    bool call = op->code == OP_CALL;
    uint64_t target = op->value;

    if (target && !call && target >= range->start && target < range->end)
        return;
    target = target ? through_plt(sweep, target) : through_slot(sweep, op);
    if (!target)
        return;
    arrput(sweep->links, ((struct link){op->address + op->length, target, call}));
}

static void look_over(struct sweep *sweep, size_t number)
{
    const struct code_range *range = &sweep->ranges[number];
    const uint8_t *bytes = elf_file_bytes(sweep->file, range->start, range->end - range->start);
    struct range_facts *facts = &sweep->facts[number];
    uint64_t at = range->start;

    facts->unit = number;
    facts->first_link = arrlenu(sweep->links);
    while (bytes && at < range->end) {
        struct op op;

        if (decode_shape(sweep->decoder, bytes + (at - range->start), range->end - at, at, &op))
            break;
        if (op.code == OP_ATOMIC)
            facts->has_atomic = true;
        else if (op.code == OP_CALL || op.code == OP_JUMP || op.code == OP_BRANCH)
            add_link(sweep, range, &op);
        at += op.length;
    }
    facts->undecoded = at < range->end;
    facts->link_count = arrlenu(sweep->links) - facts->first_link;
}

static int64_t range_at(const struct sweep *sweep, uint64_t address)
{
    const struct code_range *range = elf_file_code_at(sweep->file, address);

    return range ? range - sweep->ranges : -1;
}

/* Joining functions with their cold halves */

/* Whether a frame is already built up where the range starts, so that nothing enters it there. */
static bool is_part(const struct sweep *sweep, size_t number)
{
    int reg;
    int64_t offset;

    return elf_file_cfa(sweep->file, sweep->ranges[number].start, &reg, &offset) == 0 && (reg != 7 || offset != 8);
}

static uint32_t unit_root(const struct sweep *sweep, uint32_t number)
{
    while (sweep->facts[number].unit != number)
        number = sweep->facts[number].unit;
    return number;
}

/* Which of two ranges of one function is more likely to be its entry: what is called, then the longer one. */
static uint32_t likely_entry(const struct sweep *sweep, uint32_t a, uint32_t b)
{
    uint64_t length_a = sweep->ranges[a].end - sweep->ranges[a].start;
    uint64_t length_b = sweep->ranges[b].end - sweep->ranges[b].start;

    if (is_part(sweep, a) != is_part(sweep, b))
        return is_part(sweep, a) ? b : a;
    if (sweep->facts[a].called != sweep->facts[b].called)
        return sweep->facts[a].called ? a : b;
    return length_a >= length_b ? a : b;
}

/* A jump between ranges that lands in mid-range, or where a frame stands already, stays within one function. */
static void join(struct sweep *sweep, uint32_t from, uint32_t to, uint64_t target)
{
    uint32_t a = unit_root(sweep, from), b = unit_root(sweep, to), entry;

    if (a == b || (sweep->ranges[to].start == target && !is_part(sweep, to)))
        return;
    entry = likely_entry(sweep, a, b);
    sweep->facts[entry == a ? b : a].unit = entry;
}

static void join_parts(struct sweep *sweep)
{
    for (size_t i = 0; i < arrlenu(sweep->links); i++) {
        int64_t to = sweep->links[i].call ? range_at(sweep, sweep->links[i].target) : -1;

        if (to >= 0 && sweep->ranges[to].start == sweep->links[i].target)
            sweep->facts[to].called = true;
    }
    for (size_t from = 0; from < sweep->range_count; from++) {
        const struct range_facts *facts = &sweep->facts[from];

        for (uint32_t i = 0; i < facts->link_count; i++) {
            const struct link *link = &sweep->links[facts->first_link + i];
            int64_t to = link->call ? -1 : range_at(sweep, link->target);

            if (to >= 0)
                join(sweep, from, to, link->target);
        }
    }
}

/* Analysis of one function */

/* What function entry is known to do with its arguments, or NULL. */
static const struct wrapper *wrapper_at(struct sweep *sweep, uint64_t entry)
{
    ptrdiff_t used, at = sweep->wrappers ? hmgeti_ts(sweep->wrappers, entry, used) : -1;

    return at < 0 ? NULL : &sweep->wrappers[at];
}

static void add_wrapper(struct sweep *sweep, uint64_t entry, int argument, uint32_t flag)
{
    arrput(sweep->found, ((struct found){entry, argument, flag}));
}

/* Makes what was found known to the next wave. */
static void publish(struct sweep *sweep, const struct found *found)
{
    const struct wrapper *known = wrapper_at(sweep, found->entry);
    struct wrapper wrapper = known ? *known : (struct wrapper){.key = found->entry};

    if (wrapper.flags[found->argument] & found->flag)
        return;
    wrapper.flags[found->argument] |= found->flag;
    wrapper.wave[found->argument] = sweep->wave;
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

static void visit_call(struct sweep *sweep, const struct flow *flow, const struct op *op,
                       const struct flow_state *state, const struct wrapper *target)
{
    struct caller caller = {
        .returns_to = op->address + op->length, .function = sweep->function, .target = target->key};

    for (int i = 0; i < ARGUMENTS; i++) {
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

/* A tail jump hands its own caller's return address on: transparent where the argument is handed on as it came. */
static void visit_tail(struct sweep *sweep, const struct flow *flow, const struct flow_state *state,
                       const struct wrapper *target)
{
    for (int i = 0; i < ARGUMENTS; i++) {
        const struct value *value = value_of(flow, state->at[argument_regs[i]]);
        bool same = flow_depth(flow, state) == 0 && value->kind == VALUE_ENTRY && value->c == argument_regs[i];

        if (target->flags[i])
            add_wrapper(sweep, sweep->function, i, same ? WRAPS : LOSES);
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
        entry = known_target(sweep, op->value);
    else
        entry = op->has_mem && op->base == NO_REG && op->index == NO_REG ? bound_function(sweep, op->disp) : 0;
    target = entry ? wrapper_at(sweep, entry) : NULL;
    if (target && op->code == OP_CALL)
        visit_call(sweep, flow, op, state, target);
    else if (target && entry != sweep->function)
        visit_tail(sweep, flow, state, target);
}

/* Chains the ranges of each function from its entry on. */
static void group_units(struct sweep *sweep)
{
    for (size_t i = 0; i < sweep->range_count; i++) {
        uint32_t root = unit_root(sweep, i);

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

static void analyse(struct sweep *sweep, uint32_t root)
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

/* Whether a range calls something that the last wave found to operate on its arguments, or jumps to it or to what is
 * known not to. */
static bool leads_to_new(struct sweep *sweep, const struct range_facts *facts)
{
    for (uint32_t i = 0; i < facts->link_count; i++) {
        const struct link *link = &sweep->links[facts->first_link + i];
        const struct wrapper *wrapper = wrapper_at(sweep, link->target);

        for (int argument = 0; wrapper && argument < ARGUMENTS; argument++) {
            if (wrapper->wave[argument] + 1 == sweep->wave && wrapper->flags[argument] &&
                (!link->call || wrapper->flags[argument] == WRAPS))
                return true;
        }
    }
    return false;
}

/* A function that a wave looks at. */
struct task {
    uint32_t root;
    uint64_t size;
};

static int by_size(const void *a, const void *b)
{
    const struct task *x = a, *y = b;

    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    return x->root < y->root ? -1 : x->root > y->root;
}

/* The first wave wants the functions with atomics, which say which functions operate on their arguments, and the callers
 * of those that are known by name; each further one wants the callers of those that the one before found. */
static struct task *tasks_of_wave(struct sweep *sweep)
{
    uint64_t *sizes = calloc(sweep->range_count, sizeof(*sizes));
    bool *wanted = calloc(sweep->range_count, sizeof(*wanted));
    struct task *tasks = NULL;

    for (size_t i = 0; i < sweep->range_count; i++) {
        const struct range_facts *facts = &sweep->facts[i];
        uint32_t root = unit_root(sweep, i);

        sizes[root] += sweep->ranges[i].end - sweep->ranges[i].start;
        if ((sweep->wave == 0 && facts->has_atomic) || leads_to_new(sweep, facts))
            wanted[root] = true;
    }
    for (uint32_t i = 0; i < sweep->range_count; i++) {
        if (wanted[i])
            arrput(tasks, ((struct task){i, sizes[i]}));
    }
    free(sizes);
    free(wanted);
    array_sort(tasks, by_size); /* a large one that comes last would be waited for */
    return tasks;
}

/* One thread of a wave. */
struct worker {
    struct sweep sweep;
    const struct task *tasks;
    atomic_size_t *next;             /* task that nobody has taken yet */
    pthread_t thread;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    size_t number;

    while ((number = atomic_fetch_add(worker->next, 1)) < arrlenu(worker->tasks))
        analyse(&worker->sweep, worker->tasks[number].root);
    return NULL;
}

static int threads_at_hand(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

    return count > MOST_THREADS ? MOST_THREADS : count;
}

static void take_slots(struct sweep *sweep, struct sweep *from)
{
    for (ptrdiff_t i = 0; i < hmlen(from->more_slots); i++)
        hmputs(sweep->slots, from->more_slots[i]);
    hmfree(from->more_slots);
}

static void take_results(struct sweep *sweep, struct sweep *from)
{
    for (size_t i = 0; i < arrlenu(from->scan->operations); i++)
        arrput(sweep->scan->operations, from->scan->operations[i]);
    for (ptrdiff_t i = 0; i < hmlen(from->callers); i++)
        hmputs(sweep->callers, from->callers[i]);
    for (size_t i = 0; i < arrlenu(from->found); i++)
        publish(sweep, &from->found[i]);
    if (sweep->touches)
        touches_take(sweep->touches, from->touches);
    touches_free(from->touches);
    take_slots(sweep, from);
    scan_free(from->scan);
    hmfree(from->callers);
    arrfree(from->found);
}

/* Analyses every function of which one range is wanted, in any order: no two of them share what they tell. */
static size_t run_wave(struct sweep *sweep)
{
    struct task *tasks = tasks_of_wave(sweep);
    struct worker workers[MOST_THREADS] = {0};
    size_t count = arrlenu(tasks);
    atomic_size_t next = 0;
    int threads = threads_at_hand(), started = 1;

    for (int i = 0; i < threads; i++) {
        workers[i] = (struct worker){.sweep = *sweep, .tasks = tasks, .next = &next};
        workers[i].sweep.scan = calloc(1, sizeof(struct scan));
        workers[i].sweep.callers = NULL;
        workers[i].sweep.more_slots = NULL;
        workers[i].sweep.touches = sweep->touches ? touches_new() : NULL;
    }
    while (started < threads && !pthread_create(&workers[started].thread, NULL, work, &workers[started]))
        started++;
    work(&workers[0]);
    for (int i = 1; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    for (int i = 0; i < threads; i++)
        take_results(sweep, &workers[i].sweep);
    arrfree(tasks);
    return count;
}

static int by_address(const void *a, const void *b)
{
    const struct operation *x = a, *y = b;

    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    return x->probe < y->probe ? -1 : x->probe > y->probe;
}

static int by_return(const void *a, const void *b)
{
    const struct caller *x = a, *y = b;

    return x->returns_to < y->returns_to ? -1 : x->returns_to > y->returns_to;
}

static uint8_t losses_of(struct sweep *sweep, uint64_t target)
{
    const struct wrapper *wrapper = wrapper_at(sweep, target);
    uint8_t losses = 0;

    for (int argument = 0; wrapper && argument < ARGUMENTS; argument++)
        losses |= wrapper->flags[argument] & LOSES ? 1u << argument : 0;
    return losses;
}

/* What is called may have turned out only later to end in a tail jump with something else. */
static void settle_callers(struct sweep *sweep)
{
    for (ptrdiff_t i = 0; i < hmlen(sweep->callers); i++) {
        struct caller *caller = &sweep->callers[i].value;

        caller->loses = losses_of(sweep, caller->target);
        for (int argument = 0; argument < ARGUMENTS; argument++) {
            if (caller->loses & (1u << argument))
                caller->arguments[argument] = (struct slot){0};
        }
    }
}

/* Calls of what ends in a tail jump need no analysis: only that the call's function is not the one to name. */
static void add_losing_callers(struct sweep *sweep)
{
    for (size_t i = 0; i < sweep->range_count; i++) {
        for (uint32_t j = 0; j < sweep->facts[i].link_count; j++) {
            const struct link *link = &sweep->links[sweep->facts[i].first_link + j];
            struct caller caller = {.returns_to = link->returns_to,
                                    .function = sweep->ranges[unit_root(sweep, i)].start,
                                    .target = link->target,
                                    .loses = link->call ? losses_of(sweep, link->target) : 0};

            if (caller.loses && hmgeti(sweep->callers, link->returns_to) < 0)
                hmput(sweep->callers, link->returns_to, caller);
        }
    }
}

/* Callers are only known of what was found to operate on its argument. */
static void finish_touches(struct sweep *sweep)
{
    struct scan *scan = sweep->scan;

    touches_finish(sweep->touches, scan);
    for (size_t i = 0; i < arrlenu(scan->touches); i++) {
        struct operation *touch = &scan->touches[i];
        const struct wrapper *wrapper = wrapper_at(sweep, touch->function);

        if (asks_caller(&touch->slot) && !(wrapper && wrapper->flags[touch->slot.argument] & WRAPS))
            forget_caller(&touch->slot);
    }
}

static void finish(struct sweep *sweep)
{
    struct scan *scan = sweep->scan;

    settle_callers(sweep);
    add_losing_callers(sweep);
    for (ptrdiff_t i = 0; i < hmlen(sweep->callers); i++)
        arrput(scan->callers, sweep->callers[i].value);
    array_sort(scan->callers, by_return);
    array_sort(scan->operations, by_address);
    if (sweep->touches)
        finish_touches(sweep);
    for (size_t i = 0; i < sweep->range_count; i++)
        scan->undecoded += sweep->facts[i].undecoded;
    scan->ranges = sweep->range_count;
    elf_file_text(sweep->file, &scan->text_start, &scan->text_end);
}

/* By now all that the file reads on first use, as threads must not, has been used: the lists of symbols and
 * relocations. */
static void add_known(struct sweep *sweep)
{
    elf_file_bound_name(sweep->file, 0);
    sweep->without_id = elf_file_symbol(sweep->file, WITHOUT_ID);
    sweep->wave = UINT32_MAX; /* so that the first wave is the next one */
    for (size_t i = 0; i < DROPS; i++) {
        uint64_t entry = elf_file_symbol(sweep->file, drops[i]);

        publish(sweep, &(struct found){entry ? entry : IMPORTED + i, 0, WRAPS});
    }
    if (sweep->without_id)
        publish(sweep, &(struct found){sweep->without_id, 0, WRAPS});
}

static void sweep_all(struct sweep *sweep)
{
    for (size_t i = 0; i < sweep->range_count; i++)
        look_over(sweep, i);
    take_slots(sweep, sweep);
    join_parts(sweep);
    group_units(sweep);
    add_known(sweep);
    for (sweep->wave = 0; sweep->wave < MAX_WAVES; sweep->wave++) {
        if (!run_wave(sweep))
            break;
    }
    finish(sweep);
}

struct scan *scan_file(const struct elf_file *file, bool touches)
{
    struct sweep sweep = {.file = file};

    sweep.ranges = elf_file_code(file, &sweep.range_count);
    if (sweep.range_count == 0) {
        fail("the file's .eh_frame tells of no code");
        return NULL;
    }
    sweep.decoder = decoder_new();
    sweep.facts = calloc(sweep.range_count, sizeof(*sweep.facts));
    sweep.scan = calloc(1, sizeof(*sweep.scan));
    sweep.touches = touches ? touches_new() : NULL;
    sweep_all(&sweep);
    touches_free(sweep.touches);
    decoder_free(sweep.decoder);
    free(sweep.facts);
    arrfree(sweep.links);
    hmfree(sweep.wrappers);
    hmfree(sweep.targets);
    hmfree(sweep.slots);
    hmfree(sweep.callers);
    if (elf_file_check(file)) {
        scan_free(sweep.scan);
        return NULL;
    }
    return sweep.scan;
}

void scan_free(struct scan *scan)
{
    if (!scan)
        return;
    arrfree(scan->operations);
    arrfree(scan->callers);
    arrfree(scan->touches);
    arrfree(scan->touch_spans);
    free(scan);
}

const struct caller *scan_caller(const struct scan *scan, uint64_t returns_to)
{
    struct caller key = {.returns_to = returns_to};

    if (!scan->callers)
        return NULL;
    return bsearch(&key, scan->callers, arrlenu(scan->callers), sizeof(key), by_return);
}
