#include "profile/flame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/entry.h"
#include "profile/number.h"
#include "profile/stacks.h"
#include "util/array.h"
#include "util/error.h"

/* Texts, each kept once. */
struct flame_words {
    char *key;
    uint32_t value; /* told apart by this number */
};

/* What tells siblings apart; names are numbers of words. */
struct child {
    uint32_t parent, kind, name, place;
};
struct flame_children {
    struct child key;
    uint32_t value; /* node */
};

/* One call of flame_add(). */
struct grower {
    struct flame *flame;
    const struct profile *profile;
    unsigned side;
    uint32_t *places;    /* by node of the profile: that of the tree, 0 where none is known yet */
    uint32_t *path;      /* stb_ds array, and those below: scratch */
    const struct row_site **sites;      /* of the row at hand, by function */
    const struct row_stack **all_stacks;
    const struct row_stack **stacks;    /* of the function at hand */
    struct share *shares;
    const char *binary;  /* that the function at hand lies in */
};

/* One stack's part of a count. */
struct share {
    uint64_t part;
    unsigned __int128 remainder;
    size_t number;
};

struct flame *flame_new(bool lines)
{
    struct flame *flame = calloc(1, sizeof(*flame));

    if (!flame)
        return NULL;
    flame->lines = lines;
    sh_new_arena(flame->words);
    arrput(flame->nodes, ((struct flame_node){.name = "all", .place = "", .binary = ""}));
    return flame;
}

void flame_free(struct flame *flame)
{
    if (!flame)
        return;
    arrfree(flame->nodes);
    hmfree(flame->children);
    shfree(flame->words);
    free(flame);
}

/* The tree's own copy. */
static const char *word(struct flame *flame, const char *text, uint32_t *number)
{
    ptrdiff_t known = shgeti(flame->words, text);

    if (known < 0) {
        shput(flame->words, text, (uint32_t)shlenu(flame->words));
        known = shgeti(flame->words, text);
    }
    *number = flame->words[known].value;
    return flame->words[known].key;
}

/* The node below parent, made where there is none yet. */
static uint32_t descend(struct flame *flame, uint32_t parent, enum flame_kind kind, const char *name, const char *place)
{
    struct child child = {.parent = parent, .kind = kind};
    struct flame_node node = {.parent = parent, .kind = kind, .binary = ""};
    uint32_t number;
    ptrdiff_t known;

    node.name = word(flame, *name ? name : "?", &child.name);
    node.place = word(flame, place, &child.place);
    if (!flame->lines)
        child.place = 0; /* another version of a program lies in another folder */
    known = hmgeti(flame->children, child);
    if (known >= 0)
        return flame->children[known].value;
    number = (uint32_t)arrlenu(flame->nodes);
    arrput(flame->nodes, node);
    hmput(flame->children, child, number);
    return number;
}

static int no_memory(void)
{
    return fail("cannot build the flame graph: out of memory");
}

static int descend_to_frame(struct flame *flame, const struct profile *profile, uint32_t frame, uint32_t *at)
{
    char *name = frame_name(profile, frame, flame->lines), *place = frame_place(profile, frame, flame->lines);
    bool noted = !profile->frames[frame].file; /* "[truncated]" */

    if (name && place)
        *at = descend(flame, *at, noted ? FLAME_NOTE : FLAME_PYTHON, name, place);
    if (!noted && !flame->nodes[*at].frame)
        flame->nodes[*at].frame = frame;
    free(name);
    free(place);
    return name && place ? 0 : no_memory();
}

/* The tree's node of a stack of the profile. */
static int descend_stack(struct grower *grower, uint32_t node, uint32_t *at)
{
    const struct profile *profile = grower->profile;

    arrsetlen(grower->path, 0);
    for (; node && !grower->places[node]; node = profile->nodes[node].parent)
        arrput(grower->path, node);
    *at = node ? grower->places[node] : 0;
    while (arrlenu(grower->path)) {
        node = arrpop(grower->path);
        if (descend_to_frame(grower->flame, profile, profile->nodes[node].frame, at))
            return -1;
        grower->places[node] = *at;
    }
    return 0;
}

