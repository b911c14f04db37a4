#include "profile/stacks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/entry.h"
#include "util/array.h"

struct stack_index {
    const struct profile *profile;
    const struct profile_stack **sorted; /* stb_ds array, by object and field */
    uint64_t *frame_hits;                /* by frame: of the row at hand; else 0 */
};

static int by_place(const void *left, const void *right)
{
    const struct profile_stack *a = *(const struct profile_stack *const *)left,
                               *b = *(const struct profile_stack *const *)right;

    return compare(a->object, b->object) ?: compare(a->field, b->field);
}

struct stack_index *stack_index_new(const struct profile *profile)
{
    struct stack_index *index = calloc(1, sizeof(*index));

    if (!index)
        return NULL;
    index->profile = profile;
    index->frame_hits = calloc(arrlenu(profile->frames) + 1, sizeof(*index->frame_hits));
    if (!index->frame_hits) {
        free(index);
        return NULL;
    }
    for (size_t i = 1; i < arrlenu(profile->stacks); i++)
        arrput(index->sorted, &profile->stacks[i]);
    array_sort(index->sorted, by_place);
    return index;
}

void stack_index_free(struct stack_index *index)
{
    if (!index)
        return;
    arrfree(index->sorted);
    free(index->frame_hits);
    free(index);
}

void stack_index_find(const struct stack_index *index, uint32_t object, text_id field,
                      const struct profile_stack ***to)
{
    struct profile_stack place = {.object = object, .field = field};
    const struct profile_stack *wanted = &place;
    size_t low = 0, high = arrlenu(index->sorted);

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (by_place(&index->sorted[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < arrlenu(index->sorted) && by_place(&index->sorted[low], &wanted) == 0; low++)
        arrput(*to, index->sorted[low]);
}

static int by_stack(const void *left, const void *right, void *argument)
{
    const struct profile_site *sites = argument;
    const struct profile_stack *a = *(const struct profile_stack *const *)left,
                               *b = *(const struct profile_stack *const *)right;

    return compare(a->node, b->node) ?: compare(sites[a->site].function, sites[b->site].function);
}

/* Stacks of equal weight stand in an order that does not depend on how they were numbered in this run. */
static int compare_nodes(const struct profile *profile, uint32_t a, uint32_t b)
{
    int order = 0;

    while (!order && a && b && a != b) {
        const struct profile_frame *left = &profile->frames[profile->nodes[a].frame],
                                   *right = &profile->frames[profile->nodes[b].frame];

        order = strcmp(profile_string(profile, left->file), profile_string(profile, right->file))
            ?: compare(left->line, right->line)
            ?: strcmp(profile_string(profile, left->qualname), profile_string(profile, right->qualname));
        a = profile->nodes[a].parent;
        b = profile->nodes[b].parent;
    }
    return order ?: compare(!!a, !!b);
}

static int by_hits(const void *left, const void *right, void *argument)
{
    const struct row_stack *a = left, *b = right;

    return compare(b->hits, a->hits) ?: compare_nodes(argument, a->node, b->node) ?: strcmp(a->function, b->function);
}

static void sum_stacks(const struct profile *profile, struct row *row, const struct profile_stack **stacks,
                       size_t count)
{
    const struct profile_stack *last = NULL;

    qsort_r(stacks, count, sizeof(*stacks), by_stack, profile->sites);
    for (size_t i = 0; i < count; i++) {
        const struct profile_stack *from = stacks[i];

        if (!last || by_stack(&last, &from, profile->sites) != 0)
            row->stacks[row->stack_count++] = (struct row_stack){
                .function = profile_string(profile, profile->sites[from->site].function), .node = from->node};
        row->stacks[row->stack_count - 1].hits += from->hits;
        row->stack_hits += from->hits;
        last = from;
    }
    qsort_r(row->stacks, row->stack_count, sizeof(*row->stacks), by_hits, (void *)(uintptr_t)profile);
}

/* The line that most of the row's stacks have on top; of those that are equal, that of the hottest stack. */
static uint32_t hottest_frame(const struct stack_index *index, const struct row *row)
{
    const struct profile *profile = index->profile;
    uint32_t best = 0;

    for (uint32_t i = 0; i < row->stack_count; i++)
        index->frame_hits[profile->nodes[row->stacks[i].node].frame] += row->stacks[i].hits;
    for (uint32_t i = 0; i < row->stack_count; i++) {
        uint32_t frame = profile->nodes[row->stacks[i].node].frame;

        if (profile->frames[frame].file && (!best || index->frame_hits[frame] > index->frame_hits[best]))
            best = frame;
    }
    for (uint32_t i = 0; i < row->stack_count; i++)
        index->frame_hits[profile->nodes[row->stacks[i].node].frame] = 0;
    return best;
}

/* A package is known by its folder: "app.py", "pkg/__init__.py". */
static const char *short_file(const char *path)
{
    const char *last = strrchr(path, '/'), *before;

    if (!last || strncmp(last + 1, "__", 2) != 0)
        return last ? last + 1 : path;
    before = memrchr(path, '/', (size_t)(last - path));
    return before ? before + 1 : path;
}

char *frame_label(const struct profile *profile, uint32_t frame)
{
    static const char locals[] = ".<locals>.";
    const struct profile_frame *at = &profile->frames[frame];
    const char *name = profile_string(profile, at->qualname), *inner;
    const char *file = short_file(profile_string(profile, at->file));
    char *label;
    int length;

    while ((inner = strstr(name, locals)))
        name = inner + sizeof(locals) - 1;
    if (!*file)
        length = asprintf(&label, "%s", name);
    else if (!at->line)
        length = asprintf(&label, "%s in %s", file, name);
    else
        length = asprintf(&label, "%s:%u in %s", file, at->line, name);
    return length < 0 ? NULL : label;
}

char *frame_name(const struct profile *profile, uint32_t frame, bool line)
{
    const struct profile_frame *at = &profile->frames[frame];
    const char *name = profile_string(profile, at->qualname), *file = short_file(profile_string(profile, at->file));
    char *text;
    int length;

    if (!*file)
        length = asprintf(&text, "%s", name);
    else if (!line || !at->line)
        length = asprintf(&text, "%s (%s)", name, file);
    else
        length = asprintf(&text, "%s (%s:%u)", name, file, at->line);
    return length < 0 ? NULL : text;
}

char *frame_place(const struct profile *profile, uint32_t frame, bool line)
{
    const struct profile_frame *at = &profile->frames[frame];
    const char *file = profile_string(profile, at->file);
    char *text;

    if (!line || !at->line)
        return strdup(file);
    return asprintf(&text, "%s:%u", file, at->line) < 0 ? NULL : text;
}

void row_add_stacks(const struct stack_index *index, struct rows *rows, struct row *row,
                    const struct profile_stack **stacks, size_t count)
{
    char *label;

    row->place = "";
    if (!count)
        return;
    row->stacks = rows->stacks + rows->used_stacks;
    sum_stacks(index->profile, row, stacks, count);
    rows->used_stacks += row->stack_count;
    row->frame = hottest_frame(index, row);
    label = row->frame ? frame_label(index->profile, row->frame) : NULL;
    if (!label)
        return;
    arrput(rows->owned, label);
    row->place = label;
}
