/*
 * Counts reference-count operations where they happen. Each probe stands behind a compare-exchange on some object's
 * ob_ref_shared, or at the jump before an inlined increment of it; what it should read there the user side has worked out before (struct abi_site). A hit finds the
 * object, the object that its pointer was read from, and the row of (object, place, thread) that it adds to.
 *
 * Whatever is read from the target is hostile: every read may fail, and nothing read is trusted as a bound.
 */
#include "kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "abi.h"

char LICENSE[] SEC("license") = "GPL";

#define E_EXIST 17
#define HEADER_TYPE 24
#define TYPE_SUBCLASS (1ull << 31)
#define HEAP_TYPE (1ull << 9)
#define INLINE_VALUES (1ull << 2)
#define DICT_ENTRIES 32 /* a named tuple gets its __module__ last */
#define ADDRESS_SLOTS 16384
#define ADDRESS_MASK 0xffffffffffffull
#define EVENTS_SIZE (1 << 20)
#define MERGED_ONE 7     /* ob_ref_shared: one reference, merged; dropping it ends the object */

/* Knobs, set before loading. */
const volatile u32 plain = 0;     /* 1: count per object only; 2: do nothing at all. For make bench */
const volatile u32 full_at = ABI_ROWS / 4;
const volatile u32 stack_period = 97; /* in each row the stack is looked at once in so many operations; 0: never */

/* Which of the two row maps is written to; the user side flips it and takes the other one. */
volatile u32 active_rows;

/* Tables of one binary, of whatever size it needs: added while others are in use. */
struct site_table {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_INNER_MAP);
    __uint(key_size, sizeof(u32));
    __uint(value_size, sizeof(struct abi_site));
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, ABI_BINARIES);
    __type(key, u32);
    __array(values, struct site_table);
} sites SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, ABI_TARGETS);
    __type(key, u32);
    __type(value, struct abi_target);
} targets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, ABI_TARGETS);
    __type(key, u32);
    __type(value, struct abi_layout);
} layouts SEC(".maps");

struct caller_table {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_INNER_MAP);
    __uint(key_size, sizeof(u32));
    __uint(value_size, sizeof(struct abi_caller));
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, ABI_BINARIES);
    __type(key, u32);
    __array(values, struct caller_table);
} callers SEC(".maps");

struct chunk_table {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_INNER_MAP);
    __uint(key_size, sizeof(u32));
    __uint(value_size, sizeof(struct abi_caller_chunk));
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, ABI_BINARIES);
    __type(key, u32);
    __array(values, struct chunk_table);
} caller_chunks SEC(".maps");

/* By target: where its modules are, by address. A new table takes the place of the old one as a whole. */
struct module_table {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_INNER_MAP);
    __uint(key_size, sizeof(u32));
    __uint(value_size, sizeof(struct abi_module));
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, ABI_TARGETS);
    __type(key, u32);
    __array(values, struct module_table);
} modules SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, ABI_ROWS);
    __type(key, struct abi_key);
    __type(value, struct abi_row);
} rows_0 SEC(".maps"), rows_1 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, ABI_COLD);
    __type(key, struct abi_cold_key);
    __type(value, struct abi_counts);
} cold SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, ABI_TYPES);
    __type(key, struct abi_type_key);
    __type(value, struct abi_type);
} types SEC(".maps");

/* Those that were announced, by target << 32 | tid: a thread that becomes another program is one of another target. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, ABI_TYPES);
    __type(key, u64);
    __type(value, u32);
} threads SEC(".maps");

/* Which thread state is a thread's: looking for it takes a walk over all of them. */
struct known_state {
    u64 state;            /* 0: there was none */
    u32 target;
    u32 misses;
};
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, ABI_TYPES);
    __type(key, u32);
    __type(value, struct known_state);
} states SEC(".maps");

/* By address: on which CPU the count there was changed last, and which object stands there. Addresses that share a
 * slot lose bounces and lives, never make any. */
struct at_address {
    u64 last;             /* address, CPU, target */
    u64 address;
    u64 owner;            /* ob_tid when last seen */
    u32 life;
    u16 queued;           /* handed to its owner: queued or merged for the rest of its life */
    u16 ended;
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, ADDRESS_SLOTS);
    __type(key, u32);
    __type(value, struct at_address);
} addresses SEC(".maps");

/* Programs that are writing to rows_0 and rows_1 right now, and rows made since the start. */
struct in_flight {
    u64 writers[2];
    u64 rows;
};
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct in_flight);
} in_flight SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, ABI_TARGETS);
    __type(key, u32); /* tgid */
    __type(value, struct abi_follow);
} followed SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, ABI_STATS);
    __type(key, u32);
    __type(value, u64);
} stats SEC(".maps");

struct object {
    u64 life;
    u64 owner;
    u64 shared;
    u64 type;
    u64 words[4];         /* object + 32 .. object + 64 */
    struct abi_type found; /* what find_type() says of its type */
};

/* What is asked of a _PyInterpreterFrame. */
struct frame {
    u64 at, previous, code, instr_ptr;
    u32 owner;
    u32 tlbc;
    u32 version;
    u32 quiet;            /* of a stack that is sent: nobody need wake up for it */
    u64 variables;        /* of a position that is told: the frame whose variable the object is */
    u64 words[16];        /* its beginning, as it lies in memory */
};

/* Where a slot's object may be; see struct abi_slot. */
struct bases {
    u64 base, outer;
    u64 frame_only;
    u64 item;             /* address of the item, or how many bytes behind base it is, if indexed; 0: not known */
    u64 indexed;
    u64 frame;            /* found: that base is, or outer */
};

/*
 * What a hit works on, where the stack has no room for it: all functions on the way down share 512 bytes. Not kept by
 * CPU, as one program may be preempted in the middle by another. A hit takes a place near its thread's number and gives
 * it back.
 */
