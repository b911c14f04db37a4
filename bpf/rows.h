/* The rows that operations are counted in. */
#ifndef HOTREF_BPF_ROWS_H
#define HOTREF_BPF_ROWS_H

#include "objects.h"
#include "slots.h"
#include "stacks.h"

#define SLOT_TRIES 16

static __always_inline u32 first_slot(const struct abi_key *key)
{
    u64 sum = key->object * 0x9e3779b97f4a7c15ull + key->base_type * 0xff51afd7ed558ccdull +
              key->returns_to * 0xc4ceb9fe1a85ec53ull + ((u64)key->tid << 32 | key->site) * 0x94d049bb133111ebull +
              (key->code + ((u64)key->instr << 32 | key->how)) * 0xbf58476d1ce4e5b9ull +
              key->generation * 0xd6e8feb86659fd93ull;

    return ((sum ^ sum >> 32) * 0x9e3779b97f4a7c15ull) >> 50 & (ABI_ROWS - 1);
}

static __always_inline struct abi_row_slot *slot_at(u32 which, u32 number)
{
    u32 at = (which & 1) * ABI_ROWS + (number & (ABI_ROWS - 1));

    return bpf_map_lookup_elem(&rows, &at);
}

static __always_inline int is_row_of(const struct abi_row_slot *slot, const struct abi_key *key)
{
    const u64 *one = (const u64 *)&slot->key, *other = (const u64 *)key;

    return slot->state == ABI_SLOT_ROW &&
           !((one[0] ^ other[0]) | (one[1] ^ other[1]) | (one[2] ^ other[2]) | (one[3] ^ other[3]) |
             (one[4] ^ other[4]) | (one[5] ^ other[5]) | (one[6] ^ other[6]) | (one[7] ^ other[7]));
}

/*
 * The number + 1 of the slot of key's row or, where there is none and add says so, of one that is taken for it; 0 where
 * that cannot be. Nobody else can make the same row meanwhile, as only this thread's are under its number; and no row goes
 * but all together, so that none is behind a free slot.
 */
__noinline u32 find_slot(const struct abi_key *key, u32 which, u32 add)
{
    u32 first, i;

    if (!key)
        return 0;
    first = first_slot(key);
    for (i = 0; i < SLOT_TRIES; i++) {
        struct abi_row_slot *slot = slot_at(which, first + i);

        if (!slot)
            return 0;
        if (is_row_of(slot, key))
            return ((first + i) & (ABI_ROWS - 1)) + 1;
        if (slot->state != ABI_SLOT_FREE)
            continue;
        if (!add)
            return 0;
        if (__sync_val_compare_and_swap(&slot->state, ABI_SLOT_FREE, ABI_SLOT_TAKEN) == ABI_SLOT_FREE)
            return ((first + i) & (ABI_ROWS - 1)) + 1;
    }
    return 0;
}

/* As find_slot() without add: most often it is the first one. */
static __always_inline u32 look_up(u32 which, const struct abi_key *key)
{
    u32 first = first_slot(key);
    struct abi_row_slot *slot = slot_at(which, first);

    if (!slot || slot->state == ABI_SLOT_FREE)
        return 0;
    return is_row_of(slot, key) ? first + 1 : find_slot(key, which, 0);
}

static __always_inline struct abi_row *row_at(u32 which, u32 number)
{
    struct abi_row_slot *slot = number ? slot_at(which, number - 1) : 0;

    return slot ? &slot->row : 0;
}

static __always_inline void count_row(u32 target)
{
    u32 zero = 0;
    u64 *made = bpf_map_lookup_elem(&rows_made, &zero);
    struct abi_event *event;

    /* Each CPU tells whenever it has made its share of those that may wait. */
    if (made && ++*made % full_at == 0 && (event = new_event(ABI_EVENT_FULL, target)))
        bpf_ringbuf_submit(event, BPF_RB_FORCE_WAKEUP);
}

/* Returns what find_slot() does. */
__noinline u32 add_row(u32 which, const struct abi_key *key, struct object *object, const struct abi_layout *layout)
{
    struct abi_row_slot *slot;
    struct abi_row *row;
    u32 number;

    if (!key || !object || !layout || !(number = find_slot(key, which, 1)) || !(slot = slot_at(which, number - 1)))
        return 0;
    row = &slot->row;
    __builtin_memset(row, 0, sizeof(*row));
    __builtin_memset(&object->found, 0, sizeof(object->found));
    find_type(object->type, key->target, layout, &object->found);
    row->type = object->found.kind == ABI_KIND_NO_TYPE ? 0 : object->type;
    row->kind = object->found.kind;
    row->mask = object->found.mask;
    row->owner = object->owner;
    row->identity = identity(object->found.kind, object->found.mask, object, layout);
    row->life = object->life | ABI_LIFE_OF_TYPE(object->found.number);
    slot->key = *key;
    asm volatile("" : : : "memory");
    *(volatile u64 *)&slot->state = ABI_SLOT_ROW;
    __sync_fetch_and_add(&rows_in[which & 1], 1);
    count_row(key->target);
    announce_thread(key->target);
    return number;
}

/* Of most kinds nothing is told by its first words, which is not worth a call. */
static __always_inline int tells_nothing(const struct abi_row *row)
{
    return !row->mask && row->kind != ABI_KIND_STR && row->kind != ABI_KIND_INT && row->kind != ABI_KIND_BYTES;
}

static __always_inline int is_same(const struct abi_row *row, const struct object *object,
                                   const struct abi_layout *layout)
{
    return row->type == object->type &&
           (tells_nothing(row) || identity(row->kind, row->mask, object, layout) == row->identity);
}

/* The row of the object that stands at this address now, as find_slot() tells it: another one's has its own generation. */
__noinline u32 find_row(struct scratch *scratch, const struct abi_layout *layout, u32 which, u32 may_add)
{
    struct object *object;
    struct abi_key *key;
    struct abi_row *row;
    u32 number;

    if (!scratch || !layout)
        return 0;
    key = &scratch->key;
    object = &scratch->object;
    number = look_up(which, key);
    row = row_at(which, number);
    if (!row)
        return may_add ? add_row(which, key, object, layout) : 0;
    if (is_same(row, object, layout) || !row->type)
        return number;
    __builtin_memset(&object->found, 0, sizeof(object->found));
    find_type(object->type, key->target, layout, &object->found);
    key->generation = ((object->type * 0x9e3779b97f4a7c15ull ^
                        identity(object->found.kind, object->found.mask, object, layout)) | 1) +
                      2 * object->life + ABI_LIFE_OF_TYPE(object->found.number);
    number = find_slot(key, which, 0);
    return number || !may_add ? number : add_row(which, key, object, layout);
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
