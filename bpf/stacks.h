/* Sends Python stacks, and threads. */
#ifndef HOTREF_BPF_STACKS_H
#define HOTREF_BPF_STACKS_H

#include "frames.h"
#include "types.h"

/* Fills one message. Returns how the stack goes on. */
static __always_inline u32 fill_chunk(struct abi_stack *chunk, const struct abi_layout *layout, struct frame *frame,
                                      int *more)
{
    u32 i;

    for (i = 0; i < ABI_STACK_CHUNK; i++) {
        chunk->frames[i].code = frame->code;
        chunk->frames[i].code_version = frame->version;
        chunk->frames[i].instr = instr_of(frame, layout);
        chunk->count = i + 1;
        *more = next_frame(layout, frame);
        if (*more)
            return *more > 0 ? ABI_STACK_WHOLE : ABI_STACK_FAILED;
    }
    return chunk->first + ABI_STACK_CHUNK < ABI_STACK_FRAMES ? ABI_STACK_MORE : ABI_STACK_TRUNCATED;
}

__noinline int send_chunk(const struct abi_key *key, const struct abi_row *row, const struct abi_layout *layout,
                          struct frame *frame, u32 first)
{
    struct abi_stack *chunk;
    int more = 0, end;

    if (!key || !row || !layout || !frame)
        return ABI_STACK_FAILED;
    chunk = bpf_ringbuf_reserve(&events, sizeof(*chunk), 0);
    if (!chunk) {
        count_stat(ABI_STAT_LOST_STACKS, 1);
        return ABI_STACK_WHOLE;
    }
    chunk->event = ABI_EVENT_STACK;
    chunk->target = key->target;
    chunk->key = *key;
    chunk->identity = ABI_IDENTITY(row);
    chunk->type = row->type;
    chunk->first = first;
    chunk->reserved = 0;
    chunk->end = end = fill_chunk(chunk, layout, frame, &more);
    /* Behind what went quietly, the kernel would wake nobody up for what did not. */
    bpf_ringbuf_submit(chunk, frame->quiet ? BPF_RB_NO_WAKEUP : BPF_RB_FORCE_WAKEUP);
    return end;
}

/* Whether the ring buffer should be emptied soon. */
static __always_inline int is_filling(void)
{
    return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > EVENTS_SIZE / 4;
}

/* Sends the Python stack of the thread that has just added to a row. */
__noinline int send_stack(const struct abi_key *key, const struct abi_row *row, const struct abi_target *target,
                          const struct abi_layout *layout, struct frame *frame)
{
    int end = ABI_STACK_MORE, top;
    u32 i;

    if (!key || !row || !target || !layout || !frame)
        return 0;
    top = find_top(target, key->target, layout, frame);
    if (top > 0)
        return 0; /* no Python code runs here: the interpreter starts or ends */
    count_stat(ABI_STAT_WALKS, 1);
    if (top < 0)
        end = ABI_STACK_FAILED;
    for (i = 0; i < ABI_STACK_FRAMES && end == ABI_STACK_MORE; i += ABI_STACK_CHUNK)
        end = send_chunk(key, row, layout, frame, i);
    if (end == ABI_STACK_TRUNCATED)
        count_stat(ABI_STAT_TRUNCATED, 1);
    if (end == ABI_STACK_FAILED)
        count_stat(ABI_STAT_FAILED, 1);
    return 0;
}

__noinline int announce_thread(u32 target)
{
    u64 thread = (u64)target << 32 | (u32)bpf_get_current_pid_tgid();
    struct abi_event *event;

    if (bpf_map_lookup_elem(&threads, &thread) || !(event = new_event(ABI_EVENT_THREAD, target)))
        return 0;
    bpf_get_current_comm(event->comm, sizeof(event->comm));
    event->owner = thread_pointer();
    bpf_ringbuf_submit(event, BPF_RB_FORCE_WAKEUP);
    bpf_map_update_elem(&threads, &thread, &target, BPF_ANY);
    return 0;
}

#endif
