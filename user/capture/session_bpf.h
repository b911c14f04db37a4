/* What the files that implement session.h share. Nobody else includes it. */
#ifndef HOTREF_CAPTURE_SESSION_BPF_H
#define HOTREF_CAPTURE_SESSION_BPF_H

#include "capture/loader.h"
#include "capture/sampler.h"
#include "capture/session.h"
#include "capture/tables.h"
#include "hotref.skel.h"
#include "util/error.h"

/* Up to which of abi_follow's changes a process has been let go. */
struct let_go {
    pid_t key;
    uint64_t value;
};

struct session_bpf {
    struct hotref_bpf *skeleton;
    struct tables tables;
    struct ring_buffer *events;
    struct bpf_link *on_exit, *on_exec, *on_fork;
    struct sampler sampler;
    struct loader *loaders;    /* stb_ds array: dynamic loaders that tell of new code */
    uint64_t looked_ns;        /* when targets were looked at whose loader does not tell */
    uint32_t active;           /* the rows that BPF writes to */
    struct let_go *let_go;     /* stb_ds hash map */
    char trouble[FAILURE_SIZE]; /* what went wrong with BPF while something else was being done */
    int stats;                 /* in mode auto: while it is open the kernel notes what BPF programs take */
    bool bursting;             /* in mode auto: probes are there, or just come or go */
    bool full;                 /* BPF asked for them to be taken */
    size_t threads_seen;       /* when names were last looked for, ... */
    int name_tries;            /* ... and how often that is still to be done */
};

/* The number of the binary in session.binaries, scanned and added where it is new. -1 with a failure. */
int session_binary_of(struct session *session, const struct elf_file *file, const char *path);

/* A binary's tables, unless they are there already. */
int session_fill_binary(struct session *session, uint32_t number);

/* Puts the probes of code, which is part of a target, and counts those that are live. -1 with a failure. */
int session_attach(struct session *session, uint32_t target, struct session_code *code, const struct elf_file *file,
                   const char *open_path);

/* Takes the probes of a target and its modules away. */
void session_detach(struct session_target *target);

/* Takes what cannot wait while files are looked into: events, and rows once they are full. */
void session_catch_up(struct session *session, int timeout_ms);

#endif
