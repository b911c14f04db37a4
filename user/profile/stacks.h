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

/* "Service.handle (app.py:23)", or without its line, and "/srv/app.py:23", of a frame of the profile; malloc'ed, NULL
 * only without memory. */
char *frame_name(const struct profile *profile, uint32_t frame, bool line);
char *frame_place(const struct profile *profile, uint32_t frame, bool line);

/* Sums count stacks into the row's, which lie in rows. Reorders them. */
void row_add_stacks(const struct stack_index *index, struct rows *rows, struct row *row,
                    const struct profile_stack **stacks, size_t count);

#endif
