/*
 * Counts reference-count operations where they happen. Each probe stands behind a compare-exchange on some object's
 * ob_ref_shared, or at the jump before an inlined increment of it; what it should read there the user side has worked
 * out before (struct abi_site). A hit finds the object, the object that its pointer was read from, and the row of
 * (object, place, thread) that it adds to.
 *
 * Whatever is read from the target is hostile: every read may fail, and nothing read is trusted as a bound.
 *
 * All of it is one unit; a header holds what belongs to one subject.
 */
#include "bases.h"
#include "describe.h"
#include "far.h"
#include "objects.h"
#include "processes.h"
#include "rows.h"
#include "stacks.h"

char LICENSE[] SEC("license") = "GPL";

#define MERGED_ONE 7     /* ob_ref_shared: one reference, merged; dropping it ends the object */

/* The row by the slot's object. Most often that is what it looks like, and its row is there already. */
static __always_inline u32 find_row_by_slot(const struct hit *hit, struct slot_in *in, u32 which, int may_add)
{
    struct bases *bases = &hit->scratch->bases;
    struct abi_key *key = &hit->scratch->key;
    u32 row = 0;

    __builtin_memset(bases, 0, sizeof(*bases));
    bases->base = locate_in(hit, in, &in->slot->base);
    bases->is_object = read_head(bases->base, bases->head) && !in->frame_only;
    if (bases->is_object) {
        key->base_type = bases->head[3];
        key->how = ABI_HOW_BASE;
        row = find_row(hit->scratch, hit->layout, which, 0);
    }
    if (row)
        return row;
    bases->outer = locate_in(hit, in, &in->slot->outer);
    locate_item(hit, in, bases);
    settle_base(key, bases, hit->layout, hit->target->code_type);
    if (key->how == ABI_HOW_NONE && in->slot->behind)
        keep(settle_behind(hit, in));
    in->frame = bases->frame;
    if (key->how == ABI_HOW_NONE || (ABI_HOW(key->how) == ABI_HOW_FRAME && !is_member(hit, in)))
        settle_code(hit->target, hit->layout, key, &hit->scratch->frame);
    return find_row(hit->scratch, hit->layout, which, may_add);
}

/* An object that ends with the first operation seen on it has nobody to fight with, and needs no row. */
static __noinline int count_single(const struct hit *hit, u64 type, u64 flags)
{
    const struct abi_key *key = &hit->scratch->key;
    struct abi_type found = {};

    find_type(type, key->target, hit->layout, &found);
    announce_thread(key->target);
    return count_cold(key, found.kind == ABI_KIND_NO_TYPE ? 0 : type, flags | ABI_LIFE_OF_TYPE(found.number),
                      &hit->scratch->cold);
}

/* Whether a hit is an operation at all, as ZF says: else it is another attempt, or the owner's business. */
static __always_inline int is_operation(const struct hit *hit)
{
    int zero = !!(hit->ctx->flags & X86_FLAGS_ZF);

    return hit->site->meaning == ABI_HIT_COUNTS || (hit->site->meaning == ABI_HIT_COUNTS_IF_ZERO) == zero;
}

/* The exchange compared with rax. A count of nothing, perhaps with the weakref flag, is handed to the owner. */
static __always_inline u64 flags_of(const struct hit *hit, u64 shared)
{
    u64 kind = hit->site->kind == ABI_SITE_DECREMENT ? 0 : INCREMENT;

    if (!is_operation(hit))
        return kind | FAILED;
    if (kind == INCREMENT)
        return kind;
    return shared <= 1 ? HANDOFF | ENDING : shared == MERGED_ONE ? ENDING : 0;
}

/* What a row is seldom asked for: a name, once it is worth one, and its Python stack. */
__noinline int look_closer(struct scratch *scratch, const struct abi_target *target, const struct abi_layout *layout,
                           u32 which, u32 number)
{
    struct abi_row *row = row_at(which, number);
    struct abi_key *key;

    if (!scratch || !target || !layout || !row)
        return 0;
    key = &scratch->key;
    if (!row->described) {
        describe(key, row, &scratch->object, layout);
        if (key->code)
            describe_code_position(key, row, target, layout, &scratch->frame);
        if (!row->described || !stack_period || row->until_stack-- > 0)
            return 0;
    }
    /* What a row is seen under first has to be named at once; of the rest most is known. */
    scratch->frame.quiet = row->looks++ > 0 && !is_filling();
    row->until_stack = stack_period - 1;
    send_stack(key, row, target, layout, &scratch->frame);
    return 0;
}

