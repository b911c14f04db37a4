/* Which instruction put what on Python's stack, over literal bytecode of each version. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "target/bytecode.h"
#include "util/array.h"

enum { V13 = 0x030d05f0, V14 = 0x030e07f0, V15 = 0x030f00c1, V16 = 0x031000a0 };

static struct opcodes opcodes;

static struct bytecode *decode(uint32_t version, const uint8_t *code, size_t size, const uint8_t *table, size_t entries)
{
    struct bytecode_text text = {code, size / 2, table, entries};

    assert_int_equal(opcodes_of(version, &opcodes), 0);
    return bytecode_new(&opcodes, &text);
}

#define DECODE(version, ...) decode(version, (const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}), NULL, 0)

/* The stack before instruction index is count values: the instructions that put them there. */
static void check(const struct bytecode *bytecode, uint32_t index, size_t count, const uint32_t *instrs)
{
    bytecode_value *stack;

    assert_int_equal(bytecode_stack(bytecode, index, &stack), 0);
    assert_int_equal(arrlen(stack), count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(BYTECODE_INSTR(stack[i]), instrs[i]);
    arrfree(stack);
}
#define CHECK(bytecode, index, ...)                                                                                   \
    check(bytecode, index, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), (const uint32_t[]){__VA_ARGS__})
#define UNKNOWN (BYTECODE_UNKNOWN >> 8)

static void check_opcode(const struct bytecode *bytecode, uint32_t index, uint32_t instr, enum opcode opcode,
                         uint32_t argument)
{
    enum opcode found;
    uint32_t with;

    assert_int_equal(bytecode_instr(bytecode, index, &found, &with), instr);
    assert_int_equal(found, opcode);
    assert_int_equal(with, argument);
}

/* RATE * x, on 3.13: RESUME_CHECK, LOAD_GLOBAL_MODULE and its 4 caches, LOAD_FAST, BINARY_OP_MULTIPLY_FLOAT. */
static void specialised(void **state)
{
    struct bytecode *bytecode =
        DECODE(V13, 207, 0, 204, 0, 1, 2, 3, 4, 5, 6, 7, 8, 85, 0, 153, 5, 0, 0, 36, 0);

    (void)state;
    check_opcode(bytecode, 1, 1, OPCODE_LOAD_GLOBAL, 0);
    check_opcode(bytecode, 6, 6, OPCODE_LOAD_FAST, 0);
    check_opcode(bytecode, 7, 7, OPCODE_BINARY_OP, 5);
    check_opcode(bytecode, 3, BYTECODE_UNKNOWN, OPCODE_UNKNOWN, 0); /* a cache */
    check_opcode(bytecode, 99, BYTECODE_UNKNOWN, OPCODE_UNKNOWN, 0);
    CHECK(bytecode, 7, 1, 6);
    CHECK(bytecode, 9, 7);
    bytecode_free(bytecode);
}

/* The same on 3.14 and later: other numbers, and caches of other lengths. */
static void other_versions(void **state)
{
    struct bytecode *bytecode = DECODE(V14, 196, 0, 193, 0, 1, 2, 3, 4, 5, 6, 7, 8, 86, 0, 133, 5, 0, 0, 0, 0, 0, 0, 0,
                                       0, 0, 0, 35, 0);

    (void)state;
    check_opcode(bytecode, 6, 6, OPCODE_LOAD_FAST_BORROW, 0);
    CHECK(bytecode, 7, 1, 6);
    CHECK(bytecode, 13, 7);
    bytecode_free(bytecode);
    bytecode = DECODE(V15, 200, 0, 0, 0, 197, 0, 1, 2, 3, 4, 5, 6, 7, 8, 85, 0, 133, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 33,
                      0);
    check_opcode(bytecode, 2, 2, OPCODE_LOAD_GLOBAL, 0);
    CHECK(bytecode, 8, 2, 7);
    bytecode_free(bytecode);
    bytecode = DECODE(V16, 128, 0, 0, 0, 197, 0, 1, 2, 3, 4, 5, 6, 7, 8, 82, 0, 133, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 33,
                      0);
    check_opcode(bytecode, 7, 7, OPCODE_LOAD_FAST_BORROW, 0);
    CHECK(bytecode, 8, 2, 7);
    bytecode_free(bytecode);
}

/* Two prefixes; a look at one of them is one at the instruction. */
static void extended_arguments(void **state)
{
    struct bytecode *bytecode = DECODE(V13, 71, 1, 71, 2, 83, 3, 36, 0);

    (void)state;
    check_opcode(bytecode, 0, 2, OPCODE_LOAD_CONST, 0x010203);
    check_opcode(bytecode, 1, 2, OPCODE_LOAD_CONST, 0x010203);
    check_opcode(bytecode, 2, 2, OPCODE_LOAD_CONST, 0x010203);
    check_opcode(bytecode, 3, 3, OPCODE_RETURN_VALUE, 0);
    CHECK(bytecode, 3, 2);
    bytecode_free(bytecode);
}

