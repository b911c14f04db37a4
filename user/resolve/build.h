/* From a stopped recording to its profile: the last step that knows of processes and addresses. */
#ifndef HOTREF_RESOLVE_BUILD_H
#define HOTREF_RESOLVE_BUILD_H

#include "capture/session.h"
#include "profile/profile.h"
#include "resolve/live.h"

/* The profile, to be freed with profile_free(). command: what was recorded, as a user would type it. */
struct profile *build_profile(const struct session *session, const struct live *live, const char *command);

#endif
