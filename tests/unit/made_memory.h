/* A target's memory, made in a test: define ADDRESS and SIZE before. */
#ifndef HOTREF_TESTS_MADE_MEMORY_H
#define HOTREF_TESTS_MADE_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static uint8_t bytes[SIZE];

static int read_bytes(const void *context, uint64_t address, void *into, size_t size)
{
    (void)context;
    if (address < ADDRESS || address > ADDRESS + SIZE || size > ADDRESS + SIZE - address)
        return -1;
    memcpy(into, bytes + (address - ADDRESS), size);
    return 0;
}

#endif
