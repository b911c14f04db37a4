/* What lies where in a process whose modules come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture/modules.h"
#include "util/array.h"

enum { INODE = 7, OTHER_INODE = 8, PAGES = 4 };

#define PLACE 0x700000000000u
#define ELSEWHERE 0x710000000000u
#define BYTES (PAGES * 4096u)

static struct elf_file *file;
static struct session_target target;

/* The file's own code, mapped as if it were loaded there. */
static struct mapping mapping_of(uint64_t bias, uint64_t inode)
{
    uint64_t start, end;

    elf_file_text(file, &start, &end);
    start &= ~0xfffull;
    return (struct mapping){.start = bias + start, .end = bias + start + BYTES, .offset = elf_file_offset(file, start),
                            .inode = inode, .executable = true, .path = "/lib/module.so"};
}

static void add_range(uint32_t module, uint64_t bias)
{
    uint64_t start, end;

    elf_file_text(file, &start, &end);
    arrput(target.ranges, ((struct session_range){.start = start + bias, .end = start + bias + BYTES / 2, .bias = bias,
                                                  .module = module, .mapped = true}));
}

static uint64_t inside(uint64_t bias)
{
    uint64_t start, end;

    elf_file_text(file, &start, &end);
    return start + bias + 16;
}

static int set_up(void **state)
{
    (void)state;
    file = elf_file_open("/proc/self/exe");
    target = (struct session_target){0};
    for (uint32_t i = 0; i < 2; i++) {
        arrput(target.modules, ((struct session_module){.code = {.link = -1}, .file = file}));
        arrput(target.seen, ((struct session_file){.inode = INODE + i, .module = i + 1}));
    }
    return file ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    elf_file_close(file);
    arrfree(target.modules);
    arrfree(target.seen);
    arrfree(target.ranges);
    arrfree(target.process.mappings);
    return 0;
}

static void map(uint64_t bias, uint64_t inode)
{
    arrput(target.process.mappings, mapping_of(bias, inode));
}

static void unmap_all(void)
{
    arrsetlen(target.process.mappings, 0);
}

static void a_module_that_stays(void **state)
{
    struct session_range range;

    (void)state;
    add_range(0, PLACE);
    map(PLACE, INODE);
    assert_false(modules_move(&target));
    assert_int_equal(modules_at(&target, inside(PLACE), &range), MODULES_ONE);
    assert_int_equal(range.module, 0);
    assert_int_equal(range.bias, PLACE);
    assert_int_equal(modules_at(&target, PLACE - 1, &range), MODULES_NONE);
}

static void a_module_that_goes_is_what_its_addresses_meant(void **state)
{
    struct session_range range;

    (void)state;
    add_range(0, PLACE);
    assert_true(modules_move(&target));
    assert_false(target.ranges[0].mapped);
    assert_false(modules_move(&target));
    assert_int_equal(modules_at(&target, inside(PLACE), &range), MODULES_ONE);
    map(PLACE, INODE);
    assert_true(modules_move(&target));
    assert_true(target.ranges[0].mapped);
    assert_false(target.ranges[0].reused);
}

static void a_module_in_two_places(void **state)
{
    struct session_range range;

    (void)state;
    add_range(0, PLACE);
    add_range(0, ELSEWHERE);
    map(ELSEWHERE, INODE);
    assert_true(modules_move(&target));
    assert_false(target.ranges[0].mapped);
    assert_true(target.ranges[1].mapped);
    assert_int_equal(modules_at(&target, inside(ELSEWHERE), &range), MODULES_ONE);
    assert_int_equal(range.bias, ELSEWHERE);
}

static void other_code_where_a_module_was(void **state)
{
    struct session_range range;

    (void)state;
    add_range(0, PLACE);
    map(PLACE, 99); /* that of no module */
    assert_true(modules_move(&target));
    assert_int_equal(modules_at(&target, inside(PLACE), &range), MODULES_SEVERAL);
    unmap_all();
    map(PLACE, INODE);
    modules_move(&target);
    assert_true(target.ranges[0].mapped);
    assert_int_equal(modules_at(&target, inside(PLACE), &range), MODULES_SEVERAL);
}

static void another_module_where_one_was(void **state)
{
    struct session_range range;

    (void)state;
    add_range(0, PLACE);
    add_range(1, PLACE);
    map(PLACE, OTHER_INODE);
    assert_true(modules_move(&target));
    assert_false(target.ranges[0].mapped);
    assert_true(target.ranges[1].mapped);
    assert_int_equal(modules_at(&target, inside(PLACE), &range), MODULES_SEVERAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_module_that_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_module_that_goes_is_what_its_addresses_meant, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_module_in_two_places, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_code_where_a_module_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_module_where_one_was, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
