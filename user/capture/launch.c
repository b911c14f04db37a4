#include "capture/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/error.h"

#define GUARD_TRIES 20
#define GUARD_WAIT_US 50000

static void run_child(char *const *argv, const struct account *account, int go, int report)
{
    char byte;
    int reason;

    if (read(go, &byte, 1) != 1)
        _exit(125);
    signal(SIGPIPE, SIG_DFL); /* hotref ignores it, and that would be inherited */
    if (account_become(account) == 0) {
        execvp(argv[0], argv);
    }
    reason = errno;
    if (write(report, &reason, sizeof(reason)) != sizeof(reason))
        _exit(125);
    _exit(127);
}

static bool take_status(struct launch *launch, int options)
{
    pid_t pid;

    if (launch->ended)
        return true;
    do {
        pid = waitpid(launch->pid, &launch->wait_status, options);
    } while (pid < 0 && errno == EINTR);
    launch->ended = pid == launch->pid && (WIFEXITED(launch->wait_status) || WIFSIGNALED(launch->wait_status));
    return launch->ended;
}

bool launch_ended(struct launch *launch, bool wait)
{
    return take_status(launch, wait ? 0 : WNOHANG);
}

int launch_exit_status(const struct launch *launch)
{
    return WIFSIGNALED(launch->wait_status) ? 128 + WTERMSIG(launch->wait_status)
                                            : WEXITSTATUS(launch->wait_status);
}

#define MOST_GUARDED 4096

struct guarded {
    pid_t pid;
    int process; /* pidfd */
};

/* One that cannot be looked at may be. */
static bool is_stopped(pid_t pid)
{
    char path[32], text[512], *state;
    ssize_t size;
    int file;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    file = open(path, O_RDONLY | O_CLOEXEC);
    size = file < 0 ? -1 : read(file, text, sizeof(text) - 1);
    if (file >= 0)
        close(file);
    if (size <= 0)
        return true;
    text[size] = '\0';
    state = strrchr(text, ')'); /* the name before it may hold any character */
    /* Z: the main thread has ended, which says nothing of the others. */
    return !state || !strncmp(state, ") T", 3) || !strncmp(state, ") Z", 3);
}

/* Who is not stopped is left alone: a command may have a handler for the signal. */
static void let_go(const struct guarded *guarded, size_t count)
{
    /* Probes that go with hotref may hold them for a moment yet. */
    for (int try = 0; try < GUARD_TRIES; try++) {
        bool any = false;

        for (size_t i = 0; i < count; i++)
            any |= syscall(SYS_pidfd_send_signal, guarded[i].process, is_stopped(guarded[i].pid) ? SIGCONT : 0, NULL, 0) == 0;
        if (!any)
            break;
        usleep(GUARD_WAIT_US);
    }
}

/* Forgets those that have ended. */
static size_t forget(struct guarded *guarded, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (syscall(SYS_pidfd_send_signal, guarded[i].process, 0, NULL, 0))
            close(guarded[i].process);
        else
            guarded[kept++] = guarded[i];
    }
    return kept;
}

/* Should hotref be killed while it holds the command or what that has started, those are to go on. A signal by which the
 * kernel tells of a parent's death would not do: a command that runs as another user (setuid) is not sent it any more.
 * Nothing that ends hotref ends the guard; it lives until hotref's end of the pipe closes, and is told of more processes
 * through it. Reports 0, or the errno for which it cannot guard. */
