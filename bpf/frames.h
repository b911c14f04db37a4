/* Python frames: a thread's state, its top frame, and from there on down. */
#ifndef HOTREF_BPF_FRAMES_H
#define HOTREF_BPF_FRAMES_H

#include "maps.h"
#include "memory.h"
#include "scratch.h"

#define STATE_ACTIVE 16   /* _status.active: Include/cpython/pystate.h, the same from 3.13.5 to 3.16.0a0 */
#define MOST_STATES 8192  /* that a walk looks at */
#define FEW_MISSES 16     /* a thread without a state is looked for that often, and then ... */
#define MISS_MASK 63      /* ... once in so many operations */
#define OWNED_BY_C 3      /* frame owners from here on run no Python code */
#define SHIMS 4           /* frames without code of a user's, one upon the other */

/* A thread has several states where it works for several interpreters; the active one is what it runs on now. States
 * of threads that ended are not active. */
static __always_inline int is_state_of(u64 state, u64 pointer, const struct abi_layout *layout)
{
    return read_u64(state + layout->state_thread_id) == pointer &&
           (read_u32(state + layout->state_status) & STATE_ACTIVE);
}

struct state_walk {
    const struct abi_layout *layout;
    u64 pointer, interpreter, state, found;
    u32 started;
};

static long visit_state(u32 number, struct state_walk *walk)
{
    const struct abi_layout *layout = walk->layout;

    if (!walk->state) {
        if (walk->started)
            walk->interpreter = read_u64(walk->interpreter + layout->interp_next);
        walk->started = 1;
        if (!walk->interpreter)
            return 1;
        walk->state = read_u64(walk->interpreter + layout->interp_threads);
        return 0;
    }
    if (is_state_of(walk->state, walk->pointer, layout)) {
        walk->found = walk->state;
        return 1;
    }
    walk->state = read_u64(walk->state + layout->state_next);
    return 0;
}

__noinline u64 walk_states(u64 runtime, const struct abi_layout *layout)
{
    struct state_walk walk = {.layout = layout, .pointer = thread_pointer()};

    if (!layout)
        return 0;
    walk.interpreter = read_u64(runtime + layout->interpreters_head);
    bpf_loop(MOST_STATES, visit_state, &walk, 0);
    return walk.found;
}

/* The thread state of this thread; 0 where it has none. */
static __always_inline u64 find_state(const struct abi_target *target, u32 number, const struct abi_layout *layout)
{
    u32 tid = (u32)bpf_get_current_pid_tgid();
    struct known_state *known, added = {.target = number};
    u64 pointer = thread_pointer();

    if (target->tls)
        return read_u64(pointer + target->tls);
    known = bpf_map_lookup_elem(&states, &tid);
    if (known && known->target == number) {
        if (known->state && is_state_of(known->state, pointer, layout))
            return known->state;
        if (!known->state && ++known->misses > FEW_MISSES && (known->misses & MISS_MASK))
            return 0;
        added.misses = known->misses;
    }
    added.state = walk_states(target->runtime, layout);
    bpf_map_update_elem(&states, &tid, &added, BPF_ANY);
    return added.state;
}

static __always_inline u64 part_of(const u64 *words, u32 offset)
{
    return words[(offset >> 3) & 15] >> (8 * (offset & 7));
}

/* One read for all: the members lie in the first 80 bytes in every version known. */
static __always_inline int read_frame(u64 at, const struct abi_layout *layout, struct frame *frame)
{
    const u64 *words = frame->words;

    if (!at || bpf_probe_read_user(frame->words, 80, (void *)at))
        return -1;
    frame->at = at;
    frame->code = part_of(words, layout->frame_executable) & ~(u64)layout->stackref_tag;
    frame->previous = part_of(words, layout->frame_previous);
    frame->instr_ptr = part_of(words, layout->frame_instr);
    frame->owner = part_of(words, layout->frame_owner) & 0xff;
    frame->tlbc = layout->frame_tlbc ? (u32)part_of(words, layout->frame_tlbc) : 0;
    return 0;
}

/* The index of the frame's instruction. From 3.14 on it may lie in a copy of the bytecode that is its thread's own:
 * co_tlbc points to {size, entries[]}. */
static __always_inline u32 instr_of(const struct frame *frame, const struct abi_layout *layout)
{
    u64 start = frame->code + layout->code_bytes;

    if (frame->tlbc)
        start = read_u64(read_u64(frame->code + layout->code_tlbc) + 8 + 8 * (u64)frame->tlbc);
    start = (frame->instr_ptr - start) >> 1;
    return start < ABI_MOST_UNITS ? start : ABI_NO_INSTR;
}

/* On to the previous frame that runs Python code: 1 where there is none, -1 where that cannot be told. Code objects that
 * CPython itself lays below a call (_Py_InitCleanup) are static and have version 0. */
__noinline int next_frame(const struct abi_layout *layout, struct frame *frame)
{
    u32 i;

    if (!layout || !frame)
        return -1;
    for (i = 0; i < SHIMS; i++) {
        if (!frame->previous)
            return 1;
        if (read_frame(frame->previous, layout, frame))
            return -1;
        if (frame->owner >= OWNED_BY_C || !frame->code)
            continue;
        frame->version = read_u32(frame->code + layout->code_version);
        if (frame->version)
            return 0;
    }
    return -1;
}

/* The top frame that runs Python code: 0 if there is one, 1 if not, -1 where that cannot be told. */
__noinline int find_top(const struct abi_target *target, u32 number, const struct abi_layout *layout,
                        struct frame *frame)
{
    u64 state;

    if (!target || !layout || !frame)
        return -1;
    state = find_state(target, number, layout);
    if (!state)
        return -1;
    frame->previous = read_u64(state + layout->state_frame);
    return next_frame(layout, frame);
}

/* Where no slot tells the field, the bytecode may. */
__noinline int settle_code(const struct abi_target *target, const struct abi_layout *layout, struct abi_key *key,
                           struct frame *frame)
{
    if (!target || !layout || !key || !frame || find_top(target, key->target, layout, frame))
        return 0;
    key->code = frame->code;
    key->code_version = frame->version;
    key->instr = instr_of(frame, layout);
    return 0;
}

struct local_search {
    u64 at, object, tag;
    u32 found;
};

static long visit_local(u32 number, struct local_search *search)
{
    if ((read_u64(search->at + 8 * (u64)number) & ~search->tag) != search->object)
        return 0;
    search->found = number + 1;
    return 1;
}

#endif