#define SCRATCHES 512     /* that many threads at most are in the middle of a program */
#define SCRATCH_TRIES 16
#define SCRATCH_REGS 32   /* a power of two, more than struct pt_regs has */
struct scratch {
    u64 taken;
    u64 regs[SCRATCH_REGS];
    struct abi_key key, upper;
    struct object object;
    struct abi_row row;
    struct abi_cold_key cold;
    struct abi_module module;
    struct frame frame;
    struct bases bases;
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, SCRATCHES);
    __type(key, u32);
    __type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline struct scratch *take_scratch(u32 tid)
{
    u32 i, at;

    for (i = 0; i < SCRATCH_TRIES; i++) {
        struct scratch *scratch;

        at = (tid + i) & (SCRATCHES - 1);
        scratch = bpf_map_lookup_elem(&scratches, &at);
        if (scratch && __sync_val_compare_and_swap(&scratch->taken, 0, 1) == 0)
            return scratch;
    }
    return 0;
}

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, EVENTS_SIZE);
} events SEC(".maps");

static __always_inline void count_stat(u32 which, u64 by)
{
    u64 *stat = bpf_map_lookup_elem(&stats, &which);

    if (stat)
        __sync_fetch_and_add(stat, by); /* another thread's program may come in between on this CPU */
}

static __always_inline u64 read_u64(u64 address)
{
    u64 value = 0;

    bpf_probe_read_user(&value, sizeof(value), (void *)address);
    return value;
}

/* A function of its own that is static may return what r0 happens to hold, if nobody wants it: a pointer to the stack
 * perhaps, which the verifier refuses. */
#define keep(result) asm volatile("" : : "r"(result))

/*
 * Functions that are not static are verified once, on their own, and not along every path that calls them: what loading
 * takes depends on that. They check pointers that cannot be NULL because the verifier does not know it.
 */

/* Types */

/* Whether the object at address is a type: its own type, or that one's, says so in its flags. */
static __always_inline int is_type(const struct abi_layout *layout, u64 address)
{
    u64 meta = read_u64(address + HEADER_TYPE);

    return meta && (read_u64(meta + layout->type_flags) & TYPE_SUBCLASS);
}

__noinline int read_text(struct abi_text *text, u64 string, const struct abi_layout *layout)
{
    u32 state = 0, length, width, bytes;
    u64 data;

    if (!text || !layout)
        return 0;
    text->bytes = 0;
    if (!string || bpf_probe_read_user(&state, sizeof(state), (void *)(string + layout->str_state)))
        return 0;
    if (!(state & (1u << (layout->compact_bit & 31))))
        return 0;
    length = read_u64(string + layout->str_length);
    width = (state >> (layout->kind_shift & 31)) & 7;
    if (width != 1 && width != 2 && width != 4)
        return 0;
    text->ascii = (state >> (layout->ascii_bit & 31)) & 1;
    data = string + (text->ascii ? layout->str_ascii_data : layout->str_data);
    bytes = length > ABI_TEXT ? ABI_TEXT : length * width;
    if (bytes > ABI_TEXT)
        bytes = ABI_TEXT;
    if (bpf_probe_read_user(text->data, bytes, (void *)data))
        return 0;
    text->length = length;
    text->width = width;
    text->bytes = bytes;
    return 0;
}

static __always_inline void read_c_string(struct abi_text *text, u64 address)
{
    long size = bpf_probe_read_user_str(text->data, ABI_TEXT, (void *)address);

    text->width = 0;
    text->ascii = 1;
    text->bytes = size > 1 && size <= ABI_TEXT ? size - 1 : 0;
    text->length = text->bytes;
}

#define DICT_HEAD 32

/* Behind the last entry of a table lies what was in that memory before. dk_nentries: Include/internal/pycore_dict.h (3.13
 * to 3.15, free-threaded). */
static __always_inline u64 entries_in(const u8 *head)
{
    return *(const u64 *)(head + 24);
}

/* Reads the value of the str key that is `length` characters long and starts with `word`, from the first entries of
 * a dict with a table of its own. */
