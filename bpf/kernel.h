/* The few kernel types that the programs look into, by name: BTF relocates the fields to the running kernel's. */
#ifndef HOTREF_BPF_KERNEL_H
#define HOTREF_BPF_KERNEL_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef short s16;
typedef int s32;
typedef long long s64;

/* bpf_helper_defs.h wants these names. */
typedef u8 __u8;
typedef u16 __u16;
typedef u32 __u32;
typedef u64 __u64;
typedef s32 __s32;
typedef s64 __s64;
typedef u16 __be16;
typedef u32 __be32;
typedef u32 __wsum;

/* include/uapi/linux/bpf.h */
struct bpf_raw_tracepoint_args {
    u64 args[0];
};

#define SIGSTOP 19 /* include/uapi/asm-generic/signal.h */
#define BPF_ANY 0
#define BPF_NOEXIST 1
#define BPF_RB_NO_WAKEUP 1
#define BPF_RB_FORCE_WAKEUP 2
#define BPF_RB_AVAIL_DATA 0
#define BPF_F_MMAPABLE (1u << 10)
#define BPF_F_INNER_MAP (1u << 12)
enum bpf_map_type {
    BPF_MAP_TYPE_HASH = 1,
    BPF_MAP_TYPE_ARRAY = 2,
    BPF_MAP_TYPE_PERCPU_ARRAY = 6,
    BPF_MAP_TYPE_LRU_HASH = 9,
    BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
    BPF_MAP_TYPE_RINGBUF = 27,
};

/* arch/x86/include/asm/ptrace.h; part of the user ABI. */
struct pt_regs {
    u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, flags, rsp, ss;
};
#define REG_RSP 19 /* of these */
#define X86_FLAGS_ZF 0x40

/* include/uapi/linux/bpf_perf_event.h */
struct bpf_perf_event_data {
    struct pt_regs regs;
    u64 sample_period;
    u64 addr;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
    int counter;
} atomic_t;

struct signal_struct {
    atomic_t live;
    int group_exit_code;
};

struct mm_struct;

struct thread_struct {
    unsigned long fsbase;
};

struct task_struct {
    int tgid;
    struct mm_struct *mm;
    struct signal_struct *signal;
    int exit_code;
    struct thread_struct thread;
};

#pragma clang attribute pop

#endif
