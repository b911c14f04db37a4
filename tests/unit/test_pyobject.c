/* The readers of Python objects over literal memory: SIZE bytes at ADDRESS, nothing around them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "target/pyobject.h"
#include "util/array.h"

enum { ADDRESS = 0x10000, SIZE = 0x4000 };
#include "made_memory.h"

/* Where things stand; a type takes 0x400. */
enum {
    TYPE_TYPE = ADDRESS,
    STR_TYPE = ADDRESS + 0x400,
    INT_TYPE = ADDRESS + 0x800,
    DICT_TYPE = ADDRESS + 0xc00,
    CLASS = ADDRESS + 0x1000,
    OBJECT = ADDRESS + 0x1800,
    OTHER = ADDRESS + 0x1c00,
    KEYS = ADDRESS + 0x2000,
    STRINGS = ADDRESS + 0x3000,
};

/* As 3.13.5 has it. */
static const struct layout layout = {
    .ob_type = 24,
    .ob_size = 32,
    .type_name = 40,
    .type_flags = 184,
    .type_basicsize = 48,
    .type_dict = 280,
    .type_dictoffset = 304,
    .heap_qualname = 888,
    .heap_cached_keys = 896,
    .dict_keys = 48,
    .dict_values = 56,
    .str_length = 32,
    .str_state = 48,
    .str_ascii_data = 56,
    .str_data = 72,
    .str_kind_shift = 2,
    .str_compact_bit = 5,
    .str_ascii_bit = 6,
    .long_tag = 32,
    .long_digit = 40,
};
static const struct python_memory memory = {.layout = &layout, .read = read_bytes};

static void put(uint64_t address, const void *from, size_t size)
{
    memcpy(bytes + (address - ADDRESS), from, size);
}

static void put_word(uint64_t address, uint64_t word)
{
    put(address, &word, sizeof(word));
}

static void put_type(uint64_t type, uint64_t flags)
{
    put_word(type + 24, TYPE_TYPE);
    put_word(type + 184, flags | PYTHON_READY);
}

/* A compact str of units of kind bytes each. */
static void put_string(uint64_t address, uint64_t length, unsigned kind, bool ascii, const void *units)
{
    put_word(address + 24, STR_TYPE);
    put_word(address + 32, length);
    put_word(address + 48, kind << 2 | 1u << 5 | (unsigned)ascii << 6);
    put(address + (ascii ? 56 : 72), units, length * kind);
}

static void put_ascii(uint64_t address, const char *text)
{
    put_string(address, strlen(text), 1, true, text);
}

static void put_int(uint64_t address, uint64_t tag, uint32_t low, uint32_t middle, uint32_t high)
{
    uint32_t digits[3] = {low, middle, high};

    put_word(address + 24, INT_TYPE);
    put_word(address + 32, tag);
    put(address + 40, digits, sizeof(digits));
}

/* Keys with room for eight; kind 0 general, 1 unicode, 2 split. */
static void put_keys(uint64_t address, uint8_t kind, uint64_t entries)
{
    uint8_t head[4] = {3, 3, kind, 0};

    put(address + 8, head, sizeof(head));
    put_word(address + 24, entries);
}

static int setup(void **state)
{
    (void)state;
    memset(bytes, 0, sizeof(bytes));
    put_type(TYPE_TYPE, PYTHON_TYPE);
    put_type(STR_TYPE, PYTHON_STR);
    put_type(INT_TYPE, PYTHON_INT);
    put_type(DICT_TYPE, PYTHON_DICT);
    put_type(CLASS, PYTHON_HEAP_TYPE | PYTHON_MANAGED_DICT | PYTHON_INLINE_VALUES);
    return 0;
}

static void test_types(void **state)
{
    uint64_t flags;
    char name[64];

    (void)state;
    put_ascii(OBJECT, "abc");
    assert_int_equal(python_type(&memory, OBJECT, &flags), STR_TYPE);
    assert_true(flags & PYTHON_STR);
    assert_int_equal(python_type(&memory, OBJECT + 1, NULL), 0);
    assert_int_equal(python_type(&memory, OTHER, NULL), 0);
    assert_int_equal(python_type(&memory, 0, NULL), 0);
    assert_int_equal(python_type(&memory, UINT64_MAX & ~7ull, NULL), 0);

    put_word(STR_TYPE + 40, STRINGS);
    put(STRINGS, "str", 4);
    assert_int_equal(python_type_name(&memory, STR_TYPE, name, sizeof(name)), 0);
    assert_string_equal(name, "str");
    assert_int_equal(python_type_name(&memory, OBJECT, name, sizeof(name)), -1);
}

static void test_ascii(void **state)
{
    char text[8];

    (void)state;
    put_ascii(OBJECT, "square");
    assert_int_equal(python_string(&memory, OBJECT, text, sizeof(text)), 0);
    assert_string_equal(text, "square");
    put_ascii(OBJECT, "squared!");
    assert_int_equal(python_string(&memory, OBJECT, text, sizeof(text)), 1);
    assert_string_equal(text, "squared");
    put_ascii(OBJECT, "");
    assert_int_equal(python_string(&memory, OBJECT, text, sizeof(text)), 0);
    assert_string_equal(text, "");
}

