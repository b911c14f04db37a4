/*
 * One recording: its targets, the BPF programs that count in them, and what has been counted. The life cycle reads
 * session_new, session_add for each target, session_arm, session_poll until it is over, session_stop, session_free.
 */
#ifndef HOTREF_CAPTURE_SESSION_H
#define HOTREF_CAPTURE_SESSION_H

#include "capture/collect.h"
#include "probe/scan.h"
#include "target/interpreter.h"
#include "target/process.h"

/* The code of an interpreter or a module, shared by all targets that run it. */
struct session_binary {
    char *identity;               /* elf_file_identity() */
    struct scan *scan;
    uint32_t *armed;              /* stb_ds array: the operation of each site, by its number in ABI_SITE(). Behind them come the
                                     scan's touches, where samples are taken */
    uint32_t inlined_functions;   /* of those whose inlined increments were asked for, how many functions they are in */
    size_t callers_left_out;      /* call sites whose slots BPF cannot be told */
    bool filled;                  /* BPF has its tables */
};

/* A binary as it is loaded in one target, with its probes. */
struct session_code {
    uint32_t binary;              /* of session.binaries */
    uint64_t bias;
    int link;                     /* -1 while there are no probes */
    uint32_t refused;             /* probes that the kernel did not take, ... */
    uint32_t refused_of[OPERATION_KINDS]; /* ... by enum operation_kind */
    uint32_t live;                /* probes seen in the target's memory */
};

/* An extension module, or another library that uses Python's functions. */
struct session_module {
    struct session_code code;
    struct elf_file *file;        /* a forked target's is its parent's */
    char *path;                   /* as the process sees it */
    char *open_path;              /* how to open it from here, while the process lives */
    bool of_parent;               /* the file is: this is the copy that a forked target has */
    bool failed;                  /* its probes could not be placed, or BPF not be told of them */
    bool unknown;                 /* failed before it was known what is in it: it has no code, no file and no ranges */
    uint64_t late_ns;             /* so long it was mapped before it was counted in; 0 if that was from its start */
};

/* Where a module's code is, or was before it was unloaded. */
struct session_range {
    uint64_t start, end, bias;
    uint32_t module;              /* of target.modules */
    bool mapped;
    bool reused;                  /* other code has come to lie there: which of them an address means, nobody knows */
};

/* A file with code that was looked into. */
struct session_file {
    uint64_t inode;
    uint32_t dev_major, dev_minor;
    uint32_t module;              /* of target.modules, + 1; 0: it is none */
};

struct session_target {
    struct process process;
    struct interpreter interpreter; /* a forked target's is its parent's, and so are its modules' files */
    uint32_t parent;              /* number + 1 of the target that it was forked from; 0: none */
    struct session_code code;     /* of the interpreter */
    struct session_module *modules; /* stb_ds array */
    size_t told;                  /* of them, those that the user has heard of */
    struct session_range *ranges; /* stb_ds array: of the modules */
    struct session_file *seen;    /* stb_ds array: files that are mapped, or were as modules */
    uint64_t changes;             /* of abi_follow, when that was done last */
    bool blind;                   /* its loader does not tell of new code: it is looked at now and then */
    bool started;                 /* its probes are, or were, in place */
    struct abi_target state;      /* as BPF left it */
    int name_tries;               /* how often names of threads are still to be looked for */
    struct python_thread *threads; /* as last seen */
    uint64_t cpu_ns, cpu_before_ns; /* CPU time when it was last looked at, and when it was first; in mode auto */
    bool cpu_seen;
    bool in_burst;                /* all of its probes are there */
    int exit_status;              /* wait status of a child that was launched; -1 where it is not known */
};

/* Inlined increments that are to be counted: those of C functions whose name matches. */
struct session_glob {
    const char *pattern;          /* the caller's */
    bool matched;
};

/* Told of every event at once, while the thread that it is about goes on: what it reads of the target's memory may have
 * changed already, and is to be checked. */
struct session_observer {
    void (*event)(void *context, const struct session_target *target, const struct abi_event_head *event, size_t size);
    /* No more events are there for now: time for what takes some. last: the session stops, of which targets that still
     * live do not know yet. */
    void (*idle)(void *context, bool last);
    /* Rows were folded that events told of: what was kept for them can go. */
    void (*trimmed)(void *context);
    void *context;
};

enum session_mode {
    SESSION_EXACT = 0,            /* every operation is counted */
    SESSION_SAMPLE = 1,           /* a timer looks where the targets' threads are */
    SESSION_AUTO = 2,             /* the same, and now and then all is counted for some milliseconds */
};