__noinline u64 dict_value(u64 dict, u64 word, u64 length, const struct abi_layout *layout)
{
    u64 keys, entry, key, head, entries;
    u32 stride, i;

    if (!layout)
        return 0;
    keys = read_u64(dict + layout->dict_keys);
    if (!keys)
        return 0;
    head = read_u64(keys + 8);
    entries = read_u64(keys + DICT_HEAD - 8);
    entry = keys + DICT_HEAD + (1ull << (head >> 8 & 31));
    stride = head >> 16 & 0xff ? 16 : 24;
    for (i = 0; i < DICT_ENTRIES && i < entries; i++, entry += stride) {
        key = read_u64(entry + stride - 16);
        if (!key || read_u64(key + layout->str_length) != length || read_u64(key + layout->str_ascii_data) != word)
            continue;
        return read_u64(entry + stride - 8);
    }
    return 0;
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
        count_stat(ABI_STAT_LOST_EVENTS, 1);
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

/* What is known of type, found out on first sight; kind ABI_KIND_NO_TYPE where it is none. */
__noinline int find_type(u64 type, u32 target, const struct abi_layout *layout, struct abi_type *found)
{
    struct abi_type_key key = {.type = type, .target = target};
    struct abi_type *known = bpf_map_lookup_elem(&types, &key);
    u64 signature;

    if (!layout || !found)
        return 0;
    if (known && known->kind == ABI_KIND_NO_TYPE) {
        *found = *known;
        return 0;
    }
    signature = type ? signature_of(type, layout) : 0;
    if (known && known->announced && known->signature == signature) {
        *found = *known;
        return 0;
    }
    if (known) {
        *found = *known;
        found->number += !!known->announced;
    } else if (!type || !is_type(layout, type)) {
        found->kind = ABI_KIND_NO_TYPE;
    } else if (read_u64(type + layout->type_flags) & TYPE_SUBCLASS) {
        found->kind = ABI_KIND_TYPE;
    }
    found->signature = signature;
    found->announced = found->kind == ABI_KIND_NO_TYPE || announce_type(type, target, found->number, layout);
    bpf_map_update_elem(&types, &key, found, BPF_ANY);
    return 0;
}

/* Slots */

struct hit {
    struct pt_regs *ctx;
    struct scratch *scratch;
    const struct abi_site *site;
    const struct abi_target *target;
    const struct abi_layout *layout;
    u64 stack;
    u64 bias;             /* of the file that the probe lies in */
    u32 number;           /* of the target */
};

/* Registers by number: from a copy, as the verifier wants ctx to be read at constant offsets. */
static __always_inline u64 reg_at(const struct hit *hit, u32 offset)
{
    return hit->scratch->regs[(offset >> 3) & (SCRATCH_REGS - 1)];
}

static __always_inline void copy_regs(struct hit *hit)
{
    u32 i;

#pragma unroll
    for (i = 0; i < sizeof(struct pt_regs) / sizeof(u64); i++)
        hit->scratch->regs[i] = ((volatile u64 *)hit->ctx)[i];
}

/* A location in the frame of the probe itself. */
static __always_inline u64 locate(const struct hit *hit, const struct abi_location *location)
{
    switch (location->place) {
    case ABI_PLACE_REG:
    case ABI_PLACE_INDEX:
        return reg_at(hit, location->where);
    case ABI_PLACE_STACK:
        return read_u64(hit->stack + location->offset);
    case ABI_PLACE_FIXED:
        return hit->bias + location->offset;
    default:
        return 0;
    }
}

/* A location in the frame of the probe's caller, whose rsp before the call was base and whose file is loaded at bias. */
static __always_inline u64 locate_1(const struct hit *hit, const struct abi_location *location, u64 base, u64 bias)
{
    if (location->place == ABI_PLACE_REG || location->place == ABI_PLACE_INDEX)
        return location->where < ABI_SAVED ? locate(hit, &hit->site->frame.saved[location->where]) : 0;
    if (location->place == ABI_PLACE_STACK)
        return read_u64(base + location->offset);
    return location->place == ABI_PLACE_FIXED ? bias + location->offset : 0;
}


/* The module of a target that holds address: 1 if there is one. */
__noinline int find_module(u32 target, u64 address, struct abi_module *found)
{
    void *table = bpf_map_lookup_elem(&modules, &target);
    struct abi_module *module;
    u32 low = 0, at, step;

    if (!table || !found)
        return 0;
    /* low: the last one that does not start behind address, if any does not. */
    for (step = ABI_MODULES / 2; step; step /= 2) {
        at = low + step;
        module = bpf_map_lookup_elem(table, &at);
        if (module && module->start <= address)
            low = at;
    }
    module = bpf_map_lookup_elem(table, &low);
    if (!module || address < module->start || address >= module->end)
        return 0;
    *found = *module;
    return 1;
}

/* The code around address, in the interpreter or in a module. */
static __always_inline int find_code(const struct abi_target *target, u32 number, u64 address,
                                     struct abi_module *found)
{
    if (address - target->text_start >= target->text_end - target->text_start)
        return find_module(number, address, found);
    found->start = target->text_start;
    found->end = target->text_end;
    found->bias = target->bias;
    found->binary = target->binary;
    return 1;
}

/* bias: of the file that the caller lies in, if there is one. */
static __always_inline const struct abi_caller *find_caller(const struct hit *hit, u64 returns_to, u64 *bias)
{
    struct abi_module code = {};
    struct abi_caller_chunk *chunk;
    struct abi_caller *caller;
    void *table;
    u32 at;

    if (!find_code(hit->target, hit->number, returns_to, &code) ||
        !(table = bpf_map_lookup_elem(&caller_chunks, &code.binary)))
        return 0;
    *bias = code.bias;
    at = (u32)((returns_to - code.start) >> 2) / ABI_CALLER_CHUNK;
    chunk = bpf_map_lookup_elem(table, &at);
    if (!chunk)
        return 0;
    at = chunk->index[((returns_to - code.start) >> 2) & (ABI_CALLER_CHUNK - 1)];
    if (at-- == 0 || !(table = bpf_map_lookup_elem(&callers, &code.binary)))
        return 0;
    caller = bpf_map_lookup_elem(table, &at);
    return caller && caller->returns_to + code.bias == returns_to ? caller : 0;
}

/* The slot that a hit goes by, and the frames that its places lie in. */
struct slot_in {
    const struct abi_slot *slot;     /* 0: there is none */
    const struct abi_caller *caller; /* whose slot it is; 0: the site's own */
    const struct abi_caller *first;  /* the caller between that one and the site, at level 2 */
    u64 first_base, base;            /* rsp before the call, in each */
    u64 first_bias, bias;            /* where each one's file is loaded */
    u32 level;
    u32 frame_only;
    u64 frame;                       /* that the slot turned out to be a variable of; 0: none */
};

static __always_inline u64 locate_in(const struct hit *hit, const struct slot_in *in,
                                     const struct abi_location *location)
{
    if (in->level == 0)
        return locate(hit, location);
    if (in->level == 1)
        return locate_1(hit, location, in->base, in->bias);
    if (!in->first)
        return 0;
    if (location->place == ABI_PLACE_REG || location->place == ABI_PLACE_INDEX)
        return location->where < ABI_SAVED
                   ? locate_1(hit, &in->first->frame.saved[location->where], in->first_base, in->first_bias)
                   : 0;
    return locate_1(hit, location, in->base, in->bias);
}

/* On to the caller, where the slot of what this function got as an argument may be. Returns 0 where that call site is
 * not known. */
static __always_inline int climb_one(const struct hit *hit, struct abi_key *key, struct slot_in *in, u32 argument)
{
    const struct abi_caller *caller = in->caller;
    u64 at = in->level ? in->base : hit->stack;
    s32 depth = caller ? caller->frame.depth : hit->site->frame.depth;

    if (in->level >= 2 || depth < 0 || (in->level && !caller))
        return 0;
    at += depth;
    in->first = caller;
    in->first_base = in->base;
    in->first_bias = in->bias;
    in->base = at + 8;
    in->slot = 0;
    at = read_u64(at);
    in->caller = caller = find_caller(hit, at, &in->bias);
    if (!caller && in->level)
        return 0;
    argument &= ABI_ARGUMENTS - 1;
    in->level++;
    key->returns_to = at;
    key->level = in->level | ABI_LEVEL_ARGUMENT(argument);
    if (!caller)
        return 0;
    if (caller->known & (1u << argument)) {
        in->slot = &caller->slots[argument];
        in->frame_only = caller->frame_only >> argument & 1;
    }
    return 1;
}

/* The slot of a site that operates on an argument stands in the caller, or in that one's caller. */
static __noinline int climb(const struct hit *hit, struct abi_key *key, struct slot_in *in)
{
    u32 argument = hit->site->argument & (ABI_ARGUMENTS - 1);

    if (!climb_one(hit, key, in, argument) || in->slot || !in->caller)
        return 0;
    argument = in->caller->passes[argument];
    if (argument < ABI_ARGUMENTS) {
        struct slot_in up = *in;

        if (climb_one(hit, key, &up, argument))
            *in = up;
    }
    return 1;
}

/* Whether an object's header can stand at address: flags and mutex bytes that a pointer's would not be. */
static __always_inline int is_object_like(u64 address)
{
    u8 header[12];

    if (!address || (address & 7) || bpf_probe_read_user(header, sizeof(header), (void *)address))
        return 0;
    return header[9] == 0 && header[10] <= 3;
}

static __always_inline int has_type(const struct abi_layout *layout, u64 object, u64 type, u32 target)
{
    struct abi_type found = {};

    if (!type || !is_object_like(object))
        return 0;
    find_type(type, target, layout, &found);
    return found.kind != ABI_KIND_NO_TYPE;
}

/* An interpreter frame starts with its code object, perhaps tagged. */
static __always_inline int is_frame(const struct abi_layout *layout, u64 base, u64 code_type)
{
    u64 code = base ? read_u64(base) & ~(u64)layout->stackref_tag : 0;

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
    u64 type;

    if (!key || !bases || !layout)
        return 0;
    type = bases->base && !bases->frame_only ? read_u64(bases->base + HEADER_TYPE) : 0;
    key->base_type = type;
    key->how = ABI_HOW_BASE;
    if (has_type(layout, bases->base, type, key->target))
        return 0;
    key->base_type = 0;
    if (is_frame(layout, bases->base, code_type)) {
        settle_variable(key, bases, bases->base, layout);
        return 0;
    }
    type = bases->outer ? read_u64(bases->outer + HEADER_TYPE) : 0;
    key->base_type = type;
    key->how = ABI_HOW_OUTER;
    if (has_type(layout, bases->outer, type, key->target))
        return 0;
    key->base_type = 0;
    key->how = ABI_HOW_NONE;
    /* A frame's own pointer to its stack walks over its variables, too. */
    if (bases->item && !bases->indexed && is_frame(layout, bases->outer, code_type))
        settle_variable(key, bases, bases->outer, layout);
    return 0;
}

/* Python frames */

#define STATE_ACTIVE 16   /* _status.active: Include/cpython/pystate.h, the same from 3.13.5 to 3.16.0a0 */
#define MOST_STATES 8192  /* that a walk looks at */
#define FEW_MISSES 16     /* a thread without a state is looked for that often, and then ... */
#define MISS_MASK 63      /* ... once in so many operations */
#define OWNED_BY_C 3      /* frame owners from here on run no Python code */
#define SHIMS 4           /* frames without code of a user's, one upon the other */

static __always_inline u64 thread_pointer(void)
{
    return bpf_get_current_task_btf()->thread.fsbase;
}

static __always_inline u32 read_u32(u64 address)
{
    u32 value = 0;

    bpf_probe_read_user(&value, sizeof(value), (void *)address);
    return value;
}

/* A thread has several states where it works for several interpreters; the active one is what it runs on now. States
 * of threads that ended are not active. */
static __always_inline int is_state_of(u64 state, u64 pointer, const struct abi_layout *layout)
{
    return read_u64(state + layout->state_thread_id) == pointer &&
           (read_u32(state + layout->state_status) & STATE_ACTIVE);
}

struct state_walk {
    const struct abi_layout *layout;
    u64 pointer, interpreter, state, found;
    u32 started;
};

static long visit_state(u32 number, struct state_walk *walk)
{
    const struct abi_layout *layout = walk->layout;

    if (!walk->state) {
        if (walk->started)
            walk->interpreter = read_u64(walk->interpreter + layout->interp_next);
        walk->started = 1;
        if (!walk->interpreter)
            return 1;
        walk->state = read_u64(walk->interpreter + layout->interp_threads);
        return 0;
    }
    if (is_state_of(walk->state, walk->pointer, layout)) {
        walk->found = walk->state;
        return 1;
    }
    walk->state = read_u64(walk->state + layout->state_next);
    return 0;
}

__noinline u64 walk_states(u64 runtime, const struct abi_layout *layout)
{
    struct state_walk walk = {.layout = layout, .pointer = thread_pointer()};

    if (!layout)
        return 0;
    walk.interpreter = read_u64(runtime + layout->interpreters_head);
    bpf_loop(MOST_STATES, visit_state, &walk, 0);
    return walk.found;
}

/* The thread state of this thread; 0 where it has none. */
static __always_inline u64 find_state(const struct abi_target *target, u32 number, const struct abi_layout *layout)
{
    u32 tid = (u32)bpf_get_current_pid_tgid();
    struct known_state *known, added = {.target = number};
    u64 pointer = thread_pointer();

    if (target->tls)
        return read_u64(pointer + target->tls);
    known = bpf_map_lookup_elem(&states, &tid);
    if (known && known->target == number) {
        if (known->state && is_state_of(known->state, pointer, layout))
            return known->state;
        if (!known->state && ++known->misses > FEW_MISSES && (known->misses & MISS_MASK))
            return 0;
        added.misses = known->misses;
    }
    added.state = walk_states(target->runtime, layout);
    bpf_map_update_elem(&states, &tid, &added, BPF_ANY);
    return added.state;
}

static __always_inline u64 part_of(const u64 *words, u32 offset)
{
    return words[(offset >> 3) & 15] >> (8 * (offset & 7));
}

/* One read for all: the members lie in the first 80 bytes in every version known. */
static __always_inline int read_frame(u64 at, const struct abi_layout *layout, struct frame *frame)
{
    const u64 *words = frame->words;

    if (!at || bpf_probe_read_user(frame->words, 80, (void *)at))
        return -1;
    frame->at = at;
    frame->code = part_of(words, layout->frame_executable) & ~(u64)layout->stackref_tag;
    frame->previous = part_of(words, layout->frame_previous);
    frame->instr_ptr = part_of(words, layout->frame_instr);
    frame->owner = part_of(words, layout->frame_owner) & 0xff;
    frame->tlbc = layout->frame_tlbc ? (u32)part_of(words, layout->frame_tlbc) : 0;
    return 0;
}

/* The index of the frame's instruction. From 3.14 on it may lie in a copy of the bytecode that is its thread's own:
 * co_tlbc points to {size, entries[]}. */
static __always_inline u32 instr_of(const struct frame *frame, const struct abi_layout *layout)
{
    u64 start = frame->code + layout->code_bytes;

    if (frame->tlbc)
        start = read_u64(read_u64(frame->code + layout->code_tlbc) + 8 + 8 * (u64)frame->tlbc);
    start = (frame->instr_ptr - start) >> 1;
    return start < ABI_MOST_UNITS ? start : ABI_NO_INSTR;
}

/* On to the previous frame that runs Python code: 1 where there is none, -1 where that cannot be told. Code objects that
 * CPython itself lays below a call (_Py_InitCleanup) are static and have version 0. */
__noinline int next_frame(const struct abi_layout *layout, struct frame *frame)
{
    u32 i;

    if (!layout || !frame)
        return -1;
    for (i = 0; i < SHIMS; i++) {
        if (!frame->previous)
            return 1;
        if (read_frame(frame->previous, layout, frame))
            return -1;
        if (frame->owner >= OWNED_BY_C || !frame->code)
            continue;
        frame->version = read_u32(frame->code + layout->code_version);
        if (frame->version)
            return 0;
    }
    return -1;
}

/* The top frame that runs Python code: 0 if there is one, 1 if not, -1 where that cannot be told. */
__noinline int find_top(const struct abi_target *target, u32 number, const struct abi_layout *layout,
                        struct frame *frame)
{
    u64 state;

    if (!target || !layout || !frame)
        return -1;
    state = find_state(target, number, layout);
    if (!state)
        return -1;
    frame->previous = read_u64(state + layout->state_frame);
    return next_frame(layout, frame);
}

/* Where no slot tells the field, the bytecode may. */
__noinline int settle_code(const struct abi_target *target, const struct abi_layout *layout, struct abi_key *key,
                           struct frame *frame)
{
    if (!target || !layout || !key || !frame || find_top(target, key->target, layout, frame))
        return 0;
    key->code = frame->code;
    key->code_version = frame->version;
    key->instr = instr_of(frame, layout);
    return 0;
}

struct local_search {
    u64 at, object, tag;
    u32 found;
};

static long visit_local(u32 number, struct local_search *search)
{
    if ((read_u64(search->at + 8 * (u64)number) & ~search->tag) != search->object)
        return 0;
    search->found = number + 1;
    return 1;
}

/* Objects */

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

static __always_inline void describe_dict(struct abi_event *event, u64 dict, const struct abi_layout *layout)
{
    u64 keys = read_u64(dict + layout->dict_keys), entry;
    u8 head[DICT_HEAD] __attribute__((aligned(8)));
    u32 stride;

    read_text(&event->text[0], dict_value(dict, WORD_NAME, 8, layout), layout);
    if (!keys || bpf_probe_read_user(head, sizeof(head), (void *)keys))
        return;
    entry = keys + DICT_HEAD + (1ull << (head[9] & 31));
    stride = head[10] ? 16 : 24;
    if (entries_in(head) > 0)
        read_text(&event->text[1], read_u64(entry + stride - 16), layout);
    if (entries_in(head) > 1)
        read_text(&event->text[2], read_u64(entry + 2 * stride - 16), layout);
}

static __always_inline void describe_cfunction(struct abi_event *event, u64 function, u32 target,
                                               const struct abi_layout *layout)
{
    u64 self = read_u64(function + layout->cfunction_self);
    struct abi_type_key key = {.type = self ? read_u64(self + HEADER_TYPE) : 0, .target = target};
    struct abi_type *type = bpf_map_lookup_elem(&types, &key);

    read_c_string(&event->text[0], read_u64(read_u64(function + layout->cfunction_def)));
    if (type && type->kind == ABI_KIND_MODULE)
        read_text(&event->text[1], read_u64(self + layout->module_name), layout);
    else if (type && type->kind == ABI_KIND_TYPE) /* a class method or a __new__: the class that it is bound to */
        read_c_string(&event->text[2], read_u64(self + layout->type_name));
    else if (type)
        read_c_string(&event->text[2], read_u64(key.type + layout->type_name));
}

static __always_inline void describe_code(struct abi_event *event, u64 code, const struct abi_layout *layout)
{
    read_text(&event->text[0], read_u64(code + layout->code_qualname), layout);
    read_text(&event->text[1], read_u64(code + layout->code_filename), layout);
    event->words[0] = (u32)read_u64(code + layout->code_firstlineno);
}

static __always_inline void describe_function(struct abi_event *event, u64 function, const struct abi_layout *layout)
{
    read_text(&event->text[0], read_u64(function + layout->function_qualname), layout);
    read_text(&event->text[1], read_u64(function + layout->function_module), layout);
}

__noinline int describe(const struct abi_key *key, struct abi_row *row, const struct object *object,
                               const struct abi_layout *layout)
{
    struct abi_event *event;
    u64 at;

    if (!key || !row || !object || !layout || !(event = new_event(ABI_EVENT_OBJECT, key->target)))
        return 0;
    at = key->object;
    event->object = at;
    event->identity = ABI_IDENTITY(row);
    event->type = row->type;
    event->owner = row->owner;
    event->kind = row->kind;
    event->per_thread_id = per_thread_id(row->kind, at, layout);
    __builtin_memcpy(event->words, object->words, sizeof(event->words));
    switch (row->kind) {
    case ABI_KIND_STR:
        read_text(&event->text[0], at, layout);
        break;
    case ABI_KIND_CODE:
        describe_code(event, at, layout);
        break;
    case ABI_KIND_FUNCTION:
        describe_function(event, at, layout);
        break;
    case ABI_KIND_METHOD:
        describe_function(event, read_u64(at + layout->method_function), layout);
        break;
    case ABI_KIND_TYPE:
        describe_type(event, at, layout);
        break;
    case ABI_KIND_MODULE:
        read_text(&event->text[0], read_u64(at + layout->module_name), layout);
        break;
    case ABI_KIND_CFUNCTION:
        describe_cfunction(event, at, key->target, layout);
        break;
    case ABI_KIND_DICT:
        describe_dict(event, at, layout);
        break;
    case ABI_KIND_DESCRIPTOR:
        read_text(&event->text[0], read_u64(at + layout->descr_name), layout);
        read_c_string(&event->text[1], read_u64(read_u64(at + layout->descr_type) + layout->type_name));
        break;
    }
    bpf_ringbuf_submit(event, BPF_RB_FORCE_WAKEUP);
    row->described = 1;
    return 0;
}

/* The variables of a frame, as they are now: number + 1 of the first that is the object. */
static __always_inline u32 find_local(const struct frame *frame, u64 object, const struct abi_layout *layout)
{
    struct local_search search = {
        .at = frame->at + layout->frame_locals, .object = object, .tag = layout->stackref_tag};
    u32 locals = read_u32(frame->code + layout->code_locals);

    bpf_loop(locals < ABI_LOCALS ? locals : ABI_LOCALS, visit_local, &search, 0);
    return search.found;
}

/* f_funcobj, f_globals, f_builtins and f_locals: Include/internal/pycore_frame.h (3.13.5), pycore_interpframe_structs.h
 * (3.14.7, 3.15.0rc1). co_framesize, in words, stands behind co_nlocalsplus: Include/cpython/code.h. */
#define FRAME_FUNCTION 16
#define FRAME_GLOBALS 24
#define FRAME_SIZE_BEHIND 4

/* From the top frame to the one that it called, where that returns: it is not on top any more when its variables are
 * dropped. It lies behind its caller's, on which it looks back still; whether the operation is about that one, the
 * place tells. */
__noinline int describe_called(struct abi_bytecode *event, struct frame *frame, const struct abi_layout *layout)
{
    u64 top, size;

    if (!event || !frame || !layout)
        return 0;
    top = frame->at;
    size = 8 * (u64)(read_u32(frame->code + layout->code_locals + FRAME_SIZE_BEHIND) & 0xffff);
    event->called = 0;
    event->called_version = event->called_local = 0;
    if (frame->owner || read_frame(top + size, layout, frame) || frame->previous != top || frame->owner)
        return 0;
    event->called = frame->code;
    event->called_version = read_u32(frame->code + layout->code_version);
    event->called_local = find_local(frame, event->key.object, layout);
    if (!event->called_local &&
        (read_u64(frame->at + FRAME_FUNCTION) & ~(u64)layout->stackref_tag) == event->key.object)
        event->called_local = ABI_CALLED_FUNCTION;
    return 0;
}

/* Tells where Python code stands: the user side has to be quick to find it there still. */
__noinline int describe_code_position(const struct abi_key *key, const struct abi_row *row,
                                      const struct abi_target *target, const struct abi_layout *layout,
                                      struct frame *frame)
{
    struct abi_bytecode *event;

    if (!key || !row || !target || !layout || !frame ||
        find_top(target, key->target, layout, frame) || frame->code != key->code)
        return 0;
    event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
    if (!event) {
        count_stat(ABI_STAT_LOST_EVENTS, 1);
        return 0;
    }
    event->event = ABI_EVENT_BYTECODE;
    event->target = key->target;
    event->key = *key;
    event->identity = ABI_IDENTITY(row);
    event->type = row->type;
    event->frame = frame->at;
    event->instr_ptr = frame->instr_ptr;
    event->units = read_u64(frame->instr_ptr);
    event->qualname = read_u64(frame->code + layout->code_qualname);
    event->linetable = read_u64(frame->code + layout->code_linetable);
    event->firstlineno = read_u32(frame->code + layout->code_firstlineno);
    event->local = find_local(frame, key->object, layout);
    event->variable_code = frame->variables ? read_u64(frame->variables + layout->frame_executable) & ~(u64)layout->stackref_tag : 0;
    event->variable_version = frame->variables ? read_u32(event->variable_code + layout->code_version) : 0;
    event->reserved = 0;
    event->globals = read_u64(frame->at + FRAME_GLOBALS);
    event->builtins = read_u64(frame->at + FRAME_GLOBALS + 8);
    event->locals = read_u64(frame->at + FRAME_GLOBALS + 16);
    if (bpf_probe_read_user(event->variables, sizeof(event->variables), (void *)(frame->at + layout->frame_locals)))
        __builtin_memset(event->variables, 0, sizeof(event->variables));
    describe_called(event, frame, layout);
    bpf_ringbuf_submit(event, BPF_RB_FORCE_WAKEUP);
    return 0;
}

/* Stacks */

/* Fills one message. Returns how the stack goes on. */
static __always_inline u32 fill_chunk(struct abi_stack *chunk, const struct abi_layout *layout, struct frame *frame,
                                      int *more)
{
    u32 i;

    for (i = 0; i < ABI_STACK_CHUNK; i++) {
        chunk->frames[i].code = frame->code;
        chunk->frames[i].code_version = frame->version;
        chunk->frames[i].instr = instr_of(frame, layout);
        chunk->count = i + 1;
        *more = next_frame(layout, frame);
        if (*more)
            return *more > 0 ? ABI_STACK_WHOLE : ABI_STACK_FAILED;
    }
    return chunk->first + ABI_STACK_CHUNK < ABI_STACK_FRAMES ? ABI_STACK_MORE : ABI_STACK_TRUNCATED;
}

__noinline int send_chunk(const struct abi_key *key, const struct abi_row *row, const struct abi_layout *layout,
                          struct frame *frame, u32 first)
{
    struct abi_stack *chunk;
    int more = 0, end;

    if (!key || !row || !layout || !frame)
        return ABI_STACK_FAILED;
    chunk = bpf_ringbuf_reserve(&events, sizeof(*chunk), 0);
    if (!chunk) {
        count_stat(ABI_STAT_LOST_STACKS, 1);
        return ABI_STACK_WHOLE;
    }
    chunk->event = ABI_EVENT_STACK;
    chunk->target = key->target;
    chunk->key = *key;
    chunk->identity = ABI_IDENTITY(row);
    chunk->type = row->type;
    chunk->first = first;
    chunk->reserved = 0;
    chunk->end = end = fill_chunk(chunk, layout, frame, &more);
    /* Behind what went quietly, the kernel would wake nobody up for what did not. */
    bpf_ringbuf_submit(chunk, frame->quiet ? BPF_RB_NO_WAKEUP : BPF_RB_FORCE_WAKEUP);
    return end;
}

/* Whether the ring buffer should be emptied soon. */
static __always_inline int is_filling(void)
{
    return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > EVENTS_SIZE / 4;
}

/* Sends the Python stack of the thread that has just added to a row. */
__noinline int send_stack(const struct abi_key *key, const struct abi_row *row, const struct abi_target *target,
                          const struct abi_layout *layout, struct frame *frame)
{
    int end = ABI_STACK_MORE, top;
    u32 i;

    if (!key || !row || !target || !layout || !frame)
        return 0;
    top = find_top(target, key->target, layout, frame);
    if (top > 0)
        return 0; /* no Python code runs here: the interpreter starts or ends */
    count_stat(ABI_STAT_WALKS, 1);
    if (top < 0)
        end = ABI_STACK_FAILED;
    for (i = 0; i < ABI_STACK_FRAMES && end == ABI_STACK_MORE; i += ABI_STACK_CHUNK)
        end = send_chunk(key, row, layout, frame, i);
    if (end == ABI_STACK_TRUNCATED)
        count_stat(ABI_STAT_TRUNCATED, 1);
    if (end == ABI_STACK_FAILED)
        count_stat(ABI_STAT_FAILED, 1);
    return 0;
}

__noinline int announce_thread(u32 target)
{
    u64 thread = (u64)target << 32 | (u32)bpf_get_current_pid_tgid();
    struct abi_event *event;

    if (bpf_map_lookup_elem(&threads, &thread) || !(event = new_event(ABI_EVENT_THREAD, target)))
        return 0;
    bpf_get_current_comm(event->comm, sizeof(event->comm));
    event->owner = thread_pointer();
    bpf_ringbuf_submit(event, BPF_RB_FORCE_WAKEUP);
    bpf_map_update_elem(&threads, &thread, &target, BPF_ANY);
    return 0;
}

/* Rows */

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

static __always_inline struct at_address *find_address(u64 object, u32 target)
{
    u32 at = (((object >> 4) ^ (u64)target << 40) * 0x9e3779b97f4a7c15ull) >> 50;

    return bpf_map_lookup_elem(&addresses, &at);
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
        here->life = here->queued = here->ended = 0;
        return 0;
    }
    if (here->ended || (here->queued && !(shared & 2)) || (owner && here->owner != owner)) {
        here->life++;
        here->queued = here->ended = 0;
    }
    if (here->owner != owner)
        here->owner = owner;
    return here->life;
}

