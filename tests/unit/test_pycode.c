/* Code objects over literal bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "target/pycode.h"
#include "util/array.h"

/* Line tables */

static uint32_t line_of(const uint8_t *table, size_t size, uint32_t firstlineno, uint32_t instr)
{
    struct pycode code = {.firstlineno = firstlineno};
    uint32_t line;

    for (size_t i = 0; i < size; i++)
        arrput(code.linetable, table[i]);
    line = pycode_line(&code, instr);
    arrfree(code.linetable);
    return line;
}

/* def f(a):        # line 10; RESUME is "none" here
 *     x = a + 1
 * as a table that has each kind of entry once. */
static const uint8_t every_kind[] = {
    0x80 | 15 << 3 | 0,             /* none, 1 unit: instruction 0 */
    0x80 | 3 << 3 | 1, 0x42,        /* short: same line, 2 units: 1-2 */
    0x80 | 10 << 3 | 0, 4, 9,       /* one line, +0: 3 */
    0x80 | 11 << 3 | 0, 4, 9,       /* one line, +1: 4 */
    0x80 | 12 << 3 | 7, 4, 9,       /* one line, +2, 8 units: 5-12 */
    0x80 | 13 << 3 | 0, 0x05,       /* no columns, -2: 13 */
    0x80 | 14 << 3 | 0, 0x48, 0x01, 0x00, 0x01, 0x02, /* long: 0x48 0x01 is 8 | 1 << 6 = 72, +36: 14 */
};

