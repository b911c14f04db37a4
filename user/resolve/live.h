/*
 * What is looked up while the target still runs: the session tells of each event at once, and every lookup here may
 * read the target's memory then and keep what it found until the profile is built. A lookup is a file that exports
 * one const struct live_lookup, listed in live.c.
 */
#ifndef HOTREF_RESOLVE_LIVE_H
#define HOTREF_RESOLVE_LIVE_H

#include "capture/session.h"
#include "target/opcodes.h"
#include "target/pycode.h"

/* One target, as a lookup sees it. */
struct live_target {
    uint32_t number;             /* in the session */
    const struct session_target *target;
    struct python_memory memory; /* reads of it may fail at any time */
    struct opcodes opcodes;
    struct pycode_cache codes;
};

/* The rows and objects that are left, for telling which. */
struct live_rows;
bool live_has_row(const struct live_rows *left, const struct abi_key *key); /* as collect_key() makes it */
bool live_has_object(const struct live_rows *left, const struct object_key *key);
size_t live_rows_count(const struct live_rows *left);
const struct collected_row *live_row(const struct live_rows *left, size_t number);

struct live_lookup {
    const char *name;
    void *(*start)(void);        /* its state, handed to the others */
    void (*event)(void *state, struct live_target *target, const struct abi_event_head *event, size_t size);
    void (*idle)(void *state, bool last); /* as in struct session_observer; may be NULL */
    void (*forget_codes)(void *state); /* keeps no pointer to code objects any more; may be NULL */
    void (*trim)(void *state, const struct live_rows *left); /* drops what is of other rows and objects; may be NULL */
    void (*stop)(void *state);   /* frees it */
};

struct live;

/* Watches session from now on, which is to be before session_arm(). live_free() takes NULL; call it before
 * session_free(). */
struct live *live_start(struct session *session);
void live_free(struct live *live);

/* The state of a lookup. */
void *live_state(const struct live *live, const struct live_lookup *lookup);

/* The target of that number, or NULL before its first event. */
struct live_target *live_target(const struct live *live, uint32_t number);

#endif
