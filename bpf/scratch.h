/* What a hit works on. */
#ifndef HOTREF_BPF_SCRATCH_H
#define HOTREF_BPF_SCRATCH_H

#include "kernel.h"

#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "maps.h"

struct object {
    u64 owner;            /* its beginning, as it lies in memory */
    u64 flags;
    u64 shared;
    u64 type;
    u64 words[4];         /* object + 32 .. object + 64 */
    u64 life;
    struct abi_type found; /* what find_type() says of its type */
};

/* What is asked of a _PyInterpreterFrame. */
struct frame {
    u64 at, previous, code, instr_ptr;
    u32 owner;
    u32 tlbc;
    u32 version;
    u32 quiet;            /* of a stack that is sent: nobody need wake up for it */
    u64 variables;        /* of a position that is told: the frame whose variable the object is */
    u64 words[16];        /* its beginning, as it lies in memory */
};

/* Where a slot's object may be; see struct abi_slot. */
struct bases {
    u64 base, outer;
    u64 head[4], outer_head[4]; /* what lies there: an object's header, or the beginning of a frame */
    u64 is_object;        /* base looks like one */
    u64 item;             /* address of the item, or how many bytes behind base it is, if indexed; 0: not known */
    u64 indexed;
    u64 frame;            /* found: that base is, or outer */
};

/* A caller's frame beyond the second one; see far.h. */
struct far {
    u64 base;             /* rsp before the call */
    u64 bias, returns_to;
    u64 first_base, first_bias, second_base, second_bias;
    u64 saved[ABI_SAVED]; /* callee-saved registers there */
    u64 passed[ABI_SAVED];
    u32 argument;         /* of its function's own: the object; ABI_ARGUMENTS and more: none is */
    u32 climbed;          /* of what it calls */
    u32 has_slot, frame_only;
    struct abi_slot slot;
};

/*
 * What a hit works on, where the stack has no room for it: all functions on the way down share 512 bytes. Not kept by
 * CPU, as one program may be preempted in the middle by another. A hit takes a place near its thread's number and gives
 * it back.
 */
#define SCRATCHES 512     /* that many threads at most are in the middle of a program */
#define SCRATCH_TRIES 16
#define SCRATCH_REGS 32   /* a power of two, more than struct pt_regs has */
struct scratch {
    u64 writes;           /* 0: it is free; else 1 + the half of the rows that is written to, for which the user side waits */
    u64 regs[SCRATCH_REGS];
    u64 stack;            /* rsp at the probe */
    u64 bias;             /* of the file that the probe lies in */
    struct abi_key key, upper;
    struct object object;
    struct abi_cold_key cold;
    struct abi_module module;
    struct frame frame;
    struct bases bases;
    struct far far;
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, SCRATCHES);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, u32);
    __type(value, struct scratch);
} scratches SEC(".maps");

/* Which half of the rows this hit writes to, *which, is written down in the scratch before anything is written there. */
static __always_inline struct scratch *take_scratch(u32 tid, u32 *which)
{
    u32 i, at;

    for (i = 0; i < SCRATCH_TRIES; i++) {
        struct scratch *scratch;

        at = (tid + i) & (SCRATCHES - 1);
        scratch = bpf_map_lookup_elem(&scratches, &at);
        *which = active_rows & 1;
        if (!scratch || __sync_val_compare_and_swap(&scratch->writes, 0, 1 + *which))
            continue;
        if ((active_rows & 1) == *which)
            return scratch;
        /* The user side may have looked already, and would not wait for this half. */
        *(volatile u64 *)&scratch->writes = 0;
    }
    return 0;
}

static __always_inline void give_back(struct scratch *scratch)
{
    asm volatile("" : : : "memory");
    *(volatile u64 *)&scratch->writes = 0;
}

#endif
