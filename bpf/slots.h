/* Where a hit's slot lies: in the probe's own frame, or in a caller's. */
#ifndef HOTREF_BPF_SLOTS_H
#define HOTREF_BPF_SLOTS_H

#include "maps.h"
#include "memory.h"
#include "scratch.h"

struct hit {
    struct pt_regs *ctx;
    struct scratch *scratch;
    const struct abi_site *site;
    const struct abi_target *target;
    const struct abi_layout *layout;
    u32 number;           /* of the target */
};

/* Registers by number: from a copy, as the verifier wants ctx to be read at constant offsets. */
static __always_inline void copy_regs(struct hit *hit)
{
    u32 i;

#pragma unroll
    for (i = 0; i < sizeof(struct pt_regs) / sizeof(u64); i++)
        hit->scratch->regs[i] = ((volatile u64 *)hit->ctx)[i];
    hit->scratch->stack = hit->scratch->regs[REG_RSP];
}

/* A location in the frame of the probe itself. */
__noinline u64 locate(const struct scratch *scratch, const struct abi_location *location)
{
    if (!scratch || !location)
        return 0;
    switch (location->place) {
    case ABI_PLACE_REG:
    case ABI_PLACE_INDEX:
        return scratch->regs[(location->where >> 3) & (SCRATCH_REGS - 1)];
    case ABI_PLACE_STACK:
        return read_u64(scratch->stack + location->offset);
    case ABI_PLACE_FIXED:
        return scratch->bias + location->offset;
    default:
        return 0;
    }
}

/* Most often it is a register, which is not worth a call. */
static __always_inline u64 locate_fast(const struct scratch *scratch, const struct abi_location *location)
{
    if (location->place == ABI_PLACE_REG)
        return scratch->regs[(location->where >> 3) & (SCRATCH_REGS - 1)];
    return locate(scratch, location);
}

/* A location in the frame of the caller of a probe whose own frame is given; the caller's rsp before the call was base, and
 * its file is loaded at bias. */
__noinline u64 locate_1(const struct scratch *scratch, const struct abi_location *location, const struct abi_frame *frame,
                        u64 base, u64 bias)
{
    if (!scratch || !location || !frame)
        return 0;
    if (location->place == ABI_PLACE_REG || location->place == ABI_PLACE_INDEX)
        return location->where < ABI_SAVED ? locate_fast(scratch, &frame->saved[location->where]) : 0;
    if (location->place == ABI_PLACE_STACK)
        return read_u64(base + location->offset);
    return location->place == ABI_PLACE_FIXED ? bias + location->offset : 0;
}

/* The module that holds address, by a target's table of them: 1 if there is one. */
__noinline int find_module(u32 number, u64 address, struct abi_module *found)
{
    void *table = bpf_map_lookup_elem(&modules, &number);
    struct abi_module *module;
    u32 low = 0, at, step;

    if (!table || !found)
        return 0;
    /* low: the last one that does not start behind address, if any does not. */
    for (step = ABI_MODULES / 2; step; step /= 2) {
        at = low + step;
        module = bpf_map_lookup_elem(table, &at);
        if (module && module->start <= address)
            low = at;
    }
    module = bpf_map_lookup_elem(table, &low);
    if (!module || address < module->start || address >= module->end)
        return 0;
    *found = *module;
    return 1;
}

/* The code around address, in the interpreter or in a module. */
static __always_inline int find_code(const struct abi_target *target, u64 address, struct abi_module *found)
{
    if (address - target->text_start >= target->text_end - target->text_start)
        return find_module(target->modules, address, found);
    found->start = target->text_start;
    found->end = target->text_end;
    found->bias = target->bias;
    found->binary = target->binary;
    return 1;
}

/* Which call site returns there: binary << 32 | its number + 1, or 0. bias: of the file that it lies in, if there is one. */
__noinline u64 find_caller_number(const struct abi_target *target, u64 returns_to, u64 *bias)
{
    struct abi_module code = {};
    struct abi_caller_chunk *chunk;
    void *table;
    u32 at;

    if (!target || !bias || !find_code(target, returns_to, &code) ||
        !(table = bpf_map_lookup_elem(&caller_chunks, &code.binary)))
        return 0;
    *bias = code.bias;
    at = (u32)((returns_to - code.start) >> 2) / ABI_CALLER_CHUNK;
    chunk = bpf_map_lookup_elem(table, &at);
    at = chunk ? chunk->index[((returns_to - code.start) >> 2) & (ABI_CALLER_CHUNK - 1)] : 0;
    return at ? (u64)code.binary << 32 | at : 0;
}