__noinline int read_object(u64 address, struct object *object)
{
    u64 raw[8];

    if (!object)
        return -1;
    __builtin_memset(object, 0, sizeof(*object));
    if (bpf_probe_read_user(raw, sizeof(raw), (void *)address)) {
        /* The last object of a mapping may be shorter than that. */
        __builtin_memset(raw, 0, sizeof(raw));
        if (bpf_probe_read_user(raw, 32, (void *)address))
            return -1;
    }
    object->owner = raw[0];
    object->shared = raw[2];
    object->type = raw[3];
    __builtin_memcpy(object->words, raw + 4, sizeof(object->words));
    return 0;
}

/* The array that the slot lies in was given by the caller, which took it from an object perhaps. */
static __noinline int settle_behind(const struct hit *hit, const struct slot_in *in)
{
    struct abi_key *key = &hit->scratch->key, *upper = &hit->scratch->upper;
    struct slot_in up = *in;
    u64 object, type;

    *upper = *key;
    if (!climb_one(hit, upper, &up, in->slot->behind - 1) || !up.slot || up.frame_only)
        return 0;
    object = locate_in(hit, &up, &up.slot->base);
    type = object ? read_u64(object + HEADER_TYPE) : 0;
    if (!has_type(hit->layout, object, type, key->target))
        return 0;
    upper->base_type = type;
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

/* The row by the slot's object. Most often that is what it looks like, and its row is there already. */
static __always_inline struct abi_row *find_row_by_slot(const struct hit *hit, struct slot_in *in, u32 which,
                                                        int may_add)
{
    struct bases *bases = &hit->scratch->bases;
    struct abi_key *key = &hit->scratch->key;
    struct abi_row *row = 0;

    __builtin_memset(bases, 0, sizeof(*bases));
    bases->frame_only = in->frame_only;
    bases->base = locate_in(hit, in, &in->slot->base);
    if (bases->base && !bases->frame_only) {
        key->base_type = read_u64(bases->base + HEADER_TYPE);
        key->how = ABI_HOW_BASE;
        row = find_row(hit, which, 0);
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
    return find_row(hit, which, may_add);
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

static __always_inline void count(const struct hit *hit, struct slot_in *in, u32 which)
{
    struct abi_key *key = &hit->scratch->key;
    struct object *object = &hit->scratch->object;
    u64 shared = hit->ctx->rax, flags = flags_of(hit, shared);
    struct at_address *here = find_address(key->object, key->target);
    struct abi_row *row;

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
    row = in->slot ? find_row_by_slot(hit, in, which, !(flags & ENDING)) : find_row(hit, which, !(flags & ENDING));
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
    if (!row->described && row->counts.decrefs + row->counts.increfs >= ABI_NAME_AT) {
        describe(key, row, object, hit->layout);
        if (key->code) {
            hit->scratch->frame.variables = in->frame;
            describe_code_position(key, row, hit->target, hit->layout, &hit->scratch->frame);
        }
    }
    if (row->described && stack_period && row->until_stack-- == 0) {
        /* What a row is seen under first has to be named at once; of the rest most is known. */
        hit->scratch->frame.quiet = row->looks++ > 0 && !is_filling();
        row->until_stack = stack_period - 1;
        send_stack(key, row, hit->target, hit->layout, &hit->scratch->frame);
    }
}

/* Takes part in the rows that are written to now: the user side waits for whoever took part in the others. */
static __always_inline struct in_flight *enter_rows(u32 *which)
{
    u32 zero = 0;
    struct in_flight *mine = bpf_map_lookup_elem(&in_flight, &zero);

    if (!mine)
        return 0;
    *which = active_rows & 1;
    __sync_fetch_and_add(&mine->writers[*which & 1], 1);
    if ((active_rows & 1) != *which) {
        __sync_fetch_and_add(&mine->writers[*which & 1], -1);
        *which ^= 1;
        __sync_fetch_and_add(&mine->writers[*which & 1], 1);
    }
    return mine;
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

    hit->number = number;
    hit->site = find_site(ABI_COOKIE_SITE(cookie));
    hit->target = bpf_map_lookup_elem(&targets, &number);
    if (!hit->site || !hit->target || !hit->target->live || hit->target->tgid != tgid)
        return 0;
    if (hit->site->kind == ABI_SITE_GUARDED && !is_operation(hit)) {
        count_stat(ABI_STAT_OWNER_INCREFS, 1);
        return 0;
    }
    hit->bias = hit->target->bias;
    hit->layout = bpf_map_lookup_elem(&layouts, &hit->target->layout);
    hit->stack = hit->ctx->rsp;
    return !!hit->layout;
}

static __always_inline void take_hit(struct hit *hit, u64 cookie, u32 tid)
{
    struct scratch *scratch = hit->scratch;
    struct abi_key *key = &scratch->key;
    struct slot_in in = {};
    struct in_flight *mine;
    u32 which = 0;

    if (ABI_SITE_BINARY(ABI_COOKIE_SITE(cookie)) != hit->target->binary) {
        /* Until the user side has told of new mappings, where others were before. */
        if (!find_module(hit->number, hit->ctx->rip, &scratch->module) ||
            scratch->module.binary != ABI_SITE_BINARY(ABI_COOKIE_SITE(cookie))) {
            count_stat(ABI_STAT_LOST, is_operation(hit));
            return;
        }
        hit->bias = scratch->module.bias;
    }
    copy_regs(hit);
    __builtin_memset(key, 0, sizeof(*key));
    key->target = hit->number;
    key->site = ABI_COOKIE_SITE(cookie);
    key->tid = tid;
    key->object = locate(hit, &hit->site->object) + hit->site->adjust;
    if (!plain && hit->site->argument != ABI_NO_ARGUMENT) {
        keep(climb(hit, key, &in));
    } else if (!plain && (hit->site->slot.base.place || hit->site->slot.outer.place || hit->site->slot.behind)) {
        in.slot = &hit->site->slot;
        in.frame_only = hit->site->frame_only;
    }
    mine = enter_rows(&which);
    if (!mine)
        return;
    count(hit, &in, which);
    __sync_fetch_and_add(&mine->writers[which & 1], -1);
}

SEC("uprobe")
int on_operation(struct pt_regs *ctx)
{
    u64 cookie = bpf_get_attach_cookie(ctx), id = bpf_get_current_pid_tgid();
    struct hit hit = {.ctx = ctx};

    if (plain == 2 || !begin_hit(&hit, cookie, id >> 32))
        return 0;
    hit.scratch = take_scratch((u32)id);
    if (!hit.scratch) {
        count_stat(ABI_STAT_LOST, is_operation(&hit));
        return 0;
    }
    take_hit(&hit, cookie, (u32)id);
    *(volatile u64 *)&hit.scratch->taken = 0;
    return 0;
}

/* The end of a target */

struct search {
    u32 tgid, end, status;
};

static long end_target(u32 number, struct search *search)
{
    struct abi_target *target = bpf_map_lookup_elem(&targets, &number);
    struct abi_event *event;

    if (!target || !target->tgid)
        return 1;
    if (target->tgid != search->tgid || !target->live)
        return 0;
    target->live = 0;
    target->end = search->end;
    target->status = search->status;
    target->ended_ns = bpf_ktime_get_boot_ns();
    event = new_event(ABI_EVENT_END, number);
    if (event)
        bpf_ringbuf_submit(event, BPF_RB_FORCE_WAKEUP);
    return 0;
}

SEC("raw_tp/sched_process_exit")
int on_exit(void *ctx)
{
    struct task_struct *task = (void *)bpf_get_current_task();
    struct search search = {.tgid = bpf_get_current_pid_tgid() >> 32, .end = ABI_END_EXIT};

    if (BPF_CORE_READ(task, signal, live.counter) > 0)
        return 0;
    search.status = BPF_CORE_READ(task, signal, group_exit_code);
    if (!search.status)
        search.status = BPF_CORE_READ(task, exit_code);
    bpf_loop(ABI_TARGETS, end_target, &search, 0);
    return 0;
}

/* The current process has other code than before: the user side looks at it, while it is held or while it runs. */
static __always_inline void note_change(u32 tgid)
{
    struct abi_follow *follow = bpf_map_lookup_elem(&followed, &tgid);
    struct abi_event *event;

    if (!follow)
        return;
    follow->changed_ns = bpf_ktime_get_ns();
    __sync_fetch_and_add(&follow->changes, 1);
    /* Not before the signal is on its way: the one that lets it go again must not overtake it. */
    if (follow->hold && !bpf_send_signal(SIGSTOP))
        follow->held = 1;
    event = new_event(ABI_EVENT_CODE, 0);
    if (event)
        bpf_ringbuf_submit(event, BPF_RB_FORCE_WAKEUP);
}

SEC("raw_tp/sched_process_exec")
int on_exec(void *ctx)
{
    struct search search = {.tgid = bpf_get_current_pid_tgid() >> 32, .end = ABI_END_EXEC};

    bpf_loop(ABI_TARGETS, end_target, &search, 0);
    note_change(search.tgid);
    return 0;
}

#define RT_CONSISTENT 0 /* elf/link.h of glibc (2.36), include/link.h of musl (1.2) */

/*
 * The dynamic loader calls a function of its own, for debuggers, before and after it maps libraries; after it means that
 * none of their code has run yet. The cookie leads from that function to the loader's state.
 */
SEC("uprobe")
int on_loader(struct pt_regs *ctx)
{
    u32 state = 0;

    if (!bpf_probe_read_user(&state, sizeof(state), (void *)(ctx->rip + bpf_get_attach_cookie(ctx))) &&
        state == RT_CONSISTENT)
        note_change(bpf_get_current_pid_tgid() >> 32);
    return 0;
}

static long count_child(u32 number, u32 *tgid)
{
    struct abi_target *target = bpf_map_lookup_elem(&targets, &number);

    if (!target || !target->tgid)
        return 1;
    if (target->tgid == *tgid && target->live)
        __sync_fetch_and_add(&target->children, 1);
    return 0;
}

/* A new process, not a new thread: what it does is not counted, which its parent's user should know. */
SEC("raw_tp/sched_process_fork")
int on_fork(struct bpf_raw_tracepoint_args *ctx)
{
    struct task_struct *child = (void *)ctx->args[1];
    u32 tgid = bpf_get_current_pid_tgid() >> 32;

    if (BPF_CORE_READ(child, tgid) != tgid)
        bpf_loop(ABI_TARGETS, count_child, &tgid, 0);
    return 0;
}
