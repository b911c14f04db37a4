#include "probe/unit.h"

#include <stdlib.h>
#include <string.h>

#include "util/array.h"

#define MAX_TABLE_ENTRIES 4096

struct edge {
    uint32_t from, to;
};

/* What building needs and the finished unit does not. */
struct builder {
    const struct elf_file *file;
    struct unit *unit;
    bool *leader;              /* by op */
    uint32_t *block_of;        /* by op */
    uint64_t *table_targets;   /* stb_ds array */
    struct edge *edges;        /* stb_ds array */
};

static int decode_range(const struct elf_file *file, const struct decoder *decoder, const struct code_range *range,
                        struct op **ops)
{
    const uint8_t *bytes = elf_file_bytes(file, range->start, range->end - range->start);
    uint64_t at = range->start;

    if (!bytes)
        return -1;
    while (at < range->end) {
        struct op op;

        if (decode_op(decoder, bytes + (at - range->start), range->end - at, at, &op))
            return -1;
        arrput(*ops, op);
        at += op.length;
    }
    return 0;
}

int64_t unit_op_at(const struct unit *unit, uint64_t address)
{
    int64_t low = 0, high = (int64_t)arrlen(unit->ops) - 1;

    while (low <= high) {
        int64_t middle = (low + high) / 2;

        if (unit->ops[middle].address == address)
            return middle;
        if (unit->ops[middle].address < address)
            low = middle + 1;
        else
            high = middle - 1;
    }
    return -1;
}

