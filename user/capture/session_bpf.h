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

/* Probes in a file that all processes share. */
struct shared_link {
    uint64_t device, inode;
    uint32_t binary;
    struct session_code code;  /* its link, and what the kernel refused */
};

struct session_bpf {
    struct hotref_bpf *skeleton;
    struct abi_target *targets; /* BPF's own, ABI_TARGETS of them */
    struct tables tables;
    struct ring_buffer *events;
    struct bpf_link *on_exit, *on_exec, *on_fork;
    struct sampler sampler;
    struct loader *loaders;    /* stb_ds array: dynamic loaders that tell of new code */
    struct shared_link *shared; /* stb_ds array */
    struct session_change *changes; /* stb_ds array: that nobody has taken yet */
    uint64_t lost_events;      /* when all that are followed were looked at last */
    uint64_t looked_ns;        /* when targets were looked at whose loader does not tell */
    uint32_t active;           /* the rows that BPF writes to */
    struct let_go *let_go;     /* stb_ds hash map */
    char trouble[FAILURE_SIZE]; /* what went wrong with BPF while something else was being done */
    int stats;                 /* in mode auto: while it is open the kernel notes what BPF programs take */
    bool bursting;             /* in mode auto: probes are there, or just come or go */
    bool full;                 /* BPF asked for them to be taken */
    bool names_wanted;         /* there are targets with name_tries */
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

/* And those that all processes share. */
void session_unshare(struct session *session);

/* Maps the elements from `first` on of an array map that is made for it. NULL with a failure. */
void *session_map_elements(const struct bpf_map *map, size_t first, size_t count);

/* What BPF keeps of a followed process; zeroed where it follows none of that pid. */
struct abi_follow session_follow_of(const struct session *session, pid_t pid);

/* One of BPF's counters (enum abi_stat), as it stands. */
uint64_t session_stat(const struct session *session, uint32_t stat);

/* Takes what cannot wait while files are looked into: events, and rows once they are full. */
void session_catch_up(struct session *session, int timeout_ms);

#endif
