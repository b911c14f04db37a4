/* uprobe_multi links, made by hand where libbpf has no call for them (before 1.3). Linux 6.6 or newer. */
#ifndef HOTREF_CAPTURE_ATTACH_H
#define HOTREF_CAPTURE_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* BPF_TRACE_UPROBE_MULTI of include/uapi/linux/bpf.h (6.6), which older headers lack. */
#define ATTACH_UPROBE_MULTI 48

struct attach_point {
    uint64_t offset; /* in the file */
    uint64_t cookie;
    bool refused;    /* set by attach_points(): the kernel takes no probe there */
};

/*
 * Puts program prog_fd on count points of the file at path with one link. Points that the kernel refuses are marked
 * and left out. pid 0 means every process that maps the file. Returns the link's file descriptor, whose closing takes
 * the probes away, or -1 with a failure.
 */
int attach_points(int prog_fd, const char *path, pid_t pid, struct attach_point *points, size_t count);

/* Whether a link's pid means a whole process (6.12 on: "bpf: Fix uprobe multi pid filter check"); before, it means one
 * thread or may fail, and must be 0. */
bool attach_can_filter_by_process(void);

/* Loads a program that does nothing and puts it on an instruction of hotref itself. Returns the link's file descriptor, or -1
 * with a failure. */
int attach_to_self(uint64_t address);

/* Loads a program and puts a probe on hotref itself. Returns 0, or -1 with a failure that says what the machine lacks. */
int attach_supported(void);

#endif
