#include "target/pyobject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"

enum { CHUNK = 256 };

static int read_process(const void *context, uint64_t address, void *into, size_t size)
{
    return process_read(context, address, into, size);
}

struct python_memory python_memory_of(const struct process *process, const struct layout *layout)
{
    return (struct python_memory){.layout = layout, .read = read_process, .context = process};
}

static int read_at(const struct python_memory *memory, uint64_t address, void *into, size_t size)
{
    return memory->read(memory->context, address, into, size);
}

uint64_t python_pointer(const struct python_memory *memory, uint64_t address)
{
    uint64_t pointer;

    return read_at(memory, address, &pointer, sizeof(pointer)) == 0 ? pointer : 0;
}

/* A type's flags; 0 for what isn't ready, or isn't a type by its own type's word. */
static uint64_t flags_of_type(const struct python_memory *memory, uint64_t type)
{
    uint64_t of_type, meta = python_pointer(memory, type + memory->layout->ob_type);

    if (type == 0 || type % 8 != 0 || meta == 0 || meta % 8 != 0)
        return 0;
    of_type = python_pointer(memory, meta + memory->layout->type_flags);
    if ((of_type & (PYTHON_TYPE | PYTHON_READY)) != (PYTHON_TYPE | PYTHON_READY))
        return 0;
    of_type = python_pointer(memory, type + memory->layout->type_flags);
    return of_type & PYTHON_READY ? of_type : 0;
}

uint64_t python_type(const struct python_memory *memory, uint64_t object, uint64_t *flags)
{
    uint64_t type, type_flags;

    if (object == 0 || object % 8 != 0)
        return 0;
    type = python_pointer(memory, object + memory->layout->ob_type);
    type_flags = flags_of_type(memory, type);
    if (type_flags == 0)
        return 0;
    if (flags != NULL)
        *flags = type_flags;
    return type;
}

/* Include/object.h (3.13.5): a shared count stands above two flag bits. */
bool python_is_same(const struct python_memory *memory, uint64_t address, uint64_t type, uint64_t owner)
{
    const struct layout *layout = memory->layout;
    uint64_t now, shared;
    uint32_t local;

    if (read_at(memory, address + layout->ob_tid, &now, sizeof(now)) != 0 ||
        read_at(memory, address + layout->ob_ref_local, &local, sizeof(local)) != 0 ||
        read_at(memory, address + layout->ob_ref_shared, &shared, sizeof(shared)) != 0)
        return false;
    return python_pointer(memory, address + layout->ob_type) == type && (now == owner || now == 0) &&
           (local != 0 || (int64_t)shared >> 2 != 0);
}

static bool is_a(const struct python_memory *memory, uint64_t object, uint64_t flag)
{
    uint64_t flags;

    return python_type(memory, object, &flags) != 0 && (flags & flag);
}

/* Appends a character. Returns 1 where it no longer fits, -1 for what is no character at all. */
static int put_character(uint32_t character, char *into, size_t size, size_t *used)
{
    uint8_t bytes[4];
    size_t count;

    if (character > 0x10ffff)
        return -1;
    if (character == 0 || (character >= 0xd800 && character < 0xe000))
        character = 0xfffd;
    count = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    for (size_t i = count; i-- > 1; character >>= 6)
        bytes[i] = (uint8_t)(0x80 | (character & 0x3f));
    bytes[0] = (uint8_t)(count == 1 ? character : ((0xf00 >> count) & 0xff) | character);
    if (size - *used <= count) /* the NUL behind it too */
        return 1;
    memcpy(into + *used, bytes, count);
    *used += count;
    return 0;
}

static int put_characters(const struct python_memory *memory, uint64_t data, uint64_t length, unsigned kind,
                          char *into, size_t size)
{
    uint8_t chunk[CHUNK];
    size_t used = 0;
    int result = 0;

    for (uint64_t done = 0; done < length && result == 0; done += CHUNK / kind) {
        size_t count = length - done < CHUNK / kind ? (size_t)(length - done) : CHUNK / kind;

        if (read_at(memory, data + done * kind, chunk, count * kind) != 0)
            return -1;
        for (size_t i = 0; i < count && result == 0; i++) {
            uint32_t character = 0;

            memcpy(&character, chunk + i * kind, kind);
            result = put_character(character, into, size, &used);
        }
    }
    into[used] = '\0';
    return result;
}

int python_string(const struct python_memory *memory, uint64_t object, char *into, size_t size)
{
    const struct layout *layout = memory->layout;
    uint64_t length, data;
    uint32_t state;
    unsigned kind;
    bool compact, ascii;

    if (size == 0 || !is_a(memory, object, PYTHON_STR) ||
        read_at(memory, object + layout->str_length, &length, sizeof(length)) != 0 ||
        read_at(memory, object + layout->str_state, &state, sizeof(state)) != 0)
        return -1;
    into[0] = '\0';
    kind = state >> layout->str_kind_shift & 7;
    compact = state >> layout->str_compact_bit & 1;
    ascii = state >> layout->str_ascii_bit & 1;
    if ((kind != 1 && kind != 2 && kind != 4) || (ascii && kind != 1) || length > INT64_MAX / 8)
        return -1;
    if (compact)
        data = object + (ascii ? layout->str_ascii_data : layout->str_data);
    else /* of a subclass: the characters stand elsewhere */
        data = python_pointer(memory, object + layout->str_data);
    return put_characters(memory, data, length, kind, into, size);
}

