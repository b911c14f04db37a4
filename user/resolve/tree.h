/* The stacks of a recording as the profile keeps them: one tree of lines, and how often each row was seen at its nodes. */
#ifndef HOTREF_RESOLVE_TREE_H
#define HOTREF_RESOLVE_TREE_H

#include "profile/profile.h"
#include "resolve/stacks.h"

struct tree;

/* Adds frames and nodes to profile. tree_free() takes NULL. */
struct tree *tree_new(const struct stacks *stacks, struct profile *profile);

/* Adds what was seen of a row, which is the profile's (object, site, field). */
void tree_add_row(struct tree *tree, const struct collected_row *row, uint32_t object, uint32_t site, text_id field);

/* Adds the sums to profile. */
void tree_finish(struct tree *tree);
void tree_free(struct tree *tree);

#endif
