#include "resolve/stacks.h"

#include <stdlib.h>
#include <string.h>

#include "util/array.h"

/* Bounds, so that a program with ever new stacks does not take hotref's memory. */
enum { MOST_NODES = 1 << 16, MOST_FRAMES = 1 << 14, MOST_ROW_STACKS = 512, MOST_PARTS = 1 << 10 };

enum { FRAME_NONE, FRAME_TRUNCATED, FRAME_UNKNOWN };

struct stack_row {
    struct abi_key key; /* as collect_key() makes it */
    struct stack_hits *value;
};

struct frame_key {
    uint64_t code;
    uint32_t version, instr;
    uint64_t target;
};
struct known_frame {
    struct frame_key key;
    uint32_t value;
};

struct known_text {
    char *key;
    char value;
};

struct known_node {
    struct stack_node key;
    uint32_t value;
};

/* What has come of a thread's stack so far, top frame first. */
struct stack_part {
    struct thread_key key;
    struct abi_key row; /* that they are of */
    struct abi_stack_frame *value;
};

static void *start(void)
{
    struct stacks *stacks = calloc(1, sizeof(*stacks));

    sh_new_strdup(stacks->texts);
    arrput(stacks->frames, ((struct stack_frame){"", "", 0}));
    arrput(stacks->frames, ((struct stack_frame){"[truncated]", "", 0}));
    arrput(stacks->frames, ((struct stack_frame){"[unknown]", "", 0}));
    arrput(stacks->nodes, ((struct stack_node){0}));
    return stacks;
}

/* Code objects come and go; what they are called stays as long as a stack tells of it. */
static const char *text_of(struct stacks *stacks, const char *text)
{
    ptrdiff_t known = shgeti(stacks->texts, text);

    if (known < 0) {
        shput(stacks->texts, text, 0);
        known = shgeti(stacks->texts, text);
    }
    return stacks->texts[known].key;
}

/* Frames of several instructions of one line are the same place, but that is the profile's to see. */
static uint32_t frame_number(struct stacks *stacks, struct live_target *target, const struct abi_stack_frame *frame)
{
    struct frame_key key = {frame->code, frame->code_version, frame->instr, target->number};
    ptrdiff_t known = hmgeti(stacks->known_frames, key);
    struct stack_frame added = {0};
    const struct pycode *code;

    if (known >= 0)
        return stacks->known_frames[known].value;
    if (hmlen(stacks->known_frames) >= 4 * MOST_FRAMES)
        hmfree(stacks->known_frames);
    code = pycode_cached(&target->codes, &target->memory, frame->code, frame->code_version);
    if (!code) {
        hmput(stacks->known_frames, key, FRAME_UNKNOWN);
        return FRAME_UNKNOWN;
    }
    if (arrlenu(stacks->frames) >= MOST_FRAMES)
        return FRAME_UNKNOWN;
    added.qualname = text_of(stacks, code->qualname);
    added.file = text_of(stacks, code->filename);
    added.line = frame->instr == ABI_NO_INSTR ? 0 : pycode_line(code, frame->instr);
    hmput(stacks->known_frames, key, arrlenu(stacks->frames));
    arrput(stacks->frames, added);
    return arrlenu(stacks->frames) - 1;
}

static uint32_t node_number(struct stacks *stacks, uint32_t parent, uint32_t frame)
{
    struct stack_node node = {parent, frame};
    ptrdiff_t known = hmgeti(stacks->known_nodes, node);

    if (known >= 0)
        return stacks->known_nodes[known].value;
    if (arrlenu(stacks->nodes) >= MOST_NODES)
        return 0;
    hmput(stacks->known_nodes, node, arrlenu(stacks->nodes));
    arrput(stacks->nodes, node);
    return arrlenu(stacks->nodes) - 1;
}

static uint32_t whole_stack(struct stacks *stacks, struct live_target *target, const struct abi_stack_frame *frames,
                            bool truncated)
{
    uint32_t node = truncated ? node_number(stacks, 0, FRAME_TRUNCATED) : 0;

    for (size_t i = arrlenu(frames); i-- > 0;) {
        uint32_t next = node_number(stacks, node, frame_number(stacks, target, &frames[i]));

        if (!next)
            return 0;
        node = next;
    }
    return node;
}

