#include "capture/sampler.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "util/array.h"
#include "util/error.h"

static int open_event(struct perf_event_attr *attr, int cpu)
{
    return syscall(SYS_perf_event_open, attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

/* Skid is worst where the processor offers nothing against it, so the most precise that it takes. */
static int open_cycles(uint32_t hz, int cpu)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
                                   .size = sizeof(attr),
                                   .config = PERF_COUNT_HW_CPU_CYCLES,
                                   .sample_freq = hz,
                                   .freq = 1};
    int fd = -1;

    for (int precise = 3; fd < 0 && precise >= 0; precise--) {
        attr.precise_ip = precise;
        fd = open_event(&attr, cpu);
    }
    return fd;
}

static int open_clock(uint32_t hz, int cpu)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
                                   .size = sizeof(attr),
                                   .config = PERF_COUNT_SW_CPU_CLOCK,
                                   .sample_freq = hz,
                                   .freq = 1};

    return open_event(&attr, cpu);
}

static int refused(void)
{
    if (errno == EPERM || errno == EACCES)
        return fail("cannot sample: not permitted (run hotref as root)");
    return fail_errno("cannot sample: the kernel gives no timer");
}

/* A CPU may be off line. */
static int start_on(struct sampler *sampler, struct bpf_program *program, uint32_t hz, int cpu)
{
    int fd = sampler->by_cycles ? open_cycles(hz, cpu) : open_clock(hz, cpu);
    struct bpf_link *link;

    if (fd < 0)
        return errno == ENODEV ? 0 : refused();
    link = bpf_program__attach_perf_event(program, fd); /* which takes the descriptor */
    if (!link) {
        int reason = errno;

        close(fd);
        errno = reason;
        return refused();
    }
    arrput(sampler->links, link);
    return 0;
}

int sampler_start(struct sampler *sampler, struct bpf_program *program, uint32_t hz)
{
    int fd = open_cycles(hz, 0);

    sampler->by_cycles = fd >= 0;
    if (fd >= 0)
        close(fd);
    for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++) {
        if (start_on(sampler, program, hz, cpu)) {
            sampler_stop(sampler);
            return -1;
        }
    }
    return arrlenu(sampler->links) ? 0 : fail("cannot sample: no CPU has a timer");
}

void sampler_stop(struct sampler *sampler)
{
    for (size_t i = 0; i < arrlenu(sampler->links); i++)
        bpf_link__destroy(sampler->links[i]);
    arrfree(sampler->links);
}
