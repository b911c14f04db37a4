/* What the files that make a scan share. Nobody else includes it. */
#ifndef HOTREF_PROBE_SWEEP_H
#define HOTREF_PROBE_SWEEP_H

#include "probe/scan.h"
#include "probe/unit.h"

/* What the first look over a code range leaves. */
struct range_facts {
    uint32_t first_link, link_count; /* of sweep.links */
    uint32_t unit;                   /* number of the range that its function is entered by, or one on the way there */
    uint32_t next;                   /* number + 1 of the next range of the function, from the entry on */
    bool has_atomic;
    bool called;                     /* directly, at its start */
    bool undecoded;
};

/* A direct call or jump out of a range. */
struct link {
    uint64_t returns_to;             /* the address behind it */
    uint64_t target;                 /* seen through the PLT */
    bool call;
};

/* A function that operates on one of its arguments, so that its call sites are worth knowing; or one that ends in a
 * tail jump to such a function with something else, so that a return address behind a call of it tells less. */
enum { WRAPS = 1, LOSES = 2 };

/* What such tail jumps of a function hand over, if all that is known: one of the members of its argument `by`. */
struct tail {
    enum { TAIL_NONE, TAIL_KNOWN, TAIL_UNKNOWN } state;
    uint8_t by;
    uint64_t members;                /* as in struct caller */
};
struct wrapper {
    uint64_t key;                    /* its entry */
    uint8_t flags[ARGUMENTS];
    struct tail tails[ARGUMENTS];
    uint32_t wave[ARGUMENTS];        /* when each argument was found */
};

/* What a wave finds is known in the next one, whichever thread finds it first. */
struct found {
    uint64_t entry;
    uint8_t argument, flag;
    struct tail tail;
};

struct known_target {
    uint64_t key, value;
};

struct known_caller {
    uint64_t key;
    struct caller value;
};

/* An operation that is not understood: on an object only if its local count is looked at too. */
struct doubt {
    size_t operation;
    value_id object;
};

struct tested {
    value_id key;
    bool value;
};

/* The scan of a file. In a wave each thread works on a copy, of which it writes to nothing that the others read. */
struct sweep {
    const struct elf_file *file;
    struct decoder *decoder;
    const struct code_range *ranges;
    size_t range_count;
    struct range_facts *facts;
    struct link *links;              /* stb_ds array */
    struct wrapper *wrappers;        /* stb_ds hash map; read alone in a wave */
    struct known_target *targets;    /* stb_ds hash map: what a direct target is, seen through the PLT; the same */
    struct known_target *slots;      /* stb_ds hash map: what the pointer in a GOT slot is; the same */
    struct known_target *more_slots; /* stb_ds hash map: those that the wave has met first; a thread's own */
    struct known_caller *callers;    /* stb_ds hash map; a thread's own of the wave */
    struct found *found;             /* stb_ds array; the same */
    uint32_t wave;
    struct scan *scan;               /* a thread's own: operations of the wave */
    struct touches *touches;         /* a thread's own; NULL where they are not wanted */
    uint64_t function;               /* start of the function that is being analysed */
    const struct unit *unit;         /* it itself */
    struct doubt *doubts;            /* stb_ds array: of that function */
    uint64_t without_id;             /* the function that increments what should have a per-thread id and has none */
    struct tested *tested;           /* stb_ds hash map: objects whose local count it looks at, ... */
    struct tested *counted;          /* ... and those whose shared count it changes */
};

/* Functions that drop the reference that they are given. What nearly everybody calls is known beforehand: it saves looking
 * at its callers twice, and in modules, which import them, there is nothing else to tell them by. Ends with NULL. */
extern const char *const sweep_drops[];

/* They have no address in a file that imports them, but need one that no code has: this, and the number in sweep_drops. */
#define SWEEP_IMPORTED (1ull << 48)

/* The first look (links.c): at one range, and at which ranges are parts of one function. */
void sweep_look_over(struct sweep *sweep, size_t number);
void sweep_join_parts(struct sweep *sweep);

/* The number of the range that the function is entered by which that range is a part of. */
uint32_t sweep_root(const struct sweep *sweep, uint32_t number);

/* What a direct target is, seen through the PLT; and what the pointer in a GOT slot is, 0 where that is not known. */
uint64_t sweep_target(struct sweep *sweep, uint64_t target);
uint64_t sweep_bound_function(struct sweep *sweep, uint64_t slot);

/* The second one (operations.c): at the functions that hold atomics, or call those that operate on what they are given. */
void sweep_group(struct sweep *sweep);
void sweep_analyse(struct sweep *sweep, uint32_t root);
void sweep_finish_touches(struct sweep *sweep);

/* What function entry is known to do with its arguments, or NULL. */
const struct wrapper *sweep_wrapper(struct sweep *sweep, uint64_t entry);

/* Whether a return address behind a call of it leads to members of what it was given. */
bool sweep_has_known_tail(const struct wrapper *wrapper, int argument);

/* Makes what was found known to the next wave. */
void sweep_publish(struct sweep *sweep, const struct found *found);

#endif