/* Counting within a budget. Times are of the targets' threads, in ns, but for moments. */
struct session_bursts {
    double overhead;              /* the budget, as a share of the targets' CPU time; 0: there are none */
    uint64_t trap_ns;             /* that a hit costs before hotref's program runs */
    uint64_t count, hits;
    uint64_t hits_ns;             /* that the hits cost */
    uint64_t cost_ns;             /* the same, and what putting probes there and taking them away may have held up */
    uint64_t counted_ns;          /* CPU time that was counted in, ... */
    uint64_t bare_ns;             /* ... and what is left of it without what the hits cost */
    uint64_t cpu_ns;              /* CPU time in all */
    uint64_t length_ns;           /* of the next one */
    uint64_t last_cost_ns;
    uint64_t ended_ns;            /* monotonic clock */
};

struct session {
    enum session_mode mode;       /* to be set before targets are added */
    uint32_t sample_hz;           /* the same; a CPU looks so often */
    struct session_bursts bursts; /* overhead: the same */
    bool descendants;             /* the same: what targets and followed processes start is recorded too */
    bool everyone;                /* the same: session_next_change() tells of all processes */
    char scans[512];                  /* folder for cached scans, or "" */
    struct session_glob *increments;  /* stb_ds array, to be filled before targets are added */
    struct session_observer observer; /* to be set before session_arm(), if wanted */
    struct session_target *targets;   /* stb_ds arrays */
    struct session_binary *binaries;
    struct collector collector;
    uint64_t stats[ABI_STATS];
    uint32_t left_out;            /* processes that were to be recorded and could not be; more of them are in stats */
    uint32_t stack_period;        /* each row's Python stack was looked at once in so many operations; 0: never */
    uint64_t armed_at_ns, stopped_at_ns; /* monotonic clock */
    struct session_bpf *bpf;
};

struct session *session_new(void);
void session_free(struct session *session); /* takes NULL */

/* Adds a process whose interpreter has been found; both become the session's. -1 with a failure where the binary
 * cannot be scanned. At most ABI_TARGETS. */
int session_add(struct session *session, struct process *process, struct interpreter *interpreter);

/* Says which globs of increments matched nothing in any target: at the end, as modules may come late. */
void session_check_increments(const struct session *session);

/* Whether there are globs of increments and none of them has matched anything so far. */
bool session_missed_increments(const struct session *session);

/* Atomics of one kind in some code, and how many of them carry a probe. */
struct session_coverage {
    uint32_t found, armed;
};
struct session_coverage session_coverage(const struct session *session, const struct session_code *code,
                                         enum operation_kind kind);

/* Loads the programs. Nothing is counted yet. */
int session_open(struct session *session);

/*
 * Has the process watched for new code: modules that a target loads are counted in from then on. With hold it is stopped
 * (SIGSTOP) where it execs or has loaded libraries, so that nothing of that runs unseen, until session_let_go(); that is
 * for a child of hotref's, whose stops nobody else waits for.
 */
int session_follow(struct session *session, pid_t pid, bool hold);

/* Has the loader of a followed process tell, which after an exec is another one's. */
void session_watch_loader(struct session *session, const struct process *process);

/* Whether it is followed: as a target, or as what a followed process has started. */
bool session_is_followed(const struct session *session, pid_t pid);

/* Whether it is a target at this moment. */
bool session_is_recorded(const struct session *session, pid_t pid);

/* Whether it is held, or has come to have new code since this was asked last. */
bool session_is_held(struct session *session, pid_t pid);
bool session_has_changed(struct session *session, pid_t pid, uint64_t *seen);
int session_let_go(struct session *session, pid_t pid); /* -1 with a failure where it cannot be */

/* Puts the probes in the targets that were added since, proves that they are there, and starts to count. */
int session_arm(struct session *session);

/* Waits up to timeout_ms for something to happen and takes what there is. -1 with a failure if BPF is in trouble. */
int session_poll(struct session *session, int timeout_ms);

/* What a site is, by its number in ABI_SITE(). */
const struct operation *session_site(const struct session_binary *binary, uint32_t number);

/* Whether samples are taken by the processor's cycles. */
bool session_samples_cycles(const struct session *session);

/* Memory that the BPF maps hold, in bytes. */
uint64_t session_map_bytes(const struct session *session);

/* A process that has new code, or has just been forked from one that is followed and no target. */
struct session_change {
    pid_t pid;
    pid_t parent;                 /* 0: it was not forked */
    uint64_t parent_changes;      /* how many changes its parent had had by then */
};

/* Takes the next one, if there is one. */
bool session_next_change(struct session *session, struct session_change *change);

/* Processes that were to be recorded and could not be. */
uint64_t session_left_out(const struct session *session);

/* Child processes that the targets started while they were recorded, and which were not to be. */
uint64_t session_children(const struct session *session);

/* Targets that still run and are counted. */
size_t session_running(const struct session *session);

/*
 * Has look() see the session with all that was counted so far, as if it had been stopped, while counting goes on: nothing is
 * taken away from what session_stop() will have. Events wait meanwhile. -1 with a failure if BPF is in trouble.
 */
int session_look(struct session *session, void (*look)(const struct session *session, void *context), void *context);

/* Stops counting, takes the probes away and collects what is left. */
int session_stop(struct session *session);

#endif
