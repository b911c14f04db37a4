#include "target/pycode.h"

#include <stdlib.h>
#include <string.h>

#include "target/opcodes.h"
#include "util/array.h"

/* Bounds on what a damaged or hostile process claims. */
enum { MOST_BYTECODE = 1 << 20, MOST_LINETABLE = 1 << 22, MOST_ITEMS = 1 << 14, MOST_CODES = 1 << 16 };

static int read_at(const struct python_memory *memory, uint64_t address, void *into, size_t size)
{
    return memory->read(memory->context, address, into, size);
}

static uint32_t word_at(const struct python_memory *memory, uint64_t address)
{
    uint32_t word;

    return read_at(memory, address, &word, sizeof(word)) == 0 ? word : 0;
}

/* Reads size bytes as an stb_ds array; NULL for none. */
static uint8_t *read_array(const struct python_memory *memory, uint64_t address, size_t size)
{
    uint8_t *bytes = NULL;

    arrsetlen(bytes, size);
    if (size != 0 && read_at(memory, address, bytes, size) == 0)
        return bytes;
    arrfree(bytes);
    return NULL;
}

static uint8_t *read_bytes(const struct python_memory *memory, uint64_t object, size_t most)
{
    uint64_t flags, size;

    if (python_type(memory, object, &flags) == 0 || !(flags & PYTHON_BYTES))
        return NULL;
    size = python_pointer(memory, object + memory->layout->bytes_size);
    return size <= most ? read_array(memory, object + memory->layout->bytes_data, size) : NULL;
}

static char *read_string(const struct python_memory *memory, uint64_t object)
{
    static const char ellipsis[] = "…";
    char text[PYCODE_TEXT];
    int cut = object != 0 ? python_string(memory, object, text, sizeof(text) - strlen(ellipsis)) : -1;

    if (cut > 0)
        strcat(text, ellipsis);
    return cut >= 0 ? strdup(text) : NULL;
}

/* The items of a tuple as an stb_ds array; -1 for what is no tuple. */
static int read_tuple(const struct python_memory *memory, uint64_t object, uint64_t **items)
{
    uint64_t flags, size;

    *items = NULL;
    if (python_type(memory, object, &flags) == 0 || !(flags & PYTHON_TUPLE))
        return -1;
    size = python_pointer(memory, object + memory->layout->ob_size);
    if (size > MOST_ITEMS)
        return -1;
    arrsetlen(*items, size);
    if (size == 0 || read_at(memory, object + memory->layout->tuple_item, *items, size * sizeof(**items)) == 0)
        return 0;
    arrfree(*items);
    return -1;
}

static int read_names(const struct python_memory *memory, uint64_t object, char ***names)
{
    uint64_t *items;

    if (read_tuple(memory, object, &items) != 0)
        return -1;
    for (ptrdiff_t i = 0; i < arrlen(items); i++) {
        char *name = read_string(memory, items[i]);

        arrput(*names, name);
    }
    arrfree(items);
    return 0;
}

/* The opcode that INSTRUMENTED_LINE stands in for, an entry of bytes_per_entry bytes for each unit; the first of
 * _PyCoLineInstrumentationData is that number. 0 where it cannot be told. */
static uint8_t below_line(const struct python_memory *memory, uint64_t lines, size_t unit)
{
    uint8_t each, opcode;

    if (lines == 0 || read_at(memory, lines, &each, 1) != 0 || each == 0 ||
        read_at(memory, lines + 1 + unit * each, &opcode, 1) != 0)
        return 0;
    return opcode;
}

