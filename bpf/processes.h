/* Programs that are told of processes: ends, execs, children, and new code. */
#ifndef HOTREF_BPF_PROCESSES_H
#define HOTREF_BPF_PROCESSES_H

#include "maps.h"
#include "types.h"

#include <bpf/bpf_core_read.h>

/* What the process was recorded as ends, if it was. */
static __always_inline void end_target(u32 tgid, u32 end, u32 status)
{
    struct abi_process *process = bpf_map_lookup_elem(&processes, &tgid);
    struct abi_target *target = 0;
    struct abi_event *event;
    u32 number;

    if (!process)
        return;
    number = process->target;
    if (!process->borrows)
        target = bpf_map_lookup_elem(&targets, &number);
    bpf_map_delete_elem(&processes, &tgid);
    if (!target || target->tgid != tgid)
        return;
    target->live = 0;
    target->end = end;
    target->status = status;
    target->ended_ns = bpf_ktime_get_boot_ns();
    event = new_event(ABI_EVENT_END, number);
    if (event)
        bpf_ringbuf_submit(event, BPF_RB_FORCE_WAKEUP);
}

SEC("raw_tp/sched_process_exit")
int on_exit(void *ctx)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    u32 tgid = bpf_get_current_pid_tgid() >> 32, status;

    if (BPF_CORE_READ(task, signal, live.counter) > 0)
        return 0;
    status = BPF_CORE_READ(task, signal, group_exit_code);
    if (!status)
        status = BPF_CORE_READ(task, exit_code);
    end_target(tgid, ABI_END_EXIT, status);
    bpf_map_delete_elem(&followed, &tgid);
    return 0;
}

static __always_inline void tell_of_code(u32 tgid, u32 parent, u64 changes)
{
    struct abi_event *event = new_event(ABI_EVENT_CODE, 0);

    if (!event)
        return;
    event->words[0] = tgid;
    event->words[1] = parent;
    event->words[2] = changes;
    bpf_ringbuf_submit(event, BPF_RB_FORCE_WAKEUP);
}

/* The current process has other code than before: the user side looks at it, while it is held or while it runs. */
static __always_inline void note_change(u32 tgid)
{
    struct abi_follow *follow = bpf_map_lookup_elem(&followed, &tgid);

    if (!follow && !everyone)
        return;
    if (follow) {
        follow->changed_ns = bpf_ktime_get_ns();
        __sync_fetch_and_add(&follow->changes, 1);
        /* Not before the signal is on its way: the one that lets it go again must not overtake it. */
        if (follow->hold && !bpf_send_signal(SIGSTOP))
            follow->held = follow->changes;
    }
    tell_of_code(tgid, 0, 0);
}

SEC("raw_tp/sched_process_exec")
int on_exec(void *ctx)
{
    u32 tgid = bpf_get_current_pid_tgid() >> 32;

    end_target(tgid, ABI_END_EXEC, 0);
    note_change(tgid);
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

/* A forked process is a target from its first instruction on: it has its parent's memory, breakpoints included. */
static __always_inline void add_child(const struct abi_target *parent, u32 parent_number, u32 tgid)
{
    u32 number = __sync_fetch_and_add(&targets_taken, 1);
    struct abi_process process = {.target = number};
    struct abi_target *target = number < ABI_TARGETS ? bpf_map_lookup_elem(&targets, &number) : 0;

    if (!target) {
        count_stat(ABI_STAT_LEFT_OUT, 1);
        return;
    }
    target->bias = parent->bias;
    target->text_start = parent->text_start;
    target->text_end = parent->text_end;
    target->binary = parent->binary;
    target->layout = parent->layout;
    target->code_type = parent->code_type;
    target->runtime = parent->runtime;
    target->tls = parent->tls;
    target->modules = parent->modules;
    target->parent = parent_number + 1;
    target->started_ns = bpf_ktime_get_boot_ns();
    target->live = 1;
    if (bpf_map_update_elem(&processes, &tgid, &process, BPF_ANY)) {
        target->live = 0;
        count_stat(ABI_STAT_LEFT_OUT, 1);
    }
    asm volatile("" : : : "memory");
    *(volatile u32 *)&target->tgid = tgid; /* by which the user side sees that all of it is there */
}

/* One that shares its parent's memory is as a thread of it, until it execs. */
static __always_inline void add_borrower(u32 parent_number, u32 tgid)
{
    struct abi_process process = {.target = parent_number, .borrows = 1};

    if (bpf_map_update_elem(&processes, &tgid, &process, BPF_ANY))
        count_stat(ABI_STAT_LEFT_OUT, 1);
}

static __always_inline void follow_child(const struct abi_follow *parent, u32 tgid)
{
    struct abi_follow follow = {.hold = parent->hold, .changes = bpf_ktime_get_ns()};

    if (bpf_map_update_elem(&followed, &tgid, &follow, BPF_ANY))
        count_stat(ABI_STAT_LEFT_OUT, 1);
}

/* A new process, not a new thread. */
SEC("raw_tp/sched_process_fork")
int on_fork(struct bpf_raw_tracepoint_args *ctx)
{
    struct task_struct *parent = (void *)ctx->args[0], *child = (void *)ctx->args[1];
    u32 tgid = bpf_get_current_pid_tgid() >> 32, child_tgid = BPF_CORE_READ(child, tgid);
    struct abi_process *process = bpf_map_lookup_elem(&processes, &tgid);
    u32 number = process ? process->target : ABI_TARGETS;
    struct abi_target *target = bpf_map_lookup_elem(&targets, &number);
    struct abi_follow *follow = bpf_map_lookup_elem(&followed, &tgid);

    if (child_tgid == tgid)
        return 0;
    if (!descendants) {
        if (target && target->live) /* what it does is not counted, which its parent's user should know */
            __sync_fetch_and_add(&target->children, 1);
        return 0;
    }
    if (follow)
        follow_child(follow, child_tgid);
    if (target && target->live && BPF_CORE_READ(child, mm) == BPF_CORE_READ(parent, mm))
        add_borrower(number, child_tgid);
    else if (target && target->live)
        add_child(target, number, child_tgid);
    else if (follow)
        tell_of_code(child_tgid, tgid, follow->changes);
    return 0;
}

#endif
