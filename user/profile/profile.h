/*
 * The model of one recording: who fought over which object, through which field, from which site, in which
 * thread. Everything right of here (report, diff, gate, export) works from this alone, offline.
 *
 * Records refer to each other by index, and to text by offset into one string table; index and text 0 mean
 * "none". The file holds the same records (docs/profile.md), so a record only ever grows at its end.
 */
#ifndef HOTREF_PROFILE_PROFILE_H
#define HOTREF_PROFILE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROFILE_SCHEMA_VERSION 1
#define PROFILE_TEXT_MAX (256u << 20) /* bytes of the string table: more is no recording, but an attack */

#define PROFILE_STACK_MAX 1024          /* frames of one stack */

/* Offset into profile.text, of a NUL-terminated UTF-8 string; 0 is "". */
typedef uint32_t text_id;

enum profile_mode {
    MODE_EXACT = 1,  /* every operation was counted */
    MODE_AUTO = 3,   /* the same, and in bursts every operation was counted */
    MODE_SAMPLE = 2, /* a timer looked where the threads were: nothing was counted */
};

/* "exact", "sample", "auto"; "unknown" is every other one's. */
const char *profile_mode_name(uint32_t mode);

/* How the recording of a target came to its end. */
enum profile_end {
    END_UNKNOWN = 0, /* the recorder itself was cut off */
    END_EXIT = 1,    /* the target exited; end_status is its exit status */
    END_SIGNAL = 2,  /* a signal ended it; end_status is its number */
    END_EXEC = 3,    /* it replaced itself by another program */
    END_DETACH = 4,  /* hotref let go of it: -d ran out, or Ctrl-C */
};

/* Where a field's name comes from, best first. */
enum field_source { FIELD_SLOT = 1, FIELD_BYTECODE = 2, FIELD_SITE = 3 };

struct profile_meta {
    uint32_t mode;          /* enum profile_mode */
    uint32_t complete;      /* 1: nothing was lost while the targets lived */
    uint64_t started_ns;    /* wall clock, since the epoch */
    uint64_t duration_ns;   /* from armed to detached */
    uint32_t cpus;
    uint32_t live_probes;   /* breakpoints seen in the targets' memory */
    uint32_t armed_probes;  /* breakpoints asked for; live_probes == armed_probes proves that all can fire */
    text_id hotref_version;
    text_id command;        /* what was recorded, as a user would type it */
    text_id kernel;
    uint64_t lost;          /* operations that no key could take */
    uint64_t lost_names;    /* descriptions of objects, types and threads that could not be kept */
    uint64_t owner_increfs; /* increments by owners where inlined increments were counted: no operations */
    uint64_t stack_period;  /* each row's Python stack was looked at once in so many operations; 0: never */
    uint64_t stacks;        /* how often that was, ... */
    uint64_t stacks_truncated; /* ... too deep to be seen to the root, ... */
    uint64_t stacks_failed; /* ... without a result, or lost on the way */
    uint64_t unreadable;    /* operations on objects that could not be read: counted, but by address alone */
    uint64_t sample_ns;     /* each sample stands for so much time on a CPU; 0: none were taken */
    uint64_t samples;       /* that found the targets on a CPU, wherever they were, ... */
    uint64_t sample_cost_ns; /* ... and what looking at them took, in all */
    uint32_t sampled_cycles; /* 1: the processor's cycles were counted, not the kernel's clock */
    uint32_t budget_ppm;    /* of bursts: parts of a million of the targets' CPU time; 0: there were to be none */
    uint64_t bursts;        /* in which all operations were counted: how many, ... */
    uint64_t burst_hits;    /* ... probes that were hit in them, ... */
    uint64_t burst_counted_ns; /* ... the CPU time that they covered, ... */
    uint64_t burst_bare_ns; /* ... what is left of it without what the hits cost, as estimated, ... */
    uint64_t burst_cost_ns; /* ... and what they cost the targets at most, as estimated */
    uint64_t cpu_ns;        /* CPU time of the targets in all */
    uint64_t trap_ns;       /* a hit before hotref's own program: measured on this machine */
    uint32_t left_out;      /* processes that were to be recorded and are not in the profile */
    uint32_t children;      /* processes that the targets started and that were not to be recorded */
    uint64_t merged;        /* rows of several threads and places that were put together, as there were too many */
};

struct profile_target {
    uint32_t pid;
    uint32_t end;           /* enum profile_end */
    uint32_t end_status;
    text_id exe;
    text_id version;        /* "3.13.5" */
    text_id build;          /* "gcc 12.2.0, static, stripped" */
    text_id build_id;
    uint32_t atomics;       /* coverage: atomics on ob_ref_shared found in the interpreter, ... */
    uint32_t classified;    /* ... whose meaning is known, ... */
    uint32_t decrements;    /* ... those that decrement, ... */
    uint32_t armed;         /* ... and those that carry a probe */
    uint32_t increments;    /* inlined increments: found, ... */
    uint32_t increments_armed; /* ... and counted, where they were asked for */
    uint32_t try_increments; /* increments by compare-exchange: found, ... */
    uint32_t try_increments_armed; /* ... and counted */
    uint32_t undecoded;     /* functions in which nothing was found because they could not be decoded */
    uint32_t untold_calls;  /* calls of what drops a reference, whose fields were more than could be told apart */
};

