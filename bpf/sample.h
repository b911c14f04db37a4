/*
 * Samples: a timer interrupts each CPU, and where it finds a target at an instruction that touches an object's header,
 * the thread is taken to wait for that object's cache line. What the instruction is and where its object lies the user side
 * has worked out before (struct abi_span, struct abi_site).
 */
#ifndef HOTREF_BPF_SAMPLE_H
#define HOTREF_BPF_SAMPLE_H

/* Spans of one binary, by address; the first element says how many there are. */
struct span_table {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_INNER_MAP);
    __uint(key_size, sizeof(u32));
    __uint(value_size, sizeof(struct abi_span));
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, ABI_BINARIES);
    __type(key, u32);
    __array(values, struct span_table);
} spans SEC(".maps");

/* The site that address, in the file, belongs to; -1: none. */
static __always_inline s64 find_span(u32 binary, u64 address)
{
    void *table = bpf_map_lookup_elem(&spans, &binary);
    u32 low = 0, at, step;
    struct abi_span *span;

    if (!table || address >> 32)
        return -1;
    /* low: the last one that does not start behind address; the first element starts at 0. */
    for (step = ABI_BINARY_SPANS / 2; step; step /= 2) {
        at = low + step;
        span = bpf_map_lookup_elem(table, &at);
        if (span && span->start <= address)
            low = at;
    }
    span = low ? bpf_map_lookup_elem(table, &low) : 0;
    return span && address < (u64)span->start + span->length ? span->site : -1;
}

static __always_inline void copy_sampled_regs(struct scratch *scratch, struct bpf_perf_event_data *ctx)
{
    u64 *regs = scratch->regs;

    regs[0] = ctx->regs.r15;
    regs[1] = ctx->regs.r14;
    regs[2] = ctx->regs.r13;
    regs[3] = ctx->regs.r12;
    regs[4] = ctx->regs.rbp;
    regs[5] = ctx->regs.rbx;
    regs[6] = ctx->regs.r11;
    regs[7] = ctx->regs.r10;
    regs[8] = ctx->regs.r9;
    regs[9] = ctx->regs.r8;
    regs[10] = ctx->regs.rax;
    regs[11] = ctx->regs.rcx;
    regs[12] = ctx->regs.rdx;
    regs[13] = ctx->regs.rsi;
    regs[14] = ctx->regs.rdi;
    regs[19] = ctx->regs.rsp;
}

/* Each sample is worth a name: they are few. */
static __always_inline void add_sample(const struct hit *hit, struct slot_in *in, u32 which)
{
    struct abi_key *key = &hit->scratch->key;
    struct object *object = &hit->scratch->object;
    struct at_address *here = find_address(key->object, key->target);
    struct abi_row *row;

    if (read_object(key->object, object) || !here) {
        count_stat(ABI_STAT_UNREADABLE, 1);
        return;
    }
    object->life = life_at(here, key->object, object->owner, object->shared);
    key->generation = 2 * object->life;
    if (!in->slot)
        settle_code(hit->target, hit->layout, key, &hit->scratch->frame);
    row = row_at(which, in->slot ? find_row_by_slot(hit, in, which, 1) : find_row(hit->scratch, hit->layout, which, 1));
    if (!row) {
        count_stat(ABI_STAT_LOST, 1);
        return;
    }
    note_frame(in, row);
    row->counts.samples++;
    if (!row->described) {
        describe(key, row, object, hit->layout);
        if (key->code) {
            hit->scratch->frame.variables = in->frame;
            describe_code_position(key, row, hit->target, hit->layout, &hit->scratch->frame);
        }
    }
    hit->scratch->frame.quiet = row->looks++ > 0 && !is_filling();
    send_stack(key, row, hit->target, hit->layout, &hit->scratch->frame);
}

static __always_inline void take_sample(struct hit *hit, u32 site, u32 tid, u32 which)
{
    struct abi_key *key = &hit->scratch->key;
    struct slot_in in = {};
    u64 head[4];

    hit->site = find_site(site);
    hit->layout = bpf_map_lookup_elem(&layouts, &hit->target->layout);
    if (!hit->site || !hit->layout)
        return;
    __builtin_memset(key, 0, sizeof(*key));
    key->target = hit->number;
    key->site = site;
    key->tid = tid;
    key->object = locate(hit->scratch, &hit->site->object) + hit->site->adjust;
    if (!read_head(key->object, head))
        return;
    if (hit->site->argument != ABI_NO_ARGUMENT) {
        keep(climb(hit, key, &in));
    } else if (hit->site->slot.base.place || hit->site->slot.outer.place || hit->site->slot.behind) {
        in.slot = &hit->site->slot;
        in.frame_only = hit->site->frame_only;
    }
    add_sample(hit, &in, which);
}

#define USER_MODE 3 /* privilege bits of cs: arch/x86/include/asm/segment.h */

static __always_inline void look_at_sample(struct bpf_perf_event_data *ctx, u32 number, u32 tid)
{
    struct abi_target *target = bpf_map_lookup_elem(&targets, &number);
    struct hit hit = {.number = number, .target = target};
    u64 address = ctx->regs.rip;
    struct scratch *scratch;
    u32 which = 0;
    s64 site;

    if (!target || !target->live)
        return;
    __sync_fetch_and_add(&target->samples, 1);
    if ((ctx->regs.cs & USER_MODE) != USER_MODE)
        return;
    scratch = hit.scratch = take_scratch(tid, &which);
    if (!scratch) {
        count_stat(ABI_STAT_LOST, 1);
        return;
    }
    if (find_code(hit.target, address, &scratch->module)) {
        scratch->bias = scratch->module.bias;
        site = find_span(scratch->module.binary, address - scratch->bias);
        if (site >= 0) {
            copy_sampled_regs(scratch, ctx);
            scratch->stack = ctx->regs.rsp;
            take_sample(&hit, ABI_SITE(scratch->module.binary, site), tid, which);
        }
    }
    give_back(scratch);
}

SEC("perf_event")
int on_sample(struct bpf_perf_event_data *ctx)
{
    u64 id = bpf_get_current_pid_tgid(), started = bpf_ktime_get_ns();
    u32 tgid = id >> 32;
    struct abi_process *process = bpf_map_lookup_elem(&processes, &tgid);

    if (!process || (in_bursts && counting != ABI_COUNTING_SAMPLES))
        return 0;
    look_at_sample(ctx, process->target, (u32)id);
    count_stat(ABI_STAT_SAMPLE_NS, bpf_ktime_get_ns() - started);
    return 0;
}

#endif
