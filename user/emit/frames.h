/* What formats that have frames of their own take from a tree of stacks: each node as a name, a file and a line. */
#ifndef HOTREF_EMIT_FRAMES_H
#define HOTREF_EMIT_FRAMES_H

#include "profile/flame.h"

/* Texts are the profile's and the tree's. */
struct frame_text {
    const char *name; /* a Python function's qualified name, a C function's, or what an object is called */
    const char *file; /* that a function lies in; "" for none */
    uint64_t line;    /* 0 where none is known */
};

struct frame_text frame_text(const struct profile *profile, const struct flame_node *node);

/* Frames that are written once and meant often, numbered as they come. */
struct frame_entry {
    struct frame_text key;
    uint32_t value;
};

/* Its number in the stb_ds map; texts are told apart by where they lie, as a profile and a tree have each only once. */
uint32_t frame_number(struct frame_entry **frames, struct frame_text frame);

/* The metrics that stacks can be weighed by: those that sum up and were measured; a stb_ds array. */
const struct metric **frames_metrics(bool sampled, bool increfs);

#endif
