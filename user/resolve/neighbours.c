#include "resolve/neighbours.h"

#include <stdlib.h>
#include <string.h>

#include "util/array.h"

/* The line that matters is the one that the shared count is in. Objects start at multiples of 16 and are 32 bytes long
 * at least, so that so many share one at most. */
enum { LINE = 64, MOST_IN_LINE = 3, MOST_LINES = 8192 };

struct line_key {
    uint64_t number; /* of the line */
    uint64_t target;
};

struct neighbour {
    struct object_key key;
    uint64_t owner;
    uint32_t tid;    /* that was seen at it first */
    bool shared;     /* and there was another one */
};

/* Who was seen last in a line. */
struct line {
    struct line_key key;
    struct neighbour there[MOST_IN_LINE]; /* address 0: nobody */
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

/* Whoever is forgotten comes again with the next thread or place that reaches the object. */
static struct line *find_line(struct neighbours *neighbours, uint64_t address, const struct live_target *target)
{
    struct line_key key = {(address + target->memory.layout->ob_ref_shared) / LINE, target->number};
    struct line added = {.key = key};

    if (hmgeti(neighbours->lines, key) < 0) {
        if (hmlen(neighbours->lines) >= MOST_LINES)
            hmfree(neighbours->lines);
        hmputs(neighbours->lines, added);
    }
    return &neighbours->lines[hmgeti(neighbours->lines, key)];
}

static bool is_same_key(const struct object_key *a, const struct object_key *b)
{
    return a->address == b->address && a->identity == b->identity && a->type == b->type && a->target == b->target;
}

/* The object's place in its line, which who stood there before it leaves; NULL where shared ones are in all of them. */
static struct neighbour *place_of(struct line *line, const struct abi_event *event)
{
    struct neighbour added = {
        {event->object, event->identity, event->type, event->target}, event->owner, event->tid, false};
    struct neighbour *free = NULL;

    for (int i = 0; i < MOST_IN_LINE; i++) {
        struct neighbour *there = &line->there[i];

        if (is_same_key(&there->key, &added.key)) {
            there->shared |= there->tid != event->tid;
            return there;
        }
        if (!there->key.address || there->key.address == event->object)
            free = there;
    }
    for (int i = 0; !free && i < MOST_IN_LINE; i++)
        free = line->there[i].shared ? NULL : &line->there[i];
    if (free)
        *free = added;
    return free;
}

static bool lives(const struct live_target *target, const struct neighbour *neighbour)
{
    return python_is_same(&target->memory, neighbour->key.address, neighbour->key.type, neighbour->owner);
}

/* A number for both, which is the line's as long as one of those that have it is there. */
static void join(struct neighbours *neighbours, const struct neighbour *a, const struct neighbour *b)
{
    ptrdiff_t first = hmgeti(neighbours->groups, a->key), second = hmgeti(neighbours->groups, b->key);
    uint32_t number = first >= 0    ? neighbours->groups[first].value
                      : second >= 0 ? neighbours->groups[second].value
                                    : ++neighbours->last;

    hmput(neighbours->groups, a->key, number);
    hmput(neighbours->groups, b->key, number);
}

/* Only what several threads reach is ranked. */
static void take_event(void *state, struct live_target *target, const struct abi_event_head *head, size_t size)
{
    const struct abi_event *event = (const struct abi_event *)head;
    struct neighbours *neighbours = state;
    struct neighbour *added;
    struct line *line;

    if (event->event != ABI_EVENT_OBJECT || size < sizeof(*event))
        return;
    line = find_line(neighbours, event->object, target);
    added = place_of(line, event);
    if (!added || !added->shared)
        return;
    for (int i = 0; i < MOST_IN_LINE; i++) {
        struct neighbour *other = &line->there[i];

        if (other == added || !other->shared)
            continue;
        if (!lives(target, other))
            *other = (struct neighbour){0};
        else if (lives(target, added))
            join(neighbours, added, other);
    }
}

static void trim(void *state, const struct live_rows *left)
{
    struct neighbours *neighbours = state;
    struct grouped *kept = NULL;

    for (ptrdiff_t i = 0; i < hmlen(neighbours->groups); i++) {
        if (live_has_object(left, &neighbours->groups[i].key))
            hmputs(kept, neighbours->groups[i]);
    }
    hmfree(neighbours->groups);
    neighbours->groups = kept;
}

const struct live_lookup live_neighbours = {
    .name = "neighbours", .start = start, .event = take_event, .trim = trim, .stop = stop};

uint32_t neighbours_line(const struct live *live, const struct object_key *key)
{
    struct neighbours *neighbours = live_state(live, &live_neighbours);
    ptrdiff_t known = hmgeti(neighbours->groups, *key);

    return known >= 0 ? neighbours->groups[known].value : 0;
}
