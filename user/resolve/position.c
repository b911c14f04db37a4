#include "resolve/position.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"

struct position_entry {
    struct abi_key key; /* as collect_key() makes it */
    char *value;        /* the variable's name, or NULL */
};

struct positions {
    struct position_entry *all; /* stb_ds hash map */
};

static void *start(void)
{
    return calloc(1, sizeof(struct positions));
}

/* The variable that key.how tells, of the frame's code object. */
static char *variable_of(struct live_target *target, const struct abi_bytecode *event)
{
    uint32_t number = ABI_HOW_VARIABLE(event->key.how);
    const struct pycode *code =
        number && event->variable_code
            ? pycode_cached(&target->codes, &target->memory, event->variable_code, event->variable_version)
            : NULL;

    if (!code || number > arrlenu(code->variables) || number > arrlenu(code->kinds) || !code->variables[number - 1])
        return NULL;
    return strdup(code->variables[number - 1]);
}

static void take_event(void *state, struct live_target *target, const struct abi_event_head *head, size_t size)
{
    const struct abi_bytecode *event = (const struct abi_bytecode *)head;
    struct positions *positions = state;
    struct abi_row row = {0};
    struct abi_key key;
    char *name;

    if (head->event != ABI_EVENT_BYTECODE || size < sizeof(*event))
        return;
    row.identity = event->identity; /* life and all */
    row.type = event->type;
    key = collect_key(&event->key, &row);
    if (hmgeti(positions->all, key) >= 0)
        return;
    /* The code object goes soonest: where it stood is asked later by its version. */
    pycode_cached(&target->codes, &target->memory, event->key.code, event->key.code_version);
    name = variable_of(target, event);
    hmput(positions->all, key, name);
}

static void trim(void *state, const struct live_rows *left)
{
    struct positions *positions = state;
    struct position_entry *kept = NULL;

    for (ptrdiff_t i = 0; i < hmlen(positions->all); i++) {
        if (live_has_row(left, &positions->all[i].key)) /* one of several threads has several codes' variables */
            hmputs(kept, positions->all[i]);
        else
            free(positions->all[i].value);
    }
    hmfree(positions->all);
    positions->all = kept;
}

static void stop(void *state)
{
    struct positions *positions = state;

    for (ptrdiff_t i = 0; i < hmlen(positions->all); i++)
        free(positions->all[i].value);
    hmfree(positions->all);
    free(positions);
}

const struct live_lookup live_positions = {
    .name = "positions", .start = start, .event = take_event, .trim = trim, .stop = stop};

bool position_variable(const struct live *live, const struct collected_row *row, char *into, size_t size)
{
    struct positions *positions = live_state(live, &live_positions);
    ptrdiff_t known = hmgeti(positions->all, row->key);
    const char *name = known >= 0 && row->value.frame_code != ABI_SEVERAL ? positions->all[known].value : NULL;

    if (!name)
        return false;
    /* A variable that closures share is an ordinary one until its cell is made. */
    snprintf(into, size, "%s %s", row->value.kind == ABI_KIND_CELL ? "cell" : "local", name);
    return true;
}