/* "func_dealloc", "take (counting.so)" */
static char *function_name(const struct row_site *site)
{
    const char *last = strrchr(site->binary, '/');
    char *name;
    int length;

    if (site->in_module && *site->function)
        length = asprintf(&name, "%s (%s)", site->function, last ? last + 1 : site->binary);
    else
        length = asprintf(&name, "%s", *site->function ? site->function : "[unknown C function]");
    return length < 0 ? NULL : name;
}

/* "instance of app.Config (...)" and "code f" say of which type they are. */
static bool names_type(const char *object, const char *type)
{
    static const char instance[] = "instance of ";
    size_t length = strlen(type);

    if (strncmp(object, instance, sizeof(instance) - 1) == 0)
        object += sizeof(instance) - 1;
    return strncmp(object, type, length) == 0 && (!object[length] || object[length] == ' ');
}

/* The number of objects in a fold differs between runs, and so is no part of what it is called. */
struct flame_row flame_row_of(const struct row *row, uint32_t number, bool addresses)
{
    return (struct flame_row){.row = row,
                              .type = row->type,
                              .field = row->field,
                              .object = row->fold ? "others" : addresses ? row->label : row->object,
                              .number = number};
}

/* "function.func_globals (dict globals of app)" */
static char *leaf_name(const struct flame_row *row)
{
    bool typed = names_type(row->object, row->type) || !*row->type;
    char *name;

    if (asprintf(&name, "%s (%s%s%s)", *row->field ? row->field : "unknown field", typed ? "" : row->type,
                 typed ? "" : " ", row->object) < 0)
        return NULL;
    return name;
}

static int largest_remainder_first(const void *left, const void *right)
{
    const struct share *a = left, *b = right;

    return (a->remainder < b->remainder) - (a->remainder > b->remainder) ?: compare(a->number, b->number);
}

static int by_number(const void *left, const void *right)
{
    return compare(((const struct share *)left)->number, ((const struct share *)right)->number);
}

/* Shares total out among the stacks at hand, whose hits sum up to more than 0. */
static void share_out(struct grower *grower, uint64_t total)
{
    unsigned __int128 hits = 0;
    uint64_t left = total;

    for (size_t i = 0; i < arrlenu(grower->stacks); i++)
        hits += grower->stacks[i]->hits;
    arrsetlen(grower->shares, arrlenu(grower->stacks));
    for (size_t i = 0; i < arrlenu(grower->stacks); i++) {
        unsigned __int128 product = (unsigned __int128)total * grower->stacks[i]->hits;

        grower->shares[i] = (struct share){(uint64_t)(product / hits), product % hits, i};
        left -= grower->shares[i].part;
    }
    array_sort(grower->shares, largest_remainder_first);
    for (size_t i = 0; i < left; i++)
        grower->shares[i].part++;
    array_sort(grower->shares, by_number);
}

#define COUNTERS 6
static uint64_t *counter(struct flame_counts *counts, size_t number)
{
    uint64_t *const all[COUNTERS] = {&counts->decrefs, &counts->increfs, &counts->handoffs, &counts->retries,
                                     &counts->bounces, &counts->samples};

    return all[number];
}

static uint32_t leaf_below(struct grower *grower, uint32_t at, const char *function, const char *object, uint32_t row)
{
    uint32_t below = descend(grower->flame, at, FLAME_FUNCTION, function, ""), number;
    uint32_t leaf = descend(grower->flame, below, FLAME_OBJECT, object, "");
    struct flame_node *node = &grower->flame->nodes[leaf];

    if (!*grower->flame->nodes[below].binary)
        grower->flame->nodes[below].binary = word(grower->flame, grower->binary, &number);
    if (!node->row[grower->side])
        node->row[grower->side] = row + 1;
    return leaf;
}

