#include "target/page_cache.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE = 4096, PAGES = 256 };

struct page_cache {
    const struct python_memory *memory;
    size_t reads;
    uint64_t numbers[PAGES]; /* of the page in each place, + 1; 0: none */
    uint8_t bytes[PAGES][PAGE];
};

struct page_cache *page_cache_new(const struct python_memory *memory)
{
    struct page_cache *cache = calloc(1, sizeof(*cache));

    if (cache != NULL)
        cache->memory = memory;
    return cache;
}

void page_cache_free(struct page_cache *cache)
{
    free(cache);
}

void page_cache_clear(struct page_cache *cache)
{
    memset(cache->numbers, 0, sizeof(cache->numbers));
}

size_t page_cache_reads(const struct page_cache *cache)
{
    return cache->reads;
}

/* The bytes of a page; NULL where not all of it can be read. Each page has one place that it may be kept at. */
static const uint8_t *find_page(struct page_cache *cache, uint64_t number)
{
    size_t place = (number * 0x9e3779b97f4a7c15u >> 32) % PAGES;

    if (cache->numbers[place] == number + 1)
        return cache->bytes[place];
    cache->numbers[place] = 0;
    cache->reads++;
    if (cache->memory->read(cache->memory->context, number * PAGE, cache->bytes[place], PAGE) != 0)
        return NULL;
    cache->numbers[place] = number + 1;
    return cache->bytes[place];
}

static int read_cached(const void *context, uint64_t address, void *into, size_t size)
{
    struct page_cache *cache = (struct page_cache *)context;

    if (address > (uint64_t)INT64_MAX - size)
        return -1;
    for (size_t done = 0, part; done < size; done += part) {
        const uint8_t *page = find_page(cache, (address + done) / PAGE);
        size_t offset = (address + done) % PAGE;

        if (page == NULL)
            return cache->memory->read(cache->memory->context, address, into, size);
        part = PAGE - offset < size - done ? PAGE - offset : size - done;
        memcpy((char *)into + done, page + offset, part);
    }
    return 0;
}

struct python_memory page_cache_memory(struct page_cache *cache)
{
    return (struct python_memory){.layout = cache->memory->layout, .opcodes = cache->memory->opcodes, .read = read_cached, .context = cache};
}
