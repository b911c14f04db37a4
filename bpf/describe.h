/* Tells the user side what an object is, and where Python code stands that works on it. */
#ifndef HOTREF_BPF_DESCRIBE_H
#define HOTREF_BPF_DESCRIBE_H

#include "frames.h"
#include "types.h"

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
    struct abi_type *builtin = bpf_map_lookup_elem(&builtin_types, &key);

    read_c_string(&event->text[0], read_u64(read_u64(function + layout->cfunction_def)));
    if (builtin && builtin->kind == ABI_KIND_MODULE)
        read_text(&event->text[1], read_u64(self + layout->module_name), layout);
    else if (self && is_type(layout, self)) /* a class method or a __new__: the class that it is bound to */
        read_c_string(&event->text[2], read_u64(self + layout->type_name));
    else if (key.type && is_type(layout, key.type))
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

#endif
