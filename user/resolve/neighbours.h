/* Objects that lie in the same cache line, told while they live. */
#ifndef HOTREF_RESOLVE_NEIGHBOURS_H
#define HOTREF_RESOLVE_NEIGHBOURS_H

#include "resolve/live.h"

extern const struct live_lookup live_neighbours;

/* A number that all objects have that lay in this one's line while it lived; 0 where none was seen. */
uint32_t neighbours_line(const struct live *live, const struct object_key *key);

#endif
