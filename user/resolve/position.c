#include "resolve/position.h"

#include <stdio.h>
#include <stdlib.h>

#include "util/array.h"

struct position_entry {
    struct abi_key key; /* as collect_key() makes it */
    struct position *value;
};

struct positions {
    struct position_entry *all; /* stb_ds hash map */
};

static void *start(void)
{
    return calloc(1, sizeof(struct positions));
}

static bool is_same(const struct pycode *code, const struct abi_bytecode *event)
{
    return code && code->qualname_at == event->qualname && code->linetable_at == event->linetable &&
           code->firstlineno == event->firstlineno;
}

static void take_event(void *state, struct live_target *target, const struct abi_event_head *head, size_t size)
{
    const struct abi_bytecode *event = (const struct abi_bytecode *)head;
    struct positions *positions = state;
    struct abi_row row = {0};
    struct position *added;
    struct abi_key key;

    if (head->event != ABI_EVENT_BYTECODE || size < sizeof(*event))
        return;
    row.identity = event->identity; /* life and all */
    row.type = event->type;
    key = collect_key(&event->key, &row);
    if (hmgeti(positions->all, key) >= 0)
        return;
    added = calloc(1, sizeof(*added));
    added->event = *event;
    added->code = pycode_cached(&target->codes, &target->memory, event->key.code, event->key.code_version);
    if (!is_same(added->code, event))
        added->code = NULL;
    if (event->variable_code)
        added->variable_code =
            pycode_cached(&target->codes, &target->memory, event->variable_code, event->variable_version);
    hmput(positions->all, key, added);
}

static void stop(void *state)
{
    struct positions *positions = state;

    for (ptrdiff_t i = 0; i < hmlen(positions->all); i++)
        free(positions->all[i].value);
    hmfree(positions->all);
    free(positions);
}

const struct live_lookup live_positions = {"positions", start, take_event, NULL, stop};

const struct position *position_of(const struct live *live, const struct collected_row *row)
{
    struct positions *positions = live_state(live, &live_positions);
    ptrdiff_t known = hmgeti(positions->all, row->key);

    return known >= 0 ? positions->all[known].value : NULL;
}

bool position_variable(const struct live *live, const struct collected_row *row, char *into, size_t size)
{
    uint32_t number = ABI_HOW_VARIABLE(row->key.how);
    const struct position *position = number && row->value.frame_code != ABI_SEVERAL ? position_of(live, row) : NULL;
    const struct pycode *code = position ? position->variable_code : NULL;

    if (!code || number > arrlenu(code->variables) || number > arrlenu(code->kinds) || !code->variables[number - 1])
        return false;
    /* A variable that closures share is an ordinary one until its cell is made. */
    snprintf(into, size, "%s %s", row->value.kind == ABI_KIND_CELL ? "cell" : "local", code->variables[number - 1]);
    return true;
}