uint32_t unit_block_of(const struct unit *unit, uint32_t op)
{
    uint32_t low = 0, high = arrlenu(unit->blocks) - 2; /* the last is empty */

    while (low < high) {
        uint32_t middle = (low + high + 1) / 2;

        if (unit->blocks[middle].first <= op)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static bool is_indirect_jump(const struct op *op)
{
    bool through_got = op->has_mem && op->base == NO_REG && op->index == NO_REG;

    return op->code == OP_JUMP && op->value == 0 && !through_got;
}

static bool ends_block(const struct op *op)
{
    return op->code == OP_JUMP || op->code == OP_BRANCH || op->code == OP_RETURN;
}

/* Targets of a table of 32-bit distances from its own start, as compilers make them for switch statements. */
static void read_distances(struct builder *builder, uint64_t table)
{
    for (int i = 0; i < MAX_TABLE_ENTRIES; i++) {
        const uint8_t *bytes = elf_file_bytes(builder->file, table + 4 * i, 4);
        int32_t distance;

        if (!bytes)
            return;
        memcpy(&distance, bytes, 4);
        if (unit_op_at(builder->unit, table + distance) < 0)
            return;
        arrput(builder->table_targets, table + distance);
    }
}

/* Targets of a table of pointers, as computed gotos use; in position-independent files relocations fill it. */
static void read_pointers(struct builder *builder, uint64_t table)
{
    for (int i = 0; i < MAX_TABLE_ENTRIES; i++) {
        const uint8_t *bytes = elf_file_bytes(builder->file, table + 8 * i, 8);
        uint64_t target = elf_file_bound_address(builder->file, table + 8 * i);

        if (!bytes)
            return;
        if (!target)
            memcpy(&target, bytes, 8);
        if (unit_op_at(builder->unit, target) < 0)
            return;
        arrput(builder->table_targets, target);
    }
}

/* Every constant address outside the code may be a jump table; what does not lead back into this function is none. */
static void find_tables(struct builder *builder)
{
    struct unit *unit = builder->unit;
    bool wanted = false;

    for (size_t i = 0; i < arrlenu(unit->ops) && !wanted; i++)
        wanted = is_indirect_jump(&unit->ops[i]);
    if (!wanted)
        return;
    for (size_t i = 0; i < arrlenu(unit->ops); i++) {
        const struct op *op = &unit->ops[i];
        bool fixed = op->has_mem && op->base == NO_REG && op->disp > 0;

        if (!fixed || !(op->code == OP_LEA || op->index != NO_REG) || unit_op_at(unit, op->disp) >= 0)
            continue;
        read_distances(builder, op->disp);
        read_pointers(builder, op->disp);
    }
}

static void mark_leader(struct builder *builder, uint64_t address)
{
    int64_t at = unit_op_at(builder->unit, address);

    if (at >= 0)
        builder->leader[at] = true;
}

static void mark_leaders(struct builder *builder)
{
    struct unit *unit = builder->unit;

    for (size_t i = 0; i < arrlenu(unit->ranges); i++)
        mark_leader(builder, unit->ranges[i].start);
    for (size_t i = 0; i < arrlenu(unit->ops); i++) {
        const struct op *op = &unit->ops[i];

        if (!ends_block(op))
            continue;
        if (op->value)
            mark_leader(builder, op->value);
        if (i + 1 < arrlenu(unit->ops))
            builder->leader[i + 1] = true;
    }
    for (size_t i = 0; i < arrlenu(builder->table_targets); i++)
        mark_leader(builder, builder->table_targets[i]);
}

static void cut_blocks(struct builder *builder)
{
    struct unit *unit = builder->unit;

    for (size_t i = 0; i < arrlenu(unit->ops); i++) {
        if (i == 0 || builder->leader[i])
            arrput(unit->blocks, ((struct block){.first = i}));
        arrlast(unit->blocks).count++;
        builder->block_of[i] = arrlenu(unit->blocks) - 1;
    }
}

static void add_edge(struct builder *builder, uint32_t from, uint64_t address)
{
    int64_t at = unit_op_at(builder->unit, address);

    if (at >= 0)
        arrput(builder->edges, ((struct edge){from, builder->block_of[at]}));
}

static void find_edges(struct builder *builder)
{
    struct unit *unit = builder->unit;
    uint32_t hub = arrlenu(unit->blocks);

    /* Every indirect jump may reach every target of every table: an empty block between them keeps that linear. */
    arrput(unit->blocks, ((struct block){0}));
    for (uint32_t b = 0; b < hub; b++) {
        const struct op *last = &unit->ops[unit->blocks[b].first + unit->blocks[b].count - 1];

        if ((last->code == OP_JUMP || last->code == OP_BRANCH) && last->value)
            add_edge(builder, b, last->value);
        if (last->code != OP_JUMP && last->code != OP_RETURN)
            add_edge(builder, b, last->address + last->length);
        if (is_indirect_jump(last) && arrlenu(builder->table_targets) > 0)
            arrput(builder->edges, ((struct edge){b, hub}));
    }
    for (size_t i = 0; i < arrlenu(builder->table_targets); i++)
        add_edge(builder, hub, builder->table_targets[i]);
}

static int by_target(const void *a, const void *b)
{
    const struct edge *x = a, *y = b;

    if (x->to != y->to)
        return x->to < y->to ? -1 : 1;
    return x->from < y->from ? -1 : x->from > y->from;
}

static void group_edges(struct builder *builder)
{
    struct unit *unit = builder->unit;
    const struct edge *edges = builder->edges;

    array_sort(builder->edges, by_target);
    for (size_t i = 0; i < arrlenu(edges); i++) {
        struct block *block = &unit->blocks[edges[i].to];

        if (i > 0 && edges[i].to == edges[i - 1].to && edges[i].from == edges[i - 1].from)
            continue;
        if (block->pred_count++ == 0)
            block->preds = arrlenu(unit->preds);
        arrput(unit->preds, edges[i].from);
    }
}

static void build_graph(struct builder *builder)
{
    size_t count = arrlenu(builder->unit->ops);

    builder->leader = calloc(count, sizeof(bool));
    builder->block_of = calloc(count, sizeof(uint32_t));
    find_tables(builder);
    mark_leaders(builder);
    cut_blocks(builder);
    find_edges(builder);
    group_edges(builder);
    free(builder->leader);
    free(builder->block_of);
    arrfree(builder->table_targets);
    arrfree(builder->edges);
}

static int by_address(const void *a, const void *b)
{
    const struct op *x = a, *y = b;

    return x->address < y->address ? -1 : x->address > y->address;
}

static void mark_block(const struct unit *unit, struct block *block, uint64_t entry)
{
    block->has_entry = block->count > 0 && unit->ops[block->first].address == entry;
    block->is_padding = !block->has_entry && block->pred_count == 0;
    for (uint32_t i = 0; i < block->count; i++)
        block->is_padding &= unit->ops[block->first + i].code == OP_NOP;
}

struct unit *unit_build(const struct elf_file *file, const struct decoder *decoder, struct code_range *ranges)
{
    struct unit *unit = calloc(1, sizeof(*unit));
    struct builder builder = {.file = file, .unit = unit};
    uint64_t entry = ranges[0].start;

    unit->ranges = ranges;
    for (size_t i = 0; i < arrlenu(ranges); i++) {
        if (decode_range(file, decoder, &ranges[i], &unit->ops)) {
            unit_free(unit);
            return NULL;
        }
    }
    array_sort(unit->ops, by_address);
    build_graph(&builder);
    for (size_t b = 0; b < arrlenu(unit->blocks); b++)
        mark_block(unit, &unit->blocks[b], entry);
    return unit;
}

void unit_free(struct unit *unit)
{
    if (!unit)
        return;
    arrfree(unit->ranges);
    arrfree(unit->ops);
    arrfree(unit->blocks);
    arrfree(unit->preds);
    free(unit);
}
