#include "profile/rows.h"

#include <string.h>

uint64_t row_ops(const struct row *row)
{
    return row->decrefs + row->increfs;
}

static uint64_t decrefs(const struct row *row)
{
    return row->decrefs;
}

static uint64_t increfs(const struct row *row)
{
    return row->increfs;
}

static uint64_t references(const struct row *row)
{
    return row->decrefs > row->increfs ? row->decrefs : row->increfs;
}

static uint64_t threads(const struct row *row)
{
    return row->threads;
}

static uint64_t retries(const struct row *row)
{
    return row->retries;
}

static uint64_t bounces(const struct row *row)
{
    return row->bounces;
}

static uint64_t handoffs(const struct row *row)
{
    return row->handoffs;
}

const struct metric metrics[] = {
    {"ops", "OPS", "reference-count operations by threads that do not own the object", true, row_ops, true},
    {"decrefs", "DECREFS", "those of the operations that decrement", true, decrefs, true},
    {"increfs", "INCREFS", "those of the operations that increment, as far as they were counted", true, increfs, true},
    {"threads", "THREADS", "distinct threads that did them", true, threads, false},
    {"retries", "RETRIES", "attempts that failed, as another thread got in between", false, retries, true},
    {"bounces", "BOUNCES", "operations right after one on the same object from another CPU", false, bounces, true},
    {"handoffs", "HANDOFFS", "decrements that queued the object for the thread that owns it", true, handoffs, true},
};
const struct metric metric_usual = {
    "references", "REFERENCES", "the larger of decrefs and increfs: references that were taken, dropped or both", true,
    references, false};
const size_t metric_count = sizeof(metrics) / sizeof(metrics[0]);

const struct metric *metric_find(const char *key)
{
    for (size_t i = 0; i < metric_count; i++) {
        if (strcmp(metrics[i].key, key) == 0)
            return &metrics[i];
    }
    return NULL;
}

static const char *type(const struct row *row)
{
    return row->type;
}

static const char *field(const struct row *row)
{
    return row->field;
}

static const char *object(const struct row *row)
{
    return row->object;
}

static const char *function(const struct row *row)
{
    return row->function;
}

const struct naming namings[] = {{"type", type}, {"field", field}, {"object", object}, {"function", function}};
const size_t naming_count = sizeof(namings) / sizeof(namings[0]);
