/* Targets and their numbers, which the user side takes for processes that it adds and BPF for those that targets fork; and
 * which of the followed processes are to be looked at. */
#ifndef HOTREF_CAPTURE_CHILDREN_H
#define HOTREF_CAPTURE_CHILDREN_H

#include "capture/session.h"

/* How many more targets there can be. */
size_t children_room(struct session *session);

/* Gives the target the next number. -1 with a failure where there is none any more. */
int children_add(struct session *session, const struct session_target *target);

/* Makes targets of those that BPF has counted in since: what they were forked from is known, and so all that they need. */
void children_adopt(struct session *session);

/* Takes an ABI_EVENT_CODE. */
void children_note(struct session *session, const struct abi_event *event);

#endif
