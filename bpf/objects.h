/* The object of a hit: what tells it from others that stood at its address. */
#ifndef HOTREF_BPF_OBJECTS_H
#define HOTREF_BPF_OBJECTS_H

#include "maps.h"
#include "memory.h"
#include "scratch.h"

#define ADDRESS_MASK 0xffffffffffffull

/* What tells one object from the next one at its address, as far as its type keeps something unchanged. */
__noinline u64 identity(u32 kind, u32 mask, const struct object *object, const struct abi_layout *layout)
{
    u64 sum = 0;

    if (!object || !layout)
        return 0;
    if (mask & 1)
        sum += object->words[0] * 0x9e3779b97f4a7c15ull;
    if (mask & 2)
        sum += object->words[1] * 0xff51afd7ed558ccdull;
    if (mask & 4)
        sum += object->words[2] * 0xc4ceb9fe1a85ec53ull;
    if (mask & 8)
        sum += object->words[3] * 0x94d049bb133111ebull;
    if (kind == ABI_KIND_INT)
        sum += (u32)object->words[1] * 0xff51afd7ed558ccdull;
    if (kind == ABI_KIND_BYTES && object->words[0])
        sum += (u8)object->words[2] * 0xc4ceb9fe1a85ec53ull;
    /* A string by its hash, once that is known, else by its first characters: rows that split so have one name. */
    if (kind == ABI_KIND_STR && object->words[1] != ~0ull)
        sum += object->words[1] * 0xff51afd7ed558ccdull;
    else if (kind == ABI_KIND_STR && ((object->words[2] >> (layout->ascii_bit & 31)) & 1))
        sum += (object->words[3] & (object->words[0] < 8 ? (1ull << (8 * (object->words[0] & 7))) - 1 : ~0ull)) *
               0x94d049bb133111ebull;
    return sum;
}

static __always_inline struct at_address *find_address(u64 object, u32 target)
{
    u32 at = (((object >> 4) ^ (u64)target << 40) * 0x9e3779b97f4a7c15ull) >> 50, other = at ^ 1;
    struct at_address *here = bpf_map_lookup_elem(&addresses, &at), *there;

    if (!here || here->address == object)
        return here;
    there = bpf_map_lookup_elem(&addresses, &other);
    if (!there || there->address == object)
        return there;
    /* Objects that have ended make room before those that live. */
    return here->address && !here->ended && (!there->address || there->ended) ? there : here;
}

/* Notes that this CPU has changed the object's count; whether another one did before. */
static __always_inline u64 bounce(struct at_address *here, u64 object, u32 target)
{
    u64 mine = (object & ADDRESS_MASK) | (u64)(bpf_get_smp_processor_id() & 0x3ff) << 48 | (u64)target << 58;
    u64 before = here->last;

    if (before != mine)
        here->last = mine;
    return before != mine && !((before ^ mine) & ~(0x3ffull << 48));
}

/*
 * Which object it is of those that came to stand at this address. What tells a new one: the last one was seen to end; or
 * it was queued or merged, and this one is neither; or this one has another owner, which an object never changes but to
 * none. Deaths on the owner's side alone pass unseen.
 */
static __always_inline u64 life_at(struct at_address *here, u64 address, u64 owner, u64 shared)
{
    if (here->address != address) {
        here->address = address;
        here->owner = owner;
        here->life += here->ended | here->queued; /* forgotten, so it may come back as another one's */
        here->queued = here->ended = 0;
        return here->life;
    }
    if (here->ended || (here->queued && !(shared & 2)) || (owner && here->owner != owner)) {
        here->life++;
        here->queued = here->ended = 0;
    }
    if (here->owner != owner)
        here->owner = owner;
    return here->life;
}

static __always_inline int read_object(u64 address, struct object *object)
{
    if (!bpf_probe_read_user(object, 64, (void *)address))
        return 0;
    /* The last object of a mapping may be shorter than that. */
    __builtin_memset(object, 0, 64);
    return bpf_probe_read_user(object, 32, (void *)address) ? -1 : 0;
}

#endif
