/* Python types: which object is one, what it is called, and which one it is of those that stood at its address. */
#ifndef HOTREF_BPF_TYPES_H
#define HOTREF_BPF_TYPES_H

#include "maps.h"
#include "text.h"

#define HEADER_TYPE 24
#define TYPE_SUBCLASS (1ull << 31)
#define HEAP_TYPE (1ull << 9)
#define INLINE_VALUES (1ull << 2)

/* Whether the object at address is a type: its own type, or that one's, says so in its flags. */
static __always_inline int is_type(const struct abi_layout *layout, u64 address)
{
    u64 meta = read_u64(address + HEADER_TYPE);

    return meta && (read_u64(meta + layout->type_flags) & TYPE_SUBCLASS);
}

#define WORD(a, b, c, d, e, f, g, h)                                                                                \
    ((u64)(a) | (u64)(b) << 8 | (u64)(c) << 16 | (u64)(d) << 24 | (u64)(e) << 32 | (u64)(f) << 40 |                 \
     (u64)(g) << 48 | (u64)(h) << 56)
#define WORD_NAME WORD('_', '_', 'n', 'a', 'm', 'e', '_', '_')
#define WORD_MODULE WORD('_', '_', 'm', 'o', 'd', 'u', 'l', 'e')
#define MODULE_LENGTH 10

/* text[0]: a heap type's qualname, another's tp_name; text[1]: a heap type's __module__. */
static __always_inline void describe_type(struct abi_event *event, u64 type, const struct abi_layout *layout)
{
    u64 flags = read_u64(type + layout->type_flags);

    event->heap = !!(flags & HEAP_TYPE);
    event->inline_values = !!(flags & INLINE_VALUES);
    if (!event->heap) {
        read_c_string(&event->text[0], read_u64(type + layout->type_name));
        return;
    }
    read_text(&event->text[0], read_u64(type + layout->heap_qualname), layout);
    read_text(&event->text[1], dict_value(read_u64(type + layout->type_dict), WORD_MODULE, MODULE_LENGTH, layout),
              layout);
    /* C code makes heap types whose tp_name holds the module too. */
    read_c_string(&event->text[2], read_u64(type + layout->type_name));
}

/* Where a type of this kind has a per-thread id at all. */
static __always_inline u64 per_thread_id(u32 kind, u64 object, const struct abi_layout *layout)
{
    if (kind == ABI_KIND_CODE && layout->code_unique_id)
        return read_u64(object + layout->code_unique_id);
    if (kind == ABI_KIND_TYPE && layout->heap_unique_id)
        return read_u64(object + layout->heap_unique_id);
    return kind == ABI_KIND_DICT && layout->dict_watcher_tag ? read_u64(object + layout->dict_watcher_tag) >> 32 : 0;
}

static __always_inline struct abi_event *new_event(u32 kind, u32 target)
{
    struct abi_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

    if (!event) {
        /* A type is tried again. */
        count_stat(ABI_STAT_LOST_EVENTS, kind != ABI_EVENT_TYPE);
        return 0;
    }
    event->event = kind;
    event->target = target;
    event->tid = (u32)bpf_get_current_pid_tgid();
    event->heap = event->inline_values = 0;
    event->kind = 0;
    event->text[0].bytes = event->text[1].bytes = event->text[2].bytes = 0;
    event->text[0].length = event->text[1].length = event->text[2].length = 0;
    event->words[0] = event->words[1] = event->words[2] = event->words[3] = 0;
    event->per_thread_id = 0;
    return event;
}

__noinline int announce_type(u64 type, u32 target, u32 number, const struct abi_layout *layout)
{
    struct abi_event *event;

    if (!layout || !(event = new_event(ABI_EVENT_TYPE, target)))
        return 0;
    event->object = type;
    event->tid = number;
    describe_type(event, type, layout);
    bpf_ringbuf_submit(event, BPF_RB_FORCE_WAKEUP);
    return 1;
}

/* What tells a type from the next one at its address, which may well have its name where the other one had it. Classes keep
 * their dict for life; the name's own head holds its length and hash. */
__noinline u64 signature_of(u64 type, const struct abi_layout *layout)
{
    u64 words[4] = {}, name, sum;

    if (!layout)
        return 0;
    name = sum = read_u64(type + layout->type_name);
    bpf_probe_read_user_str(words, sizeof(words), (void *)name);
    sum += words[0] * 0x9e3779b97f4a7c15ull + words[1] * 0xff51afd7ed558ccdull + words[2] * 0xc4ceb9fe1a85ec53ull +
           words[3];
    if (!(read_u64(type + layout->type_flags) & HEAP_TYPE))
        return sum;
    sum += read_u64(type + layout->type_dict) * 0x94d049bb133111ebull;
    name = read_u64(type + layout->heap_qualname);
    if (!bpf_probe_read_user(words, sizeof(words), (void *)(name + layout->str_ascii_data)))
        sum += words[0] * 0xbf58476d1ce4e5b9ull + words[1] * 0xd6e8feb86659fd93ull;
    return sum + read_u64(name + layout->str_length) * 0x2545f4914f6cdd1dull;
}

/* kind, mask and signature of what stands at type now. */
__noinline int inspect_type(u64 type, const struct abi_layout *layout, struct abi_type *found)
{
    struct abi_type_key key = {.type = type};
    const struct abi_type *builtin;

    if (!layout || !found)
        return 0;
    key.target = layout->types;
    builtin = bpf_map_lookup_elem(&builtin_types, &key);
    found->kind = found->mask = 0;
    if (builtin) {
        found->kind = builtin->kind;
        found->mask = builtin->mask;
    } else if (!type || !is_type(layout, type)) {
        found->kind = ABI_KIND_NO_TYPE;
    } else if (read_u64(type + layout->type_flags) & TYPE_SUBCLASS) {
        found->kind = ABI_KIND_TYPE;
    }
    /* What is no type may become one: by then it has another type itself. */
    found->signature = found->kind == ABI_KIND_NO_TYPE ? read_u64(type + HEADER_TYPE) : signature_of(type, layout);
    return 0;
}

enum { NOT_ANNOUNCED = 0, ANNOUNCED = 1, ANNOUNCE_FAILED = 2 };

/* Whether what was found out holds yet. */
static __always_inline int holds(const struct abi_type *known, u64 type, const struct abi_layout *layout)
{
    if (known->kind == ABI_KIND_NO_TYPE)
        return known->signature == read_u64(type + HEADER_TYPE);
    return known->announced == ANNOUNCED && known->signature == signature_of(type, layout);
}

/* What is known of type, found out on first sight; kind ABI_KIND_NO_TYPE where it is none. */
__noinline int find_type(u64 type, u32 target, const struct abi_layout *layout, struct abi_type *found)
{
    struct abi_type_key key = {.type = type, .target = target};
    struct abi_type *known = bpf_map_lookup_elem(&types, &key);

    if (!layout || !found)
        return 0;
    if (known)
        *found = *known;
    if (known && holds(known, type, layout))
        return 0;
    found->number += found->announced == ANNOUNCED;
    inspect_type(type, layout, found);
    if (found->kind == ABI_KIND_NO_TYPE) {
        found->announced = NOT_ANNOUNCED;
    } else if (announce_type(type, target, found->number, layout)) {
        found->announced = ANNOUNCED;
    } else {
        count_stat(ABI_STAT_LOST_EVENTS, found->announced != ANNOUNCE_FAILED);
        found->announced = ANNOUNCE_FAILED;
    }
    bpf_map_update_elem(&types, &key, found, BPF_ANY);
    return 0;
}

#endif