static void test_lines(void **state)
{
    static const uint32_t lines[] = {0, 10, 10, 10, 11, 13, 13, 13, 13, 13, 13, 13, 13, 11, 47};

    (void)state;
    for (uint32_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_int_equal(line_of(every_kind, sizeof(every_kind), 10, i), lines[i]);
    assert_int_equal(line_of(every_kind, sizeof(every_kind), 10, 15), 0);
    assert_int_equal(line_of(every_kind, sizeof(every_kind), 10, UINT32_MAX), 0);
}

/* compile("x = 1\ny = 2\n", "f", "exec").co_linetable of 3.13.5 */
static void test_real_table(void **state)
{
    static const uint8_t table[] = {0xf0, 0x03, 0x01, 0x01, 0x01, 0xd8, 0x04, 0x05, 0x80, 0x01,
                                    0xd8, 0x04, 0x05, 0x81, 0x01};

    (void)state;
    assert_int_equal(line_of(table, sizeof(table), 1, 0), 0); /* RESUME stands on line 0 there */
    assert_int_equal(line_of(table, sizeof(table), 1, 1), 1);
    assert_int_equal(line_of(table, sizeof(table), 1, 2), 1);
    assert_int_equal(line_of(table, sizeof(table), 1, 3), 2);
    assert_int_equal(line_of(table, sizeof(table), 1, 4), 2);
}

/* No table makes it read beyond itself, loop, or give a line that is none. */
static void test_damaged_tables(void **state)
{
    static const uint8_t headless[] = {0x00, 0x01}, cut[] = {0x80 | 14 << 3}, endless[] = {0x80 | 13 << 3, 0x7f, 0x7f, 0x7f,
                                                                                        0x7f, 0x7f, 0x7f, 0x7f, 0x7f};
    static const uint8_t below[] = {0x80 | 13 << 3, 0x3f};

    (void)state;
    assert_int_equal(line_of(NULL, 0, 1, 0), 0);
    assert_int_equal(line_of(headless, sizeof(headless), 1, 0), 0);
    assert_int_equal(line_of(cut, sizeof(cut), 7, 0), 7);
    assert_int_equal(line_of(endless, sizeof(endless), 1, 0), 0);
    assert_int_equal(line_of(below, sizeof(below), 5, 0), 0);
    for (unsigned byte = 0; byte < 256; byte++) {
        uint8_t table[4] = {byte, byte, byte, byte};

        for (uint32_t instr = 0; instr < 40; instr++)
            line_of(table, sizeof(table), 1, instr);
    }
}

/* Reading: SIZE bytes of memory at ADDRESS, nothing around them. */

enum { ADDRESS = 0x10000, SIZE = 0x4000 };
#include "made_memory.h"
enum {
    TYPE_TYPE = ADDRESS,
    STR_TYPE = ADDRESS + 0x400,
    BYTES_TYPE = ADDRESS + 0x800,
    TUPLE_TYPE = ADDRESS + 0xc00,
    CODE_TYPE = ADDRESS + 0x1000,
    CODE = ADDRESS + 0x1400,
    NAME = ADDRESS + 0x2000,
    FILENAME = ADDRESS + 0x2100,
    LINES = ADDRESS + 0x2200,
    KINDS = ADDRESS + 0x2300,
    NAMES = ADDRESS + 0x2400,
    VARIABLES = ADDRESS + 0x2500,
    CONSTS = ADDRESS + 0x2600,
};

/* As 3.13.5 has it. */
static const struct layout layout = {
    .ob_type = 24, .ob_size = 32, .type_flags = 184, .tuple_item = 40, .bytes_size = 32, .bytes_data = 48,
    .str_length = 32, .str_state = 48, .str_ascii_data = 56, .str_kind_shift = 2, .str_compact_bit = 5,
    .str_ascii_bit = 6, .code_consts = 40, .code_names = 48, .code_firstlineno = 84, .code_version = 108,
    .code_localsplusnames = 112, .code_localspluskinds = 120, .code_filename = 128, .code_name = 136,
    .code_qualname = 144, .code_linetable = 152, .code_adaptive = 208,
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

static void put_half(uint64_t address, uint32_t half)
{
    put(address, &half, sizeof(half));
}

static void put_type(uint64_t type, uint64_t flags)
{
    put_word(type + 24, TYPE_TYPE);
    put_word(type + 184, flags | PYTHON_READY);
}

static void put_string(uint64_t address, const char *text)
{
    put_word(address + 24, STR_TYPE);
    put_word(address + 32, strlen(text));
    put_word(address + 48, 1u << 2 | 1u << 5 | 1u << 6);
    put(address + 56, text, strlen(text));
}

static void put_bytes(uint64_t address, const void *from, size_t size)
{
    put_word(address + 24, BYTES_TYPE);
    put_word(address + 32, size);
    put(address + 48, from, size);
}

static void put_tuple(uint64_t address, uint64_t size, uint64_t item)
{
    put_word(address + 24, TUPLE_TYPE);
    put_word(address + 32, size);
    put_word(address + 40, item);
}

/* def f(f): of 3 code units, with one name, one variable and one constant. */
static int setup(void **state)
{
    (void)state;
    memset(bytes, 0, sizeof(bytes));
    put_type(TYPE_TYPE, PYTHON_TYPE);
    put_type(STR_TYPE, PYTHON_STR);
    put_type(BYTES_TYPE, PYTHON_BYTES);
    put_type(TUPLE_TYPE, PYTHON_TUPLE);
    put_type(CODE_TYPE, 0);
    put_string(NAME, "f");
    put_string(FILENAME, "f.py");
    put_bytes(LINES, "\xd8\x04\x05", 3);
    put_bytes(KINDS, "\x20", 1);
    put_tuple(NAMES, 1, NAME);
    put_tuple(VARIABLES, 1, NAME);
    put_tuple(CONSTS, 1, 0x1234);
    put_word(CODE + 24, CODE_TYPE);
    put_word(CODE + 32, 3);
    put_word(CODE + 40, CONSTS);
    put_word(CODE + 48, NAMES);
    put_half(CODE + 84, 7);
    put_half(CODE + 108, 99);
    put_word(CODE + 112, VARIABLES);
    put_word(CODE + 120, KINDS);
    put_word(CODE + 128, FILENAME);
    put_word(CODE + 136, NAME);
    put_word(CODE + 144, NAME);
    put_word(CODE + 152, LINES);
    put(CODE + 208, "\x95\x00\x5b\x01\x24\x00", 6);
    return 0;
}

static void test_reads_all_of_it(void **state)
{
    struct pycode *code = pycode_read(&memory, CODE);

    (void)state;
    assert_non_null(code);
    assert_int_equal(code->version, 99);
    assert_int_equal(code->firstlineno, 7);
    assert_string_equal(code->qualname, "f");
    assert_string_equal(code->filename, "f.py");
    assert_int_equal(arrlen(code->bytecode), 6);
    assert_int_equal(code->bytecode[2], 0x5b);
    assert_int_equal(arrlen(code->names), 1);
    assert_string_equal(code->variables[0], "f");
    assert_int_equal(code->kinds[0], PYCODE_LOCAL);
    assert_int_equal(code->consts[0], 0x1234);
    assert_int_equal(pycode_line(code, 0), 8); /* one line, +1 */
    pycode_free(code);
    pycode_free(NULL);
}

static void test_refuses_what_does_not_fit_together(void **state)
{
    static const struct {
        uint64_t at, word;
    } spoiled[] = {
        {CODE + 24, 0},           /* no object */
        {CODE + 32, 0},           /* no bytecode, ... */
        {CODE + 32, 1 << 20},     /* ... or more than is believed, ... */
        {CODE + 32, UINT64_MAX},
        {CODE + 32, 0x4000},      /* ... or that is not there */
        {CODE + 40, LINES},       /* bytes for a tuple */
        {CODE + 48, UINT64_MAX & ~7ull},
        {NAMES + 32, UINT64_MAX}, /* a tuple without end */
        {NAMES + 32, 1 << 13},    /* and one that ends beyond the memory */
        {KINDS + 32, 2},          /* more kinds than variables */
        {CODE + 128, 0},
        {CODE + 144, NAMES},      /* a tuple for a name */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(spoiled) / sizeof(spoiled[0]); i++) {
        struct pycode *code;

        setup(NULL);
        put_word(spoiled[i].at, spoiled[i].word);
        code = pycode_read(&memory, CODE);
        if (code)
            fail_msg("case %zu passed for a code object", i);
    }
    assert_null(pycode_read(&memory, 0));
    assert_null(pycode_read(&memory, CODE + 4));
}

static void test_one_address_may_hold_several(void **state)
{
    struct pycode_cache cache = {0};
    const struct pycode *first = pycode_cached(&cache, &memory, CODE, 99);

    (void)state;
    assert_non_null(first);
    assert_ptr_equal(pycode_cached(&cache, &memory, CODE, 99), first);
    assert_null(pycode_cached(&cache, &memory, CODE, 100)); /* not there yet, and not looked for again */
    put_half(CODE + 108, 101);
    put_half(CODE + 84, 70);
    assert_int_equal(pycode_cached(&cache, &memory, CODE, 101)->firstlineno, 70);
    assert_int_equal(pycode_cached(&cache, &memory, CODE, 99)->firstlineno, 7);
    pycode_cache_free(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_real_table),
        cmocka_unit_test(test_damaged_tables),
        cmocka_unit_test_setup(test_reads_all_of_it, setup),
        cmocka_unit_test_setup(test_refuses_what_does_not_fit_together, setup),
        cmocka_unit_test_setup(test_one_address_may_hold_several, setup),
    };

    return cmocka_run_group_tests_name("pycode", tests, NULL, NULL);
}
