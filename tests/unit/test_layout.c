/* The debug offsets of real builds, as literal words, and the names of fields by version. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "util/error.h" /* before cmocka.h, which has a macro fail() */
#include <cmocka.h>

#include "target/layout.h"

#define COOKIE 0x7970677562656478 /* "xdebugpy" */
#define COUNT(words) (sizeof(words) / sizeof((words)[0]))

/* .PyRuntime of 3.13.5, built with --disable-gil */
static const uint64_t words_3_13[] = {
    COOKIE, 0x30d05f0, 1,      0x50280, 0x260,  0x278, 0x34a40, 0x1c68, 0x1c60, 0x1cb0, 0x1ce8,
    0x1df0, 0x1de0,    0x1de8, 0x10,    0x1e50, 0,     0x1e68,  0x1e60, 0x130,  0,      8,
    0x10,   0x48,      0x98,   0xa0,    0xe8,   0x20,  0x50,    8,      0,      0x38,   0x48,
    0x46,   0xe0,      0x80,   0x88,    0x90,   0x98,  0x54,    0x44,   0x70,   0x78,   0xd8,
    0x20,   0x18,      0x1b0,  0x28,    0x68,   0xb8,  0x30,    0x28,   0x20,   0x38,   0x28,
    0x20,   0x40,      0x30,   0x38,    0x28,   0x20,  0x30,    0x20,   0x28,   0x38,   0x20,
    0x30,   0x50,      0x30,   0x20,    0x38,   0xf8,  0xc8,
};

/* What _Py_DebugOffsets_INIT of 3.14.7 makes */
static const uint64_t words_3_14[] = {
    COOKIE, 0x30e07f0, 1,      0x58780, 0x310,  0x328, 0x3c3c0, 0x1c70, 0x1c68, 0x1cb0, 0x1cc0, 0x1cf0,
    0x1e20, 0x1e10,    0x1e18, 0x10,    0x1e80, 0,     0x1e98,  0x1e90, 0x1f58, 0x44dc, 0x340,  0,
    8,      0x10,      0x48,   0x98,    0xa0,   0xe8,  0x20,    0x58,   8,      0,      0x38,   0x50,
    0x4e,   0x40,      0x48,   0xf0,    0x80,   0x88,  0x90,    0x98,   0x54,   0x44,   0x70,   0x78,
    0xe8,   0xe0,      0x20,   0x18,    0x1b0,  0x28,  0x68,    0xb8,   0x38,   0x30,   0x20,   0x38,
    0x28,   0x20,      0xd8,   0x28,    0x38,   0x30,  0x40,    0x30,   0x38,   0x28,   0x20,   0x30,
    0x20,   0x28,      0x38,   0x20,    0x30,   0x50,  0x30,    0x20,   0x38,   0x120,  0xc0,   0xb0,
    0x28,   0x58,      0x53,   0,       8,      0x18,  0x130,   0x1fac, 0,      4,      0x200,
};

/* What that of 3.15.0rc1 makes */
static const uint64_t words_3_15[] = {
    COOKIE, 0x30f00c1, 1,     0x63100, 0x390, 0x3a8,  0x3c540, 0x1c68, 0x1c60, 0x1ca8, 0x1cb8, 0x1ce8, 0x1da8,
    0x1d98, 0x1da0,    0x10,  0x1e40,  0,     0x1e58, 0x1e50,  0x1f18, 0x44dc, 0x378,  0,      8,      0x10,
    0x48,   0x50,      0x58,  0x60,    0xb0,  0xb8,   0x100,   0x20,   0x24,   0x28,   0x88,   0x120,  0,
    0x58,   8,         0,     0x38,    0x50,  0x4e,   0x40,    0x48,   0xf0,   0x80,   0x88,   0x90,   0x98,
    0x54,   0x44,      0x70,  0x78,    0xe8,  0xe0,   0x20,    0x18,   0x1b8,  0x28,   0x68,   0xb8,   0x30,
    0x130,  0x3c8,     0x388, 0x38,    0x30,  0x20,   0x38,    0x28,   0x20,   0xd8,   0x28,   0x38,   0x30,
    0x40,   0x30,      0x38,  0x28,    0x20,  0x30,   0x20,    0x28,   0x38,   0x20,   0x30,   0x50,   0x30,
    0x20,   0x38,      0x48,  0xb0,    0x70,  0x78,   0xd8,    0x68,   0xb0,   0x28,   0x58,   0x53,   0,
    8,      0x18,      0x158, 0x1f6c,  0,     4,      0x200,
};

