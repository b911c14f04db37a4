/* How much of what a scan found can be counted: what 'hotref scan' and 'hotref doctor' tell. */
#ifndef HOTREF_CMD_COVERAGE_H
#define HOTREF_CMD_COVERAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/scan.h"

/* Whether it takes a reference or drops one. */
bool coverage_is_counted(const struct operation *operation);

/* Atomics, of which several guards may lead to one: all; of a kind; of it those that a probe can count, guarded ones alone
 * where that is asked for; and those that exact mode counts by itself. */
size_t coverage_atomics(const struct scan *scan);
size_t coverage_kind(const struct scan *scan, enum operation_kind kind);
size_t coverage_armable(const struct scan *scan, enum operation_kind kind, bool guarded);
size_t coverage_armed(const struct scan *scan);

#endif
