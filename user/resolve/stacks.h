/* Python stacks: put together from BPF's messages and named while their code objects live. */
#ifndef HOTREF_RESOLVE_STACKS_H
#define HOTREF_RESOLVE_STACKS_H

#include "resolve/live.h"

extern const struct live_lookup live_stacks;

/* A place in Python code. Number 0 is none. */
struct stack_frame {
    const char *qualname, *file; /* "[truncated]" and "[unknown]" stand for what could not be told, without a file */
    uint32_t line;               /* 0 where the instruction has none */
};

/* A stack: its top frame, and the stack below that. Number 0 is the empty one; parents have lower numbers. */
struct stack_node {
    uint32_t parent, frame;
};

/* How often a row's operations were seen under a stack. */
struct stack_hits {
    uint32_t key; /* node */
    uint32_t value;
};

struct stacks {
    struct stack_frame *frames;    /* stb_ds arrays */
    struct stack_node *nodes;
    struct stack_row *rows;        /* the rest is how they are found */
    struct known_frame *known_frames;
    struct known_node *known_nodes;
    struct stack_part *parts;
    struct known_text *texts;
};

const struct stacks *stacks_of(const struct live *live);

/* The stacks of a row as an stb_ds hash map (hmlen() to go over it); NULL where none was seen. */
const struct stack_hits *stacks_of_row(const struct stacks *stacks, const struct collected_row *row);

#endif
