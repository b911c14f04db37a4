#include "target/layout.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "util/error.h"

/* The order of _Py_DebugOffsets, an array of 64-bit words, changes between series. */
enum order { ORDER_3_13, ORDER_3_14, ORDER_3_15, ORDERS };

/* How many words each has: Include/internal/pycore_runtime.h (3.13.5) and pycore_debug_offsets.h (3.14.7,
 * 3.15.0rc1). */
static const size_t order_words[ORDERS] = {73, 95, 111};

enum { WORD_COOKIE, WORD_VERSION, WORD_FREE_THREADED, WORDS_OF_HEAD };

#define NO_WORD 0xff /* an order that lacks the member, which is 0 then */

/* Where a member of struct layout stands in each order. */
struct word {
    uint16_t member; /* offset in struct layout */
    uint8_t size;
    uint8_t at[ORDERS];
};

#define WORD(member, a, b, c)                                                                                \
    {                                                                                                        \
        offsetof(struct layout, member), sizeof(((struct layout *)0)->member),                               \
        {                                                                                                    \
            a, b, c                                                                                          \
        }                                                                                                    \
    }

/* From the same headers. */
static const struct word words[] = {
    WORD(runtime_finalizing, 4, 4, 4),
    WORD(runtime_interpreters_head, 5, 5, 5),
    WORD(interp_next, 8, 8, 8),
    WORD(interp_threads_head, 9, 9, 9),
    WORD(interp_modules, 11, 12, 12),
    WORD(tstate_next, 21, 24, 24),
    WORD(tstate_current_frame, 23, 26, 26),
    WORD(tstate_thread_id, 24, 27, 30),
    WORD(tstate_native_thread_id, 25, 28, 31),
    WORD(tstate_status, 27, 30, 34),
    WORD(frame_previous, 29, 32, 40),
    WORD(frame_executable, 30, 33, 41),
    WORD(frame_instr_ptr, 31, 34, 42),
    WORD(frame_localsplus, 32, 35, 43),
    WORD(frame_owner, 33, 36, 44),
    WORD(frame_tlbc_index, NO_WORD, 38, 46),
    WORD(code_filename, 35, 40, 48),
    WORD(code_name, 36, 41, 49),
    WORD(code_qualname, 37, 42, 50),
    WORD(code_linetable, 38, 43, 51),
    WORD(code_firstlineno, 39, 44, 52),
    WORD(code_localsplusnames, 41, 46, 54),
    WORD(code_localspluskinds, 42, 47, 55),
    WORD(code_adaptive, 43, 48, 56),
    WORD(code_tlbc, NO_WORD, 49, 57),
    WORD(ob_type, 45, 51, 59),
    WORD(type_name, 47, 53, 61),
    WORD(type_flags, 49, 55, 63),
    WORD(tuple_item, 51, 57, 69),
    WORD(list_item, 54, 60, 72),
    WORD(list_size, 55, 61, 73),
    WORD(dict_keys, 57, 67, 79),
    WORD(dict_values, 58, 68, 80),
    WORD(float_value, 60, 70, 82),
    WORD(long_tag, 62, 72, 84),
    WORD(long_digit, 63, 73, 85),
    WORD(bytes_size, 65, 75, 87),
    WORD(bytes_data, 66, 76, 88),
    WORD(str_state, 68, 78, 90),
    WORD(str_length, 69, 79, 91),
    WORD(str_ascii_data, 70, 80, 92),
};

/* Sizes that the table states itself. They tell development builds apart that share a version number. */
enum { SIZE_FRAME, SIZE_CODE, SIZE_OBJECT, SIZE_TYPE, SIZES };
static const uint8_t size_words[ORDERS][SIZES] = {
    {28, 34, 44, 46},
    {31, 39, 50, 52},
    {39, 47, 58, 60},
};

/* One set of layouts: the versions first to last, provided that the sizes are these. */
struct edition {
    uint32_t first, last;
    enum order order;
    uint16_t sizes[SIZES];
    uint16_t heap_qualname, heap_cached_keys, heap_module;  /* PyHeapTypeObject: Include/cpython/object.h */
    uint16_t module_name;                                   /* PyModuleObject: pycore_moduleobject.h */
    uint8_t str_kind_shift, str_compact_bit, str_ascii_bit; /* Include/cpython/unicodeobject.h */
};

/*
 * Checked with offsetof against the headers of the tags named, and for 3.13.5 against DWARF. _Py_DebugOffsets
 * took its 3.13 order in 3.13.0rc2. 3.14.0a0 and a1 are those around gh-124218: code objects of 224 bytes
 * before its first part (3ea488aac44), of 232 after it. Between a2 and b1 str objects and the table changed
 * without a sign in them, so those are not known.
 */
