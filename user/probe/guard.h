/* The jumps that an inlined increment hides behind, and the instructions that an operation spans. */
#ifndef HOTREF_PROBE_GUARD_H
#define HOTREF_PROBE_GUARD_H

#include "probe/scan.h"

/* The conditional jump that tells an object's owner, for whom ZF is set there, from every other thread. */
struct guard {
    uint32_t jump;   /* index of the op */
    value_id object; /* as it is known there */
};

#define MOST_GUARDS 8

/*
 * The guards of the atomic at op number atomic, which operates on object: nothing else leads there, and from each of
 * them nothing else is reached. Several where compilers let increments share an atomic. Returns how many; 0 where some
 * way leads to the atomic that no guard stands on.
 */
int guards_of(struct flow *flow, const struct unit *unit, uint32_t atomic, value_id object,
              struct guard guards[MOST_GUARDS]);

/* From the first instruction before op number last that touches the header of object, without a call or an atomic in
 * between, to the end of that op. */
struct span span_to(struct flow *flow, const struct unit *unit, uint32_t last, value_id object);

#endif