/* Puts back what monitoring has covered: Python/instrumentation.c (3.13.5 to 3.15.0rc1). What cannot be told stays. */
static void uncover(const struct python_memory *memory, struct pycode *code)
{
    const struct layout *layout = memory->layout;
    uint64_t monitoring = python_pointer(memory, code->address + layout->code_monitoring), lines, opcodes;
    const struct opcodes *known = memory->opcodes;

    if (monitoring == 0 || !known || known->line == 0 || known->instruction == 0)
        return;
    lines = python_pointer(memory, monitoring + layout->monitoring_lines);
    opcodes = python_pointer(memory, monitoring + layout->monitoring_opcodes);
    /* A cache may look like one of them: what is put into it does no harm. */
    for (size_t i = 0; i < arrlenu(code->bytecode) / 2; i++) {
        uint8_t *opcode = &code->bytecode[2 * i], found = *opcode;

        if (found == known->line)
            found = below_line(memory, lines, i);
        if (found == known->instruction && (opcodes == 0 || read_at(memory, opcodes + i, &found, 1) != 0))
            found = 0;
        if (found != 0)
            *opcode = found;
    }
}

/* Py_SIZE of a code object is the number of its code units: Objects/codeobject.c (3.13.5 to 3.15.0rc1). */
static int read_parts(const struct python_memory *memory, struct pycode *code)
{
    const struct layout *layout = memory->layout;
    uint64_t at = code->address, units = python_pointer(memory, at + layout->ob_size);

    if (units == 0 || units > MOST_BYTECODE / 2)
        return -1;
    code->bytecode = read_array(memory, at + layout->code_adaptive, units * 2);
    code->linetable = read_bytes(memory, code->linetable_at, MOST_LINETABLE);
    code->exceptions = read_bytes(memory, python_pointer(memory, at + layout->code_exceptions), MOST_LINETABLE);
    code->kinds = read_bytes(memory, python_pointer(memory, at + layout->code_localspluskinds), MOST_ITEMS);
    code->qualname = read_string(memory, code->qualname_at);
    code->name = read_string(memory, python_pointer(memory, at + layout->code_name));
    code->filename = read_string(memory, python_pointer(memory, at + layout->code_filename));
    if (code->bytecode == NULL || code->qualname == NULL || code->name == NULL || code->filename == NULL ||
        read_names(memory, python_pointer(memory, at + layout->code_names), &code->names) != 0 ||
        read_names(memory, python_pointer(memory, at + layout->code_localsplusnames), &code->variables) != 0 ||
        read_tuple(memory, python_pointer(memory, at + layout->code_consts), &code->consts) != 0)
        return -1;
    uncover(memory, code);
    return arrlen(code->kinds) == arrlen(code->variables) ? 0 : -1;
}

static void read_identity(const struct python_memory *memory, struct pycode *code)
{
    code->version = word_at(memory, code->address + memory->layout->code_version);
    code->firstlineno = word_at(memory, code->address + memory->layout->code_firstlineno);
    code->qualname_at = python_pointer(memory, code->address + memory->layout->code_qualname);
    code->linetable_at = python_pointer(memory, code->address + memory->layout->code_linetable);
}

struct pycode *pycode_read(const struct python_memory *memory, uint64_t address)
{
    struct pycode *code, after = {.address = address};

    if (python_type(memory, address, NULL) == 0)
        return NULL;
    code = calloc(1, sizeof(*code));
    code->address = address;
    read_identity(memory, code);
    if (read_parts(memory, code) == 0) {
        /* Read in pieces: it must be the same one at the end. */
        read_identity(memory, &after);
        if (after.version == code->version && after.firstlineno == code->firstlineno &&
            after.qualname_at == code->qualname_at && after.linetable_at == code->linetable_at)
            return code;
    }
    pycode_free(code);
    return NULL;
}

static void free_names(char **names)
{
    for (ptrdiff_t i = 0; i < arrlen(names); i++)
        free(names[i]);
    arrfree(names);
}

void pycode_free(struct pycode *code)
{
    if (code == NULL)
        return;
    free(code->qualname);
    free(code->name);
    free(code->filename);
    arrfree(code->linetable);
    arrfree(code->exceptions);
    arrfree(code->bytecode);
    free_names(code->names);
    free_names(code->variables);
    arrfree(code->kinds);
    arrfree(code->consts);
    free(code);
}

