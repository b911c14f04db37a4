/*
 * Data flow through one function: for every register and stack slot at every instruction, a number that stands for
 * its value, the same number only where it is certainly the same value. What a value is made of tells where an
 * object's pointer came from (value_of), and where a value lies right now tells where a probe finds it (flow_find).
 */
#ifndef HOTREF_PROBE_FLOW_H
#define HOTREF_PROBE_FLOW_H

#include "probe/unit.h"

enum value_kind {
    VALUE_UNKNOWN = 1, /* written by the instruction at .at, in a way that is not followed */
    VALUE_ENTRY,       /* what register .c held when the function was entered */
    VALUE_CONST,       /* .c */
    VALUE_ADD,         /* .a + .c */
    VALUE_AND,         /* .a & .c */
    VALUE_OR,          /* .a | .b, or | .c where .b is 0 */
    VALUE_SELECT,      /* .a or .b */
    VALUE_SCALED,      /* .a + .b * (.c >> 48) + the low bits of .c: an indexed address */
    VALUE_LOAD,        /* 64 bits read at .at from address .a */
    VALUE_RESULT,      /* what the call at .at returned; .c is its target, 0 if indirect */
    VALUE_PHI,         /* differs by the way that block .c was reached, for location .a */
    VALUE_THREAD,      /* the thread pointer */
};

typedef uint32_t value_id;

struct value {
    uint64_t at;
    int64_t c;
    value_id a, b;
    uint32_t kind;
};

#define FLOW_SLOTS 96
#define FLOW_LOCATIONS (REG_COUNT + FLOW_SLOTS)

/* Registers first, then the stack slots in flow.slots' order; 0 is "not known yet". */
struct flow_state {
    value_id at[FLOW_LOCATIONS];
};

struct flow;

/* Where a value lies at some instruction. */
enum place_kind { PLACE_NONE, PLACE_REG, PLACE_STACK, PLACE_FIXED };
struct place {
    uint8_t kind;
    uint8_t reg;
    int32_t offset; /* PLACE_STACK: from rsp at that instruction; PLACE_FIXED: the address in the file */
};

/* Runs to the fixed point. The unit is borrowed. */
struct flow *flow_new(const struct unit *unit);
void flow_free(struct flow *flow); /* takes NULL */

const struct value *value_of(const struct flow *flow, value_id id);

/* Calls visit for every instruction that can be reached, with the state before it. */
typedef void flow_visit(void *context, const struct flow *flow, const struct op *op, const struct flow_state *state);
void flow_walk(struct flow *flow, flow_visit *visit, void *context);

/* The same by hand: the state at the start of block number, false where nothing leads there, and what an op makes of a
 * state. */
bool flow_enter(const struct flow *flow, uint32_t number, struct flow_state *state);
void flow_step(struct flow *flow, const struct op *op, struct flow_state *state);

/* The value of the address that op's memory operand names, or 0. */
value_id flow_address(struct flow *flow, const struct op *op, const struct flow_state *state);

/* id as base + *offset; a plain value is itself + 0. */
value_id flow_strip(const struct flow *flow, value_id id, int64_t *offset);

/* Where id lies in state: a register of the set allowed (a mask) if one holds it, else a stack slot that nobody else
 * can write, else its fixed address. */
struct place flow_find(const struct flow *flow, const struct flow_state *state, value_id id, uint32_t allowed);

/* The same for what register reg held at the function's entry. */
struct place flow_find_entry(const struct flow *flow, const struct flow_state *state, enum reg reg);

/* How far rsp lies below its value at the function's entry; -1 where that is not known. */
int64_t flow_depth(const struct flow *flow, const struct flow_state *state);

/* What phi is where its block is entered from predecessor number; 0 behind the last one. */
value_id flow_input(const struct flow *flow, value_id phi, uint32_t number);

/* What id is at the end of block from, which leads to block number: another value where id is a PHI of that block; 0
 * where that is not known. */
value_id flow_coming_from(const struct flow *flow, value_id id, uint32_t number, uint32_t from);

/* Whether id is a PHI that steps through memory: an interior pointer, not an object. */
bool flow_is_walking(const struct flow *flow, value_id id);

/* The value behind offsets and indexes: an interior pointer's object. */
value_id flow_root(const struct flow *flow, value_id id);

#endif
