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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_real_table),
        cmocka_unit_test(test_damaged_tables),
    };

    return cmocka_run_group_tests_name("pycode", tests, NULL, NULL);
}
