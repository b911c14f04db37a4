/* Programs that are told of processes: ends, execs, children, and new code. */
#ifndef HOTREF_BPF_PROCESSES_H
#define HOTREF_BPF_PROCESSES_H

#include "maps.h"
#include "types.h"

#include <bpf/bpf_core_read.h>

struct search {
    u32 tgid, end, status;
};

static long end_target(u32 number, struct search *search)
{
    struct abi_target *target = bpf_map_lookup_elem(&targets, &number);
    struct abi_event *event;

    if (!target || !target->tgid)
        return 1;
    if (target->tgid != search->tgid || !target->live)
        return 0;
    target->live = 0;
    target->end = search->end;
    target->status = search->status;
    target->ended_ns = bpf_ktime_get_boot_ns();
    event = new_event(ABI_EVENT_END, number);
    if (event)
        bpf_ringbuf_submit(event, BPF_RB_FORCE_WAKEUP);
    return 0;
}

SEC("raw_tp/sched_process_exit")
int on_exit(void *ctx)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct search search = {.tgid = bpf_get_current_pid_tgid() >> 32, .end = ABI_END_EXIT};

    if (BPF_CORE_READ(task, signal, live.counter) > 0)
        return 0;
    search.status = BPF_CORE_READ(task, signal, group_exit_code);
    if (!search.status)
        search.status = BPF_CORE_READ(task, exit_code);
    bpf_loop(ABI_TARGETS, end_target, &search, 0);
    return 0;
}

/* The current process has other code than before: the user side looks at it, while it is held or while it runs. */
static __always_inline void note_change(u32 tgid)
{
    struct abi_follow *follow = bpf_map_lookup_elem(&followed, &tgid);
    struct abi_event *event;

    if (!follow)
        return;
    follow->changed_ns = bpf_ktime_get_ns();
    __sync_fetch_and_add(&follow->changes, 1);
    /* Not before the signal is on its way: the one that lets it go again must not overtake it. */
    if (follow->hold && !bpf_send_signal(SIGSTOP))
        follow->held = follow->changes;
    event = new_event(ABI_EVENT_CODE, 0);
    if (event)
        bpf_ringbuf_submit(event, BPF_RB_FORCE_WAKEUP);
}

SEC("raw_tp/sched_process_exec")
int on_exec(void *ctx)
{
    struct search search = {.tgid = bpf_get_current_pid_tgid() >> 32, .end = ABI_END_EXEC};

    bpf_loop(ABI_TARGETS, end_target, &search, 0);
    note_change(search.tgid);
    return 0;
}

#define RT_CONSISTENT 0 /* elf/link.h of glibc (2.36), include/link.h of musl (1.2) */

/*
 * The dynamic loader calls a function of its own, for debuggers, before and after it maps libraries; after it means that
 * none of their code has run yet. The cookie leads from that function to the loader's state.
 */
SEC("uprobe")
int on_loader(struct pt_regs *ctx)
{
    u32 state = 0;

    if (!bpf_probe_read_user(&state, sizeof(state), (void *)(ctx->rip + bpf_get_attach_cookie(ctx))) &&
        state == RT_CONSISTENT)
        note_change(bpf_get_current_pid_tgid() >> 32);
    return 0;
}

static long count_child(u32 number, u32 *tgid)
{
    struct abi_target *target = bpf_map_lookup_elem(&targets, &number);

    if (!target || !target->tgid)
        return 1;
    if (target->tgid == *tgid && target->live)
        __sync_fetch_and_add(&target->children, 1);
    return 0;
}

/* A new process, not a new thread: what it does is not counted, which its parent's user should know. */
SEC("raw_tp/sched_process_fork")
int on_fork(struct bpf_raw_tracepoint_args *ctx)
{
    struct task_struct *child = (void *)ctx->args[1];
    u32 tgid = bpf_get_current_pid_tgid() >> 32;

    if (BPF_CORE_READ(child, tgid) != tgid)
        bpf_loop(ABI_TARGETS, count_child, &tgid, 0);
    return 0;
}

#endif
