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

struct rate {
    double value;      /* operations a second; 0 where only that it is no less than low can be told, ... */
    double low, high;  /* ... and high is 0 then, too: what it is in truth with 95 % confidence, if the targets do in bursts
                          what they do elsewhere */
};

/* Of so many operations in bursts: of what the targets would do in a second if nothing slowed them down. */
struct rate rate_of(uint64_t ops, const struct profile_meta *meta);

/* "26 % (23 to 29)"; "under 1 %" has no need of an interval. */
#define STALL_TEXT 48
const char *stall_text(const struct stall *stall, char text[STALL_TEXT]);

/* Whether rows go by samples. */
bool is_sampled(const struct profile *profile);

#endif
