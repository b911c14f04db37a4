/* Which processes become targets while a recording goes on: a command by what it execs and loads, with --subprocesses what
 * targets start, with -a all. */
#ifndef HOTREF_CMD_FOLLOW_H
#define HOTREF_CMD_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "capture/launch.h"
#include "capture/session.h"

struct followed_process;

struct follow {
    struct session *session;
    struct launch *launch;        /* NULL where there is no command */
    const char *name;             /* the command's */
    const char *cgroup;           /* NULL: any */
    void (*added)(void *context, size_t first); /* told of new targets, of which first is the first one's number */
    void *context;
    struct followed_process *seen; /* stb_ds hash map */
    uint64_t gil;                 /* interpreters with the GIL, ... */
    char gil_sentence[256];       /* ... and what there is to say of the last one */
};

/* Adds the process if it is a free-threaded CPython. -1 with a failure where it is one that cannot be recorded. */
int follow_look(struct follow *follow, pid_t pid);

/* Adds all that run, and says of which that failed. */
void follow_all(struct follow *follow);

/* The same for what descends from pid, and has what comes of those watched. */
int follow_descendants(struct follow *follow, pid_t pid);

/* Does what there is to be done now. -1 with a failure where that concerns the command. */
int follow_step(struct follow *follow);

void follow_free(struct follow *follow);

#endif
