/*
 * A command that hotref starts, held where a Python interpreter appears in it: with everything mapped that the loader
 * maps, before the first instruction of the program itself. It is traced only until then.
 */
#ifndef HOTREF_CAPTURE_LAUNCH_H
#define HOTREF_CAPTURE_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "target/interpreter.h"
#include "target/process.h"
#include "util/account.h"

struct launch {
    pid_t pid;
    bool held;       /* stopped by us, at the interpreter's entry */
    bool ended;
    int wait_status; /* of waitpid(), once it has ended */
    int exec_errno;  /* why the command could not be run; 0 if it could */
};

enum launch_found {
    LAUNCH_FAILED = -1, /* with a failure; exec_errno tells whether the command was to blame */
    LAUNCH_ENDED = 0,   /* the command came to its end, and no CPython appeared */
    LAUNCH_PYTHON = 1,  /* held at the entry of one */
};

/* Starts argv as account and follows it through its execs until it is a CPython; fills process and interpreter. */
enum launch_found launch_start(char *const *argv, const struct account *account, struct launch *launch,
                               struct process *process, struct interpreter *interpreter);

/* Lets the held process go on, untraced. */
int launch_release(struct launch *launch);

/* Ends a held process before it did anything. */
void launch_kill(struct launch *launch);

/* Whether the child has ended by now; with wait, waits for that. */
bool launch_ended(struct launch *launch, bool wait);

/* The exit status that tells a shell the same: the child's own, or 128 + signal. */
int launch_exit_status(const struct launch *launch);

#endif