/* All that one C function did to the row's object goes below the stacks at hand. */
static int add_below_stacks(struct grower *grower, struct flame_counts *counts, const char *function, const char *object,
                            uint32_t row)
{
    uint32_t *leaves = NULL, at = 0;

    for (size_t i = 0; i < arrlenu(grower->stacks); i++) {
        if (descend_stack(grower, grower->stacks[i]->node, &at)) {
            arrfree(leaves);
            return -1;
        }
        arrput(leaves, leaf_below(grower, at, function, object, row));
    }
    for (size_t number = 0; number < COUNTERS; number++) {
        share_out(grower, *counter(counts, number));
        for (size_t i = 0; i < arrlenu(leaves); i++)
            *counter(&grower->flame->nodes[leaves[i]].own[grower->side], number) += grower->shares[i].part;
    }
    arrfree(leaves);
    return 0;
}

static void add_without_stack(struct grower *grower, struct flame_counts *counts, const char *function,
                              const char *object, uint32_t row)
{
    uint32_t at = descend(grower->flame, 0, FLAME_NOTE, "[no Python stack seen]", "");
    uint32_t leaf = leaf_below(grower, at, function, object, row);

    for (size_t number = 0; number < COUNTERS; number++)
        *counter(&grower->flame->nodes[leaf].own[grower->side], number) += *counter(counts, number);
}

/* By C function, so that its sites and its stacks are found side by side; within that as they stood. */
static int sites_by_function(const void *left, const void *right)
{
    const struct row_site *a = *(const struct row_site *const *)left, *b = *(const struct row_site *const *)right;

    return strcmp(a->function, b->function) ?: (a > b) - (a < b);
}

static int stacks_by_function(const void *left, const void *right)
{
    const struct row_stack *a = *(const struct row_stack *const *)left, *b = *(const struct row_stack *const *)right;

    return strcmp(a->function, b->function) ?: (a > b) - (a < b);
}

static void sort_by_function(struct grower *grower, const struct row *row)
{
    arrsetlen(grower->sites, 0);
    arrsetlen(grower->all_stacks, 0);
    for (uint32_t i = 0; i < row->site_count; i++)
        arrput(grower->sites, &row->sites[i]);
    for (uint32_t i = 0; i < row->stack_count; i++) {
        if (row->stacks[i].hits)
            arrput(grower->all_stacks, &row->stacks[i]);
    }
    array_sort(grower->sites, sites_by_function);
    array_sort(grower->all_stacks, stacks_by_function);
}

static void add_site(struct flame_counts *counts, const struct row_site *site)
{
    counts->decrefs += site->decrefs;
    counts->increfs += site->increfs;
    counts->handoffs += site->handoffs;
    counts->retries += site->retries;
    counts->bounces += site->bounces;
    counts->samples += site->samples;
}

/* What the function of the next site did there and at those behind it. Returns the site after them. */
static size_t sum_function(const struct grower *grower, size_t next, struct flame_counts *counts)
{
    const char *function = grower->sites[next]->function;

    *counts = (struct flame_counts){0};
    for (; next < arrlenu(grower->sites) && strcmp(grower->sites[next]->function, function) == 0; next++)
        add_site(counts, grower->sites[next]);
    return next;
}

/* The function's stacks, which do not stand before the next one. Returns the stack after them. */
static size_t find_stacks(struct grower *grower, size_t next, const char *function)
{
    arrsetlen(grower->stacks, 0);
    for (; next < arrlenu(grower->all_stacks); next++) {
        int order = strcmp(grower->all_stacks[next]->function, function);

        if (order > 0)
            break;
        if (order == 0)
            arrput(grower->stacks, grower->all_stacks[next]);
    }
    return next;
}

static int add_function(struct grower *grower, const struct row_site *site, struct flame_counts *counts,
                        const char *object, uint32_t number)
{
    char *function = function_name(site);
    int status = 0;

    if (!function)
        return no_memory();
    grower->binary = site->binary;
    if (arrlenu(grower->stacks))
        status = add_below_stacks(grower, counts, function, object, number);
    else
        add_without_stack(grower, counts, function, object, number);
    free(function);
    return status;
}

