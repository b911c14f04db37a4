/* Reading the target's memory, and how functions are cut so that they are verified fast. */
#ifndef HOTREF_BPF_MEMORY_H
#define HOTREF_BPF_MEMORY_H

#include "kernel.h"

#include <bpf/bpf_helpers.h>

__noinline u64 read_u64(u64 address)
{
    u64 value = 0;

    bpf_probe_read_user(&value, sizeof(value), (void *)address);
    return value;
}

/* A function of its own that is static may return what r0 happens to hold, if nobody wants it: a pointer to the stack
 * perhaps, which the verifier refuses. */
#define keep(result) asm volatile("" : : "r"(result))

/*
 * Functions that are not static are verified once, on their own, and not along every path that calls them: what loading
 * takes depends on that. They check pointers that cannot be NULL because the verifier does not know it.
 */

__noinline u32 read_u32(u64 address)
{
    u32 value = 0;

    bpf_probe_read_user(&value, sizeof(value), (void *)address);
    return value;
}

static __always_inline u64 thread_pointer(void)
{
    return bpf_get_current_task_btf()->thread.fsbase;
}

#endif
