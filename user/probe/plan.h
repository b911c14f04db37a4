/* From what a scan found to what BPF is told: sites and callers in the words of include/abi.h. */
#ifndef HOTREF_PROBE_PLAN_H
#define HOTREF_PROBE_PLAN_H

#include "abi.h"
#include "probe/scan.h"

/* Whether a probe can count this operation. */
bool plan_is_armable(const struct operation *operation);

/* Whether exact mode counts it by itself: all but the inlined increments, which are counted where they are asked for. */
bool plan_is_armed(const struct operation *operation);

/* Whether it is such an increment, which every owner passes too. */
bool plan_is_inlined(const struct operation *operation);

struct abi_site plan_site(const struct operation *operation);
/* Where samples fall, by address: an stb_ds array, to be freed with arrfree(). Its first element lies before all others; touch 0
 * is site first_site. Left out is what has no number that BPF could take. NULL where there is none. */
struct abi_span *plan_spans(const struct scan *scan, size_t first_site);

/* The call sites that BPF can learn something from: an stb_ds array, to be freed with arrfree(). */
struct abi_caller *plan_callers(const struct scan *scan);

/*
 * The index by which BPF finds a caller by its return address: writes to chunks, of which plan_chunks() cover the
 * text, the number of each caller + 1. Left out are callers that share a place with an earlier one (two calls within four
 * bytes), and those behind the 65,535th; returns how many.
 */
size_t plan_chunks(const struct scan *scan);
size_t plan_index(const struct scan *scan, const struct abi_caller *callers, struct abi_caller_chunk *chunks);

#endif
