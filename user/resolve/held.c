#include "resolve/held.h"

#include <stdlib.h>
#include <string.h>

#include "resolve/holders.h"
#include "util/array.h"
#include "util/clock.h"

#define MOST_HELD 16384          /* objects that are kept in mind */
#define MOST_TRIES 5             /* while memory changes under the walk */
#define FIRST_ALLOWANCE 1e9      /* nanoseconds of CPU time: enough for some fifty looks */
#define SHARE 0.005              /* of a processor */
#define REST 3                   /* times what the last look took: what comes meanwhile is looked for together */
#define LOOK_AGAIN_NS 1e9        /* at the soonest */

enum state {
    HELD_UNKNOWN, /* only one thread was seen, or there was no time yet */
    HELD_FOUND,
    HELD_NOT,     /* by nothing that could be found when it was looked for, or not for sure */
};

struct held_object {
    struct object_key key;
    uint64_t owner;
    uint32_t first_tid;
    uint8_t state, tries;
    bool asked;
    char *text;  /* with HELD_FOUND */
};

struct held {
    struct held_object *objects; /* stb_ds hash map */
    struct live_target *targets[ABI_TARGETS];
    size_t asked;
    double allowance, cost;      /* nanoseconds; of the last look */
    uint64_t filled_at, looked_at, again_at; /* monotonic clock */
};

static void *start(void)
{
    struct held *held = calloc(1, sizeof(*held));

    held->allowance = FIRST_ALLOWANCE;
    held->filled_at = held->again_at = clock_ns(CLOCK_MONOTONIC);
    return held;
}

static void stop(void *state)
{
    struct held *held = state;

    for (ptrdiff_t i = 0; i < hmlen(held->objects); i++)
        free(held->objects[i].text);
    hmfree(held->objects);
    free(held);
}

/* Of which a module may have many. */
static bool is_lambda(const struct abi_text *qualname)
{
    static const char end[] = "<lambda>";
    size_t length = sizeof(end) - 1, bytes = qualname->bytes;

    return bytes >= length && bytes <= ABI_TEXT && memcmp(qualname->data + bytes - length, end, length) == 0;
}

/* Other kinds have names that tell which one it is. Globals are called after their module. */
static bool is_nameless(const struct abi_event *event)
{
    switch (event->kind) {
    case ABI_KIND_OTHER:
    case ABI_KIND_BYTES:
    case ABI_KIND_TUPLE:
    case ABI_KIND_CELL:
        return true;
    case ABI_KIND_DICT:
        return event->text[0].bytes == 0;
    case ABI_KIND_FUNCTION:
        return is_lambda(&event->text[0]);
    default:
        return false;
    }
}

static void ask(struct held *held, struct held_object *object)
{
    if (object->asked || object->state == HELD_NOT)
        return;
    object->asked = true;
    held->asked++;
}

/* Makes room: what one thread alone was seen at is the most of it, and mostly gone. */
static void forget(struct held *held)
{
    struct held_object *kept = NULL;

    for (ptrdiff_t i = 0; i < hmlen(held->objects); i++) {
        if (held->objects[i].state != HELD_UNKNOWN || held->objects[i].asked)
            hmputs(kept, held->objects[i]);
    }
    hmfree(held->objects);
    held->objects = kept;
}

/* An event comes of each thread and place that operates on the object. */
static void take_event(void *state, struct live_target *target, const struct abi_event_head *head, size_t size)
{
    const struct abi_event *event = (const struct abi_event *)head;
    struct object_key key = {event->object, event->identity, event->type, event->target};
    struct held *held = state;
    struct held_object added = {.key = key, .owner = event->owner, .first_tid = event->tid};
    ptrdiff_t known;

    if (event->event != ABI_EVENT_OBJECT || size < sizeof(*event) || !is_nameless(event))
        return;
    held->targets[target->number] = target;
    if (hmlen(held->objects) >= MOST_HELD)
        forget(held);
    known = hmgeti(held->objects, key);
    if (known >= 0 && (held->objects[known].state != HELD_UNKNOWN || held->objects[known].first_tid != event->tid))
        ask(held, &held->objects[known]);
    else if (known < 0 && hmlen(held->objects) < MOST_HELD)
        hmputs(held->objects, added);
}

