#include "capture/children.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "capture/session_bpf.h"
#include "util/array.h"

#define WRITING_US 50 /* BPF is at it */

/* Before the programs are loaded nobody else takes numbers. */
static uint32_t *taken_by(struct session *session)
{
    return session->bpf->targets ? &session->bpf->skeleton->bss->targets_taken : NULL;
}

size_t children_room(struct session *session)
{
    children_adopt(session);
    return ABI_TARGETS - arrlenu(session->targets);
}

int children_add(struct session *session, const struct session_target *target)
{
    uint32_t *taken = taken_by(session);

    while (children_room(session) > 0) {
        uint32_t number = arrlenu(session->targets);

        if (!taken || __atomic_compare_exchange_n(taken, &number, number + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            arrput(session->targets, *target);
            return 0;
        }
        usleep(WRITING_US);
    }
    return fail("cannot record more than %d processes at once", ABI_TARGETS);
}

/* "/proc/PARENT/..", by which a file is opened while the parent lives, as one by the child: what is mapped is the same. */
static char *path_of_child(const char *path, pid_t child)
{
    const char *rest = strncmp(path, "/proc/", 6) == 0 ? strchr(path + 6, '/') : NULL;
    char *own = NULL;

    if (!rest || asprintf(&own, "/proc/%d%s", child, rest) < 0)
        return strdup(path);
    return own;
}

static void copy_modules(struct session_target *target, const struct session_target *parent)
{
    for (size_t i = 0; i < arrlenu(parent->modules); i++) {
        struct session_module module = parent->modules[i];

        module.path = strdup(module.path);
        module.open_path = path_of_child(module.open_path, target->process.pid);
        module.of_parent = true;
        module.code.link = -1;
        module.late_ns = 0;
        arrput(target->modules, module);
    }
    for (size_t i = 0; i < arrlenu(parent->ranges); i++)
        arrput(target->ranges, parent->ranges[i]);
    for (size_t i = 0; i < arrlenu(parent->seen); i++)
        arrput(target->seen, parent->seen[i]);
}

/* It may have ended or become another program by now; while it is this target it runs its parent's. */
static struct process open_child(pid_t pid, const struct process *parent)
{
    struct process process;

    if (process_open(pid, &process) == 0 && strcmp(process.exe, parent->exe) == 0)
        return process;
    process_close(&process);
    return (struct process){.pid = pid, .inner_pid = pid, .exe = strdup(parent->exe)};
}

static void adopt(struct session *session, const struct abi_target *child)
{
    const struct session_target *parent = &session->targets[child->parent - 1];
    struct session_target target = {.parent = child->parent,
                                    .interpreter = parent->interpreter,
                                    .code = parent->code,
                                    .blind = parent->blind,
                                    .started = true,
                                    .cpu_seen = true, /* a new process has had none */
                                    .in_burst = parent->in_burst,
                                    .exit_status = -1};

    target.interpreter.open_path = path_of_child(parent->interpreter.open_path, child->tgid);
    target.code.link = -1;
    target.process = open_child(child->tgid, &parent->process);
    copy_modules(&target, parent);
    target.told = arrlenu(target.modules);
    target.state = *child;
    arrput(session->targets, target);
}

void children_adopt(struct session *session)
{
    uint32_t *taken = taken_by(session);

    while (taken && arrlenu(session->targets) < ABI_TARGETS &&
           arrlenu(session->targets) < __atomic_load_n(taken, __ATOMIC_SEQ_CST)) {
        const struct abi_target *child = &session->bpf->targets[arrlenu(session->targets)];

        if (!__atomic_load_n(&child->tgid, __ATOMIC_ACQUIRE))
            return; /* it is being written */
        adopt(session, child);
    }
}

/* Changes of followed processes */

void children_note(struct session *session, const struct abi_event *event)
{
    arrput(session->bpf->changes, ((struct session_change){event->words[0], event->words[1], event->words[2]}));
}

/* Of those whose event was lost, too: one of them may be held. */
static void note_all(struct session *session)
{
    int map = bpf_map__fd(session->bpf->skeleton->maps.followed);
    uint32_t tgid, *before = NULL;

    while (bpf_map_get_next_key(map, before, &tgid) == 0) {
        arrput(session->bpf->changes, ((struct session_change){.pid = tgid}));
        before = &tgid;
    }
}

bool session_next_change(struct session *session, struct session_change *change)
{
    struct session_bpf *bpf = session->bpf;
    uint64_t lost = arrlenu(bpf->changes) ? bpf->lost_events : session_stat(session, ABI_STAT_LOST_EVENTS);

    if (lost != bpf->lost_events)
        note_all(session);
    bpf->lost_events = lost;
    if (!arrlenu(bpf->changes))
        return false;
    *change = bpf->changes[0];
    arrdel(bpf->changes, 0);
    return true;
}
