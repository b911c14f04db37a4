/* A function as the data flow sees it: its instructions, cut into basic blocks, with the edges between them. */
#ifndef HOTREF_PROBE_UNIT_H
#define HOTREF_PROBE_UNIT_H

#include "probe/code.h"
#include "target/elf_file.h"

struct block {
    uint32_t first, count;     /* of unit.ops */
    uint32_t preds, pred_count; /* of unit.preds */
    bool has_entry;            /* the function's entry */
    bool is_padding;           /* filler that nothing leads to, though it falls through into the next block */
};

struct unit {
    struct code_range *ranges; /* stb_ds array: the function, then its cold parts; owned by the unit */
    struct op *ops;            /* stb_ds arrays */
    struct block *blocks;      /* by address; the last is empty: all indirect jumps lead through it */
    uint32_t *preds;           /* block numbers, each block's predecessors together */
};

/*
 * Decodes the ranges (the first holds the entry) and builds the graph. Indirect jumps are followed through the
 * jump tables that the function's constants point to. Where the code cannot be decoded to its end, NULL without a
 * sentence: such a range is left out by the scan, which counts it. The ranges array becomes the unit's.
 */
struct unit *unit_build(const struct elf_file *file, const struct decoder *decoder, struct code_range *ranges);
void unit_free(struct unit *unit); /* takes NULL */

/* The index of the op at address, or -1. */
int64_t unit_op_at(const struct unit *unit, uint64_t address);

/* The number of the block that op number op is in. */
uint32_t unit_block_of(const struct unit *unit, uint32_t op);

#endif