/* lv_tag: sign (0 positive, 1 zero, 2 negative) in bits 0-1, bit 2 reserved, then the number of digits:
 * Include/internal/pycore_long.h (3.13.5 to 3.15.0rc1). */
int python_int(const struct python_memory *memory, uint64_t object, int64_t *value)
{
    uint64_t tag, magnitude = 0;
    uint32_t digits[3] = {0};

    if (!is_a(memory, object, PYTHON_INT) ||
        read_at(memory, object + memory->layout->long_tag, &tag, sizeof(tag)) != 0 || tag >> 3 > 3 ||
        read_at(memory, object + memory->layout->long_digit, digits, (tag >> 3) * sizeof(digits[0])) != 0)
        return -1;
    if ((digits[0] | digits[1] | digits[2]) >> 30 != 0 || digits[2] > 7)
        return -1;
    magnitude = digits[0] | (uint64_t)digits[1] << 30 | (uint64_t)digits[2] << 60;
    if (magnitude > INT64_MAX)
        return -1;
    *value = (tag & 3) == 2 ? -(int64_t)magnitude : (int64_t)magnitude;
    return 0;
}

/* Include/internal/pycore_dict.h under Py_GIL_DISABLED (3.13.5 to 3.15.0rc1). The entries stand behind the
 * index. */
struct keys_head {
    uint64_t refcnt;
    uint8_t log2_size, log2_index_bytes, kind, mutex;
    uint32_t version;
    int64_t usable, entries;
};
enum { KIND_GENERAL, KIND_UNICODE, KIND_SPLIT };

/* A value array: capacity, size, embedded, valid, one byte each, and from 8 on the values. One that is not
 * embedded in its object never gets a valid byte (Objects/dictobject.c: new_values()). */
enum { VALUES_EMBEDDED = 2, VALUES_VALID = 3, VALUES_START = 8 };

/* Keys and, where these hold them, values. */
static int read_keys(const struct python_memory *memory, uint64_t keys, size_t limit, struct keys_head *head,
                     struct python_item **items)
{
    uint64_t entries, words[3];
    size_t count, size;

    if (keys % 8 != 0 || read_at(memory, keys, head, sizeof(*head)) != 0 || head->kind > KIND_SPLIT ||
        head->log2_size > 40 || head->log2_index_bytes > head->log2_size + 3 || head->entries < 0 ||
        head->entries > (int64_t)1 << head->log2_size)
        return -1;
    count = (uint64_t)head->entries < limit ? (size_t)head->entries : limit;
    size = head->kind == KIND_GENERAL ? 24 : 16;
    entries = keys + sizeof(*head) + (1ull << head->log2_index_bytes);
    for (size_t i = 0; i < count; i++) {
        struct python_item item;

        if (read_at(memory, entries + i * size, words, size) != 0)
            return -1;
        item.key = words[head->kind == KIND_GENERAL ? 1 : 0];
        item.value = words[head->kind == KIND_GENERAL ? 2 : 1];
        item.at = entries + i * size + size - sizeof(uint64_t);
        arrput(*items, item);
    }
    return 0;
}

/* The values of split keys, in the order of the keys. */
static int read_values(const struct python_memory *memory, uint64_t values, struct python_item *items)
{
    uint8_t head[VALUES_START];

    if (read_at(memory, values, head, sizeof(head)) != 0 || head[VALUES_EMBEDDED] > 1 ||
        (head[VALUES_EMBEDDED] == 1 && head[VALUES_VALID] != 1))
        return -1;
    for (ptrdiff_t i = 0; i < arrlen(items); i++) {
        items[i].at = values + VALUES_START + (uint64_t)i * sizeof(uint64_t);
        items[i].value = i < head[0] ? python_pointer(memory, items[i].at) : 0;
    }
    return 0;
}

static void drop_empty(struct python_item *items)
{
    ptrdiff_t kept = 0;

    for (ptrdiff_t i = 0; i < arrlen(items); i++) {
        if (items[i].key != 0 && items[i].value != 0)
            items[kept++] = items[i];
    }
    if (items != NULL)
        arrsetlen(items, kept);
}

int python_dict_items(const struct python_memory *memory, uint64_t object, size_t limit,
                      struct python_item **items)
{
    uint64_t keys_at = object + memory->layout->dict_keys, keys, values;
    struct keys_head head;

