/* Which object a slot belongs to. */
#ifndef HOTREF_BPF_BASES_H
#define HOTREF_BPF_BASES_H

#include "slots.h"
#include "types.h"

/* Reads what lies at address. Whether it can be an object's header: flags and mutex bytes that a pointer's would not be. */
static __always_inline int read_head(u64 address, u64 *head)
{
    if (!address || bpf_probe_read_user(head, 32, (void *)address)) {
        head[0] = head[1] = head[2] = head[3] = 0;
        return 0;
    }
    return !(address & 7) && (head[1] >> 8 & 0xff) == 0 && (head[1] >> 16 & 0xff) <= 3;
}

static __always_inline int has_type(const struct abi_layout *layout, u64 type, u32 target)
{
    struct abi_type found = {};

    if (!type)
        return 0;
    find_type(type, target, layout, &found);
    return found.kind != ABI_KIND_NO_TYPE;
}

/* An interpreter frame starts with its code object, perhaps tagged. */
static __always_inline int is_frame(const struct abi_layout *layout, u64 first, u64 code_type)
{
    u64 code = first & ~(u64)layout->stackref_tag;

    return code && code_type && read_u64(code + HEADER_TYPE) == code_type;
}

static __always_inline void settle_variable(struct abi_key *key, struct bases *bases, u64 frame,
                                            const struct abi_layout *layout)
{
    u64 number = bases->item - (bases->indexed ? 0 : frame) - layout->frame_locals;

    key->how = ABI_HOW_FRAME;
    if (!bases->item || (number & 7) || number >> 3 >= ABI_MOST_VARIABLES)
        return;
    key->how |= ABI_HOW_WITH((number >> 3) + 1);
    bases->frame = frame;
}

/* Fills base_type and how, after a row with the quick guess was not there. */
__noinline int settle_base(struct abi_key *key, struct bases *bases, const struct abi_layout *layout,
                           u64 code_type)
{
    if (!key || !bases || !layout)
        return 0;
    key->base_type = bases->head[3];
    key->how = ABI_HOW_BASE;
    if (bases->is_object && has_type(layout, bases->head[3], key->target))
        return 0;
    key->base_type = 0;
    if (is_frame(layout, bases->head[0], code_type)) {
        settle_variable(key, bases, bases->base, layout);
        return 0;
    }
    key->how = ABI_HOW_OUTER;
    if (read_head(bases->outer, bases->outer_head) && has_type(layout, bases->outer_head[3], key->target)) {
        key->base_type = bases->outer_head[3];
        return 0;
    }
    key->how = ABI_HOW_NONE;
    /* A frame's own pointer to its stack walks over its variables, too. */
    if (bases->item && !bases->indexed && is_frame(layout, bases->outer_head[0], code_type))
        settle_variable(key, bases, bases->outer, layout);
    return 0;
}

/* The array that the slot lies in was given by the caller, which took it from an object perhaps. */
static __noinline int settle_behind(const struct hit *hit, const struct slot_in *in)
{
    struct abi_key *key = &hit->scratch->key, *upper = &hit->scratch->upper;
    struct slot_in up = *in;
    u64 head[4];

    *upper = *key;
    if (!climb_one(hit, upper, &up, in->slot->behind - 1) || !up.slot || up.frame_only)
        return 0;
    if (!read_head(locate_in(hit, &up, &up.slot->base), head) || !has_type(hit->layout, head[3], key->target))
        return 0;
    upper->base_type = head[3];
    upper->how = ABI_HOW_BEHIND;
    *key = *upper;
    return 1;
}

static __always_inline void locate_item(const struct hit *hit, const struct slot_in *in, struct bases *bases)
{
    u64 held = locate_in(hit, in, &in->slot->item);

    bases->indexed = in->slot->item.place == ABI_PLACE_INDEX;
    if (held || bases->indexed)
        bases->item = (bases->indexed ? held << 3 : held) + in->slot->item.offset;
}

/* Several code objects may have a variable of that number. */
static __always_inline void note_frame(const struct slot_in *in, struct abi_row *row)
{
    u32 code = in->frame ? (u32)(read_u64(in->frame) >> 4) | 1 : 0;

    if (code && row->frame_code != code)
        row->frame_code = row->frame_code ? ABI_SEVERAL : code;
}

/* Whether the slot is one of a frame's own members, f_executable or the like, and none of its variables. */
static __always_inline int is_member(const struct hit *hit, const struct slot_in *in)
{
    u32 member = in->slot->member;

    return member && member <= hit->layout->frame_locals;
}

#endif
