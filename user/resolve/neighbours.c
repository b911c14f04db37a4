#include "resolve/neighbours.h"

#include <stdlib.h>
#include <string.h>

#include "util/array.h"

/* The line that matters is the one that the shared count is in. Objects start at multiples of 16 and are 32 bytes long
 * at least, so that so many share one at most. */
enum { LINE = 64, MOST_IN_LINE = 3, MOST_LINES = 65536 };

struct line_key {
    uint64_t number; /* of the line */
    uint64_t target;
};

struct neighbour {
    struct object_key key;
    uint64_t owner;
};

/* Who lives in a line now, as far as is known. */
struct line {
    struct line_key key;
    struct neighbour there[MOST_IN_LINE]; /* address 0: nobody */
    uint32_t group;                       /* of who is there together; 0 while it is one object alone */
};

struct grouped {
    struct object_key key;
    uint32_t value;
};

struct neighbours {
    struct line *lines;      /* stb_ds hash maps */
    struct grouped *groups;
    uint32_t last;
};

static void *start(void)
{
    return calloc(1, sizeof(struct neighbours));
}

static void stop(void *state)
{
    struct neighbours *neighbours = state;

    hmfree(neighbours->lines);
    hmfree(neighbours->groups);
    free(neighbours);
}

static struct line *find_line(struct neighbours *neighbours, uint64_t address, const struct live_target *target)
{
    struct line_key key = {(address + target->memory.layout->ob_ref_shared) / LINE, target->number};
    struct line added = {.key = key};

    if (hmgeti(neighbours->lines, key) < 0) {
        if (hmlen(neighbours->lines) >= MOST_LINES)
            return NULL;
        hmputs(neighbours->lines, added);
    }
    return &neighbours->lines[hmgeti(neighbours->lines, key)];
}

static bool is_there(const struct live_target *target, const struct neighbour *neighbour)
{
    return neighbour->key.address && python_is_same(&target->memory, neighbour->key.address, neighbour->key.type,
                                                    neighbour->owner);
}

/* Forgets who has gone. Returns how many others are there beside the object. */
static size_t clean(const struct live_target *target, struct line *line, const struct object_key *object)
{
    size_t others = 0;

    for (int i = 0; i < MOST_IN_LINE; i++) {
        struct neighbour *neighbour = &line->there[i];

        if (neighbour->key.address == object->address || !is_there(target, neighbour))
            *neighbour = (struct neighbour){0};
        others += neighbour->key.address != 0;
    }
    return others;
}

static void settle(struct line *line, const struct neighbour *neighbour)
{
    for (int i = 0; i < MOST_IN_LINE; i++) {
        if (line->there[i].key.address)
            continue;
        line->there[i] = *neighbour;
        return;
    }
}

/* Every object of the line gets the group's number, or keeps the one it has. */
static void group(struct neighbours *neighbours, struct line *line)
{
    for (int i = 0; i < MOST_IN_LINE; i++) {
        const struct object_key *key = &line->there[i].key;
        uint32_t known = key->address && hmgeti(neighbours->groups, *key) >= 0 ? hmget(neighbours->groups, *key) : 0;

        line->group = known ? known : line->group;
    }
    if (!line->group)
        line->group = ++neighbours->last;
    for (int i = 0; i < MOST_IN_LINE; i++) {
        if (line->there[i].key.address)
            hmput(neighbours->groups, line->there[i].key, line->group);
    }
}

static void take_event(void *state, struct live_target *target, const struct abi_event_head *head, size_t size)
{
    const struct abi_event *event = (const struct abi_event *)head;
    struct neighbours *neighbours = state;
    struct neighbour added;
    struct line *line;
    size_t others;

    if (event->event != ABI_EVENT_OBJECT || size < sizeof(*event))
        return;
    added = (struct neighbour){{event->object, event->identity, event->type, event->target}, event->owner};
    line = find_line(neighbours, event->object, target);
    if (!line)
        return;
    others = clean(target, line, &added.key);
    if (!others)
        line->group = 0;
    settle(line, &added);
    if (others && is_there(target, &added))
        group(neighbours, line);
}

const struct live_lookup live_neighbours = {"neighbours", start, take_event, NULL, stop};

uint32_t neighbours_line(const struct live *live, const struct object_key *key)
{
    struct neighbours *neighbours = live_state(live, &live_neighbours);
    ptrdiff_t known = hmgeti(neighbours->groups, *key);

    return known >= 0 ? neighbours->groups[known].value : 0;
}
