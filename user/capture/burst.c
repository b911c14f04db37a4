#include "capture/burst.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture/attach.h"
#include "capture/modules.h"
#include "capture/session_bpf.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"

#define TRIES 2000          /* hits that a trap's cost is measured by */
#define SHORTEST_NS 2000000u
#define LONGEST_NS 200000000u
#define FIRST_NS 5000000u
#define FIRST_COST_NS 40000000u /* what the first one is taken to cost */
#define LEAST_WAIT_NS 500000000u /* taking probes away and putting them back more often would be all that hotref does */

/* A jump as probes stand on, that goes nowhere. */
__attribute__((noinline, used)) static void probed_jump(void)
{
    __asm__ volatile("xorl %%eax, %%eax\n"
                     ".globl hotref_probed_jump\n"
                     "hotref_probed_jump: jz 1f\n"
                     "nop\n"
                     "1:\n" ::
                         : "eax", "cc");
}

static uint64_t time_jumps(void)
{
    uint64_t started = clock_ns(CLOCK_THREAD_CPUTIME_ID);

    for (int i = 0; i < TRIES; i++)
        probed_jump();
    return clock_ns(CLOCK_THREAD_CPUTIME_ID) - started;
}

/* What a hit costs before hotref's own program runs, in ns; 0 where that cannot be measured. */
static uint64_t measure_trap(void)
{
    extern char hotref_probed_jump[];
    uint64_t bare = time_jumps(), probed;
    int link = attach_to_self((uint64_t)(uintptr_t)hotref_probed_jump);

    if (link < 0)
        return 0;
    probed = time_jumps();
    close(link);
    return probed > bare ? (probed - bare) / TRIES : 0;
}

int burst_prepare(struct session *session)
{
    session->bpf->stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
    if (session->bpf->stats < 0)
        return fail_errno("cannot measure what BPF programs take");
    session->bursts.trap_ns = measure_trap();
    if (!session->bursts.trap_ns)
        session->bursts.overhead = 0; /* without knowing the cost none is paid */
    return 0;
}

/* One that has gone keeps what it had when it was last looked at. */
static void look_at_clock(struct session_target *target)
{
    struct timespec now;
    clockid_t clock;
    uint64_t ns;

    if (!target->state.live || clock_getcpuclockid(target->process.pid, &clock) || clock_gettime(clock, &now))
        return;
    ns = (uint64_t)now.tv_sec * 1000000000u + now.tv_nsec;
    if (!target->cpu_seen)
        target->cpu_before_ns = ns;
    target->cpu_seen = true;
    if (ns > target->cpu_ns)
        target->cpu_ns = ns;
}

/* CPU time that all targets, or those in the burst, have had since they were first looked at, in ns: it never falls. */
static uint64_t targets_cpu_ns(struct session *session, bool in_burst)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < arrlenu(session->targets); i++) {
        struct session_target *target = &session->targets[i];

        look_at_clock(target);
        if (target->in_burst || !in_burst)
            sum += target->cpu_ns - target->cpu_before_ns;
    }
    return sum;
}

struct runs {
    uint64_t count, ns;
};

/* How often the program that counts has run, and for how long, while that was watched. */
static struct runs runs_of(const struct session *session)
{
    struct bpf_prog_info info = {0};
    uint32_t size = sizeof(info);

    if (bpf_obj_get_info_by_fd(bpf_program__fd(session->bpf->skeleton->progs.on_operation), &info, &size))
        return (struct runs){0};
    return (struct runs){info.run_cnt, info.run_time_ns};
}

/* The interpreter's come last: they are hit most. */
static bool attach_one(struct session *session, uint32_t number)
{
    struct session_target *target = &session->targets[number];

    modules_attach(session, number);
    return !session_attach(session, number, &target->code, target->interpreter.file, target->interpreter.open_path);
}

/* What cannot be counted in, or ends just now, has no part in the burst. */
static void attach_all(struct session *session)
{
    for (size_t i = 0; i < arrlenu(session->targets); i++) {
        struct session_target *target = &session->targets[i];

        target->in_burst = target->state.live && attach_one(session, i);
        if (!target->in_burst)
            session_detach(target);
    }
}

