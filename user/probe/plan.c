#include "probe/plan.h"

#include "util/array.h"

/* Offsets in struct pt_regs (arch/x86/include/asm/ptrace.h), by enum reg. */
static const uint16_t pt_regs_offset[REG_COUNT] = {
    [R15] = 0,  [R14] = 8,  [R13] = 16, [R12] = 24, [RBP] = 32,  [RBX] = 40,  [R11] = 48,  [R10] = 56,
    [R9] = 64,  [R8] = 72,  [RAX] = 80, [RCX] = 88, [RDX] = 96,  [RSI] = 104, [RDI] = 112, [RSP] = 152,
};

bool plan_is_inlined(const struct operation *operation)
{
    return operation->kind == OPERATION_INCREMENT;
}

static bool counts_references(const struct operation *operation)
{
    return operation->kind == OPERATION_DECREMENT || operation->kind == OPERATION_TRY_INCREMENT ||
           operation->kind == OPERATION_INCREMENT || operation->kind == OPERATION_NO_ID_INCREMENT;
}

bool plan_is_armable(const struct operation *operation)
{
    return counts_references(operation) && operation->probe && operation->object.kind != PLACE_NONE;
}

bool plan_is_armed(const struct operation *operation)
{
    return plan_is_armable(operation) && !plan_is_inlined(operation);
}

static uint8_t site_kind(const struct operation *operation)
{
    if (operation->kind == OPERATION_TOUCH)
        return ABI_SITE_TOUCH;
    if (operation->kind == OPERATION_DECREMENT)
        return ABI_SITE_DECREMENT;
    return operation->guarded ? ABI_SITE_GUARDED : ABI_SITE_INCREMENT;
}

/* A place at the probe itself. */
static struct abi_location here(const struct place *place)
{
    if (place->kind == PLACE_REG)
        return (struct abi_location){.place = ABI_PLACE_REG, .where = pt_regs_offset[place->reg]};
    if (place->kind == PLACE_STACK)
        return (struct abi_location){.place = ABI_PLACE_STACK, .offset = place->offset};
    if (place->kind == PLACE_FIXED)
        return (struct abi_location){.place = ABI_PLACE_FIXED, .offset = place->offset};
    return (struct abi_location){0};
}

/* A place in a caller, where only callee-saved registers still hold what they did. */
static struct abi_location above(const struct place *place)
{
    if (place->kind != PLACE_REG)
        return here(place);
    for (int i = 0; i < SAVED_REGS; i++) {
        if (place->reg == saved_regs[i])
            return (struct abi_location){.place = ABI_PLACE_REG, .where = i};
    }
    return (struct abi_location){0};
}

static struct abi_location item_with(const struct slot *slot, struct abi_location locate(const struct place *))
{
    struct abi_location item = locate(&slot->item);

    if (item.place != ABI_PLACE_REG || slot->item_disp != (int32_t)slot->item_disp)
        return (struct abi_location){0};
    if (slot->item_indexed)
        item.place = ABI_PLACE_INDEX;
    item.offset = slot->item_disp;
    return item;
}

static struct abi_slot slot_with(const struct slot *slot, struct abi_location locate(const struct place *))
{
    if (slot->kind != SLOT_FIELD && slot->kind != SLOT_ITEM)
        return (struct abi_slot){0};
    return (struct abi_slot){.base = locate(&slot->base),
                             .outer = locate(&slot->outer),
                             .item = item_with(slot, locate),
                             .behind = slot->behind ? slot->argument + 1u : 0,
                             .member = slot->kind == SLOT_FIELD && slot->disp >= 0 ? (uint32_t)slot->disp + 1 : 0};
}

/* No object keeps a reference before its type, as an interpreter frame does. */
static bool is_frame_only(const struct slot *slot)
{
    return slot->kind == SLOT_FIELD && slot->disp < OB_TYPE;
}

static struct abi_frame frame_with(const struct frame_rule *rule, struct abi_location locate(const struct place *))
{
    struct abi_frame frame = {.depth = rule->depth};

