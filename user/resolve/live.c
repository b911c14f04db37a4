#include "resolve/live.h"

#include <stdlib.h>

#include "resolve/held.h"
#include "resolve/instruction.h"
#include "resolve/neighbours.h"
#include "resolve/position.h"
#include "resolve/stacks.h"
#include "target/opcode_file.h"
#include "util/array.h"

static const struct live_lookup *const lookups[] = {
    &live_positions, /* code objects first: they go soonest */
    &live_stacks,
    &live_instructions,
    &live_held,
    &live_neighbours,
};
#define MOST_CODE_BYTES (3u << 20) /* in one target */
#define LOOKUPS (sizeof(lookups) / sizeof(lookups[0]))

struct live {
    struct session *session;
    struct live_target *targets[ABI_TARGETS];
    void *states[LOOKUPS];
};

struct live_target *live_target(const struct live *live, uint32_t number)
{
    return number < ABI_TARGETS ? live->targets[number] : NULL;
}

/* Targets stay where they are, as ABI_TARGETS of them have room from the beginning; a command's become known one after the other. */
static struct live_target *target_of(struct live *live, const struct session_target *target, uint32_t number)
{
    struct live_target *added;

    if (live->targets[number])
        return live->targets[number];
    added = calloc(1, sizeof(*added));
    added->number = number;
    added->target = target;
    added->memory = python_memory_of(&target->process, &target->interpreter.layout);
    opcodes_in_file(target->interpreter.file, target->interpreter.hex_version, &added->opcodes);
    added->memory.opcodes = &added->opcodes;
    live->targets[number] = added;
    return added;
}

/* A program that makes ever new code: that which lives yet is read again. */
static void forget_codes(struct live *live)
{
    for (size_t i = 0; i < LOOKUPS; i++) {
        if (lookups[i]->forget_codes)
            lookups[i]->forget_codes(live->states[i]);
    }
    for (size_t i = 0; i < ABI_TARGETS; i++) {
        if (live->targets[i])
            pycode_cache_free(&live->targets[i]->codes);
    }
}

static void take_event(void *context, const struct session_target *target, const struct abi_event_head *event,
                       size_t size)
{
    struct live *live = context;
    struct live_target *of = target_of(live, target, event->target);

    if (of->codes.bytes > MOST_CODE_BYTES)
        forget_codes(live);
    for (size_t i = 0; i < LOOKUPS; i++)
        lookups[i]->event(live->states[i], of, event, size);
}

static void take_pause(void *context, bool last)
{
    struct live *live = context;

    for (size_t i = 0; i < LOOKUPS; i++) {
        if (lookups[i]->idle)
            lookups[i]->idle(live->states[i], last);
    }
}

struct live_rows {
    struct collector *collector;
};

bool live_has_row(const struct live_rows *left, const struct abi_key *key)
{
    return hmgeti(left->collector->rows, *key) >= 0;
}

bool live_has_object(const struct live_rows *left, const struct object_key *key)
{
    return hmgeti(left->collector->objects, *key) >= 0;
}

size_t live_rows_count(const struct live_rows *left)
{
    return hmlenu(left->collector->rows);
}

const struct collected_row *live_row(const struct live_rows *left, size_t number)
{
    return &left->collector->rows[number];
}

static void take_trim(void *context)
{
    struct live *live = context;
    struct live_rows left = {&live->session->collector};

    for (size_t i = 0; i < LOOKUPS; i++) {
        if (lookups[i]->trim)
            lookups[i]->trim(live->states[i], &left);
    }
}

struct live *live_start(struct session *session)
{
    struct live *live = calloc(1, sizeof(*live));

    live->session = session;
    for (size_t i = 0; i < LOOKUPS; i++)
        live->states[i] = lookups[i]->start();
    session->observer = (struct session_observer){
        .event = take_event, .idle = take_pause, .trimmed = take_trim, .context = live};
    return live;
}

void *live_state(const struct live *live, const struct live_lookup *lookup)
{
    for (size_t i = 0; i < LOOKUPS; i++) {
        if (lookups[i] == lookup)
            return live->states[i];
    }
    return NULL;
}

void live_free(struct live *live)
{
    if (!live)
        return;
    live->session->observer = (struct session_observer){0};
    for (size_t i = 0; i < LOOKUPS; i++)
        lookups[i]->stop(live->states[i]);
    for (size_t i = 0; i < ABI_TARGETS; i++) {
        if (live->targets[i])
            pycode_cache_free(&live->targets[i]->codes);
        free(live->targets[i]);
    }
    free(live);
}