static __always_inline void count(const struct hit *hit, struct slot_in *in, u32 which)
{
    struct abi_key *key = &hit->scratch->key;
    struct object *object = &hit->scratch->object;
    u64 shared = hit->ctx->rax, flags = flags_of(hit, shared);
    struct at_address *here = find_address(key->object, key->target);
    struct abi_row *row;
    u32 number;

    if (read_object(key->object, object))
        count_stat(ABI_STAT_UNREADABLE, 1);
    if (!here)
        return;
    if (!(flags & FAILED) && bounce(here, key->object, key->target))
        flags |= BOUNCED;
    /* Before an increment nothing has compared anything yet. */
    object->life = life_at(here, key->object, object->owner, flags & INCREMENT ? object->shared : shared);
    if (flags & HANDOFF)
        here->queued = 1;
    else if (flags & ENDING)
        here->ended = 1;
    key->generation = 2 * object->life;
    if (!in->slot && !plain)
        settle_code(hit->target, hit->layout, key, &hit->scratch->frame);
    number = in->slot ? find_row_by_slot(hit, in, which, !(flags & ENDING))
                      : find_row(hit->scratch, hit->layout, which, !(flags & ENDING));
    row = row_at(which, number);
    if (!row && (flags & ENDING)) {
        keep(count_single(hit, object->type, flags));
        return;
    }
    if (!row) {
        count_stat(ABI_STAT_COLD, flags & FAILED ? 0 : 1);
        count_cold(key, object->type, flags | ABI_LIFE_OF_TYPE(ABI_TYPE_UNKNOWN), &hit->scratch->cold);
        return;
    }
    note_frame(in, row);
    row->counts.retries += flags & FAILED;
    row->counts.decrefs += !(flags & (FAILED | INCREMENT));
    row->counts.increfs += (flags & (FAILED | INCREMENT)) == INCREMENT;
    row->counts.handoffs += !!(flags & HANDOFF);
    row->counts.bounces += !!(flags & BOUNCED);
    if (row->described ? stack_period && row->until_stack-- == 0
                       : row->counts.decrefs + row->counts.increfs >= ABI_NAME_AT) {
        hit->scratch->frame.variables = in->frame;
        look_closer(hit->scratch, hit->target, hit->layout, which, number);
    }
}

static __always_inline const struct abi_site *find_site(u32 site)
{
    u32 binary = ABI_SITE_BINARY(site), number = ABI_SITE_NUMBER(site);
    void *table = bpf_map_lookup_elem(&sites, &binary);

    return table ? bpf_map_lookup_elem(table, &number) : 0;
}

/* What a hit is of, as far as that needs no scratch. */
static __always_inline int begin_hit(struct hit *hit, u64 cookie, u32 tgid)
{
    u32 number = ABI_COOKIE_TARGET(cookie);
    struct abi_process *process;

    if (number == ABI_ANY_TARGET) {
        process = bpf_map_lookup_elem(&processes, &tgid);
        if (!process)
            return 0;
        number = process->target;
        tgid = 0;
    }
    hit->number = number;
    hit->site = find_site(ABI_COOKIE_SITE(cookie));
    hit->target = bpf_map_lookup_elem(&targets, &number);
    if (!hit->site || !hit->target || !hit->target->live || (tgid && hit->target->tgid != tgid))
        return 0;
    if (hit->site->kind == ABI_SITE_GUARDED && !is_operation(hit)) {
        count_stat(ABI_STAT_OWNER_INCREFS, 1);
        return 0;
    }
    hit->layout = bpf_map_lookup_elem(&layouts, &hit->target->layout);
    return !!hit->layout;
}

static __always_inline void take_hit(struct hit *hit, u64 cookie, u32 tid, u32 which)
{
    struct scratch *scratch = hit->scratch;
    struct abi_key *key = &scratch->key;
    struct slot_in in = {};

    scratch->bias = hit->target->bias;
    if (ABI_SITE_BINARY(ABI_COOKIE_SITE(cookie)) != hit->target->binary) {
        /* Until the user side has told of new mappings, where others were before. */
        if (!find_module(hit->target->modules, hit->ctx->rip, &scratch->module) ||
            scratch->module.binary != ABI_SITE_BINARY(ABI_COOKIE_SITE(cookie))) {
            count_stat(ABI_STAT_LOST, is_operation(hit));
            return;
        }
        scratch->bias = scratch->module.bias;
    }
    copy_regs(hit);
    __builtin_memset(key, 0, sizeof(*key));
    key->target = hit->number;
    key->site = ABI_COOKIE_SITE(cookie);
    key->tid = tid;
    key->object = locate_fast(scratch, &hit->site->object) + hit->site->adjust;
    if (!plain && hit->site->argument != ABI_NO_ARGUMENT) {
        keep(climb(hit, key, &in));
        climb_on(hit, key, &in);
    } else if (!plain && (hit->site->slot.base.place || hit->site->slot.outer.place || hit->site->slot.behind)) {
        in.slot = &hit->site->slot;
        in.frame_only = hit->site->frame_only;
    }
    count(hit, &in, which);
}

SEC("uprobe")
int on_operation(struct pt_regs *ctx)
{
    u64 cookie = bpf_get_attach_cookie(ctx), id = bpf_get_current_pid_tgid();
    struct hit hit = {.ctx = ctx};
    u32 which = 0;

    if (in_bursts && counting != ABI_COUNTING_HITS)
        return 0;
    if (plain == 2 || !begin_hit(&hit, cookie, id >> 32))
        return 0;
    hit.scratch = take_scratch((u32)id, &which);
    if (!hit.scratch) {
        count_stat(ABI_STAT_LOST, is_operation(&hit));
        return 0;
    }
    take_hit(&hit, cookie, (u32)id, which);
    give_back(hit.scratch);
    return 0;
}

/* Samples find rows as hits do. */
#include "sample.h"
