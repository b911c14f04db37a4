/* Folded stacks, as flamegraph.pl, difffolded.pl and speedscope read them. */
#ifndef HOTREF_EMIT_FOLDED_H
#define HOTREF_EMIT_FOLDED_H

#include <stdio.h>

#include "profile/flame.h"

/* What stacks are weighed by where a key was asked for, or none (NULL); NULL with a failure for what does not sum up, and
 * for what profiles of samples, or of counts, do not have. */
const struct metric *stack_metric(const struct metric *key, bool sampled);

/* A line for each leaf that is worth something: "root;..;leaf WEIGHT" or, of two sides, "root;..;leaf BEFORE AFTER".
 * Ordered by their text. divisor: of each side's weights, 0 for none. Returns 0, or -1 with a failure. */
int folded_print(const struct flame *flame, const struct metric *metric, unsigned sides,
                 const double divisor[FLAME_SIDES], FILE *out);

#endif
