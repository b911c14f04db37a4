#include "profile/rows.h"

#include <stdio.h>
#include <string.h>

#include "util/error.h"

uint64_t row_ops(const struct row *row)
{
    return row->decrefs + row->increfs;
}

uint64_t row_weight(const struct row *row)
{
    return row->sampled ? row->samples : row_ops(row);
}

struct stall row_stall(const struct row *row)
{
    return stall_of(row->samples, row->meta->samples);
}

uint64_t row_stall_ns(const struct row *row)
{
    return row->samples * row->meta->sample_ns;
}

struct rate row_rate(const struct row *row)
{
    return rate_of(row_ops(row), row->meta);
}

static uint64_t decrefs(const struct row *row)
{
    return row->decrefs;
}

static uint64_t increfs(const struct row *row)
{
    return row->increfs;
}

static uint64_t samples(const struct row *row)
{
    return row->samples;
}

static uint64_t references(const struct row *row)
{
    uint64_t larger = row->decrefs > row->increfs ? row->decrefs : row->increfs;

    return row->sampled ? row->samples : larger;
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

/*
 * What is not exact may be so in many programs. Of the increments that CPython makes by compare-exchange some are tries
 * that give up where the shared count is 0, that is where no other thread holds a reference at the moment; the caller
 * then takes a lock and an increment that is inlined, and so is not among those that are counted unasked
 * (_Py_TryIncRefShared() in Include/internal/pycore_object.h, 3.13.5). Decrements have no such second way.
 */
const struct metric metrics[] = {
    {"ops", "OPS", "reference-count operations by threads that do not own the object", false, row_ops, true},
    {"decrefs", "DECREFS", "those of the operations that decrement", true, decrefs, true},
    {"increfs", "INCREFS", "those of the operations that increment, as far as they were counted", false, increfs, true},
    {"threads", "THREADS", "distinct threads that did them", true, threads, false},
    {"retries", "RETRIES", "attempts that failed, as another thread got in between", false, retries, true},
    {"bounces", "BOUNCES", "operations right after one on the same object from another CPU", false, bounces, true},
    {"handoffs", "HANDOFFS", "decrements that queued the object for the thread that owns it", true, handoffs, true},
    {"samples", "SAMPLES", "samples that found a thread waiting for the object", false, samples, true},
};
const struct metric metric_usual = {
    "references", "REFERENCES", "the larger of decrefs and increfs: references that were taken, dropped or both", false,
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

/* "decrefs, threads and handoffs" */
static void exact_keys(char *keys, size_t size)
{
    size_t left = 0, used = 0;

    for (size_t i = 0; i < metric_count; i++)
        left += metrics[i].exact;
    for (size_t i = 0; i < metric_count; i++) {
        if (!metrics[i].exact)
            continue;
        left--;
        used += (size_t)snprintf(keys + used, size - used, "%s%s", metrics[i].key,
                                 left > 1    ? ", "
                                 : left == 1 ? " and "
                                             : "");
    }
}

int metric_gated(const struct metric *metric)
{
    char keys[128];

    if (metric->exact)
        return 0;
    exact_keys(keys, sizeof(keys));
    return fail("'%s' differs from run to run and cannot be limited: %s can", metric->key, keys);
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

const struct naming namings[NAMINGS] = {{"type", type}, {"field", field}, {"object", object}, {"function", function}};
const size_t naming_count = sizeof(namings) / sizeof(namings[0]);
