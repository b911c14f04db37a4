#include "resolve/tree.h"

#include <stdlib.h>

#include "util/array.h"

struct line_key {
    text_id qualname, file;
    uint32_t line;
};
struct tree_line {
    struct line_key key;
    uint32_t value;
};

struct tree_node {
    struct profile_node key;
    uint32_t value;
};

struct sum_key {
    uint32_t object, site;
    text_id field;
    uint32_t node;
};
struct tree_sum {
    struct sum_key key;
    uint64_t value;
};

struct tree {
    const struct stacks *stacks;
    struct profile *profile;
    uint32_t *frames, *nodes; /* by number in stacks: the profile's */
    struct tree_sum *sums;    /* stb_ds hash map */
};

/* Instructions of one line are one frame. */
static void add_frames(struct tree *tree)
{
    struct profile *profile = tree->profile;
    struct tree_line *lines = NULL;

    for (size_t i = 0; i < arrlenu(tree->stacks->frames); i++) {
        const struct stack_frame *frame = &tree->stacks->frames[i];
        struct line_key key = {profile_text(profile, frame->qualname), profile_text(profile, frame->file),
                               frame->line};
        ptrdiff_t known = hmgeti(lines, key);

        if (i == 0) {
            arrput(tree->frames, 0);
            continue;
        }
        if (known < 0) {
            hmput(lines, key, arrlenu(profile->frames));
            known = hmgeti(lines, key);
            arrput(profile->frames, ((struct profile_frame){key.qualname, key.file, key.line, 0}));
        }
        arrput(tree->frames, lines[known].value);
    }
    hmfree(lines);
}

static void add_nodes(struct tree *tree)
{
    struct profile *profile = tree->profile;
    struct tree_node *nodes = NULL;

    arrput(tree->nodes, 0);
    for (size_t i = 1; i < arrlenu(tree->stacks->nodes); i++) {
        const struct stack_node *node = &tree->stacks->nodes[i];
        struct profile_node key = {tree->nodes[node->parent], tree->frames[node->frame]};
        ptrdiff_t known = hmgeti(nodes, key);

        if (known < 0) {
            hmput(nodes, key, arrlenu(profile->nodes));
            known = hmgeti(nodes, key);
            arrput(profile->nodes, key);
        }
        arrput(tree->nodes, nodes[known].value);
    }
    hmfree(nodes);
}

struct tree *tree_new(const struct stacks *stacks, struct profile *profile)
{
    struct tree *tree = calloc(1, sizeof(*tree));

    tree->stacks = stacks;
    tree->profile = profile;
    add_frames(tree);
    add_nodes(tree);
    return tree;
}

void tree_add_row(struct tree *tree, const struct collected_row *row, uint32_t object, uint32_t site, text_id field)
{
    const struct stack_hits *hits = stacks_of_row(tree->stacks, row);

    for (ptrdiff_t i = 0; i < hmlen(hits); i++) {
        struct sum_key key = {object, site, field, tree->nodes[hits[i].key]};
        ptrdiff_t known = hmgeti(tree->sums, key);

        if (known >= 0)
            tree->sums[known].value += hits[i].value;
        else
            hmput(tree->sums, key, hits[i].value);
    }
}

void tree_finish(struct tree *tree)
{
    for (ptrdiff_t i = 0; i < hmlen(tree->sums); i++) {
        const struct sum_key *key = &tree->sums[i].key;
        struct profile_stack stack = {key->object, key->site, key->field, key->node, tree->sums[i].value};

        arrput(tree->profile->stacks, stack);
    }
}

void tree_free(struct tree *tree)
{
    if (!tree)
        return;
    arrfree(tree->frames);
    arrfree(tree->nodes);
    hmfree(tree->sums);
    free(tree);
}
