/* What samples say of time: shares of it, and how sure they are. */
#ifndef HOTREF_PROFILE_STALL_H
#define HOTREF_PROFILE_STALL_H

#include "profile/profile.h"

struct stall {
    double share;      /* of the targets' time on a CPU; 0 to 1 */
    double low, high;  /* what it is in truth with 95 % confidence: Wilson's interval */
};

/* Of so many samples that found a thread waiting, among all that found it running. */
struct stall stall_of(uint64_t samples, uint64_t all);

/* "26 % (23 to 29)"; "under 1 %" has no need of an interval. */
#define STALL_TEXT 48
const char *stall_text(const struct stall *stall, char text[STALL_TEXT]);

/* Whether rows go by samples. */
bool is_sampled(const struct profile *profile);

#endif