static int add_row(struct grower *grower, const struct flame_row *row)
{
    char *leaf = leaf_name(row);
    int status = leaf ? 0 : no_memory();
    size_t stack = 0;

    sort_by_function(grower, row->row);
    for (size_t first = 0, next; !status && first < arrlenu(grower->sites); first = next) {
        const struct row_site *site = grower->sites[first];
        struct flame_counts counts;

        next = sum_function(grower, first, &counts);
        stack = find_stacks(grower, stack, site->function);
        status = add_function(grower, site, &counts, leaf, row->number);
    }
    free(leaf);
    return status;
}

int flame_add(struct flame *flame, unsigned side, const struct profile *profile, const struct flame_row *rows,
              size_t count)
{
    struct grower grower = {.flame = flame, .profile = profile, .side = side};
    int status = 0;

    grower.places = calloc(arrlenu(profile->nodes) + 1, sizeof(*grower.places));
    if (!grower.places)
        return no_memory();
    for (size_t i = 0; !status && i < count; i++)
        status = add_row(&grower, &rows[i]);
    free(grower.places);
    arrfree(grower.path);
    arrfree(grower.sites);
    arrfree(grower.all_stacks);
    arrfree(grower.stacks);
    arrfree(grower.shares);
    return status;
}

static void collect(const struct row ***rows, const struct row *list, size_t most)
{
    for (size_t i = 0; i < arrlenu(list) && (!most || i < most); i++)
        arrput(*rows, &list[i]);
}

const struct row **flame_rows(const struct rows *rows, size_t max_rows, bool all)
{
    const struct row **list = NULL;

    collect(&list, rows->ranked, max_rows);
    if (all)
        collect(&list, rows->single, max_rows);
    return list;
}

struct flame *flame_of_rows(const struct profile *profile, const struct rows *rows, size_t max_rows, bool all)
{
    struct flame *flame = flame_new(true);
    const struct row **wanted = flame_rows(rows, max_rows, all);
    struct flame_row *list = NULL;
    int status = flame ? 0 : no_memory();

    for (size_t i = 0; i < arrlenu(wanted); i++)
        arrput(list, flame_row_of(wanted[i], (uint32_t)i, rows->by_object));
    if (!status)
        status = flame_add(flame, 0, profile, list, arrlenu(list));
    arrfree(wanted);
    arrfree(list);
    if (!status)
        return flame;
    flame_free(flame);
    return NULL;
}

static bool has_weight(const struct flame_node *node)
{
    static const struct flame_counts none[FLAME_SIDES];

    return memcmp(node->own, none, sizeof(none)) != 0;
}

/* Children have higher numbers than their parents: from the last on, each is put before its siblings. */
uint32_t *flame_leaves(const struct flame *flame)
{
    size_t count = arrlenu(flame->nodes);
    uint32_t *first = NULL, *next = NULL, *leaves = NULL, node = 0;

    arrsetlen(first, count);
    arrsetlen(next, count);
    memset(first, 0, count * sizeof(*first));
    memset(next, 0, count * sizeof(*next));
    for (size_t i = count; i-- > 1;) {
        next[i] = first[flame->nodes[i].parent];
        first[flame->nodes[i].parent] = (uint32_t)i;
    }
    do {
        if (has_weight(&flame->nodes[node]))
            arrput(leaves, node);
        if (first[node]) {
            node = first[node];
            continue;
        }
        while (node && !next[node])
            node = flame->nodes[node].parent;
        node = next[node];
    } while (node);
    arrfree(first);
    arrfree(next);
    return leaves;
}

uint64_t flame_weight(const struct flame_counts *counts, const struct metric *metric)
{
    struct row row = {.decrefs = counts->decrefs,
                      .increfs = counts->increfs,
                      .handoffs = counts->handoffs,
                      .retries = counts->retries,
                      .bounces = counts->bounces,
                      .samples = counts->samples};

    return metric->of(&row);
}