static const struct edition editions[] = {
    /* v3.13.0rc2, v3.13.0, v3.13.5, v3.13.15 */
    {0x030d00c2, 0x030dffff, ORDER_3_13, {80, 224, 32, 432}, 888, 896, 904, 64, 2, 5, 6},
    /* 206de4155b0 (the parent of 3ea488aac44) */
    {0x030e00a0, 0x030e00a0, ORDER_3_13, {88, 224, 32, 432}, 888, 896, 904, 64, 2, 5, 6},
    /* 3ea488aac44, v3.14.0a1, the parent of 9b0bfba2a26 */
    {0x030e00a0, 0x030e00a1, ORDER_3_13, {88, 232, 32, 432}, 888, 896, 904, 64, 2, 5, 6},
    /* v3.14.0rc1, v3.14.0, v3.14.7 */
    {0x030e00c1, 0x030effff, ORDER_3_14, {88, 240, 32, 432}, 888, 896, 904, 64, 8, 11, 12},
    /* v3.15.0rc1 */
    {0x030f00c1, 0x030fffff, ORDER_3_15, {88, 240, 32, 440}, 896, 904, 912, 56, 8, 11, 12},
    /* 999a046b24c (main of August 2026): the debug offsets are 3.15's, types have grown by _tp_cache */
    {0x031000a0, 0x031000a0, ORDER_3_15, {88, 240, 32, 448}, 904, 912, 920, 56, 8, 11, 12},
};
#define EDITIONS (sizeof(editions) / sizeof(editions[0]))

const char *layout_known_versions(void)
{
    return "3.13, 3.14 (and 3.14.0a1), 3.15, 3.16.0a0";
}

void layout_version(uint64_t hex, char *into, size_t size)
{
    unsigned level = hex >> 4 & 0xf, serial = hex & 0xf;
    const char *name = level == 0xa ? "a" : level == 0xb ? "b" : level == 0xc ? "rc" : "";
    int used;

    used = snprintf(into, size, "%u.%u.%u", (unsigned)(hex >> 24 & 0xff), (unsigned)(hex >> 16 & 0xff),
                    (unsigned)(hex >> 8 & 0xff));
    if (*name != '\0' && used > 0 && (size_t)used < size)
        snprintf(into + used, size - (size_t)used, "%s%u", name, serial);
}

static uint64_t word_at(const uint8_t *bytes, size_t index)
{
    uint64_t word;

    memcpy(&word, bytes + index * sizeof(word), sizeof(word));
    return word;
}

static bool has_sizes(const uint8_t *bytes, const struct edition *edition)
{
    for (int i = 0; i < SIZES; i++) {
        if (word_at(bytes, size_words[edition->order][i]) != edition->sizes[i])
            return false;
    }
    return true;
}

/* NULL with a failure where no edition fits. */
static const struct edition *find_edition(const uint8_t *bytes, size_t size, uint64_t hex)
{
    bool known = false;
    char version[32];

    layout_version(hex, version, sizeof(version));
    for (size_t i = 0; i < EDITIONS; i++) {
        if (hex < editions[i].first || hex > editions[i].last)
            continue;
        known = true;
        if (size < order_words[editions[i].order] * sizeof(uint64_t)) {
            fail("the debug offsets of CPython %s are cut short at %zu bytes", version, size);
            return NULL;
        }
        if (has_sizes(bytes, &editions[i]))
            return &editions[i];
    }
    if (known)
        fail("CPython %s has structures of unexpected sizes: only its releases are known", version);
    else
        fail("the layout of CPython %s is not known: known are %s", version, layout_known_versions());
    return NULL;
}

/* The members that _Py_DebugOffsets gives; each must fit, and none lies beyond what such a structure can
 * have. */
static int take_words(const uint8_t *bytes, enum order order, struct layout *layout)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        uint64_t value = words[i].at[order] == NO_WORD ? 0 : word_at(bytes, words[i].at[order]);
        uint64_t limit = words[i].size == sizeof(uint16_t) ? UINT16_MAX : 1 << 24;
        uint32_t wide = (uint32_t)value;
        uint16_t narrow = (uint16_t)value;

        if (value > limit)
            return fail("the debug offsets of CPython are damaged: word %u is %llu", words[i].at[order],
                        (unsigned long long)value);
        if (words[i].size == sizeof(narrow))
            memcpy((char *)layout + words[i].member, &narrow, sizeof(narrow));
        else
            memcpy((char *)layout + words[i].member, &wide, sizeof(wide));
    }
    return 0;
}

