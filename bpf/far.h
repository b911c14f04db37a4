/*
 * Callers beyond the second one, which debug builds have on the way to who dropped a reference: func_clear,
 * _Py_DECREF_BUILTINS, _Py_DECREF_DICT, _Py_THREAD_DECREF_OBJECT, Py_DECREF, _Py_DecRefSharedDebug. Release builds hardly
 * ever come here.
 */
#ifndef HOTREF_BPF_FAR_H
#define HOTREF_BPF_FAR_H

#include "slots.h"

#define FARTHEST 7

/* A location in the frame that far is at. */
static __always_inline u64 locate_far(const struct far *far, const struct abi_location *location)
{
    if (location->place == ABI_PLACE_REG || location->place == ABI_PLACE_INDEX)
        return location->where < ABI_SAVED ? far->saved[location->where] : 0;
    if (location->place == ABI_PLACE_STACK)
        return read_u64(far->base + location->offset);
    return location->place == ABI_PLACE_FIXED ? far->bias + location->offset : 0;
}

/* From the frame that far is at, whose rules these are, on to its caller's. */
static __always_inline void leave(struct far *far, const struct abi_frame *frame, u64 base, u64 bias)
{
    u32 i;

    for (i = 0; i < ABI_SAVED; i++)
        far->passed[i] = locate_far(far, &frame->saved[i]);
    __builtin_memcpy(far->saved, far->passed, sizeof(far->saved));
    far->base = base;
    far->bias = bias;
}

/* From the second caller on, up to the one that has a slot for the argument, or that nothing more is known of. Returns
 * how many they are. */
__noinline int climb_far(struct scratch *scratch, const struct abi_site *site, const struct abi_caller *first,
                         const struct abi_caller *caller)
{
    const struct abi_target *target;
    struct far *far;
    u64 bias = 0;
    u32 i;

    if (!scratch || !site || !first || !caller || !(target = bpf_map_lookup_elem(&targets, &scratch->key.target)))
        return 0;
    far = &scratch->far;
    far->has_slot = 0;
    for (i = 0; i < ABI_SAVED; i++)
        far->saved[i] = locate(scratch, &site->frame.saved[i]);
    far->base = far->first_base;
    far->bias = far->first_bias;
    leave(far, &first->frame, far->second_base, far->second_bias);
    for (i = 0; i < FARTHEST - 2 && far->argument < ABI_ARGUMENTS && caller->frame.depth >= 0; i++) {
        u32 argument = far->argument & (ABI_ARGUMENTS - 1);
        u64 at = far->base + caller->frame.depth;
        const struct abi_caller *next;

        far->returns_to = read_u64(at);
        far->climbed = argument;
        next = find_caller(target, far->returns_to, &bias);
        if (!next)
            return i + 1; /* where there is no slot, the user side still knows the function */
        leave(far, &caller->frame, at + 8, bias);
        caller = next;
        far->argument = caller->passes[argument];
        if (caller->known & (1u << argument)) {
            far->slot = caller->slots[argument];
            far->frame_only = caller->frame_only >> argument & 1;
            far->has_slot = 1;
            far->argument = ABI_ARGUMENTS;
        }
    }
    return i;
}

/* After climb(). */
static __always_inline void climb_on(const struct hit *hit, struct abi_key *key, struct slot_in *in)
{
    struct far *far = &hit->scratch->far;
    u32 climbed;

    if (in->slot || !in->first || !in->caller)
        return;
    far->argument = in->caller->passes[key->level >> 8 & (ABI_ARGUMENTS - 1)];
    if (far->argument >= ABI_ARGUMENTS)
        return;
    far->first_base = in->first_base;
    far->first_bias = in->first_bias;
    far->second_base = in->base;
    far->second_bias = in->bias;
    climbed = climb_far(hit->scratch, hit->site, in->first, in->caller);
    if (!climbed)
        return;
    in->level += climbed;
    in->base = far->base;
    in->bias = far->bias;
    key->returns_to = far->returns_to;
    key->level = in->level | ABI_LEVEL_ARGUMENT(far->climbed);
    if (far->has_slot) {
        in->slot = &far->slot;
        in->frame_only = far->frame_only;
    }
}

#endif
