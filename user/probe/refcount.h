/* What one atomic means for a reference count, told from the values that it compares and stores. */
#ifndef HOTREF_PROBE_REFCOUNT_H
#define HOTREF_PROBE_REFCOUNT_H

#include "probe/scan.h"

/* If op is a 64-bit atomic on [object + 0x10], the object's value id, else 0. */
value_id refcount_object(struct flow *flow, const struct op *op, const struct flow_state *state);

/* Layout of ob_ref_shared: Include/refcount.h (3.14) and Include/object.h (3.13): count << 2 over two flag bits, 1
 * maybe-weakref, 2 queued, 3 merged. */
enum operation_kind refcount_meaning(struct flow *flow, const struct op *op, const struct flow_state *state);

/* If op looks at an object's ob_ref_local, as nothing but reference counting does, the object's value id, else 0. */
value_id refcount_tested(struct flow *flow, const struct op *op, const struct flow_state *state);

/* What a pointer that walks through memory set out from, apart from its own steps: the object of which it is an
 * interior pointer, or the array, else 0. */
value_id refcount_origin(const struct flow *flow, value_id pointer);

/* The members of what the function was given as an argument of which id is one: bit i is the one at 8 * i. 0 where it may
 * be something else. */
uint64_t argument_members(const struct flow *flow, value_id id, uint8_t *argument);

/* Where value id came from, as a probe sees it that may use the registers in allowed. */
struct slot slot_of(const struct flow *flow, const struct flow_state *state, value_id id, uint32_t allowed);

struct frame_rule frame_rule_of(const struct flow *flow, const struct flow_state *state);

#endif
