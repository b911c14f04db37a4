/* ELF files: this very program, and damaged copies of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/error.h" /* before cmocka.h, which has a macro fail() */
#include <cmocka.h>

#include "target/elf_file.h"

static struct elf_file *own;

static int open_own(void **state)
{
    (void)state;
    own = elf_file_open("/proc/self/exe");
    return own != NULL ? 0 : -1;
}

static int close_own(void **state)
{
    (void)state;
    elf_file_close(own);
    return 0;
}

static void test_identity(void **state)
{
    (void)state;
    assert_false(elf_file_is_shared(own));
    assert_non_null(elf_file_dynamic_string(own, 1 /* DT_NEEDED */, 0));
    assert_null(elf_file_dynamic_string(own, 1, 1000));
    assert_int_equal(strspn(elf_file_build_id(own), "0123456789abcdef"), strlen(elf_file_build_id(own)));
}

static void test_names(void **state)
{
    uint64_t address = elf_file_symbol(own, "elf_file_symbol_at"), distance;

    (void)state;
    assert_int_not_equal(address, 0);
    assert_int_equal(elf_file_symbol(own, "no such symbol"), 0);
    assert_string_equal(elf_file_symbol_at(own, address + 3, &distance), "elf_file_symbol_at");
    assert_int_equal(distance, 3);
    assert_null(elf_file_symbol_at(own, UINT64_MAX, NULL));
    assert_null(elf_file_symbol_at(own, 0, NULL));
}

static void test_addresses(void **state)
{
    uint64_t address = elf_file_symbol(own, "elf_file_open"), start, end,
             offset = elf_file_offset(own, address);

    (void)state;
    elf_file_text(own, &start, &end);
    assert_in_range(address, start, end - 1);
    assert_int_equal(elf_file_vaddr(own, offset), address);
    assert_int_equal(elf_file_offset(own, UINT64_MAX), UINT64_MAX);
    assert_non_null(elf_file_bytes(own, address, 16));
    assert_null(elf_file_bytes(own, address, SIZE_MAX));
    assert_null(elf_file_bytes(own, UINT64_MAX, 1));
    /* mapped elsewhere, page by page */
    assert_int_equal(elf_file_bias(own, 0x7f0000000000 + (address & ~0xfffull), offset & ~0xfffull),
                     0x7f0000000000);
    assert_int_equal(elf_file_bias(own, 0x7f0000000000, 1ull << 60), UINT64_MAX);
    /* this file's bytes are those that run */
    assert_memory_equal(elf_file_bytes(own, address, 16), (const void *)(uintptr_t)elf_file_open, 16);
}

static void test_code(void **state)
{
    uint64_t address = elf_file_symbol(own, "elf_file_cfa");
    const struct code_range *range = elf_file_code_at(own, address + 1), *code;
    size_t count;
    int64_t offset;
    int reg;

    (void)state;
    assert_non_null(range);
    assert_int_equal(range->start, address);
    code = elf_file_code(own, &count);
    for (size_t i = 0; i < count; i++) {
        assert_true(code[i].start < code[i].end);
        assert_true(i == 0 || code[i - 1].end <= code[i].start);
    }
    assert_null(elf_file_code_at(own, 0));
    assert_int_equal(elf_file_cfa(own, address, &reg, &offset), 0); /* at the call: rsp + 8 */
    assert_int_equal(reg, 7);
    assert_int_equal(offset, 8);
    assert_int_equal(elf_file_cfa(own, 0, &reg, &offset), -1);
}

/* The C library's functions are reached through slots that name them. */
static void test_slots(void **state)
{
    bool found = false;

    (void)state;
    for (int table = 0; table < 2; table++) {
        uint64_t at;
        size_t size;

        if (!elf_file_section(own, table == 0 ? ".got" : ".got.plt", &at, &size))
            continue;
        for (uint64_t slot = at; slot + 8 <= at + size; slot += 8) {
            const char *name = elf_file_bound_name(own, slot);

            found |= name != NULL && strcmp(name, "calloc") == 0;
        }
    }
    assert_true(found);
    assert_null(elf_file_bound_name(own, 1));
    assert_int_equal(elf_file_bound_address(own, 1), 0);
}