static struct layout decoded(const uint64_t *words, size_t size)
{
    struct layout layout;

    assert_int_equal(layout_decode((const uint8_t *)words, size, &layout), 0);
    return layout;
}

static void refused(const uint64_t *words, size_t size, const char *why)
{
    struct layout layout;

    assert_int_equal(layout_decode((const uint8_t *)words, size, &layout), -1);
    if (strstr(last_failure(), why) == NULL)
        fail_msg("'%s' is not in '%s'", why, last_failure());
}

static void test_3_13(void **state)
{
    struct layout layout = decoded(words_3_13, sizeof(words_3_13));

    (void)state;
    assert_int_equal(layout.hex_version, 0x030d05f0);
    assert_int_equal(layout.runtime_interpreters_head, 632);
    assert_int_equal(layout.interp_threads_head, 0x1cb0);
    assert_int_equal(layout.tstate_thread_id, 152);
    assert_int_equal(layout.tstate_native_thread_id, 160);
    assert_int_equal(layout.tstate_status, 32);
    assert_int_equal(layout.frame_localsplus, 72);
    assert_int_equal(layout.frame_instr_ptr, 56);
    assert_int_equal(layout.frame_owner, 70);
    assert_int_equal(layout.frame_tlbc_index, 0);
    assert_int_equal(layout.code_tlbc, 0);
    assert_int_equal(layout.code_filename, 128);
    assert_int_equal(layout.code_linetable, 152);
    assert_int_equal(layout.code_localsplusnames, 112);
    assert_int_equal(layout.code_localspluskinds, 120);
    assert_int_equal(layout.tuple_item, 40);
    assert_int_equal(layout.dict_keys, 48);
    assert_int_equal(layout.str_state, 48);
    assert_int_equal(layout.str_length, 32);
    assert_int_equal(layout.heap_qualname, 888);
    assert_int_equal(layout.module_name, 64);
    assert_int_equal(layout.str_ascii_bit, 6);
}

static void test_3_14(void **state)
{
    struct layout layout = decoded(words_3_14, sizeof(words_3_14));

    (void)state;
    assert_int_equal(layout.runtime_interpreters_head, 808);
    assert_int_equal(layout.interp_next, 0x1c68);
    assert_int_equal(layout.tstate_native_thread_id, 160);
    assert_int_equal(layout.frame_localsplus, 80);
    assert_int_equal(layout.frame_owner, 78);
    assert_int_equal(layout.frame_tlbc_index, 72);
    assert_int_equal(layout.code_tlbc, 224);
    assert_int_equal(layout.code_adaptive, 232);
    assert_int_equal(layout.tuple_item, 48);
    assert_int_equal(layout.heap_qualname, 888);
    assert_int_equal(layout.str_kind_shift, 8);
}

static void test_3_15(void **state)
{
    struct layout layout = decoded(words_3_15, sizeof(words_3_15));

    (void)state;
    assert_int_equal(layout.runtime_interpreters_head, 936);
    assert_int_equal(layout.interp_threads_head, 0x1ca8);
    assert_int_equal(layout.tstate_thread_id, 176);
    assert_int_equal(layout.tstate_native_thread_id, 184);
    assert_int_equal(layout.frame_owner, 78);
    assert_int_equal(layout.code_tlbc, 224);
    assert_int_equal(layout.code_adaptive, 232);
    assert_int_equal(layout.code_linetable, 152);
    assert_int_equal(layout.type_flags, 184);
    assert_int_equal(layout.heap_qualname, 896);
    assert_int_equal(layout.module_name, 56);
}

/* main has 3.15's table, and larger types. */
static void test_3_16(void **state)
{
    uint64_t words[COUNT(words_3_15)];
    struct layout layout;

    (void)state;
    memcpy(words, words_3_15, sizeof(words));
    words[1] = 0x031000a0;
    refused(words, sizeof(words), "3.16.0a0 has structures of unexpected sizes");
    words[60] = 448; /* the type */
    layout = decoded(words, sizeof(words));
    assert_int_equal(layout.heap_qualname, 904);
    assert_int_equal(layout.module_name, 56);
    assert_string_equal(layout_field(&layout, "type", 888), "ht_name");
}

/* 3.14.0a1 has the table of 3.13 and code objects of its own size; one of another size must not pass for it.
 */
