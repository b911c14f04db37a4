/* Scans kept in a folder of the user's, who may have put anything there. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <zlib.h>

#include "code_decref.h"
#include "code_file.h"
#include "probe/cache.h"

static const char increment[] = "\x8b\x43\x0c"                         /* 1200: mov 0xc(%rbx),%eax */
                                "\x83\xc0\x01"                         /* 1203: add $0x1,%eax */
                                "\x74\x19"                             /* 1206: je 1221 */
                                "\x64\x48\x8b\x14\x25\x00\x00\x00\x00" /* 1208: mov %fs:0x0,%rdx */
                                "\x48\x39\x13"                         /* 1211: cmp %rdx,(%rbx) */
                                "\x74\x08"                             /* 1214: je 121e */
                                "\xf0\x48\x83\x43\x10\x04"             /* 1216: lock addq $0x4,0x10(%rbx) */
                                "\xeb\x03"                             /* 121c: jmp 1221 */
                                "\x89\x43\x0c"                         /* 121e: mov %eax,0xc(%rbx) */
                                "\xc3";                                /* 1221: ret */

enum { ADD = 0x1216, GUARD = 0x1214 };

static const struct code_piece pieces[] = {CODE(GCC_DECREF, gcc_decref), CODE(0x1200, increment),
                                           END_OF_CODE};

static struct elf_file *file;
static char folder[] = "/tmp/hotref-unit-XXXXXX";
static char path[sizeof(folder) + 300];

static int set_up(void **state)
{
    (void)state;
    file = code_file(pieces, NULL);
    return file && mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    elf_file_close(file);
    unlink(path);
    return rmdir(folder);
}

/* The one file in the folder. */
static void find_cached(void)
{
    DIR *entries = opendir(folder);
    struct dirent *entry;
    int found = 0;

    while ((entry = readdir(entries))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        found++;
    }
    closedir(entries);
    assert_int_equal(found, 1);
}

/* The number of the operation at address, which the test's file has once. */
static size_t number_of(const struct scan *scan, uint64_t address)
{
    for (size_t i = 0; i < arrlenu(scan->operations); i++) {
        if (scan->operations[i].address == address)
            return i;
    }
    fail_msg("no operation at 0x%llx", (unsigned long long)address);
    return 0;
}

static uint64_t probe_of(uint64_t address, bool inlined)
{
    struct scan *scan = cache_scan(file, folder, inlined, false);
    uint64_t probe;

    assert_non_null(scan);
    probe = scan->operations[number_of(scan, address)].probe;
    scan_free(scan);
    return probe;
}

/* Writes a probe for an operation into the cache, as one would who wants it to be believed. */
static void forge(uint64_t address, uint64_t probe)
{
    struct scan *scan = cache_scan(file, folder, false, false);
    size_t records =
        arrlenu(scan->operations) * sizeof(struct operation) + arrlenu(scan->callers) * sizeof(struct caller);
    char bytes[1 << 16];
    FILE *cached = fopen(path, "r+");
    size_t size = fread(bytes, 1, sizeof(bytes), cached), head = size - records;
    uint32_t crc = crc32(0, (const Bytef *)bytes + head, records);
    char *stored = memmem(bytes, head, &crc, sizeof(crc));

    assert_non_null(stored);
    memcpy(bytes + head + number_of(scan, address) * sizeof(struct operation) +
               offsetof(struct operation, probe),
           &probe, sizeof(probe));
    crc = crc32(0, (const Bytef *)bytes + head, records);
    memcpy(stored, &crc, sizeof(crc));
    rewind(cached);
    assert_int_equal(fwrite(bytes, 1, size, cached), size);
    fclose(cached);
    scan_free(scan);
}

static void a_scan_is_kept(void **state)
{
    struct scan *made = cache_scan(file, folder, true, false), *kept;

    (void)state;
    find_cached();
    kept = cache_scan(file, folder, true, false);
    assert_int_equal(arrlenu(kept->operations), arrlenu(made->operations));
    assert_memory_equal(kept->operations, made->operations,
                        arrlenu(made->operations) * sizeof(struct operation));
    scan_free(made);
    scan_free(kept);
}

/* What is to be probed is held against the code; what is not, for that reason alone, is not. */
static void forged_guards(void **state)
{
    static const uint64_t places[] = {GUARD + 1, 0x1211, 0x1209, 0x5000};

    (void)state;
    assert_int_equal(probe_of(ADD, true), GUARD);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        forge(ADD, places[i]);
        assert_int_equal(probe_of(ADD, false), places[i]);
        assert_int_equal(probe_of(ADD, true), GUARD);
        assert_int_equal(probe_of(ADD, false), GUARD); /* and is written anew */
    }
}

static void forged_probes(void **state)
{
    uint64_t behind = probe_of(GCC_EXCHANGE, false);

    (void)state;
    forge(GCC_EXCHANGE, behind + 1);
    assert_int_equal(probe_of(GCC_EXCHANGE, false), behind);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scan_is_kept),
        cmocka_unit_test(forged_guards),
        cmocka_unit_test(forged_probes),
    };

    return cmocka_run_group_tests_name("cache", tests, set_up, tear_down);
}