    for (int i = 0; i < SAVED_REGS; i++)
        frame.saved[i] = locate(&rule->saved[i]);
    return frame;
}

_Static_assert((int)HIT_COUNTS == ABI_HIT_COUNTS && (int)HIT_COUNTS_IF_ZERO == ABI_HIT_COUNTS_IF_ZERO &&
                   (int)HIT_COUNTS_IF_NOT == ABI_HIT_COUNTS_IF_NOT,
               "the scan's words are BPF's");

struct abi_site plan_site(const struct operation *operation)
{
    return (struct abi_site){
        .object = here(&operation->object),
        .adjust = -operation->adjust,
        .meaning = operation->meaning,
        .kind = site_kind(operation),
        .argument = operation->slot.kind == SLOT_ARGUMENT ? operation->slot.argument : ABI_NO_ARGUMENT,
        .frame_only = is_frame_only(&operation->slot),
        .slot = slot_with(&operation->slot, here),
        .frame = frame_with(&operation->rule, here),
    };
}

static struct abi_caller plan_caller(const struct caller *caller)
{
    struct abi_caller planned = {.returns_to = caller->returns_to, .frame = frame_with(&caller->rule, above)};

    for (int i = 0; i < ARGUMENTS; i++) {
        const struct slot *slot = &caller->arguments[i];

        planned.slots[i] = slot_with(slot, above);
        if (slot->kind == SLOT_FIELD || slot->kind == SLOT_ITEM)
            planned.known |= 1u << i;
        if (is_frame_only(slot))
            planned.frame_only |= 1u << i;
        planned.passes[i] = slot->kind == SLOT_ARGUMENT ? slot->argument : ABI_NO_ARGUMENT;
    }
    return planned;
}

size_t plan_chunks(const struct scan *scan)
{
    return (scan->text_end - scan->text_start) / 4 / ABI_CALLER_CHUNK + 1;
}

/* Whether BPF can learn anything from this call site. */
static bool is_useful(const struct caller *caller)
{
    for (int i = 0; i < ARGUMENTS; i++) {
        enum slot_kind kind = caller->arguments[i].kind;

        if (kind == SLOT_FIELD || kind == SLOT_ITEM || kind == SLOT_ARGUMENT)
            return true;
    }
    return false;
}

struct abi_caller *plan_callers(const struct scan *scan)
{
    struct abi_caller *planned = NULL;

    for (size_t i = 0; i < arrlenu(scan->callers); i++) {
        if (is_useful(&scan->callers[i]))
            arrput(planned, plan_caller(&scan->callers[i]));
    }
    return planned;
}

size_t plan_index(const struct scan *scan, const struct abi_caller *callers, struct abi_caller_chunk *chunks)
{
    size_t left_out = 0;

    for (size_t i = 0; i < arrlenu(callers); i++) {
        uint64_t at = (callers[i].returns_to - scan->text_start) / 4;
        uint16_t *index;

        if (at / ABI_CALLER_CHUNK >= plan_chunks(scan)) {
            left_out++;
            continue;
        }
        index = &chunks[at / ABI_CALLER_CHUNK].index[at % ABI_CALLER_CHUNK];
        if (*index || i + 1 > UINT16_MAX)
            left_out++;
        else
            *index = i + 1;
    }
    return left_out;
}

struct abi_span *plan_spans(const struct scan *scan, size_t first_site)
{
    struct abi_span *spans = NULL;

    for (size_t i = 0; i < arrlenu(scan->touch_spans); i++) {
        const struct touch_span *span = &scan->touch_spans[i];
        uint64_t length = span->span.end - span->span.start, site = first_site + span->touch;

        if (span->span.start > UINT32_MAX || length > UINT16_MAX || site > UINT16_MAX ||
            arrlenu(spans) == ABI_BINARY_SPANS)
            continue;
        if (!spans)
            arrput(spans, (struct abi_span){0});
        arrput(spans, ((struct abi_span){span->span.start, length, site}));
    }
    return spans;
}
