/* Sentences of failures, one a thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail
#include <errno.h>
#include <pthread.h>

#include "util/error.h"

static void *fail_elsewhere(void *found)
{
    fail("cannot scan '%s'", "there");
    *(const char **)found = last_failure();
    assert_string_equal(last_failure(), "cannot scan 'there'");
    return NULL;
}

static void another_thread_has_its_own(void **state)
{
    pthread_t thread;
    const char *found;

    (void)state;
    errno = ENOENT;
    fail_errno("cannot open '%s'", "here");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, &found), 0);
    pthread_join(thread, NULL);
    assert_string_equal(last_failure(), "cannot open 'here': No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_thread_has_its_own),
    };

    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
