/* The dynamic loader of a process, which tells when it has mapped libraries and not yet run their code. */
#ifndef HOTREF_CAPTURE_LOADER_H
#define HOTREF_CAPTURE_LOADER_H

#include <stdint.h>

#include "target/process.h"

struct loader {
    pid_t pid;            /* 0: all that run it */
    uint64_t inode;
    uint32_t dev_major, dev_minor;
    int link;             /* closing it takes the probe away */
};

/* Puts program prog_fd on the loader that the process has mapped, in that process or in all that run it. Returns 0, or -1 without a sentence where it has none
 * that is known; loader->link is -1 then. */
int loader_watch(const struct process *process, int prog_fd, bool all, struct loader *loader);

/* Whether loader is that of the process as it is now. */
bool loader_is_of(const struct loader *loader, const struct process *process);

#endif
