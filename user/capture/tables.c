#include "capture/tables.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "probe/plan.h"
#include "util/array.h"
#include "util/error.h"

#define INNER_MAP (1u << 12) /* BPF_F_INNER_MAP of include/uapi/linux/bpf.h (5.10): tables may differ in size */

static int fill(int table, const void *values, uint32_t count)
{
    uint32_t filled = count;
    LIBBPF_OPTS(bpf_map_batch_opts, options);
    uint32_t *keys = calloc(count, sizeof(*keys));
    int status;

    for (uint32_t i = 0; i < count; i++)
        keys[i] = i;
    status = bpf_map_update_batch(table, keys, values, &filled, &options);
    free(keys);
    return status;
}

/* Makes a table of the values, for the outer map's element of that number. An empty one stands for none at all. */
static int put(struct tables *tables, int outer, uint32_t number, const char *name, const void *values, size_t size,
               uint32_t count)
{
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = INNER_MAP);
    int table, status;

    if (!count)
        return 0;
    table = bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(uint32_t), size, count, &options);
    if (table < 0)
        return fail_errno("cannot make a BPF map of %u %s", count, name);
    status = fill(table, values, count) ? fail_errno("cannot fill the BPF map of %s", name) : 0;
    arrput(tables->filled, ((struct table){outer, number, table}));
    tables->bytes += ((size + 7) & ~(size_t)7) * count;
    return status;
}

static int put_sites(struct tables *tables, uint32_t binary, const struct scan *scan, const uint32_t *armed,
                     size_t count)
{
    size_t touches = arrlenu(scan->touches);
    struct abi_site *sites = calloc(count + touches + 1, sizeof(*sites));
    int status;

    for (size_t i = 0; i < count; i++)
        sites[i] = plan_site(&scan->operations[armed[i]]);
    for (size_t i = 0; i < touches; i++)
        sites[count + i] = plan_site(&scan->touches[i]);
    status = put(tables, tables->sites, binary, "sites", sites, sizeof(*sites), count + touches);
    free(sites);
    return status;
}

static int put_spans(struct tables *tables, uint32_t binary, const struct scan *scan, size_t first_site)
{
    struct abi_span *spans = plan_spans(scan, first_site);
    int status = put(tables, tables->spans, binary, "spans", spans, sizeof(*spans), arrlenu(spans));

    arrfree(spans);
    return status;
}

int tables_put_binary(struct tables *tables, uint32_t binary, const struct scan *scan, const uint32_t *armed,
                      size_t armed_count, size_t *left_out)
{
    struct abi_caller *callers = plan_callers(scan);
    size_t chunk_count = plan_chunks(scan);
    struct abi_caller_chunk *chunks = calloc(chunk_count, sizeof(*chunks));
    int status;

    *left_out = plan_index(scan, callers, chunks);
    status = put_sites(tables, binary, scan, armed, armed_count);
    if (!status)
        status = put_spans(tables, binary, scan, armed_count);
    if (!status)
        status = put(tables, tables->callers, binary, "callers", callers, sizeof(*callers), arrlenu(callers));
    if (!status && callers)
        status = put(tables, tables->chunks, binary, "chunks", chunks, sizeof(*chunks), chunk_count);
    arrfree(callers);
    free(chunks);
    return status;
}

int tables_put_modules(struct tables *tables, uint32_t target, const struct abi_module *modules, size_t count)
{
    return put(tables, tables->modules, target, "modules", modules, sizeof(*modules), count);
}

/* What is handed over through one outer map. */
struct handover {
    pthread_t thread;
    int outer;
    uint32_t *numbers; /* stb_ds arrays */
    int *fds;
    int reason;        /* errno */
};

static void *hand_over(void *argument)
{
    struct handover *handover = argument;
    uint32_t count = arrlenu(handover->numbers);
    LIBBPF_OPTS(bpf_map_batch_opts, options);

    if (count && bpf_map_update_batch(handover->outer, handover->numbers, handover->fds, &count, &options))
        handover->reason = errno;
    return NULL;
}

/* The kernel waits for all programs that may still use the old table, with each map anew: so for all maps at once. */
int tables_commit(struct tables *tables)
{
    struct handover each[] = {{.outer = tables->sites}, {.outer = tables->callers}, {.outer = tables->chunks},
                              {.outer = tables->modules}, {.outer = tables->spans}};
    size_t count = sizeof(each) / sizeof(each[0]);
    bool started[sizeof(each) / sizeof(each[0])] = {false};
    int reason = 0;

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < arrlenu(tables->filled); j++) {
            if (tables->filled[j].outer != each[i].outer)
                continue;
            arrput(each[i].numbers, tables->filled[j].number);
            arrput(each[i].fds, tables->filled[j].fd);
        }
        started[i] = pthread_create(&each[i].thread, NULL, hand_over, &each[i]) == 0;
        if (!started[i])
            hand_over(&each[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (started[i])
            pthread_join(each[i].thread, NULL);
        reason = each[i].reason ? each[i].reason : reason;
        arrfree(each[i].numbers);
        arrfree(each[i].fds);
    }
    tables_free(tables);
    errno = reason;
    return reason ? fail_errno("cannot hand tables over to BPF") : 0;
}

/* The kernel waits for them with each change of an outer map: maybe_wait_bpf_programs() of kernel/bpf/syscall.c (6.18). The
 * last target's element changes, when its probes have gone or it has none. */
void tables_await_programs(const struct tables *tables)
{
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = INNER_MAP);
    uint32_t number = ABI_TARGETS - 1;
    int table = bpf_map_create(BPF_MAP_TYPE_ARRAY, "none", sizeof(uint32_t), sizeof(struct abi_module), 1, &options);

    if (table >= 0) {
        bpf_map_update_elem(tables->modules, &number, &table, BPF_ANY);
        close(table);
    }
}

void tables_free(struct tables *tables)
{
    for (size_t i = 0; i < arrlenu(tables->filled); i++)
        close(tables->filled[i].fd);
    arrfree(tables->filled);
}
