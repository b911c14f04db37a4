/* The timer that samples: one perf event on each CPU. */
#ifndef HOTREF_CAPTURE_SAMPLER_H
#define HOTREF_CAPTURE_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

struct bpf_program;
struct bpf_link;

struct sampler {
    struct bpf_link **links; /* stb_ds array, one a CPU */
    bool by_cycles;          /* the processor's cycles are counted; else the kernel's clock ticks */
};

/*
 * Runs program hz times a second on each CPU that is busy. Cycles are counted where the machine has a counter for them, as
 * their interrupt comes close to the instruction that waited, else time. -1 with a failure.
 */
int sampler_start(struct sampler *sampler, struct bpf_program *program, uint32_t hz);
void sampler_stop(struct sampler *sampler); /* takes one that was not started, if zeroed */

#endif
