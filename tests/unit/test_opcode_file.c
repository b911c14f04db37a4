/* The numbers of instructions as an interpreter's file tells them: this test's own file is taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "target/opcode_file.h"

enum { V13 = 0x030d05f0, V14_A0 = 0x030e00a0, V14_A5 = 0x030e00a5, V14 = 0x030e07f0 };

/* Such as none of the versions in the table has. */
__attribute__((used)) const char *const _PyOpcode_OpName[267] = {
    [0] = "CACHE", [7] = "LOAD_GLOBAL", [8] = "LOAD_GLOBAL_MODULE", [9] = "WITH_EXCEPT_START", [200] = "NEVER_SEEN",
    [201] = "A_NAME_THAT_IS_LONGER_THAN_ANY_INSTRUCTION_S_NAME_HAS_EVER_BEEN", [240] = "INSTRUMENTED_CALL_KW",
    [250] = "INSTRUMENTED_LINE", [251] = "INSTRUMENTED_INSTRUCTION", [255] = "CALL_KW",
};
__attribute__((used)) const uint8_t _PyOpcode_Deopt[256] = {
    [7] = 7, [8] = 7, [9] = 9, [200] = 200, [201] = 201, [240] = 240, [250] = 250, [251] = 251, [255] = 255};
__attribute__((used)) const uint8_t _PyOpcode_Caches[256] = {[7] = 6, [255] = 3};

static void by_name(void **state)
{
    struct elf_file *file = elf_file_open("/proc/self/exe");
    struct opcodes opcodes;

    (void)state;
    assert_non_null(file);
    assert_int_equal(opcodes_in_file(file, V14_A0, &opcodes), 0);
    assert_int_equal(opcodes.base[7], OPCODE_LOAD_GLOBAL);
    assert_int_equal(opcodes.base[8], OPCODE_LOAD_GLOBAL);
    assert_int_equal(opcodes.base[255], OPCODE_CALL_KW);
    assert_int_equal(opcodes.base[240], OPCODE_CALL_KW);
    for (int number = 200; number < 203; number++)
        assert_int_equal(opcodes.base[number], OPCODE_UNKNOWN);
    assert_int_equal(opcodes.base[0], OPCODE_UNKNOWN);
    assert_int_equal(opcodes.line, 250);
    assert_int_equal(opcodes.instruction, 251);
    assert_int_equal(opcode_effect(&opcodes, OPCODE_LOAD_GLOBAL, 0).caches, 6);
    assert_int_equal(opcode_effect(&opcodes, OPCODE_CALL_KW, 0).caches, 3);
    elf_file_close(file);
}

/* The alphas' with statements are 3.14's already, their subscripts not yet. */
static void effects(void **state)
{
    struct opcode_arrays arrays;
    struct elf_file *file = elf_file_open("/proc/self/exe");
    struct opcodes opcodes;

    (void)state;
    assert_non_null(file);
    assert_int_equal(opcode_arrays_in(file, &arrays), 0);
    assert_string_equal(arrays.names[8], "LOAD_GLOBAL_MODULE");
    assert_string_equal(arrays.names[201], "");
    assert_int_equal(opcodes_by_name(V13, &arrays, &opcodes), 0);
    assert_int_equal(opcode_effect(&opcodes, OPCODE_WITH_EXCEPT_START, 0).in, 4);
    assert_int_equal(opcodes_by_name(V14_A0, &arrays, &opcodes), 0);
    assert_int_equal(opcode_effect(&opcodes, OPCODE_WITH_EXCEPT_START, 0).in, 5);
    assert_false(opcodes.since14);
    assert_int_equal(opcodes_by_name(V14, &arrays, &opcodes), 0);
    assert_true(opcodes.since14);
    elf_file_close(file);
}

static void damaged(void **state)
{
    struct opcode_arrays arrays;
    struct elf_file *file = elf_file_open("/proc/self/exe");
    struct opcodes opcodes;

    (void)state;
    assert_non_null(file);
    opcode_arrays_in(file, &arrays);
    assert_int_equal(opcodes_by_name(V14_A5, &arrays, &opcodes), -1); /* what they do changed from commit to commit */
    memset(arrays.plain, 77, sizeof(arrays.plain));
    assert_int_equal(opcodes_by_name(V14, &arrays, &opcodes), 0);
    for (int number = 0; number < 256; number++)
        assert_int_equal(opcodes.base[number], OPCODE_UNKNOWN);
    arrays.names[0][0] = 'B';
    assert_int_equal(opcodes_by_name(V14, &arrays, &opcodes), -1);
    elf_file_close(file);
}

/* A file without the arrays: the version tells, if it is one of the table. */
static void by_version(void **state)
{
    struct elf_file *file = elf_file_open("/bin/sh");
    struct opcodes opcodes;

    (void)state;
    assert_non_null(file);
    assert_int_equal(opcodes_in_file(file, V13, &opcodes), 0);
    assert_int_equal(opcodes.base[91], OPCODE_LOAD_GLOBAL);
    assert_int_equal(opcode_effect(&opcodes, OPCODE_LOAD_GLOBAL, 0).caches, 4);
    assert_int_equal(opcodes_in_file(file, V14_A0, &opcodes), -1);
    assert_int_equal(opcodes.base[91], OPCODE_UNKNOWN);
    elf_file_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_name),
        cmocka_unit_test(effects),
        cmocka_unit_test(damaged),
        cmocka_unit_test(by_version),
    };

    return cmocka_run_group_tests_name("opcode file", tests, NULL, NULL);
}
