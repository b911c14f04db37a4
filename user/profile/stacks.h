/* Python stacks of rows, on their way from a profile into struct row. */
#ifndef HOTREF_PROFILE_STACKS_H
#define HOTREF_PROFILE_STACKS_H

#include "profile/rows.h"

/* A profile's stacks, found by object and field. */
struct stack_index;

/* NULL without memory. stack_index_free() takes NULL. */
struct stack_index *stack_index_new(const struct profile *profile);
void stack_index_free(struct stack_index *index);

/* Appends those of (object, field) to the stb_ds array *to. */
void stack_index_find(const struct stack_index *index, uint32_t object, text_id field,
                      const struct profile_stack ***to);

/* Sums count stacks into the row's, which lie in rows. Reorders them. */
void row_add_stacks(const struct stack_index *index, struct rows *rows, struct row *row,
                    const struct profile_stack **stacks, size_t count);

#endif