static __always_inline const struct abi_caller *find_caller(const struct abi_target *target, u64 returns_to, u64 *bias)
{
    u64 found = find_caller_number(target, returns_to, bias);
    u32 binary = found >> 32, at = (u32)found - 1;
    struct abi_caller *caller;
    void *table;

    if (!found || !(table = bpf_map_lookup_elem(&callers, &binary)))
        return 0;
    caller = bpf_map_lookup_elem(table, &at);
    return caller && caller->returns_to + *bias == returns_to ? caller : 0;
}

/* The slot that a hit goes by, and the frames that its places lie in. */
struct slot_in {
    const struct abi_slot *slot;     /* 0: there is none */
    const struct abi_caller *caller; /* whose slot it is; 0: the site's own */
    const struct abi_caller *first;  /* the caller between that one and the site, at level 2 */
    u64 first_base, base;            /* rsp before the call, in each */
    u64 first_bias, bias;            /* where each one's file is loaded */
    u32 level;
    u32 frame_only;
    u64 frame;                       /* that the slot turned out to be a variable of; 0: none */
};

static __always_inline u64 locate_in(const struct hit *hit, const struct slot_in *in,
                                     const struct abi_location *location)
{
    const struct scratch *scratch = hit->scratch;

    if (in->level == 0)
        return locate_fast(scratch, location);
    if (in->level > 2 && (location->place == ABI_PLACE_REG || location->place == ABI_PLACE_INDEX))
        return location->where < ABI_SAVED ? scratch->far.saved[location->where] : 0;
    if (in->level == 2 && !in->first)
        return 0;
    if (in->level == 2 && (location->place == ABI_PLACE_REG || location->place == ABI_PLACE_INDEX))
        return location->where < ABI_SAVED ? locate_1(scratch, &in->first->frame.saved[location->where],
                                                      &hit->site->frame, in->first_base, in->first_bias)
                                           : 0;
    return locate_1(scratch, location, &hit->site->frame, in->base, in->bias);
}

/* On to the caller, where the slot of what this function got as an argument may be. Returns 0 where that call site is
 * not known. */
static __always_inline int climb_one(const struct hit *hit, struct abi_key *key, struct slot_in *in, u32 argument)
{
    const struct abi_caller *caller = in->caller;
    u64 at = in->level ? in->base : hit->scratch->stack;
    s32 depth = caller ? caller->frame.depth : hit->site->frame.depth;

    if (in->level >= 2 || depth < 0 || (in->level && !caller))
        return 0;
    at += depth;
    in->first = caller;
    in->first_base = in->base;
    in->first_bias = in->bias;
    in->base = at + 8;
    in->slot = 0;
    at = read_u64(at);
    in->caller = caller = find_caller(hit->target, at, &in->bias);
    if (!caller && in->level)
        return 0;
    argument &= ABI_ARGUMENTS - 1;
    in->level++;
    key->returns_to = at;
    key->level = in->level | ABI_LEVEL_ARGUMENT(argument);
    if (!caller)
        return 0;
    if (caller->known & (1u << argument)) {
        in->slot = &caller->slots[argument];
        in->frame_only = caller->frame_only >> argument & 1;
    }
    return 1;
}

/* The slot of a site that operates on an argument stands in the caller, or in that one's caller; for further ones see far.h. */
static __noinline int climb(const struct hit *hit, struct abi_key *key, struct slot_in *in)
{
    u32 argument = hit->site->argument & (ABI_ARGUMENTS - 1);

    if (!climb_one(hit, key, in, argument) || in->slot || !in->caller)
        return 0;
    argument = in->caller->passes[argument];
    if (argument < ABI_ARGUMENTS) {
        struct slot_in up = *in;

        if (climb_one(hit, key, &up, argument))
            *in = up;
    }
    return 1;
}

#endif
