/* By what the objects of a recording are held, looked up while they live: a part of their names. */
#ifndef HOTREF_RESOLVE_HELD_H
#define HOTREF_RESOLVE_HELD_H

#include "resolve/live.h"

/*
 * Looks once two threads have operated on an object, in the time that it may take: half a percent of a processor's,
 * and a second to begin with. Looks again now and then, whenever another thread or place reaches the object,
 * and at the end: where the address may have come to another object, there is no name any more.
 */
extern const struct live_lookup live_held;

/* "module global app.cfg", or NULL where nothing is known. */
const char *held_text(const struct live *live, const struct object_key *key);

#endif