static void add_hit(struct stacks *stacks, const struct abi_stack *event, uint32_t node)
{
    struct abi_row row = {.identity = event->identity /* life and all */, .type = event->type};
    struct abi_key key = collect_key(&event->key, &row);
    ptrdiff_t at = hmgeti(stacks->rows, key);
    struct stack_hits **hits;

    if (at < 0) {
        hmput(stacks->rows, key, NULL);
        at = hmgeti(stacks->rows, key);
    }
    hits = &stacks->rows[at].value;
    at = hmgeti(*hits, node);
    if (at >= 0)
        (*hits)[at].value++;
    else if (hmlen(*hits) < MOST_ROW_STACKS)
        hmput(*hits, node, 1);
}

/* Threads that are in the middle of a stack lose it. */
static void forget_parts(struct stacks *stacks)
{
    for (ptrdiff_t i = 0; i < hmlen(stacks->parts); i++)
        arrfree(stacks->parts[i].value);
    hmfree(stacks->parts);
}

/* The frames that came before from this thread; emptied where the message is not the one to follow them. */
static struct stack_part *part_of(struct stacks *stacks, const struct abi_stack *event)
{
    struct stack_part added = {.key = {event->key.tid, event->key.target}};
    ptrdiff_t at = hmgeti(stacks->parts, added.key);
    struct stack_part *part;

    if (at < 0 && hmlen(stacks->parts) >= MOST_PARTS)
        forget_parts(stacks);
    if (at < 0) {
        hmputs(stacks->parts, added);
        at = hmgeti(stacks->parts, added.key);
    }
    part = &stacks->parts[at];
    if (event->first == 0 || event->first != arrlenu(part->value) ||
        memcmp(&part->row, &event->key, sizeof(event->key)) != 0)
        arrsetlen(part->value, 0);
    part->row = event->key;
    return part;
}

static void take_event(void *state, struct live_target *target, const struct abi_event_head *head, size_t size)
{
    const struct abi_stack *event = (const struct abi_stack *)head;
    struct stacks *stacks = state;
    struct stack_part *part;
    uint32_t node;

    if (head->event != ABI_EVENT_STACK || size < sizeof(*event) || event->count > ABI_STACK_CHUNK)
        return;
    part = part_of(stacks, event);
    if (event->first != arrlenu(part->value))
        return; /* a message before this one was lost, and counted */
    for (uint32_t i = 0; i < event->count; i++)
        arrput(part->value, event->frames[i]);
    if (event->end == ABI_STACK_MORE)
        return;
    node = event->end == ABI_STACK_FAILED
               ? 0
               : whole_stack(stacks, target, part->value, event->end == ABI_STACK_TRUNCATED);
    if (node)
        add_hit(stacks, event, node);
    arrsetlen(part->value, 0);
}

/* To the row that this one has become a part of. */
static void move_hits(struct stack_row **rows, const struct abi_key *merged, struct stack_row *from)
{
    ptrdiff_t at = hmgeti(*rows, *merged);
    struct stack_hits **hits;

    if (at < 0) {
        hmput(*rows, *merged, NULL);
        at = hmgeti(*rows, *merged);
    }
    hits = &(*rows)[at].value;
    for (ptrdiff_t i = 0; i < hmlen(from->value); i++) {
        ptrdiff_t known = hmgeti(*hits, from->value[i].key);

        if (known >= 0)
            (*hits)[known].value += from->value[i].value;
        else if (hmlen(*hits) < MOST_ROW_STACKS)
            hmput(*hits, from->value[i].key, from->value[i].value);
    }
    hmfree(from->value);
}