static void test_alphas(void **state)
{
    uint64_t words[COUNT(words_3_13)];
    struct layout layout;

    (void)state;
    memcpy(words, words_3_13, sizeof(words));
    words[1] = 0x030e00a1;
    refused(words, sizeof(words), "3.14.0a1 has structures of unexpected sizes");
    words[28] = 88;  /* the frame */
    words[34] = 232; /* the code object */
    layout = decoded(words, sizeof(words));
    assert_string_equal(layout_field(&layout, "function", 144), "func_typeparams");
    words[1] = 0x030e00a5;
    refused(words, sizeof(words), "the layout of CPython 3.14.0a5 is not known: known are 3.13");
}

static void test_refusals(void **state)
{
    uint64_t words[COUNT(words_3_13)];

    (void)state;
    refused(words_3_13, 16, "does not start with the debug offsets");
    refused(words_3_13, sizeof(words_3_13) - 8, "cut short");
    refused(words_3_13 + 1, sizeof(words_3_13) - 8, "does not start with the debug offsets");
    memcpy(words, words_3_13, sizeof(words));
    words[2] = 0;
    refused(words, sizeof(words), "CPython 3.13.5 has the GIL");
    words[2] = 1;
    words[1] = 0x031100a0;
    refused(words, sizeof(words), "3.17.0a0 is not known");
    words[1] = 0x030d00c1;
    refused(words, sizeof(words), "3.13.0rc1 is not known");
    words[1] = 0x030d05f0;
    words[57] = 1ull << 40; /* ma_keys */
    refused(words, sizeof(words), "damaged");
}

static void test_versions(void **state)
{
    char text[32];

    (void)state;
    layout_version(0x030d05f0, text, sizeof(text));
    assert_string_equal(text, "3.13.5");
    layout_version(0x030f00c1, text, sizeof(text));
    assert_string_equal(text, "3.15.0rc1");
    layout_version(0x031000a0, text, sizeof(text));
    assert_string_equal(text, "3.16.0a0");
    layout_version(0x030e00b2, text, 4);
    assert_string_equal(text, "3.1");
}

static void test_fields(void **state)
{
    struct layout v13 = decoded(words_3_13, sizeof(words_3_13)),
                  v14 = decoded(words_3_14, sizeof(words_3_14)),
                  v15 = decoded(words_3_15, sizeof(words_3_15));
    uint64_t offset;
    size_t next = 0;

    (void)state;
    assert_string_equal(layout_field(&v13, "function", 32), "func_globals");
    assert_string_equal(layout_field(&v13, "function", 136), "func_typeparams");
    assert_string_equal(layout_field(&v14, "function", 136), "func_annotate");
    assert_string_equal(layout_field(&v14, "module", 64), "md_name");
    assert_string_equal(layout_field(&v15, "module", 56), "md_name");
    assert_string_equal(layout_field(&v14, "module", 56), "md_weaklist");
    assert_string_equal(layout_field(&v15, "type", 888), "ht_slots");
    assert_string_equal(layout_field(&v13, "type", 888), "ht_qualname");
    assert_string_equal(layout_field(&v13, "frame", 80), "_f_frame_data.f_executable");
    assert_string_equal(layout_field(&v14, "frame", 80), "f_overwritten_fast_locals");
    assert_string_equal(layout_field(&v14, "generator", 88 + 16), "gi_iframe.f_funcobj");
    assert_string_equal(layout_field(&v14, "coroutine", 48), "cr_qualname");
    assert_string_equal(layout_field(&v15, "interpreter_frame", 0), "f_executable");
    assert_string_equal(layout_field(&v13, "re.Match", 56), "pattern");
    assert_string_equal(layout_field(&v13, "_asyncio.Task", 136), "task_coro");
    assert_string_equal(layout_field(&v14, "_asyncio.Task", 144), "task_coro");
    assert_null(layout_field(&v13, "function", 33));
    assert_string_equal(layout_next_field(&v14, "functools.partial", &next, &offset), "fn");
    assert_int_equal(offset, 32);
    assert_string_equal(layout_next_field(&v14, "functools.partial", &next, &offset), "args");
    while (layout_next_field(&v14, "functools.partial", &next, &offset))
        assert_in_range(offset, 48, 56);
    assert_int_equal(offset, 56);
    assert_null(layout_field(&v13, "no such type", 32));
    assert_null(layout_field(&v13, "function", UINT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_3_13),   cmocka_unit_test(test_3_14),     cmocka_unit_test(test_3_15),
        cmocka_unit_test(test_3_16),
        cmocka_unit_test(test_alphas), cmocka_unit_test(test_refusals), cmocka_unit_test(test_versions),
        cmocka_unit_test(test_fields),
    };

    return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