static void detach_all(struct session *session)
{
    for (size_t i = 0; i < arrlenu(session->targets); i++) {
        session_detach(&session->targets[i]);
        session->targets[i].in_burst = false;
    }
    session_unshare(session);
}

static void count_for(struct session *session, uint64_t length_ns)
{
    uint64_t until = clock_ns(CLOCK_MONOTONIC) + length_ns, now;

    while ((now = clock_ns(CLOCK_MONOTONIC)) < until)
        session_catch_up(session, (int)((until - now) / 1000000) + 1);
}

/* Longer where the budget has room, or where taking probes away and putting them back is most of the cost. */
static void adapt(struct session_bursts *bursts, uint64_t hits_ns, uint64_t moving_ns)
{
    bool has_room = bursts->cost_ns < bursts->overhead / 2 * bursts->cpu_ns;

    if ((has_room || hits_ns < moving_ns / 2) && bursts->length_ns < LONGEST_NS)
        bursts->length_ns *= 2;
    else if (!has_room && hits_ns > moving_ns && bursts->length_ns > SHORTEST_NS)
        bursts->length_ns /= 2;
}

static void settle(struct session *session, struct runs before, uint64_t cpu_ns, uint64_t moving_ns)
{
    struct session_bursts *bursts = &session->bursts;
    struct runs after = runs_of(session);
    uint64_t hits = after.count - before.count, in_bpf_ns = after.ns - before.ns;
    uint64_t hits_ns = in_bpf_ns + hits * bursts->trap_ns;

    bursts->count++;
    bursts->hits += hits;
    bursts->hits_ns += hits_ns;
    bursts->counted_ns += cpu_ns;
    bursts->bare_ns += cpu_ns > hits_ns ? cpu_ns - hits_ns : 0;
    bursts->cost_ns += hits_ns + moving_ns;
    bursts->last_cost_ns = hits_ns + moving_ns;
    adapt(bursts, hits_ns, moving_ns);
}

/* What probes cost that come and go is what the kernel does for hotref meanwhile: at most so long is a target held up. */
static void make_burst(struct session *session)
{
    struct session_bpf *bpf = session->bpf;
    struct runs before = runs_of(session);
    uint64_t started = clock_ns(CLOCK_PROCESS_CPUTIME_ID), moving_ns, cpu_ns;

    bpf->bursting = true;
    bpf->skeleton->bss->counting = ABI_COUNTING_NOTHING;
    attach_all(session);
    moving_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - started;
    cpu_ns = targets_cpu_ns(session, true);
    bpf->skeleton->bss->counting = ABI_COUNTING_HITS;
    count_for(session, session->bursts.length_ns);
    bpf->skeleton->bss->counting = ABI_COUNTING_NOTHING;
    cpu_ns = targets_cpu_ns(session, true) - cpu_ns;
    started = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    detach_all(session);
    bpf->bursting = false;
    bpf->skeleton->bss->counting = ABI_COUNTING_SAMPLES;
    moving_ns += clock_ns(CLOCK_PROCESS_CPUTIME_ID) - started;
    settle(session, before, cpu_ns, moving_ns);
    session->bursts.ended_ns = clock_ns(CLOCK_MONOTONIC);
}

void burst_step(struct session *session)
{
    struct session_bursts *bursts = &session->bursts;
    uint64_t expected;

    if (session->mode == SESSION_AUTO)
        bursts->cpu_ns = targets_cpu_ns(session, false);
    if (session->mode != SESSION_AUTO || !bursts->overhead)
        return;
    if (!bursts->length_ns) {
        bursts->length_ns = FIRST_NS;
        bursts->last_cost_ns = FIRST_COST_NS;
    }
    /* Twice the last one: the next may come at a worse moment. */
    expected = bursts->cost_ns + 2 * bursts->last_cost_ns;
    if (expected > bursts->overhead * bursts->cpu_ns ||
        clock_ns(CLOCK_MONOTONIC) - bursts->ended_ns < LEAST_WAIT_NS)
        return;
    make_burst(session);
}
