/* The rows that operations are counted in. */
#ifndef HOTREF_BPF_ROWS_H
#define HOTREF_BPF_ROWS_H

#include "objects.h"
#include "slots.h"
#include "stacks.h"

static __always_inline struct abi_row *look_up(u32 which, const struct abi_key *key)
{
    return which ? bpf_map_lookup_elem(&rows_1, key) : bpf_map_lookup_elem(&rows_0, key);
}

static __always_inline void count_row(u32 target)
{
    u32 zero = 0;
    struct in_flight *mine = bpf_map_lookup_elem(&in_flight, &zero);
    struct abi_event *event;

    /* Each CPU tells whenever it has made its share of those that may wait. */
    if (mine && ++mine->rows % full_at == 0 && (event = new_event(ABI_EVENT_FULL, target)))
        bpf_ringbuf_submit(event, BPF_RB_FORCE_WAKEUP);
}

__noinline int add_row(u32 which, const struct abi_key *key, struct object *object,
                       const struct abi_layout *layout, struct abi_row *row)
{
    if (!key || !object || !layout || !row)
        return -1;
    __builtin_memset(row, 0, sizeof(*row));
    __builtin_memset(&object->found, 0, sizeof(object->found));
    find_type(object->type, key->target, layout, &object->found);
    row->type = object->found.kind == ABI_KIND_NO_TYPE ? 0 : object->type;
    row->kind = object->found.kind;
    row->mask = object->found.mask;
    row->owner = object->owner;
    row->identity = identity(object->found.kind, object->found.mask, object, layout);
    row->life = object->life | ABI_LIFE_OF_TYPE(object->found.number);
    if (which ? bpf_map_update_elem(&rows_1, key, row, BPF_NOEXIST)
              : bpf_map_update_elem(&rows_0, key, row, BPF_NOEXIST))
        return -1;
    count_row(key->target);
    announce_thread(key->target);
    return 0;
}

static __always_inline int is_same(const struct abi_row *row, const struct object *object,
                                   const struct abi_layout *layout)
{
    return row->type == object->type && identity(row->kind, row->mask, object, layout) == row->identity;
}

/* The row of the object that stands at this address now: another one's has its own generation. */
static __noinline struct abi_row *find_row(const struct hit *hit, u32 which, int may_add)
{
    struct abi_key *key = &hit->scratch->key;
    struct object *object = &hit->scratch->object;
    struct abi_row *row = look_up(which, key);

    if (!row)
        return may_add && !add_row(which, key, object, hit->layout, &hit->scratch->row) ? look_up(which, key) : 0;
    if (is_same(row, object, hit->layout) || !row->type)
        return row;
    __builtin_memset(&object->found, 0, sizeof(object->found));
    find_type(object->type, key->target, hit->layout, &object->found);
    key->generation = ((object->type * 0x9e3779b97f4a7c15ull ^ identity(object->found.kind, object->found.mask, object, hit->layout)) | 1) +
                      2 * object->life + ABI_LIFE_OF_TYPE(object->found.number);
    row = look_up(which, key);
    return row || !may_add || add_row(which, key, object, hit->layout, &hit->scratch->row) ? row : look_up(which, key);
}

/* flags: what this operation was. */
enum { FAILED = 1, HANDOFF = 2, BOUNCED = 4, ENDING = 8, INCREMENT = 16 };

__noinline int count_cold(const struct abi_key *key, u64 type, u64 flags, struct abi_cold_key *cold_key)
{
    struct abi_counts *counts, zero = {};

    if (!key || !cold_key)
        return 0;
    __builtin_memset(cold_key, 0, sizeof(*cold_key));
    cold_key->type = type;
    cold_key->base_type = key->base_type;
    cold_key->returns_to = key->returns_to;
    cold_key->target = key->target;
    cold_key->site = key->site;
    cold_key->how = key->how;
    cold_key->level = key->level;
    cold_key->single = !!(flags & ENDING);
    cold_key->type_number = flags >> 32 > ABI_TYPE_UNKNOWN ? ABI_TYPE_UNKNOWN : flags >> 32;
    counts = bpf_map_lookup_elem(&cold, cold_key);
    if (!counts) {
        bpf_map_update_elem(&cold, cold_key, &zero, BPF_NOEXIST);
        counts = bpf_map_lookup_elem(&cold, cold_key);
    }
    if (!counts) {
        count_stat(ABI_STAT_LOST, flags & FAILED ? 0 : 1);
        return 0;
    }
    if (flags & FAILED)
        __sync_fetch_and_add(&counts->retries, 1);
    else if (flags & INCREMENT)
        __sync_fetch_and_add(&counts->increfs, 1);
    else
        __sync_fetch_and_add(&counts->decrefs, 1);
    if (flags & HANDOFF)
        __sync_fetch_and_add(&counts->handoffs, 1);
    if (flags & BOUNCED)
        __sync_fetch_and_add(&counts->bounces, 1);
    return 0;
}

#endif
