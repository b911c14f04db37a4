/*
 * Another process's memory, a page at a time: who looks at many small objects needs few system calls. What was read
 * once is what is read again, so it is as old as the first look at its page: whoever must be sure of something reads
 * it from the memory below, last.
 */
#ifndef HOTREF_TARGET_PAGE_CACHE_H
#define HOTREF_TARGET_PAGE_CACHE_H

#include "target/pyobject.h"

struct page_cache;

/* Keeps at most 256 pages (1 MB) of memory, which must outlive it. NULL without memory. */
struct page_cache *page_cache_new(const struct python_memory *memory);
void page_cache_free(struct page_cache *cache); /* takes NULL */

/* Forgets all that was read. */
void page_cache_clear(struct page_cache *cache);

/* How many pages were read so far. */
size_t page_cache_reads(const struct page_cache *cache);

/* The same memory through the cache, which must outlive it. */
struct python_memory page_cache_memory(struct page_cache *cache);

#endif