/* What the answer makes of the object. */
static void settle(struct held_object *object, const struct holders_wanted *wanted)
{
    if (wanted->answer == HOLDERS_UNSURE && ++object->tries < MOST_TRIES)
        return; /* asked for still */
    object->asked = false;
    if (object->state == HELD_UNKNOWN && wanted->answer == HOLDERS_FOUND) {
        object->text = strdup(wanted->text);
        object->state = HELD_FOUND;
    } else if (object->state == HELD_UNKNOWN) {
        object->state = HELD_NOT;
    } else if (!wanted->still && wanted->answer != HOLDERS_CHANGED && wanted->answer != HOLDERS_UNSURE) {
        object->state = HELD_NOT; /* perhaps it is another one */
    }
}

static void look(struct held *held, const struct live_target *target)
{
    struct holders_wanted *wanted = NULL;
    ptrdiff_t *numbers = NULL;
    int status;

    for (ptrdiff_t i = 0; i < hmlen(held->objects); i++) {
        const struct held_object *object = &held->objects[i];

        if (!object->asked || object->key.target != target->number)
            continue;
        arrput(wanted, ((struct holders_wanted){.address = object->key.address,
                                                .type = object->key.type,
                                                .owner = object->owner,
                                                .known = object->state == HELD_FOUND ? object->text : NULL}));
        arrput(numbers, i);
    }
    status = wanted ? holders_find(&target->memory, target->target->interpreter.runtime, wanted, arrlenu(wanted)) : 0;
    held->asked = 0;
    for (size_t i = 0; i < arrlenu(wanted); i++) {
        if (status)
            held->objects[numbers[i]].asked = false; /* it ends, or has not begun */
        else
            settle(&held->objects[numbers[i]], &wanted[i]);
    }
    for (ptrdiff_t i = 0; i < hmlen(held->objects); i++)
        held->asked += held->objects[i].asked;
    arrfree(wanted);
    arrfree(numbers);
}

/* Time that was not needed adds up to what there was at first. */
static void refill(struct held *held, uint64_t now)
{
    held->allowance += (double)(now - held->filled_at) * SHARE;
    if (held->allowance > FIRST_ALLOWANCE)
        held->allowance = FIRST_ALLOWANCE;
    held->filled_at = now;
}

static void ask_again(struct held *held, uint64_t now)
{
    held->again_at = now;
    for (ptrdiff_t i = 0; i < hmlen(held->objects); i++) {
        if (held->objects[i].state == HELD_FOUND)
            ask(held, &held->objects[i]);
    }
}

static void idle(void *state, bool last)
{
    struct held *held = state;
    uint64_t now = clock_ns(CLOCK_MONOTONIC), before;

    refill(held, now);
    if (last || (now - held->again_at > LOOK_AGAIN_NS && now - held->again_at > held->cost / SHARE))
        ask_again(held, now);
    if (!held->asked)
        return;
    if (!last && (held->allowance <= 0 || now - held->looked_at < (uint64_t)(REST * held->cost)))
        return;
    before = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    for (size_t i = 0; i < ABI_TARGETS; i++) {
        if (held->targets[i] && held->targets[i]->target->state.live)
            look(held, held->targets[i]);
    }
    held->cost = (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - before);
    held->allowance -= held->cost;
    held->looked_at = clock_ns(CLOCK_MONOTONIC);
}

const struct live_lookup live_held = {
    .name = "held", .start = start, .event = take_event, .idle = idle, .stop = stop};

const char *held_text(const struct live *live, const struct object_key *key)
{
    const struct held *held = live_state(live, &live_held);
    ptrdiff_t known = hmgeti(((struct held *)held)->objects, *key);

    return known >= 0 && held->objects[known].state == HELD_FOUND ? held->objects[known].text : NULL;
}