/* A library of a target that changes reference counts too: an extension module, most often. */
struct profile_module {
    uint32_t target;
    text_id path;           /* as the target sees it */
    text_id build_id;
    uint32_t decrements;    /* atomics of its own that decrement, ... */
    uint32_t armed;         /* ... and those that carry a probe */
    uint32_t increments;    /* inlined increments: found, ... */
    uint32_t increments_armed; /* ... and counted, where they were asked for */
    uint32_t try_increments; /* increments by compare-exchange: found, ... */
    uint32_t try_increments_armed; /* ... and counted */
    uint32_t calls;         /* calls of what drops a reference: these count in the interpreter */
    uint32_t undecoded;
    uint32_t failed;        /* 1: its own probes could not be placed */
    uint64_t late_ns;       /* so long it was there before its own probes were; 0 if they were there first */
};

struct profile_thread {
    uint32_t target;        /* index */
    uint32_t tid;
    text_id name;           /* Python's name where it has one, else the kernel's */
};

/* Whether an object whose references each thread may count for itself does have the id that it takes (3.14). */
enum per_thread_id { ID_UNKNOWN = 0, ID_GIVEN = 1, ID_NONE = 2 };

/* One object, or with others > 0 a fold of so many objects that were too cold to keep. */
struct profile_object {
    uint32_t target;
    text_id type;           /* "dict", "app.Config" */
    text_id name;           /* without the address, so that it matches across runs */
    text_id owner;          /* name of the thread that made it; "" if merged or unknown */
    uint64_t address;       /* 0 in a fold */
    uint64_t others;        /* distinct objects behind a fold, at least */
    uint32_t per_thread_id; /* enum per_thread_id */
    uint32_t line;          /* objects of one number, not 0, lay in the same 64-byte line while they lived */
};

/* A place in machine code. */
struct profile_site {
    text_id function;       /* the C function whose reference this was */
    text_id operation;      /* the C function that holds the atomic: equal to function in an inlined clone */
    text_id binary;
    uint32_t in_module;     /* 1: the function lies in another file than the interpreter's */
    uint64_t address;       /* in the binary, of the call or the atomic */
};

/* The counts of one (object, field, site, thread). */
struct profile_count {
    uint32_t object;
    uint32_t site;
    uint32_t thread;        /* 0 in a fold of several */
    text_id field;          /* "function.func_globals" */
    uint32_t field_source;  /* enum field_source */
    uint32_t threads;       /* in a fold: distinct threads of its most shared object; else 0 */
    uint64_t decrefs;
    uint64_t increfs;
    uint64_t handoffs;      /* of the decrefs, those that queued the object for its owner */
    uint64_t retries;
    uint64_t bounces;
    uint64_t samples;       /* that found the thread waiting for the object */
};

/* A place in Python code. */
struct profile_frame {
    text_id qualname;       /* "Service.handle"; "[truncated]", "[unknown]" without a file for what could not be told */
    text_id file;           /* as the code object has it */
    uint32_t line;          /* 0 where the instruction has none */
    uint32_t reserved;
};

/* A stack: its top frame, and the stack below that. */
struct profile_node {
    uint32_t parent;        /* lower than the node's own number; 0 below the root */
    uint32_t frame;
};

/* How often one (object, field, site) was seen under a stack. */
struct profile_stack {
    uint32_t object;
    uint32_t site;
    text_id field;
    uint32_t node;
    uint64_t hits;          /* operations that were looked at: one in meta.stack_period, and each thread's first */
};

struct profile {
    struct profile_meta meta;
    char *text;                      /* the string table; text[0] is NUL */
    struct profile_target *targets;  /* these nine are stb_ds arrays; element 0 of each is "none" */
    struct profile_module *modules;
    struct profile_thread *threads;
    struct profile_object *objects;
    struct profile_site *sites;
    struct profile_count *counts;
    struct profile_frame *frames;
    struct profile_node *nodes;
    struct profile_stack *stacks;
    void *interned;                  /* what profile_text() has seen */
};

/* An empty profile, to be freed with profile_free(), which takes NULL. */
struct profile *profile_new(void);
void profile_free(struct profile *profile);

/* The id of a copy of string; equal strings get equal ids. Bytes that are not UTF-8 become U+FFFD. */
text_id profile_text(struct profile *profile, const char *string);
const char *profile_string(const struct profile *profile, text_id id);

/*
 * A file is first reserved, so that a missing permission or a full disk shows before the recording, and filled
 * after it. Until then it lies under another name in the same directory: a profile that is already at path
 * survives a recording that fails, and is replaced as a whole by one that succeeds. A symbolic link or a device
 * at path is refused, never followed. The file is readable by its owner alone, uid and gid.
 */
struct profile_file;

/* NULL with a failure. The path is kept by directory: a later chdir() does not matter. */
struct profile_file *profile_create(const char *path, uint32_t uid, uint32_t gid);

/* Fills the file, marks it complete last, gives it its name, and frees it, as it does on failure (-1). */
int profile_write(const struct profile *profile, struct profile_file *file);

/* Removes what profile_create() made; takes NULL. */
void profile_discard(struct profile_file *file);

/* NULL with a failure for what is truncated, foreign, unfinished, damaged, or of a newer schema. */
struct profile *profile_read(const char *path);

#endif