/* Lines: an entry starts with a byte that has bit 7 set, its kind in bits 3-6 and the number of its code units - 1 in
 * bits 0-2; the bytes behind it have bit 7 clear. InternalDocs/code_objects.md of 3.14.7; the same from 3.13.5 on. */
enum { KIND_ONE_LINE_0 = 10, KIND_ONE_LINE_2 = 12, KIND_NO_COLUMNS = 13, KIND_LONG = 14, KIND_NONE = 15 };

/* The number behind the entry's first byte: 6 bits a byte, the lowest first, bit 6 set where more follow; its lowest bit
 * is the sign. */
static int64_t signed_number(const uint8_t *bytes, const uint8_t *end)
{
    uint64_t number = 0;
    unsigned shift = 0;

    while (bytes < end && shift < 32) {
        number |= (uint64_t)(*bytes & 63) << shift;
        shift += 6;
        if (!(*bytes++ & 64))
            break;
    }
    return number & 1 ? -(int64_t)(number >> 1) : (int64_t)(number >> 1);
}

static int64_t line_delta(unsigned kind, const uint8_t *bytes, const uint8_t *end)
{
    if (kind >= KIND_ONE_LINE_0 && kind <= KIND_ONE_LINE_2)
        return kind - KIND_ONE_LINE_0;
    return kind == KIND_NO_COLUMNS || kind == KIND_LONG ? signed_number(bytes, end) : 0;
}

uint32_t pycode_line(const struct pycode *code, uint32_t instr)
{
    const uint8_t *at = code->linetable, *end = at + arrlen(code->linetable);
    int64_t line = code->firstlineno;
    uint64_t unit = 0;

    while (at < end) {
        unsigned kind = *at >> 3 & 15, units = (*at & 7u) + 1;
        const uint8_t *next = at + 1;

        if (!(*at & 0x80))
            return 0;
        while (next < end && !(*next & 0x80))
            next++;
        line += line_delta(kind, at + 1, next);
        unit += units;
        if (instr < unit)
            return kind != KIND_NONE && line > 0 && line <= INT32_MAX ? (uint32_t)line : 0;
        at = next;
    }
    return 0;
}

/* The cache */

struct pycode_key {
    uint64_t address, version;
};
struct pycode_cached {
    struct pycode_key key;
    struct pycode *value;
};

enum { BYTES_A_NAME = 48, BYTES_A_UNIT = 40 };

static size_t bytes_of(const struct pycode *code)
{
    return sizeof(*code) + arrlenu(code->linetable) + arrlenu(code->exceptions) +
           arrlenu(code->bytecode) * (BYTES_A_UNIT / 2) +
           (arrlenu(code->names) + arrlenu(code->variables) + arrlenu(code->consts) + 3) * BYTES_A_NAME;
}

const struct pycode *pycode_cached(struct pycode_cache *cache, const struct python_memory *memory, uint64_t address,
                                   uint32_t version)
{
    struct pycode_key key = {address, version};
    ptrdiff_t known = hmgeti(cache->codes, key);
    struct pycode *code;

    if (known >= 0)
        return cache->codes[known].value;
    code = hmlen(cache->codes) < MOST_CODES ? pycode_read(memory, address) : NULL;
    if (code != NULL && code->version != version) {
        pycode_free(code);
        code = NULL;
    }
    /* One that is gone will not come back, not at this version. */
    hmput(cache->codes, key, code);
    cache->bytes += sizeof(struct pycode_cached) + (code != NULL ? bytes_of(code) : 0);
    return code;
}

const struct pycode *pycode_known(const struct pycode_cache *cache, uint64_t address, uint32_t version)
{
    struct pycode_cached *codes = cache->codes;
    ptrdiff_t known = codes ? hmgeti(codes, ((struct pycode_key){address, version})) : -1;

    return known >= 0 ? codes[known].value : NULL;
}

void pycode_cache_free(struct pycode_cache *cache)
{
    for (ptrdiff_t i = 0; i < hmlen(cache->codes); i++)
        pycode_free(cache->codes[i].value);
    hmfree(cache->codes);
    cache->bytes = 0;
}
