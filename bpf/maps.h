/* The knobs, and the maps that programs and the user side share. */
#ifndef HOTREF_BPF_MAPS_H
#define HOTREF_BPF_MAPS_H

#include "kernel.h"

#include <bpf/bpf_helpers.h>

#include "abi.h"

#define ADDRESS_SLOTS 16384
#define EVENTS_SIZE (4 << 20)

/* Knobs, set before loading. */
const volatile u32 plain = 0;     /* 1: count per object only; 2: do nothing at all. For make bench */
const volatile u32 full_at = ABI_ROWS / 4;
const volatile u32 descendants = 0; /* 1: what targets and followed processes start is recorded, too */
const volatile u32 everyone = 0;  /* 1: all processes are watched for new code */
const volatile u32 stack_period = 97; /* in each row the stack is looked at once in so many operations; 0: never */

/* Which half of the rows is written to; the user side flips it and takes the other one. */
volatile u32 active_rows;

/* Rows in either half. The user side looks at it while it is busy with other messages than that one. */
volatile u64 rows_in[2];

/* Where all is counted in bursts only: what goes on right now. */
const volatile u32 in_bursts = 0;
volatile u32 counting;    /* enum abi_counting */

/* Numbers of targets that are taken: by the user side and, for forked processes, by BPF. */
u32 targets_taken;

/* Tables of one binary, of whatever size it needs: added while others are in use. */
struct site_table {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_INNER_MAP);
    __uint(key_size, sizeof(u32));
    __uint(value_size, sizeof(struct abi_site));
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, ABI_BINARIES);
    __type(key, u32);
    __array(values, struct site_table);
} sites SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, ABI_TARGETS);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, u32);
    __type(value, struct abi_target);
} targets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, ABI_TARGETS);
    __type(key, u32);
    __type(value, struct abi_layout);
} layouts SEC(".maps");

struct caller_table {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_INNER_MAP);
    __uint(key_size, sizeof(u32));
    __uint(value_size, sizeof(struct abi_caller));
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, ABI_BINARIES);
    __type(key, u32);
    __array(values, struct caller_table);
} callers SEC(".maps");

struct chunk_table {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_INNER_MAP);
    __uint(key_size, sizeof(u32));
    __uint(value_size, sizeof(struct abi_caller_chunk));
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, ABI_BINARIES);
    __type(key, u32);
    __array(values, struct chunk_table);
} caller_chunks SEC(".maps");

/* Where a target's modules are, by address; see abi_target.modules. A new table takes the place of the old one as a whole. */
struct module_table {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_INNER_MAP);
    __uint(key_size, sizeof(u32));
    __uint(value_size, sizeof(struct abi_module));
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, ABI_TARGETS);
    __type(key, u32);
    __array(values, struct module_table);
} modules SEC(".maps");

/* A hash table of our own, see rows.h: at every hit the kernel's would cost a good part of the trap. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 2 * ABI_ROWS);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, u32);
    __type(value, struct abi_row_slot);
} rows SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, ABI_COLD);
    __type(key, struct abi_cold_key);
    __type(value, struct abi_counts);
} cold SEC(".maps");

/* What BPF has found out. One that was thrown out is found out and announced once more. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, ABI_TYPES);
    __type(key, struct abi_type_key);
    __type(value, struct abi_type);
} types SEC(".maps");

/* What the user side knows: those stay. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, ABI_BUILTIN_TYPES * ABI_TARGETS / 2);
    __type(key, struct abi_type_key);
    __type(value, struct abi_type);
} builtin_types SEC(".maps");

/* Those that were announced, by target << 32 | tid: a thread that becomes another program is one of another target. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, ABI_TYPES);
    __type(key, u64);
    __type(value, u32);
} threads SEC(".maps");

/* Which thread state is a thread's: looking for it takes a walk over all of them. */
struct known_state {
    u64 state;            /* 0: there was none */
    u32 target;
    u32 misses;
};
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, ABI_TYPES);
    __type(key, u32);
    __type(value, struct known_state);
} states SEC(".maps");

/* By address: on which CPU the count there was changed last, and which object stands there. Addresses that share a
 * pair of slots lose bounces and lives, never make any. */
struct at_address {
    u64 last;             /* address, CPU, target */
    u64 address;
    u64 owner;            /* ob_tid when last seen */
    u32 life;
    u16 queued;           /* handed to its owner: queued or merged for the rest of its life */
    u16 ended;
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, ADDRESS_SLOTS);
    __type(key, u32);
    __type(value, struct at_address);
} addresses SEC(".maps");

/* Rows made since the start, on each CPU. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, u64);
} rows_made SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, ABI_PROCESSES);
    __type(key, u32); /* tgid */
    __type(value, struct abi_follow);
} followed SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, ABI_PROCESSES);
    __type(key, u32); /* tgid */
    __type(value, struct abi_process);
} processes SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, ABI_STATS);
    __type(key, u32);
    __type(value, u64);
} stats SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, EVENTS_SIZE);
} events SEC(".maps");

static __always_inline void count_stat(u32 which, u64 by)
{
    u64 *stat = bpf_map_lookup_elem(&stats, &which);

    if (stat)
        __sync_fetch_and_add(stat, by); /* another thread's program may come in between on this CPU */
}

#endif
