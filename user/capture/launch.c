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

/* Should hotref be killed while it holds the command, that is to go on. A signal by which the kernel tells of a parent's
 * death would not do: a command that runs as another user (setuid) is not sent it any more. Nothing that ends hotref ends
 * the guard; it lives until hotref's end of the pipe closes. */
static void guard(int command, int alive)
{
    sigset_t all;
    char byte;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    prctl(PR_SET_NAME, "hotref guard");
    setsid();
    if (dup2(alive, 0) < 0 || close_range(1, 1, 0) || close_range(2, 2, 0) || dup2(command, 1) < 0 ||
        close_range(2, ~0u, 0) || account_keep(1ull << CAP_KILL))
        _exit(125);
    while (read(0, &byte, 1) > 0)
        ;
    /* Probes that go with hotref may hold it for a moment yet. To who is not stopped the signal is nothing. */
    for (int i = 0; i < GUARD_TRIES; i++) {
        if (syscall(SYS_pidfd_send_signal, 1, SIGCONT, NULL, 0))
            break;
        usleep(GUARD_WAIT_US);
    }
    _exit(0);
}

/* Its end of the pipe stays open as long as hotref lives. */
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
    if (guarding < 0)
        close(alive[1]);
    return guarding < 0 ? -1 : 0;
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
    return start_guard(launch->pid) ? fail_errno("cannot start what looks after '%s'", argv[0]) : 0;
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
