/* The BPF maps that describe binaries and targets' modules. Each binary and each target has tables of its own, made when
 * it appears, while programs go on using the others. */
#ifndef HOTREF_CAPTURE_TABLES_H
#define HOTREF_CAPTURE_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "probe/scan.h"

/* A table that is filled and not handed over yet. */
struct table {
    int outer;
    uint32_t number;
    int fd;
};

struct tables {
    int sites, callers, chunks, modules, spans; /* file descriptors of the outer maps */
    uint64_t bytes;                      /* that the tables hold, in all */
    struct table *filled;                /* stb_ds array */
};

/* The sites armed (numbers of scan->operations), the scan's touches behind them, and the call sites of a binary. *left_out: call sites that the index
 * could not take. Returns 0, or -1 with a failure. */
int tables_put_binary(struct tables *tables, uint32_t binary, const struct scan *scan, const uint32_t *armed,
                      size_t armed_count, size_t *left_out);

/* The modules of a target, by start; they replace those that were there. */
int tables_put_modules(struct tables *tables, uint32_t target, const struct abi_module *modules, size_t count);

/* Hands over what was put: only then do the programs see it. */
int tables_commit(struct tables *tables);

/* Waits until no program runs that was running when this was called. */
void tables_await_programs(const struct tables *tables);
void tables_free(struct tables *tables);

#endif
