#include "cmd/follow.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "target/cgroup.h"
#include "target/process_list.h"
#include "util/array.h"
#include "util/error.h"
#include "util/progress.h"

/* What has been found out of a process. */
struct followed_process {
    pid_t key;
    struct {
        uint64_t none_until;  /* after so many changes of its code it was no target; UINT64_MAX: it is one */
        bool gil, told;       /* it had a GIL; that it is left out was said */
    } value;
};

static struct followed_process *process_of(struct follow *follow, pid_t pid)
{
    if (hmgeti(follow->seen, pid) < 0)
        hmput(follow->seen, pid, (typeof(follow->seen->value)){0});
    return hmgetp(follow->seen, pid);
}

static bool is_command(const struct follow *follow, pid_t pid)
{
    return follow->launch && follow->launch->pid == pid;
}

static int start(struct follow *follow, struct process *process, struct interpreter *interpreter)
{
    struct session *session = follow->session;
    size_t before = arrlenu(session->targets);
    int status;

    if (!before) /* of a command, which has written nothing by now */
        progress_begin("looking at '%s'", interpreter->path);
    status = session_add(session, process, interpreter);
    progress_end();
    if (status) {
        interpreter_close(interpreter);
        process_close(process);
        return -1;
    }
    if (session->everyone && session_follow(session, session->targets[arrlenu(session->targets) - 1].process.pid, false))
        return -1;
    if (session_arm(session))
        return -1;
    follow->added(follow->context, before);
    return 0;
}

static void note_gil(struct follow *follow, pid_t pid)
{
    struct followed_process *process = process_of(follow, pid);

    follow->gil += !process->value.gil;
    process->value.gil = true;
    snprintf(follow->gil_sentence, sizeof(follow->gil_sentence), "%s", last_failure());
}

/* What a process was before does not matter. */
int follow_look(struct follow *follow, pid_t pid)
{
    struct process process = {0};
    struct interpreter interpreter = {0};
    uint64_t changes = 0;
    int found;

    session_has_changed(follow->session, pid, &changes);
    if (process_open(pid, &process))
        return 0; /* it has ended */
    session_watch_loader(follow->session, &process);
    found = interpreter_find(&process, &interpreter);
    process_of(follow, pid)->value.none_until = found == 0 ? 0 : changes;
    if (found == 0)
        return start(follow, &process, &interpreter);
    if (found == INTERPRETER_GIL)
        note_gil(follow, pid);
    interpreter_close(&interpreter);
    process_close(&process);
    return found == INTERPRETER_NONE || found == INTERPRETER_GIL ? 0 : -1;
}

static void leave_out(struct follow *follow, pid_t pid)
{
    struct followed_process *process = process_of(follow, pid);

    if (process->value.told)
        return;
    process->value.told = true;
    if (is_command(follow, pid))
        warn("%s: what '%s' has become is not recorded", last_failure(), follow->name);
    else
        warn("%s: process %d is not recorded", last_failure(), pid);
    follow->session->left_out++;
}

static void look_or_leave(struct follow *follow, pid_t pid)
{
    if (pid != getpid() && !session_is_recorded(follow->session, pid) && (!follow->cgroup || cgroup_holds(follow->cgroup, pid)) &&
        follow_look(follow, pid))
        leave_out(follow, pid);
}

void follow_all(struct follow *follow)
{
    struct process_id *list = process_list();

    for (size_t i = 0; i < arrlenu(list); i++)
        look_or_leave(follow, list[i].pid);
    arrfree(list);
}

/* What comes after a process is followed is told; what came before is in the list. */
int follow_descendants(struct follow *follow, pid_t pid)
{
    bool more = true;
    int status = 0;

    while (more && !status) {
        struct process_id *list = process_list();
        pid_t *descendants = process_descendants(list, pid);

        more = false;
        for (size_t i = 0; i < arrlenu(descendants) && !status; i++) {
            if (session_is_followed(follow->session, descendants[i]))
                continue;
            more = true;
            status = session_follow(follow->session, descendants[i], false);
            look_or_leave(follow, descendants[i]);
        }
        arrfree(descendants);
        arrfree(list);
    }
    return status;
}

/* A process that was forked from one that is no Python, and known to be none, is none either. */
static bool is_of_no_python(struct follow *follow, const struct session_change *change)
{
    struct followed_process *parent = change->parent ? hmgetp_null(follow->seen, change->parent) : NULL;
    uint64_t changes = 0;

    if (!parent || !parent->value.none_until || parent->value.none_until < change->parent_changes)
        return false;
    session_has_changed(follow->session, change->pid, &changes);
    process_of(follow, change->pid)->value.none_until = changes;
    return true;
}

/* Later programs of a command, and its children, may fail to be recorded; the first one is what the user wants. */
static int take(struct follow *follow, const struct session_change *change)
{
    struct session *session = follow->session;
    bool held = session_is_held(session, change->pid);

    if (follow->launch && !is_command(follow, change->pid))
        launch_look_after(follow->launch, change->pid);
    if (!is_command(follow, change->pid)) {
        if (!is_of_no_python(follow, change))
            look_or_leave(follow, change->pid);
    } else if (!session_is_recorded(session, change->pid) && follow_look(follow, change->pid)) {
        if (arrlenu(session->targets) <= 1)
            return -1;
        leave_out(follow, change->pid);
    }
    return held && session_let_go(session, change->pid) && is_command(follow, change->pid) ? -1 : 0;
}

int follow_step(struct follow *follow)
{
    struct session_change change;

    while (session_next_change(follow->session, &change)) {
        if (take(follow, &change))
            return -1;
    }
    return 0;
}

void follow_free(struct follow *follow)
{
    hmfree(follow->seen);
}
