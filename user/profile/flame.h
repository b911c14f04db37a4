/*
 * Rows and the Python stacks that they were seen under, as one tree: what flame graphs are drawn from. From the root
 * come the Python frames, then the C function, and as leaves the objects with the fields through which threads reached
 * them. Two profiles may be put into one tree, side by side.
 *
 * A row's counts are exact, its stacks are samples: what a C function did to the row's object is shared out among its
 * stacks as often as they were seen, by largest remainder, so that the sum over a row's leaves is the row.
 */
#ifndef HOTREF_PROFILE_FLAME_H
#define HOTREF_PROFILE_FLAME_H

#include "profile/rows.h"

#define FLAME_SIDES 2 /* before and after; a tree of one profile has the first only */

enum flame_kind {
    FLAME_NOTE = 0,     /* the root, and what stands for something that is not there */
    FLAME_PYTHON = 1,
    FLAME_FUNCTION = 2, /* a C function */
    FLAME_OBJECT = 3,   /* always a leaf */
};

struct flame_counts {
    uint64_t decrefs, increfs, handoffs, retries, bounces, samples;
};

/* Texts belong to the tree. */
struct flame_node {
    uint32_t parent;   /* lower than the node's own number; 0 below the root, which is number 0 */
    uint32_t kind;     /* enum flame_kind */
    const char *name;  /* "func (nested.py:23)", "func_dealloc", "function.func_globals (dict globals of app)" */
    const char *place; /* of a Python frame, the whole path: "/srv/nested.py:23"; else "" */
    const char *binary; /* of a C function, the file that it lies in; else "" */
    uint32_t frame;    /* of a Python frame, its number in the profile that it is of first; else 0 */
    uint32_t row[FLAME_SIDES]; /* of an object, 1 + the number of the first row on that side; 0: none */
    struct flame_counts own[FLAME_SIDES]; /* of this node alone: only leaves have some */
};

struct flame {
    struct flame_node *nodes; /* stb_ds array, from the root */
    size_t folded;           /* nodes that flame_prune() took away */
    struct flame_words *words;
    struct flame_children *children;
    bool lines;
};

/* An empty tree. Without lines, Python frames are told apart by function and short name of the file alone: between two
 * versions of a program lines move, and folders. NULL without memory; flame_free() takes NULL. */
struct flame *flame_new(bool lines);
void flame_free(struct flame *tree);

/* A row on its way into the tree, and what it is called there: rows that are called alike have their leaves together. */
struct flame_row {
    const struct row *row;
    const char *type, *field, *object;
    uint32_t number;
};

/* The same with what the row itself is called. addresses: it is of a single object (rows_options.by_object), which is
 * told apart from others of its name. */
struct flame_row flame_row_of(const struct row *row, uint32_t number, bool addresses);

/* Adds rows of the profile to a side; several calls may add to one. Returns 0, or -1 with a failure. */
int flame_add(struct flame *flame, unsigned side, const struct profile *profile, const struct flame_row *rows,
              size_t count);

/* The rows of which flame_of_rows() makes the tree, by their numbers there; a stb_ds array. */
const struct row **flame_rows(const struct rows *rows, size_t max_rows, bool all);

/* The tree of a report: max_rows (0: all) of the ranked rows and, where all are wanted, of those of single threads, whose
 * numbers follow. NULL with a failure. */
struct flame *flame_of_rows(const struct profile *profile, const struct rows *rows, size_t max_rows, bool all);

/* The nodes that are worth something by themselves, such that those of one parent stand side by side; a stb_ds array. */
uint32_t *flame_leaves(const struct flame *tree);

/* What counts are worth by a metric that sums up. */
uint64_t flame_weight(const struct flame_counts *counts, const struct metric *metric);

/* For each node what it and all below it are worth on that side; malloc'ed, NULL without memory. */
uint64_t *flame_totals(const struct flame *tree, unsigned side, const struct metric *metric);

/* Leaves about so many nodes, those that are worth most by the metric; what is taken away is summed up in notes beside
 * its siblings, so that totals stay. Returns 0, or -1 with a failure. */
int flame_prune(struct flame *tree, const struct metric *metric, size_t most);

#endif
