/*
 * Where a thread waits for an object's cache line: the instructions that touch the object's header in a function that
 * counts its references, which a sample's instruction pointer is held against.
 */
#ifndef HOTREF_PROBE_TOUCH_H
#define HOTREF_PROBE_TOUCH_H

#include "probe/scan.h"

struct touches;

struct touches *touches_new(void);
void touches_free(struct touches *touches); /* takes NULL */

/* If op reads or writes the header of what may be an object, that one's value id, else 0. */
value_id touch_object(struct flow *flow, const struct op *op, const struct flow_state *state);

/* Notes that op, which state stands before, touches the header of object. */
void touches_add(struct touches *touches, struct flow *flow, const struct unit *unit, const struct op *op,
                 const struct flow_state *state, value_id object);

/* The function is done: of what was noted since the last call, keeps that whose object is one indeed. */
typedef bool touch_is_object(void *context, value_id object);
void touches_settle(struct touches *touches, touch_is_object *is_object, void *context);

/* Adds what another thread found. */
void touches_take(struct touches *touches, struct touches *from);

/* Moves to scan what was found: its touches and its touch_spans. */
void touches_finish(struct touches *touches, struct scan *scan);

#endif
