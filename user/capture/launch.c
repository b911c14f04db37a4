#include "capture/launch.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/error.h"

#define DEBUG_ADDRESS offsetof(struct user, u_debugreg[0])
#define DEBUG_CONTROL offsetof(struct user, u_debugreg[7])
/* DR7: enable the first breakpoint for this task; type and length 0 mean execution. */
#define BREAK_ON_EXECUTION 1

static void run_child(char *const *argv, const struct account *account, int go, int report)
{
    char byte;
    int reason;

    if (read(go, &byte, 1) != 1)
        _exit(125);
    signal(SIGPIPE, SIG_DFL); /* hotref ignores it, and that would be inherited */
    if (account_become(account) == 0)
        execvp(argv[0], argv);
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
        pid = waitpid(launch->pid, &launch->wait_status, options | __WALL);
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

static bool is_group_stop(int status)
{
    int number = WSTOPSIG(status);

    return WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_STOP &&
           (number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU);
}

/* Lets the tracee go on, with the signal that stopped it if one did, and waits for its next stop or its end. */
static int go_on(struct launch *launch, int signal_number)
{
    /* Who was stopped by job control stays so until SIGCONT, as if nobody traced it. */
    if (is_group_stop(launch->wait_status)
            ? ptrace(PTRACE_LISTEN, launch->pid, NULL, NULL)
            : ptrace(PTRACE_CONT, launch->pid, NULL, (void *)(intptr_t)signal_number))
        return fail_errno("cannot follow process %d", launch->pid);
    take_status(launch, 0);
    return 0;
}

/* The signal to hand on at a stop: none for ptrace's own stops, nor for the trap that our breakpoint raised. */
static int signal_of_stop(int status, bool ours)
{
    int number = WSTOPSIG(status);

    if (status >> 16 != 0 || (ours && number == SIGTRAP))
        return 0;
    return number;
}

static int set_breakpoint(pid_t pid, uint64_t address)
{
    if (ptrace(PTRACE_POKEUSER, pid, DEBUG_ADDRESS, address) ||
        ptrace(PTRACE_POKEUSER, pid, DEBUG_CONTROL, address ? BREAK_ON_EXECUTION : 0))
        return fail_errno("cannot set a hardware breakpoint in process %d", pid);
    return 0;
}

/* Where the program itself starts, once the loader is done: AT_ENTRY. */
static uint64_t program_entry(pid_t pid)
{
    char path[64];
    Elf64_auxv_t entry;
    uint64_t found = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/auxv", pid);
    file = fopen(path, "re");
    while (file && !found && fread(&entry, sizeof(entry), 1, file) == 1) {
        if (entry.a_type == AT_ENTRY)
            found = entry.a_un.a_val;
    }
    if (file)
        fclose(file);
    return found;
}

static bool is_at(pid_t pid, uint64_t address)
{
    struct user_regs_struct regs;

    return ptrace(PTRACE_GETREGS, pid, NULL, &regs) == 0 && regs.rip == address;
}

/* From the stop in exec to the program's entry, where all libraries that it links are mapped. */
static int run_to_entry(struct launch *launch)
{
    uint64_t entry = program_entry(launch->pid);

    if (!entry || set_breakpoint(launch->pid, entry))
        return entry ? -1 : fail("cannot tell where the program of process %d starts", launch->pid);
    if (go_on(launch, 0))
        return -1;
    while (!launch->ended && !is_at(launch->pid, entry)) {
        if (go_on(launch, signal_of_stop(launch->wait_status, false)))
            return -1;
    }
    return launch->ended ? 0 : set_breakpoint(launch->pid, 0);
}

static bool is_exec_stop(int status)
{
    return status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8);
}

/* Held at a program's entry: is it a CPython? */
static enum launch_found look(struct launch *launch, struct process *process, struct interpreter *interpreter)
{
    int found;

    if (process_open(launch->pid, process))
        return LAUNCH_FAILED;
    found = interpreter_find(process, interpreter);
    if (found == 0) {
        launch->held = true;
        return LAUNCH_PYTHON;
    }
    process_close(process);
    *process = (struct process){0};
    return found == INTERPRETER_NONE ? LAUNCH_ENDED : LAUNCH_FAILED;
}

static enum launch_found follow(struct launch *launch, struct process *process, struct interpreter *interpreter)
{
    while (!launch->ended) {
        enum launch_found found;
        int status = launch->wait_status;

        if (!is_exec_stop(status)) {
            if (go_on(launch, signal_of_stop(status, true)))
                return LAUNCH_FAILED;
            continue;
        }
        if (run_to_entry(launch))
            return LAUNCH_FAILED;
        found = launch->ended ? LAUNCH_ENDED : look(launch, process, interpreter);
        if (found != LAUNCH_ENDED)
            return found;
        if (!launch->ended && go_on(launch, 0))
            return LAUNCH_FAILED;
    }
    return LAUNCH_ENDED;
}

/* Forks; the child waits for a byte, so that it is traced before it runs the command. */
static int start(char *const *argv, const struct account *account, struct launch *launch, int *report)
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
    *report = back[0];
    if (ptrace(PTRACE_SEIZE, launch->pid, NULL, PTRACE_O_TRACEEXEC) || write(go[1], "", 1) != 1) {
        fail_errno("cannot follow '%s'", argv[0]);
        launch_kill(launch);
        close(go[1]);
        return -1;
    }
    close(go[1]);
    return 0;
}

/* Nothing comes through the pipe if the command was found: exec closed it. */
static int check_exec(char *const *argv, struct launch *launch, int report)
{
    int reason;

    if (read(report, &reason, sizeof(reason)) == sizeof(reason))
        launch->exec_errno = reason;
    close(report);
    if (!launch->exec_errno)
        return 0;
    take_status(launch, 0);
    return fail("cannot run '%s': %s", argv[0], strerror(launch->exec_errno));
}

enum launch_found launch_start(char *const *argv, const struct account *account, struct launch *launch,
                               struct process *process, struct interpreter *interpreter)
{
    enum launch_found found;
    int report = -1;

    if (start(argv, account, launch, &report) || check_exec(argv, launch, report))
        return LAUNCH_FAILED;
    take_status(launch, 0);
    found = follow(launch, process, interpreter);
    if (found == LAUNCH_FAILED)
        launch_kill(launch);
    return found;
}

int launch_release(struct launch *launch)
{
    launch->held = false;
    if (ptrace(PTRACE_DETACH, launch->pid, NULL, NULL))
        return fail_errno("cannot let process %d go on", launch->pid);
    return 0;
}

void launch_kill(struct launch *launch)
{
    if (launch->pid <= 0 || launch->ended)
        return;
    kill(launch->pid, SIGKILL);
    take_status(launch, 0);
}