static void test_wide(void **state)
{
    const uint16_t two[] = {0x65e5, 0xd800, 0, 'x'};
    const uint32_t four[] = {0x1f600, 0xe9}, none[] = {0x110000};
    char text[64];

    (void)state;
    put_string(OBJECT, 4, 1, false, "b\xeata");
    assert_int_equal(python_string(&memory, OBJECT, text, sizeof(text)), 0);
    assert_string_equal(text, "b\xc3\xaata");
    put_string(OBJECT, 4, 2, false, two);
    assert_int_equal(python_string(&memory, OBJECT, text, sizeof(text)), 0);
    assert_string_equal(text, "\xe6\x97\xa5\xef\xbf\xbd\xef\xbf\xbdx");
    put_string(OBJECT, 2, 4, false, four);
    assert_int_equal(python_string(&memory, OBJECT, text, sizeof(text)), 0);
    assert_string_equal(text, "\xf0\x9f\x98\x80\xc3\xa9");
    assert_int_equal(python_string(&memory, OBJECT, text, 6), 1); /* never half a character */
    assert_string_equal(text, "\xf0\x9f\x98\x80");
    put_string(OBJECT, 1, 4, false, none);
    assert_int_equal(python_string(&memory, OBJECT, text, sizeof(text)), -1);
}

static void test_damaged_strings(void **state)
{
    char text[64];

    (void)state;
    put_ascii(OBJECT, "abc");
    put_word(OBJECT + 48, 3 << 2 | 1 << 5); /* there is no kind 3 */
    assert_int_equal(python_string(&memory, OBJECT, text, sizeof(text)), -1);
    put_word(OBJECT + 48, 1 << 2 | 1 << 5 | 1 << 6);
    put_word(OBJECT + 32, UINT64_MAX);
    assert_int_equal(python_string(&memory, OBJECT, text, sizeof(text)), -1);
    put_int(OBJECT, 1 << 3, 5, 0, 0);
    assert_int_equal(python_string(&memory, OBJECT, text, sizeof(text)), -1);
}

static void test_ints(void **state)
{
    int64_t value;

    (void)state;
    put_int(OBJECT, 1, 0, 0, 0);
    assert_int_equal(python_int(&memory, OBJECT, &value), 0);
    assert_int_equal(value, 0);
    put_int(OBJECT, 1 << 3 | 2, 7, 0, 0);
    assert_int_equal(python_int(&memory, OBJECT, &value), 0);
    assert_int_equal(value, -7);
    put_int(OBJECT, 3 << 3 | 4, 0x3fffffff, 0x3fffffff, 7);
    assert_int_equal(python_int(&memory, OBJECT, &value), 0);
    assert_int_equal(value, INT64_MAX);
    put_int(OBJECT, 3 << 3, 0, 0, 8);
    assert_int_equal(python_int(&memory, OBJECT, &value), -1);
    put_int(OBJECT, 4 << 3, 1, 1, 1);
    assert_int_equal(python_int(&memory, OBJECT, &value), -1);
    put_ascii(OBJECT, "5");
    assert_int_equal(python_int(&memory, OBJECT, &value), -1);
}

/* Two items, and one that was deleted between them. */
static void put_dict(uint8_t kind)
{
    uint64_t entry = KEYS + 32 + 8, size = kind == 0 ? 24 : 16, key = kind == 0 ? 8 : 0;

    put_word(OBJECT + 24, DICT_TYPE);
    put_word(OBJECT + 48, KEYS);
    put_keys(KEYS, kind, 3);
    put_ascii(STRINGS, "first");
    put_ascii(STRINGS + 0x80, "third");
    put_word(entry + key, STRINGS);
    put_word(entry + key + 8, OTHER);
    put_word(entry + 2 * size + key, STRINGS + 0x80);
    put_word(entry + 2 * size + key + 8, OTHER + 8);
}

static void test_dicts(void **state)
{
    struct python_item *items;

    (void)state;
    for (uint8_t kind = 0; kind < 2; kind++) {
        setup(NULL);
        put_dict(kind);
        assert_int_equal(python_dict_items(&memory, OBJECT, 100, &items), 0);
        assert_int_equal(arrlen(items), 2);
        assert_int_equal(items[0].key, STRINGS);
        assert_int_equal(items[1].value, OTHER + 8);
        arrfree(items);
        assert_int_equal(python_dict_get(&memory, OBJECT, "third"), OTHER + 8);
        assert_int_equal(python_dict_get(&memory, OBJECT, "second"), 0);
        assert_int_equal(python_dict_items(&memory, OBJECT, 1, &items), 0);
        assert_int_equal(arrlen(items), 1);
        arrfree(items);
    }
}