uint64_t *flame_totals(const struct flame *flame, unsigned side, const struct metric *metric)
{
    size_t count = arrlenu(flame->nodes);
    uint64_t *totals = calloc(count, sizeof(*totals));

    if (!totals) {
        no_memory();
        return NULL;
    }
    for (size_t i = count; i-- > 0;) {
        totals[i] += flame_weight(&flame->nodes[i].own[side], metric);
        if (i)
            totals[flame->nodes[i].parent] += totals[i];
    }
    return totals;
}

/* A node on its way to being kept or not. */
struct candidate {
    uint64_t worth;
    uint32_t node;
};

/* Parents are worth what their children are at least, and have lower numbers: they stand before them. */
static int dearest_first(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;

    return compare(b->worth, a->worth) ?: compare(a->node, b->node);
}

/* The larger of both sides would not do: a parent's may be on the other side than its children's. */
static struct candidate *candidates(const struct flame *flame, const struct metric *metric)
{
    uint64_t *before = flame_totals(flame, 0, metric), *after = flame_totals(flame, 1, metric);
    struct candidate *all = NULL;

    for (size_t i = 0; before && after && i < arrlenu(flame->nodes); i++)
        arrput(all, ((struct candidate){before[i] + after[i], (uint32_t)i}));
    free(before);
    free(after);
    array_sort(all, dearest_first);
    return all;
}

static void add_counts(struct flame_counts *to, struct flame_counts *from)
{
    for (size_t number = 0; number < COUNTERS; number++)
        *counter(to, number) += *counter(from, number);
}

/* Puts the node, or what stands for it, behind those that are kept already. */
static uint32_t keep(struct flame *flame, struct flame_node *node, bool wanted, uint32_t parent, uint32_t *notes)
{
    struct flame_node note = {.parent = parent, .name = "[smaller ones]", .place = "", .binary = ""};

    if (!wanted && notes[node->parent])
        return notes[node->parent];
    if (!wanted)
        notes[node->parent] = (uint32_t)arrlenu(flame->nodes);
    if (wanted) {
        note = *node;
        note.parent = parent;
        for (unsigned side = 0; side < FLAME_SIDES; side++)
            note.own[side] = (struct flame_counts){0};
    }
    arrput(flame->nodes, note);
    return (uint32_t)arrlenu(flame->nodes) - 1;
}

/* to: by old number, where its counts go; notes: by old number of a parent, the note below it. */
static void rebuild(struct flame *flame, const bool *wanted, uint32_t *to, uint32_t *notes)
{
    struct flame_node *old = flame->nodes;

    flame->nodes = NULL;
    arrput(flame->nodes, old[0]);
    for (size_t i = 1; i < arrlenu(old); i++) {
        uint32_t parent = old[i].parent;

        if (wanted[i] || wanted[parent])
            to[i] = keep(flame, &old[i], wanted[i], to[parent], notes);
        else
            to[i] = to[parent];
        flame->folded += !wanted[i];
        for (unsigned side = 0; side < FLAME_SIDES; side++)
            add_counts(&flame->nodes[to[i]].own[side], &old[i].own[side]);
    }
    arrfree(old);
}

int flame_prune(struct flame *flame, const struct metric *metric, size_t most)
{
    size_t count = arrlenu(flame->nodes);
    struct candidate *all;
    bool *wanted;
    uint32_t *to, *notes;
    int status = -1;

    if (count <= most)
        return 0;
    all = candidates(flame, metric);
    wanted = calloc(count, sizeof(*wanted));
    to = calloc(count, sizeof(*to));
    notes = calloc(count, sizeof(*notes));
    if (all && wanted && to && notes) {
        wanted[0] = true;
        for (size_t i = 0; i < most; i++)
            wanted[all[i].node] = true;
        rebuild(flame, wanted, to, notes);
        status = 0;
    } else {
        no_memory();
    }
    arrfree(all);
    free(wanted);
    free(to);
    free(notes);
    hmfree(flame->children); /* speaks of the old numbers */
    return status;
}