static void test_foreign(void **state)
{
    (void)state;
    assert_null(elf_file_open("/no/such/file"));
    assert_non_null(strstr(last_failure(), "'/no/such/file'"));
    assert_null(elf_file_open("/proc/self/status"));
    assert_non_null(strstr(last_failure(), "is not an ELF file"));
    assert_null(elf_file_open("/"));
    assert_non_null(strstr(last_failure(), "is not a regular file"));
    assert_null(elf_file_open_as("/", "the name"));
    assert_non_null(strstr(last_failure(), "'the name'"));
    elf_file_close(NULL);
}

/* Asks everything of a file that may hold anything. */
static void use(const char *path)
{
    struct elf_file *file = elf_file_open(path);
    const struct code_range *code;
    size_t count;
    int64_t offset;
    int reg;

    if (file == NULL)
        return;
    code = elf_file_code(file, &count);
    for (size_t i = 0; i < count; i += 16) {
        elf_file_symbol_at(file, code[i].start, NULL);
        elf_file_cfa(file, code[i].end - 1, &reg, &offset);
        elf_file_bound_address(file, code[i].start);
    }
    elf_file_symbol(file, "main");
    elf_file_is_shared(file);
    elf_file_close(file);
}

static void write_file(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static uint8_t *read_own(size_t *size)
{
    FILE *file = fopen("/proc/self/exe", "rb");
    uint8_t *bytes;

    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    bytes = malloc(*size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

static void test_damaged(void **state)
{
    char path[] = "/tmp/hotref-unit-XXXXXX";
    int fd = mkstemp(path);
    size_t size;
    uint8_t *bytes = read_own(&size);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    srand(1);
    for (int i = 0; i < 40; i++) {
        write_file(path, bytes, (size_t)i * size / 40);
        use(path);
    }
    for (int i = 0; i < 100; i++) {
        /* headers are where damage hurts: the file's at its start, the sections' at its end */
        size_t at = i % 2 ? (size_t)rand() % 0x400 : size - 1 - (size_t)rand() % 0xa00;
        uint8_t kept = bytes[at];

        bytes[at] = (uint8_t)rand();
        write_file(path, bytes, size);
        use(path);
        bytes[at] = kept;
    }
    bytes[18] = 183; /* e_machine: aarch64 */
    write_file(path, bytes, size);
    assert_null(elf_file_open(path));
    assert_non_null(strstr(last_failure(), "is built for aarch64: hotref knows x86-64 only"));
    unlink(path);
    free(bytes);
}

/* Somebody installs another version over a file while it is read: that is an error, and no SIGBUS. */
static void test_a_file_that_is_truncated_meanwhile(void **state)
{
    char path[] = "/tmp/hotref-elf-XXXXXX", command[128];
    int fd = mkstemp(path);
    struct elf_file *copy;
    uint64_t start, end;
    const uint8_t *bytes;

    (void)state;
    snprintf(command, sizeof(command), "cp /proc/%d/exe %s", getpid(), path);
    assert_int_equal(system(command), 0);
    copy = elf_file_open(path);
    assert_non_null(copy);
    assert_int_equal(elf_file_check(copy), 0);
    elf_file_text(copy, &start, &end);
    bytes = elf_file_bytes(copy, end - 16, 16);
    assert_int_equal(ftruncate(fd, 4096), 0);
    assert_int_equal(bytes[0], 0);
    elf_file_symbol(copy, "elf_file_open");
    assert_int_equal(elf_file_check(copy), -1);
    assert_non_null(strstr(last_failure(), "was truncated while it was read"));
    elf_file_close(copy);
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_that_is_truncated_meanwhile),
        cmocka_unit_test(test_identity), cmocka_unit_test(test_names), cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_code),     cmocka_unit_test(test_slots), cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_damaged),
    };

    return cmocka_run_group_tests_name("elf_file", tests, open_own, close_own);
}
