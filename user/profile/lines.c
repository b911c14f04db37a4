/* Rows whose objects lie in the same cache line: false sharing. */
#include <stdio.h>
#include <stdlib.h>

#include "profile/entry.h"
#include "util/array.h"

static int by_line(const void *left, const void *right)
{
    const struct line_entry *a = left, *b = right;

    return compare(a->line, b->line) ?: compare(a->object, b->object) ?: compare(a->row, b->row);
}

/* The first row of those that are connected with this one. */
static uint32_t first_of(uint32_t *first, uint32_t row)
{
    while (first[row] != row)
        row = first[row] = first[first[row]];
    return row;
}

static void connect(uint32_t *first, uint32_t a, uint32_t b)
{
    a = first_of(first, a);
    b = first_of(first, b);
    first[a > b ? a : b] = a > b ? b : a;
}

/* The entries of one line, ordered by object: two objects or more make it a shared one. */
static void mark_line(struct row *rows, uint32_t *first, const struct line_entry *entries, size_t count)
{
    if (entries[0].object == entries[count - 1].object)
        return;
    for (size_t i = 0; i < count; i++) {
        rows[entries[i].row].line = 1;
        connect(first, entries[0].row, entries[i].row);
    }
}

void lines_mark(struct row *rows, struct line_entry *entries)
{
    size_t count = arrlenu(entries), end;
    uint32_t *first = calloc(arrlenu(rows) + 1, sizeof(*first));

    for (uint32_t i = 0; first && i < arrlenu(rows); i++)
        first[i] = i;
    array_sort(entries, by_line);
    for (size_t begin = 0; first && begin < count; begin = end) {
        for (end = begin + 1; end < count && entries[end].line == entries[begin].line;)
            end++;
        mark_line(rows, first, &entries[begin], end - begin);
    }
    for (uint32_t i = 0; first && i < arrlenu(rows); i++)
        rows[i].line = rows[i].line ? first_of(first, i) + 1 : 0;
    free(first);
}

static void add_to_label(struct rows *rows, struct row *row)
{
    char *label;

    if (asprintf(&label, "%s [line %u]", row->label, row->line) < 0)
        return;
    arrput(rows->owned, label);
    row->label = label;
}

void lines_number(struct rows *rows)
{
    struct {
        uint32_t key, value;
    } *numbers = NULL;

    for (size_t i = 0; i < arrlenu(rows->ranked); i++) {
        struct row *row = &rows->ranked[i];
        uint32_t next = (uint32_t)hmlenu(numbers) + 1;

        if (!row->line)
            continue;
        if (hmgeti(numbers, row->line) < 0)
            hmput(numbers, row->line, next);
        row->line = hmget(numbers, row->line);
        add_to_label(rows, row);
    }
    hmfree(numbers);
}
