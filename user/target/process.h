/* A running process as /proc shows it: its mappings and its memory. Nothing here stops or changes it. */
#ifndef HOTREF_TARGET_PROCESS_H
#define HOTREF_TARGET_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mapping {
    uint64_t start, end; /* in the process */
    uint64_t offset;     /* in the file */
    uint64_t inode;
    uint32_t dev_major, dev_minor;
    bool executable;
    char *path; /* as the process sees it; "" if anonymous */
};

struct process {
    pid_t pid;
    pid_t inner_pid;          /* the same in the process's own pid namespace: its main thread's id there */
    char *exe;                /* what /proc/PID/exe points to, in the process's own mount namespace */
    struct mapping *mappings; /* stb_ds array, by address */
};

/* -1 with a failure: "no such process: '123'", or that the user may not look at it. process_close() takes a
 * zeroed struct. */
int process_open(pid_t pid, struct process *process);
void process_close(struct process *process);

/* Reads the mappings anew. -1 where the process has gone. */
int process_refresh(struct process *process);

/* Copies size bytes at address. Returns 0, or -1 (without a sentence: callers try many addresses). */
int process_read(const struct process *process, uint64_t address, void *into, size_t size);

/* A path that opens the mapped file whatever mount namespace the process lives in, and even when the file has
 * been replaced since: /proc/PID/map_files/START-END. Writes to path, which holds size bytes. */
void process_mapping_file(const struct process *process, const struct mapping *mapping, char *path,
                          size_t size);

/* The first mapping (lowest offset) of the same file as the one at index. */
const struct mapping *process_first_mapping(const struct process *process, const struct mapping *mapping);

#endif
