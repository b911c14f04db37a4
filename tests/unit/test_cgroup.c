/* Which cgroup a process is in, by its line of /proc/PID/cgroup. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "target/cgroup.h"

static void a_group_holds_itself_and_what_is_below(void **state)
{
    (void)state;
    assert_true(cgroup_line_is_in("0::/app.slice\n", "/app.slice"));
    assert_true(cgroup_line_is_in("0::/app.slice/web.service\n", "/app.slice"));
    assert_false(cgroup_line_is_in("0::/app.slice2\n", "/app.slice"));
    assert_false(cgroup_line_is_in("0::/\n", "/app.slice"));
    assert_false(cgroup_line_is_in("0::/user/app.slice\n", "/app.slice"));
}

static void the_root_holds_all(void **state)
{
    (void)state;
    assert_true(cgroup_line_is_in("0::/\n", "/"));
    assert_true(cgroup_line_is_in("0::/app.slice\n", "/"));
}

static void only_version_2_counts(void **state)
{
    (void)state;
    assert_false(cgroup_line_is_in("4:memory:/app.slice\n", "/app.slice"));
    assert_false(cgroup_line_is_in("1:name=systemd:/app.slice\n", "/app.slice"));
    assert_false(cgroup_line_is_in("", "/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_holds_itself_and_what_is_below),
        cmocka_unit_test(the_root_holds_all),
        cmocka_unit_test(only_version_2_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