static void test_damaged_dicts(void **state)
{
    struct python_item *items;

    (void)state;
    put_dict(1);
    put_word(KEYS + 24, 1ull << 62);
    assert_int_equal(python_dict_items(&memory, OBJECT, 100, &items), -1);
    assert_null(items);
    put_word(KEYS + 24, 3);
    put_word(OBJECT + 48, KEYS + 3);
    assert_int_equal(python_dict_items(&memory, OBJECT, 100, &items), -1);
    put_word(OBJECT + 48, UINT64_MAX - 8);
    assert_int_equal(python_dict_items(&memory, OBJECT, 100, &items), -1);
    put_word(OBJECT + 48, 0);
    assert_int_equal(python_dict_items(&memory, OBJECT, 100, &items), -1);
    assert_int_equal(python_dict_items(&memory, STRINGS, 100, &items), -1);
}

/* An instance whose keys its class shares: values in the object, then in a dict that took them over. */
static void test_attributes(void **state)
{
    const uint8_t head[4] = {8, 2, 1, 1}, invalid[4] = {8, 2, 1, 0}, outside[4] = {8, 2, 0, 0x55};
    uint64_t values = OBJECT + 32;

    (void)state;
    put_word(OBJECT + 24, CLASS);
    put_word(CLASS + 48, 32);
    put_word(CLASS + 896, KEYS);
    put_keys(KEYS, 2, 2);
    put_ascii(STRINGS, "_name");
    put_ascii(STRINGS + 0x80, "_ident");
    put_word(KEYS + 40, STRINGS);
    put_word(KEYS + 56, STRINGS + 0x80);
    put(values, head, sizeof(head));
    put_word(values + 8, OTHER);
    put_word(values + 16, OTHER + 64);
    assert_int_equal(python_attribute(&memory, OBJECT, "_ident"), OTHER + 64);
    assert_int_equal(python_attribute(&memory, OBJECT, "_other"), 0);

    put(values, invalid, sizeof(invalid));
    assert_int_equal(python_attribute(&memory, OBJECT, "_ident"), 0);

    put(values, head, sizeof(head));
    put_word(OBJECT - 8, OTHER + 128); /* the managed dict */
    put_word(OTHER + 128 + 24, DICT_TYPE);
    put_word(OTHER + 128 + 48, KEYS);
    put_word(OTHER + 128 + 56, values);
    assert_int_equal(python_attribute(&memory, OBJECT, "_name"), OTHER);

    put(values, outside, sizeof(outside));
    assert_int_equal(python_attribute(&memory, OBJECT, "_name"), OTHER);
}

static void test_class_name(void **state)
{
    char name[64];

    (void)state;
    put_dict(1);
    put_ascii(STRINGS, "__module__");
    put_ascii(OTHER, "app");
    put_word(CLASS + 280, OBJECT);
    put_ascii(STRINGS + 0x100, "Config");
    put_word(CLASS + 888, STRINGS + 0x100);
    assert_int_equal(python_type_name(&memory, CLASS, name, sizeof(name)), 0);
    assert_string_equal(name, "app.Config");
    put_ascii(OTHER, "builtins");
    assert_int_equal(python_type_name(&memory, CLASS, name, sizeof(name)), 0);
    assert_string_equal(name, "Config");
}

/* Whatever stands there, every reader comes back. */
static void test_garbage(void **state)
{
    struct python_item *items;
    char text[64];
    int64_t value;

    (void)state;
    srand(1);
    for (int round = 0; round < 20000; round++) {
        if (round % 100 == 0)
            setup(NULL), put_dict((uint8_t)(rand() % 3));
        for (int i = 0; i < 4; i++)
            bytes[rand() % SIZE] = (uint8_t)rand();
        put_word(ADDRESS + (uint64_t)(rand() % (SIZE / 8)) * 8,
                 ADDRESS + (uint64_t)(rand() % (SIZE / 8)) * 8);
        for (uint64_t object = OBJECT; object < OBJECT + 64; object += 8) {
            python_string(&memory, object, text, sizeof(text));
            python_int(&memory, object, &value);
            python_dict_items(&memory, object, 100, &items);
            arrfree(items);
            python_attribute(&memory, object, "_name");
            python_type_name(&memory, object, text, sizeof(text));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_types, setup),
        cmocka_unit_test_setup(test_ascii, setup),
        cmocka_unit_test_setup(test_wide, setup),
        cmocka_unit_test_setup(test_damaged_strings, setup),
        cmocka_unit_test_setup(test_ints, setup),
        cmocka_unit_test_setup(test_dicts, setup),
        cmocka_unit_test_setup(test_damaged_dicts, setup),
        cmocka_unit_test_setup(test_attributes, setup),
        cmocka_unit_test_setup(test_class_name, setup),
        cmocka_unit_test_setup(test_garbage, setup),
    };

    return cmocka_run_group_tests_name("pyobject", tests, NULL, NULL);
}