    *items = NULL;
    if (!is_a(memory, object, PYTHON_DICT))
        return -1;
    keys = python_pointer(memory, keys_at);
    values = python_pointer(memory, object + memory->layout->dict_values);
    if (keys == 0 || read_keys(memory, keys, limit, &head, items) != 0 ||
        (head.kind == KIND_SPLIT) != (values != 0) ||
        (values != 0 && read_values(memory, values, *items) != 0) ||
        python_pointer(memory, keys_at) != keys) {
        arrfree(*items);
        return -1;
    }
    drop_empty(*items);
    return 0;
}

/* Compares lengths first: most keys cost one read. */
static bool is_string(const struct python_memory *memory, uint64_t object, const char *text)
{
    uint64_t length;
    char copy[CHUNK];

    return read_at(memory, object + memory->layout->str_length, &length, sizeof(length)) == 0 &&
           length == strlen(text) && length < sizeof(copy) &&
           python_string(memory, object, copy, sizeof(copy)) == 0 && strcmp(copy, text) == 0;
}

static uint64_t value_of(const struct python_memory *memory, const struct python_item *items, const char *key)
{
    for (ptrdiff_t i = 0; i < arrlen(items); i++) {
        if (is_string(memory, items[i].key, key))
            return items[i].value;
    }
    return 0;
}

uint64_t python_dict_get(const struct python_memory *memory, uint64_t object, const char *key)
{
    struct python_item *items;
    uint64_t value = 0;

    if (python_dict_items(memory, object, 1 << 16, &items) == 0)
        value = value_of(memory, items, key);
    arrfree(items);
    return value;
}

/* Those of an instance whose dict was never asked for. */
static int inline_items(const struct python_memory *memory, uint64_t type, uint64_t object, size_t limit,
                        struct python_item **items)
{
    uint64_t keys = python_pointer(memory, type + memory->layout->heap_cached_keys);
    uint64_t size = python_pointer(memory, type + memory->layout->type_basicsize);
    struct keys_head head;

    if (keys == 0 || size >= 1 << 16)
        return -1;
    if (read_keys(memory, keys, limit < UINT8_MAX ? limit : UINT8_MAX, &head, items) != 0 ||
        head.kind != KIND_SPLIT || read_values(memory, object + size, *items) != 0) {
        arrfree(*items);
        return -1;
    }
    drop_empty(*items);
    return 0;
}

/* In free-threaded builds the managed dict is the word before the object: pycore_object.h. Once that is
 * there, it knows the inline values too. */
int python_attributes(const struct python_memory *memory, uint64_t object, size_t limit,
                      struct python_item **items)
{
    uint64_t flags, dict, offset, type = python_type(memory, object, &flags);

    *items = NULL;
    if (type == 0)
        return -1;
    if (flags & PYTHON_MANAGED_DICT) {
        dict = python_pointer(memory, object - sizeof(uint64_t));
        if (dict == 0)
            return flags & PYTHON_INLINE_VALUES ? inline_items(memory, type, object, limit, items) : 0;
        return python_dict_items(memory, dict, limit, items);
    }
    offset = python_pointer(memory, type + memory->layout->type_dictoffset);
    if (offset == 0 || offset > 1 << 16)
        return 0;
    dict = python_pointer(memory, object + offset);
    return dict != 0 ? python_dict_items(memory, dict, limit, items) : 0;
}

uint64_t python_attribute(const struct python_memory *memory, uint64_t object, const char *name)
{
    struct python_item *items;
    uint64_t value = 0;

    if (python_attributes(memory, object, 1 << 16, &items) == 0)
        value = value_of(memory, items, name);
    arrfree(items);
    return value;
}

/* A C string, which may end right before memory that isn't there. */
static int read_c_string(const struct python_memory *memory, uint64_t address, char *into, size_t size)
{
    size_t done = 0;

    while (address != 0 && done + 1 < size) {
        size_t step = 64 - (address + done) % 64;

        if (step > size - 1 - done)
            step = size - 1 - done;
        if (read_at(memory, address + done, into + done, step) != 0)
            return -1;
        if (memchr(into + done, '\0', step) != NULL)
            return 0;
        done += step;
    }
    return -1;
}

int python_type_name(const struct python_memory *memory, uint64_t type, char *into, size_t size)
{
    const struct layout *layout = memory->layout;
    uint64_t flags = flags_of_type(memory, type), module;
    size_t used;

    if (flags == 0 || size == 0)
        return -1;
    if (!(flags & PYTHON_HEAP_TYPE))
        return read_c_string(memory, python_pointer(memory, type + layout->type_name), into, size);
    module = python_dict_get(memory, python_pointer(memory, type + layout->type_dict), "__module__");
    if (module == 0 || python_string(memory, module, into, size) != 0)
        return -1;
    if (strcmp(into, "builtins") == 0)
        into[0] = '\0';
    used = strlen(into);
    if (used > 0 && used + 1 < size)
        into[used++] = '.';
    return python_string(memory, python_pointer(memory, type + layout->heap_qualname), into + used,
                         size - used) < 0
               ? -1
               : 0;
}