/* What the table doesn't give and no known version has changed. Sources are those of 3.13.5, the same
 * to 3.15.0rc1. */
static void take_constants(struct layout *layout)
{
    layout->ob_tid = 0; /* Include/object.h, under Py_GIL_DISABLED */
    layout->ob_ref_local = 12;
    layout->ob_ref_shared = 16;
    layout->ob_size = 32;
    layout->str_data = 72;       /* sizeof(PyCompactUnicodeObject): Include/cpython/unicodeobject.h */
    layout->type_basicsize = 48; /* Include/cpython/object.h */
    layout->type_base = 272;
    layout->type_dict = 280;
    layout->type_dictoffset = 304;
    layout->code_consts = 40;    /* Include/cpython/code.h */
    layout->code_names = 48;
    layout->code_exceptions = 56;
    layout->code_nlocalsplus = 88;
    layout->code_version = 108;
    layout->module_dict = 32;      /* Include/internal/pycore_moduleobject.h */
    layout->function_globals = 32; /* Include/cpython/funcobject.h */
    layout->function_builtins = 40;
    layout->function_name = 48;
    layout->function_qualname = 56;
    layout->function_code = 64;
    layout->function_module = 120;
    layout->method_function = 32; /* Include/cpython/classobject.h */
    layout->method_self = 40;
    layout->cfunction_def = 32; /* Include/cpython/methodobject.h */
    layout->cfunction_self = 40;
    layout->cfunction_module = 48;
    layout->descr_type = 32; /* Include/cpython/descrobject.h */
    layout->descr_name = 40;
    layout->descr_member = 56;
    layout->cell_value = 32; /* Include/cpython/cellobject.h */
    layout->set_mask = 48;   /* Include/cpython/setobject.h */
    layout->set_table = 56;
}

/* Ids for counting references in each thread: 0 is none, in the upper half of a dict's watcher tag.
 * Include/cpython/code.h, Include/cpython/object.h, pycore_dict.h (3.14.7, 3.15.0rc1, main of August 2026); 3.13 has
 * none, and 3.14.0a0 and a1 had them for types and code only, numbered from 0. */
static void take_ids(const struct edition *edition, struct layout *layout)
{
    if (edition->order == ORDER_3_13)
        return;
    layout->code_unique_id = 200;
    layout->heap_unique_id = edition->heap_qualname + 64;
    layout->dict_watcher_tag = 40;
}

/* co_monitoring, and in _PyCoMonitoringData lines and per_instruction_opcodes: Include/cpython/code.h (3.13.5),
 * Include/internal/pycore_instruments.h (3.14.7, 3.15.0rc1, main of August 2026); the tables before them grew. */
static void take_monitoring(const struct edition *edition, struct layout *layout)
{
    static const uint16_t lines[] = {[ORDER_3_13] = 32, [ORDER_3_14] = 96, [ORDER_3_15] = 104};

    layout->code_monitoring = 192;
    layout->monitoring_lines = lines[edition->order];
    layout->monitoring_opcodes = lines[edition->order] + 16;
}

int layout_decode(const uint8_t *bytes, size_t size, struct layout *layout)
{
    const struct edition *edition;
    char version[32];
    uint64_t hex;

    memset(layout, 0, sizeof(*layout));
    if (size < WORDS_OF_HEAD * sizeof(uint64_t) || memcmp(bytes, "xdebugpy", 8) != 0)
        return fail("_PyRuntime does not start with the debug offsets that CPython has from 3.13");
    hex = word_at(bytes, WORD_VERSION);
    layout_version(hex, version, sizeof(version));
    if (word_at(bytes, WORD_FREE_THREADED) == 0)
        return fail("CPython %s has the GIL: nothing can contend there", version);
    edition = find_edition(bytes, size, hex);
    if (edition == NULL || take_words(bytes, edition->order, layout) != 0)
        return -1;
    take_constants(layout);
    take_ids(edition, layout);
    take_monitoring(edition, layout);
    layout->hex_version = hex;
    layout->heap_qualname = edition->heap_qualname;
    layout->heap_cached_keys = edition->heap_cached_keys;
    layout->heap_module = edition->heap_module;
    layout->module_name = edition->module_name;
    layout->str_kind_shift = edition->str_kind_shift;
    layout->str_compact_bit = edition->str_compact_bit;
    layout->str_ascii_bit = edition->str_ascii_bit;
    return 0;
}