static void guard(struct guarded command, int alive, int report)
{
    static struct guarded guarded[MOST_GUARDED];
    size_t count = 0;
    int reason;
    sigset_t all;
    pid_t pid;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    prctl(PR_SET_NAME, "hotref guard");
    setsid();
    /* hotref may have been started with these closed: then the new ones lie there. */
    alive = fcntl(alive, F_DUPFD, 3);
    command.process = fcntl(command.process, F_DUPFD, 3);
    report = fcntl(report, F_DUPFD, 3);
    if (dup2(alive, 0) < 0 || dup2(command.process, 1) < 0 || dup2(report, 2) < 0 || close_range(3, ~0u, 0))
        _exit(125);
    reason = account_keep(1ull << CAP_KILL) ? errno : 0;
    if (write(2, &reason, sizeof(reason)) != sizeof(reason) || reason)
        _exit(125);
    close(2);
    guarded[count++] = (struct guarded){command.pid, 1};
    while (read(0, &pid, sizeof(pid)) == sizeof(pid)) {
        int process = syscall(SYS_pidfd_open, pid, 0);

        if (process >= 0 && count == MOST_GUARDED)
            count = forget(guarded, count);
        if (process >= 0 && count < MOST_GUARDED)
            guarded[count++] = (struct guarded){pid, process};
        else if (process >= 0)
            close(process);
    }
    let_go(guarded, count);
    _exit(0);
}

static void close_end(int *end)
{
    if (*end >= 0)
        close(*end);
    *end = -1;
}

/* What the guard reports; one that ended without a word is none. */
static int hear(int report)
{
    ssize_t size;
    int reason;

    do {
        size = read(report, &reason, sizeof(reason));
    } while (size < 0 && errno == EINTR);
    return size == sizeof(reason) ? reason : ESRCH;
}

/* Returns hotref's end of a pipe, which stays open as long as hotref lives; -1 with errno. */
static int start_guard(pid_t pid)
{
    int alive[2] = {-1, -1}, back[2] = {-1, -1}, command = syscall(SYS_pidfd_open, pid, 0), reason = 0;
    pid_t guarding = command < 0 || pipe2(alive, O_CLOEXEC) || pipe2(back, O_CLOEXEC) ? -1 : fork();

    if (guarding == 0) {
        close(alive[1]);
        close(back[0]);
        guard((struct guarded){pid, command}, alive[0], back[1]);
    }
    if (guarding < 0)
        reason = errno;
    if (command >= 0)
        close(command);
    close_end(&alive[0]);
    close_end(&back[1]);
    if (guarding >= 0)
        reason = hear(back[0]);
    close_end(&back[0]);
    if (!reason)
        return alive[1];
    close_end(&alive[1]);
    errno = reason;
    return -1;
}

void launch_look_after(const struct launch *launch, pid_t pid)
{
    if (write(launch->guard, &pid, sizeof(pid)) != sizeof(pid))
        warn("cannot tell who looks after process %d of it: %s", pid, strerror(errno));
}

static void close_pipe(int ends[2])
{
    int reason = errno;

    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0)
            close(ends[i]);
    }
    errno = reason;
}

int launch_prepare(char *const *argv, const struct account *account, struct launch *launch)
{
    int go[2] = {-1, -1}, back[2] = {-1, -1};

    launch->pid = pipe2(go, O_CLOEXEC) || pipe2(back, O_CLOEXEC) ? -1 : fork();
    if (launch->pid < 0) {
        close_pipe(go);
        close_pipe(back);
        return fail_errno("cannot start '%s'", argv[0]);
    }
    if (launch->pid == 0) {
        close(go[1]);
        close(back[0]);
        run_child(argv, account, go[0], back[1]);
    }
    close(go[0]);
    close(back[1]);
    launch->go = go[1];
    launch->report = back[0];
    launch->guard = start_guard(launch->pid);
    return launch->guard < 0 ? fail_errno("cannot start what looks after '%s'", argv[0]) : 0;
}

/* Nothing comes through the pipe if the command was found: exec closed it. */
int launch_go(char *const *argv, struct launch *launch)
{
    int reason;

    if (write(launch->go, "", 1) != 1)
        return fail_errno("cannot start '%s'", argv[0]);
    close(launch->go);
    if (read(launch->report, &reason, sizeof(reason)) == sizeof(reason))
        launch->exec_errno = reason;
    close(launch->report);
    if (!launch->exec_errno)
        return 0;
    take_status(launch, 0);
    return fail("cannot run '%s': %s", argv[0], strerror(launch->exec_errno));
}

void launch_kill(struct launch *launch)
{
    if (launch->pid <= 0 || launch->ended)
        return;
    kill(launch->pid, SIGKILL);
    take_status(launch, 0);
}
