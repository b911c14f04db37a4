/* Who descends from whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "target/process_list.h"
#include "util/array.h"

static struct process_id *list_of(const struct process_id *processes, size_t count)
{
    struct process_id *list = NULL;

    for (size_t i = 0; i < count; i++)
        arrput(list, processes[i]);
    return list;
}

static void children_come_before_theirs(void **state)
{
    static const struct process_id processes[] = {{1, 0}, {40, 20}, {10, 1}, {20, 10}, {30, 10}, {50, 1}};
    struct process_id *list = list_of(processes, 6);
    pid_t *found = process_descendants(list, 10);

    (void)state;
    assert_int_equal(arrlenu(found), 3);
    assert_int_equal(found[0], 20);
    assert_int_equal(found[1], 30);
    assert_int_equal(found[2], 40);
    arrfree(found);
    arrfree(list);
}

static void a_process_without_children_has_no_descendants(void **state)
{
    static const struct process_id processes[] = {{1, 0}, {10, 1}};
    struct process_id *list = list_of(processes, 2);

    (void)state;
    assert_null(process_descendants(list, 10));
    assert_null(process_descendants(NULL, 10));
    arrfree(list);
}

static void a_loop_comes_to_an_end(void **state)
{
    static const struct process_id processes[] = {{10, 30}, {20, 10}, {30, 20}};
    struct process_id *list = list_of(processes, 3);
    pid_t *found = process_descendants(list, 10);

    (void)state;
    assert_true(arrlenu(found) >= 2 && arrlenu(found) <= 3 * 3);
    arrfree(found);
    arrfree(list);
}

static void the_list_has_this_process(void **state)
{
    struct process_id *list = process_list();
    pid_t parent = 0;

    (void)state;
    for (size_t i = 0; i < arrlenu(list); i++) {
        if (list[i].pid == getpid())
            parent = list[i].parent;
    }
    assert_int_equal(parent, getppid());
    arrfree(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_come_before_theirs),
        cmocka_unit_test(a_process_without_children_has_no_descendants),
        cmocka_unit_test(a_loop_comes_to_an_end),
        cmocka_unit_test(the_list_has_this_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