/* COPY 2, SWAP 2 and two values from one instruction. */
static void shuffled(void **state)
{
    struct bytecode *bytecode = DECODE(V13, 88, 0x12, 61, 2, 115, 2, 83, 0, 115, 4, 36, 0);
    bytecode_value *stack;

    (void)state;
    assert_int_equal(bytecode_stack(bytecode, 2, &stack), 0);
    assert_int_equal(arrlen(stack), 3);
    assert_int_equal(stack[0], BYTECODE_VALUE(0, 0));
    assert_int_equal(stack[1], BYTECODE_VALUE(0, 1));
    assert_int_equal(stack[2], BYTECODE_VALUE(0, 0));
    arrfree(stack);
    CHECK(bytecode, 5, 3, 0, 0, 0);
    bytecode_free(bytecode);
}

/* a if x else b: two ways, two values; c below them is the same on both. */
static void where_ways_meet(void **state)
{
    struct bytecode *bytecode = DECODE(V13, 83, 0,    /* 0 LOAD_CONST c */
                                       85, 0,         /* 1 LOAD_FAST x */
                                       97, 2, 0, 0,   /* 2 POP_JUMP_IF_FALSE to 6 */
                                       83, 1,         /* 4 LOAD_CONST a */
                                       79, 1,         /* 5 JUMP_FORWARD to 7 */
                                       83, 2,         /* 6 LOAD_CONST b */
                                       45, 0, 0, 0,   /* 7 BINARY_OP */
                                       36, 0);

    (void)state;
    CHECK(bytecode, 5, 0, 4);
    CHECK(bytecode, 7, 0, UNKNOWN);
    CHECK(bytecode, 9, 7);
    bytecode_free(bytecode);
}

/* for item in ITEMS: item, on 3.13 and on 3.15, which keeps a second value beside the iterator. */
static void loops(void **state)
{
    struct bytecode *bytecode = DECODE(V13, 91, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 0 LOAD_GLOBAL */
                                       19, 0,                              /* 5 GET_ITER */
                                       188, 3, 0, 0,                       /* 6 FOR_ITER_LIST to 11 */
                                       32, 0,                              /* 8 POP_TOP */
                                       77, 5, 0, 0,                        /* 9 JUMP_BACKWARD to 6 */
                                       11, 0,                              /* 11 END_FOR */
                                       32, 0,                              /* 12 POP_TOP */
                                       103, 0);

    (void)state;
    CHECK(bytecode, 5, 0);
    CHECK(bytecode, 6, 5);
    CHECK(bytecode, 8, 5, 6);
    CHECK(bytecode, 11, 5, 6);
    CHECK(bytecode, 12, 5);
    bytecode_free(bytecode);
    bytecode = DECODE(V15, 91, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 0 LOAD_GLOBAL */
                      70, 0, 0, 0,                        /* 5 GET_ITER */
                      175, 3, 0, 0,                       /* 7 FOR_ITER_LIST to 12 */
                      29, 0,                              /* 9 POP_TOP */
                      74, 5, 0, 0,                        /* 10 JUMP_BACKWARD to 7 */
                      9, 0,                               /* 12 END_FOR */
                      28, 0,                              /* 13 POP_ITER */
                      81, 0, 33, 0);
    CHECK(bytecode, 9, 5, 5, 7);
    CHECK(bytecode, 13, 5, 5);
    CHECK(bytecode, 15, 14);
    bytecode_free(bytecode);
}

/* A handler for units 1 to 3 at 4, with one value below. */
static void handlers(void **state)
{
    static const uint8_t code[] = {83, 0, 85, 0, 32, 0, 103, 0, 33, 0, 32, 0, 31, 0, 36, 0};
    static const uint8_t table[] = {0x80 | 1, 2, 4, 1 << 1};
    struct bytecode *bytecode = decode(V13, code, sizeof(code), table, sizeof(table));
    bytecode_value *stack;

    (void)state;
    assert_int_equal(bytecode_stack(bytecode, 4, &stack), 0);
    assert_int_equal(arrlen(stack), 2);
    assert_int_equal(stack[0], BYTECODE_VALUE(0, 0));
    assert_int_equal(stack[1], BYTECODE_VALUE(4, BYTECODE_EXCEPTION));
    arrfree(stack);
    CHECK(bytecode, 5, 0, UNKNOWN, 4);
    bytecode_free(bytecode);
}

