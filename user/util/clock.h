/* The time by one of the kernel's clocks. */
#ifndef HOTREF_UTIL_CLOCK_H
#define HOTREF_UTIL_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds. */
static inline uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + now.tv_nsec;
}

#endif
