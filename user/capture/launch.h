/*
 * A command that hotref starts: a child that waits until everything is ready to watch it, and then runs the command.
 */
#ifndef HOTREF_CAPTURE_LAUNCH_H
#define HOTREF_CAPTURE_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "util/account.h"

struct launch {
    pid_t pid;
    bool ended;
    int wait_status; /* of waitpid(), once it has ended */
    int exec_errno;  /* why the command could not be run; 0 if it could */
    int go, report;  /* pipes to and from the child, before the command runs */
    int guard;       /* a pipe to who lets them go on that hotref holds, should it be killed */
};

/* Forks a child that will run argv as account. -1 with a failure. */
int launch_prepare(char *const *argv, const struct account *account, struct launch *launch);

/* Lets it run the command. -1 with a failure; exec_errno tells whether the command was to blame. */
int launch_go(char *const *argv, struct launch *launch);

/* Has the process go on, too, should hotref be killed. */
void launch_look_after(const struct launch *launch, pid_t pid);

/* Ends the child. */
void launch_kill(struct launch *launch);

/* Whether the child has ended by now; with wait, waits for that. */
bool launch_ended(struct launch *launch, bool wait);

/* The exit status that tells a shell the same: the child's own, or 128 + signal. */
int launch_exit_status(const struct launch *launch);

#endif