static void drop_rows(struct stacks *stacks, const struct live_rows *left)
{
    struct stack_row *kept = NULL;

    for (ptrdiff_t i = 0; i < hmlen(stacks->rows); i++) {
        struct abi_key merged = collect_merged_key(&stacks->rows[i].key);

        if (live_has_row(left, &stacks->rows[i].key))
            hmputs(kept, stacks->rows[i]);
        else if (live_has_row(left, &merged))
            move_hits(&kept, &merged, &stacks->rows[i]);
        else
            hmfree(stacks->rows[i].value);
    }
    hmfree(stacks->rows);
    stacks->rows = kept;
}

/* Which nodes are a part of a row's stack: parents have lower numbers. */
static bool *nodes_in_use(const struct stacks *stacks)
{
    bool *used = calloc(arrlenu(stacks->nodes), sizeof(*used));

    for (ptrdiff_t i = 0; i < hmlen(stacks->rows); i++) {
        const struct stack_hits *hits = stacks->rows[i].value;

        for (ptrdiff_t j = 0; j < hmlen(hits); j++)
            used[hits[j].key] = true;
    }
    for (size_t i = arrlenu(stacks->nodes); i-- > 1;) {
        if (used[i])
            used[stacks->nodes[i].parent] = true;
    }
    return used;
}

static void renumber_hits(struct stacks *stacks, const uint32_t *numbers)
{
    for (ptrdiff_t i = 0; i < hmlen(stacks->rows); i++) {
        struct stack_hits *hits = stacks->rows[i].value, *renumbered = NULL;

        for (ptrdiff_t j = 0; j < hmlen(hits); j++)
            hmput(renumbered, numbers[hits[j].key], hits[j].value);
        hmfree(hits);
        stacks->rows[i].value = renumbered;
    }
}

/* Makes all anew of what rows have: frames, nodes and texts. */
static void rebuild(struct stacks *stacks)
{
    struct stacks old = *stacks, *fresh = start();
    uint32_t *numbers = calloc(arrlenu(old.nodes), sizeof(*numbers));
    uint32_t *frames = calloc(arrlenu(old.frames), sizeof(*frames));
    bool *used = nodes_in_use(&old);

    fresh->rows = old.rows;
    fresh->parts = old.parts;
    for (size_t i = 1; i < arrlenu(old.nodes); i++) {
        const struct stack_node *node = &old.nodes[i];
        const struct stack_frame *frame = &old.frames[node->frame];

        if (!used[i])
            continue;
        if (node->frame > FRAME_UNKNOWN && !frames[node->frame]) {
            arrput(fresh->frames, ((struct stack_frame){text_of(fresh, frame->qualname), text_of(fresh, frame->file),
                                                        frame->line}));
            frames[node->frame] = arrlenu(fresh->frames) - 1;
        }
        numbers[i] = node_number(fresh, numbers[node->parent],
                                 node->frame > FRAME_UNKNOWN ? frames[node->frame] : node->frame);
    }
    renumber_hits(fresh, numbers);
    free(used);
    free(numbers);
    free(frames);
    hmfree(old.known_frames);
    hmfree(old.known_nodes);
    arrfree(old.frames);
    arrfree(old.nodes);
    shfree(old.texts);
    *stacks = *fresh;
    free(fresh);
}

static void trim(void *state, const struct live_rows *left)
{
    drop_rows(state, left);
    rebuild(state);
}

static void stop(void *state)
{
    struct stacks *stacks = state;

    for (ptrdiff_t i = 0; i < hmlen(stacks->rows); i++)
        hmfree(stacks->rows[i].value);
    hmfree(stacks->rows);
    forget_parts(stacks);
    shfree(stacks->texts);
    hmfree(stacks->known_frames);
    hmfree(stacks->known_nodes);
    arrfree(stacks->frames);
    arrfree(stacks->nodes);
    free(stacks);
}

const struct live_lookup live_stacks = {
    .name = "stacks", .start = start, .event = take_event, .trim = trim, .stop = stop};

const struct stacks *stacks_of(const struct live *live)
{
    return live_state(live, &live_stacks);
}

const struct stack_hits *stacks_of_row(const struct stacks *stacks, const struct collected_row *row)
{
    ptrdiff_t known = hmgeti(((struct stacks *)stacks)->rows, row->key);

    return known >= 0 ? stacks->rows[known].value : NULL;
}