/* What monitoring hides ends the code that can be told; what it only marks does not. */
static void instrumented(void **state)
{
    struct bytecode *bytecode = DECODE(V13, 236, 0, 85, 0, 244, 0, 0, 0, 0, 0, 0, 0, 254, 0, 36, 0);

    (void)state;
    check_opcode(bytecode, 0, 0, OPCODE_RESUME, 0);
    check_opcode(bytecode, 2, 2, OPCODE_CALL, 0);
    check_opcode(bytecode, 6, BYTECODE_UNKNOWN, OPCODE_UNKNOWN, 0);
    check_opcode(bytecode, 7, BYTECODE_UNKNOWN, OPCODE_UNKNOWN, 0);
    bytecode_free(bytecode);
}

/* A stack that runs dry, ways that meet with stacks of different depths, jumps to nowhere, a damaged table. */
static void damaged(void **state)
{
    static const uint8_t code[] = {83, 0, 36, 0}, table[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct bytecode *bytecode = DECODE(V13, 32, 0, 36, 0);
    bytecode_value *stack;

    (void)state;
    assert_int_equal(bytecode_stack(bytecode, 1, &stack), -1);
    bytecode_free(bytecode);
    bytecode = DECODE(V13, 83, 0, 78, 2, 36, 0); /* grows in a loop */
    assert_int_equal(bytecode_stack(bytecode, 1, &stack), -1);
    bytecode_free(bytecode);
    bytecode = DECODE(V13, 83, 0, 77, 200, 0, 0, 79, 255, 36, 0);
    assert_int_equal(bytecode_stack(bytecode, 4, &stack), -1); /* nothing leads there */
    bytecode_free(bytecode);
    bytecode = decode(V13, code, sizeof(code), table, sizeof(table));
    CHECK(bytecode, 1, 0);
    bytecode_free(bytecode);
    assert_null(decode(V13, code, 0, NULL, 0));
    bytecode_free(NULL);
}

/* Whatever the bytes: no crash, no endless walk. */
static void garbage(void **state)
{
    static const uint32_t versions[] = {V13, V14, V15, V16};
    uint8_t code[512], table[64];

    (void)state;
    srand(1);
    for (int run = 0; run < 400; run++) {
        struct bytecode *bytecode;

        for (size_t i = 0; i < sizeof(code); i++)
            code[i] = (uint8_t)(i % 2 ? rand() % 8 : rand());
        for (size_t i = 0; i < sizeof(table); i++)
            table[i] = (uint8_t)rand();
        bytecode = decode(versions[run % 4], code, sizeof(code), table, sizeof(table));
        for (uint32_t i = 0; i < sizeof(code) / 2; i++) {
            bytecode_value *stack;

            bytecode_stack(bytecode, i, &stack);
            arrfree(stack);
        }
        bytecode_free(bytecode);
    }
}

/* As long as code may be, and at every instruction a handler that takes a deep stack along. */
static void made_to_take_time(void **state)
{
    enum { UNITS = 1 << 16, DEPTH = 500 };
    /* from 500 on, for 65,000 units, to the last one, with depth 500 */
    static const uint8_t table[] = {0x47, 0x34, 0x4f, 0x77, 0x28, 0x4f, 0x7f, 0x3f, 0x4f, 0x28};
    uint8_t *code = calloc(UNITS, 2);
    struct bytecode *bytecode;
    bytecode_value *stack;

    (void)state;
    for (size_t i = 0; i < UNITS; i++)
        code[2 * i] = i < DEPTH ? 83 /* LOAD_CONST */ : 30 /* NOP */;
    code[2 * UNITS - 4] = 36; /* RETURN_VALUE */
    bytecode = decode(V13, code, 2 * UNITS, table, sizeof(table));
    assert_int_equal(bytecode_stack(bytecode, UNITS - 2, &stack), -1);
    bytecode_free(bytecode);
    /* Without the handler it is long, and nothing else. */
    bytecode = decode(V13, code, 2 * UNITS, NULL, 0);
    assert_int_equal(bytecode_stack(bytecode, UNITS - 2, &stack), 0);
    assert_int_equal(arrlen(stack), DEPTH);
    arrfree(stack);
    bytecode_free(bytecode);
    free(code);
}

static void unknown_versions(void **state)
{
    static const uint32_t versions[] = {0x030c00f0, 0x030d00a1, 0x030e00a0, 0x030f00a1, 0x031000a1, 0x031100f0};

    (void)state;
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
        assert_int_equal(opcodes_of(versions[i], &opcodes), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(specialised),
        cmocka_unit_test(other_versions),
        cmocka_unit_test(extended_arguments),
        cmocka_unit_test(shuffled),
        cmocka_unit_test(where_ways_meet),
        cmocka_unit_test(loops),
        cmocka_unit_test(handlers),
        cmocka_unit_test(instrumented),
        cmocka_unit_test(damaged),
        cmocka_unit_test(garbage),
        cmocka_unit_test(made_to_take_time),
        cmocka_unit_test(unknown_versions),
    };

    return cmocka_run_group_tests_name("bytecode", tests, NULL, NULL);
}
