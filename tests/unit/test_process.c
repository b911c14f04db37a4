/* Processes: this very one, a child, and those that aren't there. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/error.h" /* before cmocka.h, which has a macro fail() */
#include <cmocka.h>

#include "target/elf_file.h"
#include "target/interpreter.h"
#include "target/process.h"
#include "util/array.h"

static const struct mapping *mapping_of(const struct process *process, uint64_t address)
{
    for (ptrdiff_t i = 0; i < arrlen(process->mappings); i++) {
        if (address >= process->mappings[i].start && address < process->mappings[i].end)
            return &process->mappings[i];
    }
    return NULL;
}

static void test_own(void **state)
{
    struct process process;
    const struct mapping *code, *first;
    char path[128];
    struct elf_file *file;
    uint64_t bias;

    (void)state;
    assert_int_equal(process_open(getpid(), &process), 0);
    code = mapping_of(&process, (uintptr_t)process_open);
    assert_non_null(code);
    assert_true(code->executable);
    assert_string_equal(code->path, process.exe);
    first = process_first_mapping(&process, code);
    assert_int_equal(first->offset, 0);
    assert_string_equal(first->path, code->path);

    process_mapping_file(&process, code, path, sizeof(path));
    file = elf_file_open(path);
    assert_non_null(file);
    bias = elf_file_bias(file, code->start, code->offset);
    assert_int_equal(elf_file_symbol(file, "process_open") + bias, (uintptr_t)process_open);
    elf_file_close(file);
    process_close(&process);
    process_close(&process); /* takes a zeroed one */
}

static void test_memory(void **state)
{
    const char text[] = "from there";
    struct process process;
    char copy[sizeof(text)];

    (void)state;
    assert_int_equal(process_open(getpid(), &process), 0);
    assert_int_equal(process_read(&process, (uintptr_t)text, copy, sizeof(copy)), 0);
    assert_string_equal(copy, text);
    assert_int_equal(process_read(&process, 0, copy, sizeof(copy)), -1);
    assert_int_equal(process_read(&process, UINT64_MAX - 2, copy, sizeof(copy)), -1);
    process_close(&process);
}

/* A read that runs into memory that isn't there is no read. */
static void test_edge(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), copy[16];
    struct process process;

    (void)state;
    assert_ptr_not_equal(pages, MAP_FAILED);
    munmap(pages + page, page);
    assert_int_equal(process_open(getpid(), &process), 0);
    assert_int_equal(process_read(&process, (uintptr_t)pages + page - 16, copy, sizeof(copy)), 0);
    assert_int_equal(process_read(&process, (uintptr_t)pages + page - 8, copy, sizeof(copy)), -1);
    process_close(&process);
    munmap(pages, page);
}

static void test_gone(void **state)
{
    struct process process;
    pid_t child = fork();
    char byte;

    (void)state;
    if (child == 0) {
        pause();
        _exit(0);
    }
    assert_int_equal(process_open(child, &process), 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(process_refresh(&process), -1);
    assert_int_equal(process_read(&process, process.mappings[0].start, &byte, 1), -1);
    process_close(&process);
    assert_int_equal(process_open(child, &process), -1);
    assert_non_null(strstr(last_failure(), "no such process"));
    assert_int_equal(process_open(-1, &process), -1);
}

static void test_no_python(void **state)
{
    struct process process;
    struct interpreter interpreter;

    (void)state;
    assert_int_equal(process_open(getpid(), &process), 0);
    assert_int_equal(interpreter_find(&process, &interpreter), INTERPRETER_NONE);
    assert_non_null(strstr(last_failure(), "is not a CPython"));
    interpreter_close(&interpreter);
    process_close(&process);
    assert_int_equal(interpreter_in_file("/proc/self/exe", &interpreter), -1);
    assert_string_equal(last_failure(), "'/proc/self/exe' is not a CPython");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own),  cmocka_unit_test(test_memory),    cmocka_unit_test(test_edge),
        cmocka_unit_test(test_gone), cmocka_unit_test(test_no_python),
    };

    return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
