#include "probe/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "util/array.h"

const char *const sweep_drops[] = {"_Py_DecRefShared", "_Py_DecRefSharedDebug", "_Py_DecRef", "Py_DecRef", NULL};

static uint64_t imported_drop(const char *name)
{
    for (size_t i = 0; sweep_drops[i]; i++) {
        if (strcmp(sweep_drops[i], name) == 0)
            return SWEEP_IMPORTED + i;
    }
    return 0;
}

/* A PLT stub is a jump through a slot that a relocation binds to a name; if this file defines it, that is meant. */
uint64_t sweep_bound_function(struct sweep *sweep, uint64_t slot)
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
            uint64_t bound = sweep_bound_function(sweep, op.disp);

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
uint64_t sweep_target(struct sweep *sweep, uint64_t target)
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
    return sweep_bound_function(sweep, op->address + op->length + distance);
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

void sweep_look_over(struct sweep *sweep, size_t number)
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

uint32_t sweep_root(const struct sweep *sweep, uint32_t number)
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
    uint32_t a = sweep_root(sweep, from), b = sweep_root(sweep, to), entry;

    if (a == b || (sweep->ranges[to].start == target && !is_part(sweep, to)))
        return;
    entry = likely_entry(sweep, a, b);
    sweep->facts[entry == a ? b : a].unit = entry;
}

void sweep_join_parts(struct sweep *sweep)
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
