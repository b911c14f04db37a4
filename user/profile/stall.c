#include "profile/stall.h"

#include <math.h>
#include <stdio.h>

#define LEAST_BARE 5 /* with less than one in so many the error of what hits cost is all that is left */
#define Z 1.959964 /* 95 % of a normal distribution lie within so many deviations */

struct stall stall_of(uint64_t samples, uint64_t all)
{
    double n = all, p = all ? (double)samples / n : 0;
    double middle, half;

    if (!all || samples > all)
        return (struct stall){p, 0, 1};
    middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n);
    half = Z * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n);
    return (struct stall){p, fmax(middle - half, 0), fmin(middle + half, 1)};
}

/* Operations come in counts of which Poisson's law has this interval, for a start. At the low end all of the time was the
 * targets' own, at the high end none that the hits took. */
struct rate rate_of(uint64_t ops, const struct profile_meta *meta)
{
    double n = ops, half = Z * sqrt(n + Z * Z / 4), busy, low, high;

    if (!meta->burst_counted_ns || !meta->duration_ns)
        return (struct rate){0};
    busy = (double)meta->cpu_ns / meta->duration_ns * 1e9;
    low = fmax(n + Z * Z / 2 - half, 0) / meta->burst_counted_ns * busy;
    if (meta->burst_bare_ns < meta->burst_counted_ns / LEAST_BARE)
        return (struct rate){0, low, 0};
    high = (n + Z * Z / 2 + half) / meta->burst_bare_ns * busy;
    return (struct rate){n / meta->burst_bare_ns * busy, low, high};
}

const char *stall_text(const struct stall *stall, char text[STALL_TEXT])
{
    if (stall->high < 0.01)
        snprintf(text, STALL_TEXT, "under 1 %%");
    else if (stall->share < 0.1)
        snprintf(text, STALL_TEXT, "%.1f %% (%.1f to %.1f)", stall->share * 100, stall->low * 100, stall->high * 100);
    else
        snprintf(text, STALL_TEXT, "%.0f %% (%.0f to %.0f)", stall->share * 100, stall->low * 100, stall->high * 100);
    return text;
}

bool is_sampled(const struct profile *profile)
{
    return profile->meta.mode == MODE_SAMPLE || profile->meta.mode == MODE_AUTO;
}
