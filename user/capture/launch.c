#include "capture/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/error.h"

static void run_child(char *const *argv, const struct account *account, int go, int report)
{
    char byte;
    int reason;

    if (read(go, &byte, 1) != 1)
        _exit(125);
    signal(SIGPIPE, SIG_DFL); /* hotref ignores it, and that would be inherited */
    if (account_become(account) == 0) {
        /* Should hotref be killed while it holds the command, that is to go on. It outlives exec, and is nothing to who
         * is not stopped. */
        prctl(PR_SET_PDEATHSIG, SIGCONT);
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

int launch_prepare(char *const *argv, const struct account *account, struct launch *launch)
{
    int go[2], back[2];

    if (pipe2(go, O_CLOEXEC) || pipe2(back, O_CLOEXEC))
        return fail_errno("cannot start '%s'", argv[0]);
    launch->pid = fork();
    if (launch->pid < 0)
        return fail_errno("cannot start '%s'", argv[0]);
    if (launch->pid == 0) {
        close(go[1]);
        close(back[0]);
        run_child(argv, account, go[0], back[1]);
    }
    close(go[0]);
    close(back[1]);
    launch->go = go[1];
    launch->report = back[0];
    return 0;
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
