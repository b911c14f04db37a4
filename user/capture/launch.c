#include "capture/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
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

/* To who is not stopped the signal is nothing. */
static void let_go(const int *guarded, size_t count)
{
    /* Probes that go with hotref may hold them for a moment yet. */
    for (int try = 0; try < GUARD_TRIES; try++) {
        bool any = false;

        for (size_t i = 0; i < count; i++)
            any |= syscall(SYS_pidfd_send_signal, guarded[i], SIGCONT, NULL, 0) == 0;
        if (!any)
            break;
        usleep(GUARD_WAIT_US);
    }
}

/* Forgets those that have ended. */
static size_t forget(int *guarded, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (syscall(SYS_pidfd_send_signal, guarded[i], 0, NULL, 0))
            close(guarded[i]);
        else
            guarded[kept++] = guarded[i];
    }
    return kept;
}

/* Should hotref be killed while it holds the command or what that has started, those are to go on. A signal by which the
 * kernel tells of a parent's death would not do: a command that runs as another user (setuid) is not sent it any more.
 * Nothing that ends hotref ends the guard; it lives until hotref's end of the pipe closes, and is told of more processes
 * through it. */
static void guard(int command, int alive)
{
    static int guarded[MOST_GUARDED];
    size_t count = 0;
    sigset_t all;
    pid_t pid;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    prctl(PR_SET_NAME, "hotref guard");
    setsid();
    if (dup2(alive, 0) < 0 || close_range(1, 1, 0) || close_range(2, 2, 0) || dup2(command, 1) < 0 ||
        close_range(2, ~0u, 0) || account_keep(1ull << CAP_KILL))
        _exit(125);
    guarded[count++] = 1;
    while (read(0, &pid, sizeof(pid)) == sizeof(pid)) {
        int process = syscall(SYS_pidfd_open, pid, 0);

        if (process >= 0 && count == MOST_GUARDED)
            count = forget(guarded, count);
        if (process >= 0 && count < MOST_GUARDED)
            guarded[count++] = process;
        else if (process >= 0)
            close(process);
    }
    let_go(guarded, count);
    _exit(0);
}

/* Returns hotref's end of a pipe, which stays open as long as hotref lives; -1 with errno. */
static int start_guard(pid_t pid)
{
    int alive[2], command = syscall(SYS_pidfd_open, pid, 0);
    pid_t guarding;

    if (command < 0)
        return -1;
    if (pipe2(alive, O_CLOEXEC)) {
        close(command);
        return -1;
    }
    guarding = fork();
    if (guarding == 0) {
        close(alive[1]);
        guard(command, alive[0]);
    }
    close(command);
    close(alive[0]);
    if (guarding >= 0)
        return alive[1];
    close(alive[1]);
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
