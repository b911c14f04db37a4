/* Numbers as people read them. Each writes into text and returns it. */
#ifndef HOTREF_PROFILE_NUMBER_H
#define HOTREF_PROFILE_NUMBER_H

#include <stdint.h>

#define NUMBER_SIZE 32

/* "1,234,567" */
const char *number_grouped(uint64_t number, char text[NUMBER_SIZE]);

/* "74 %"; "under 1 %" and "over 99 %" where rounding would claim none or all. */
const char *number_share(uint64_t part, uint64_t whole, char text[NUMBER_SIZE]);

/* "0.84 s", "12.3 s", "4 min 10 s" */
const char *number_duration(uint64_t nanoseconds, char text[NUMBER_SIZE]);

#endif
