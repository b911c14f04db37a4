/* The model and its file: what goes in comes out, and no damaged file gets past the reader. */
#include "profile_sample.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

static char directory[] = "/tmp/hotref-test-XXXXXX";
static char path[64];

/* Offsets in the file, as docs/profile.md has them. */
enum {
    HEADER = 32,
    ENTRY = 32,
    SCHEMA_AT = 8,
    INCOMPLETE_AT = 12,
    SECTIONS_AT = 16,
    TABLE_CRC_AT = 20,
    SIZE_AT = 24
};
enum { RECORD_SIZE_AT = 4, OFFSET_AT = 8, SECTION_SIZE_AT = 16, COUNT_AT = 24, CRC_AT = 28 };
enum { META, TARGETS, THREADS, OBJECTS, SITES, COUNTS, FRAMES, NODES, STACKS, MODULES, TEXT, SECTIONS };

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof(path), "%s/hotref.prof", directory);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(directory);
}

static struct profile *small(void)
{
    struct profile *p = sample_new();
    uint32_t object = sample_object(p, "dict", "globals of __main__", 0x7f0000001000);

    sample_count(p, object, "function.func_globals", 1, 20000)->handoffs = 3;
    sample_count(p, object, "function.func_globals", 2, 20000)->bounces = 7;
    sample_stack(p, object, "function.func_globals", 206, "nested.py", "run", 9, "outer.<locals>.work", 22);
    return p;
}

static void save(const struct profile *p)
{
    struct profile_file *file = profile_create(path, getuid(), getgid());

    assert_non_null(file);
    assert_int_equal(profile_write(p, file), 0);
}

/* A file's bytes in memory, for the tests to spoil. */
static char *saved(size_t *size)
{
    struct profile *p = small();
    FILE *in;
    char *bytes = malloc(1 << 16);

    save(p);
    profile_free(p);
    in = fopen(path, "r");
    *size = fread(bytes, 1, 1 << 16, in);
    fclose(in);
    return bytes;
}

static void put(const char *bytes, size_t size)
{
    FILE *out = fopen(path, "w");

    assert_int_equal(fwrite(bytes, 1, size, out), size);
    assert_int_equal(fclose(out), 0);
}

static struct profile *read_bytes(const char *bytes, size_t size)
{
    put(bytes, size);
    return profile_read(path);
}

static void refused(const char *bytes, size_t size, const char *reason)
{
    struct profile *p = read_bytes(bytes, size);

    assert_null(p);
    if (!strstr(last_failure(), reason))
        fail_msg("'%s' is not in: %s", reason, last_failure());
}

static uint32_t get32(const char *bytes, size_t at)
{
    uint32_t value;

    memcpy(&value, bytes + at, sizeof(value));
    return value;
}

static uint64_t get64(const char *bytes, size_t at)
{
    uint64_t value;

    memcpy(&value, bytes + at, sizeof(value));
    return value;
}

static void set32(char *bytes, size_t at, uint32_t value)
{
    memcpy(bytes + at, &value, sizeof(value));
}

static void set64(char *bytes, size_t at, uint64_t value)
{
    memcpy(bytes + at, &value, sizeof(value));
}

static size_t entry(int section)
{
    return HEADER + (size_t)section * ENTRY;
}

/* Makes all checksums right, so that what the test spoiled has to be found by looking at it. */
static void seal(char *bytes, size_t size)
{
    uint32_t sections = get32(bytes, SECTIONS_AT);

    for (uint32_t i = 0; i < sections; i++) {
        uint64_t offset = get64(bytes, entry((int)i) + OFFSET_AT),
                 length = get64(bytes, entry((int)i) + SECTION_SIZE_AT);

        if (offset <= size && length <= size - offset)
            set32(bytes, entry((int)i) + CRC_AT, (uint32_t)crc32(0, (Bytef *)bytes + offset, (uInt)length));
    }
    set64(bytes, SIZE_AT, size);
    set32(bytes, TABLE_CRC_AT, (uint32_t)crc32(0, (Bytef *)bytes + HEADER, sections * ENTRY));
}

static void equal_texts_have_equal_ids(void **state)
{
    struct profile *p = profile_new();
    text_id dict = profile_text(p, "dict");

    (void)state;
    assert_int_equal(profile_text(p, ""), 0);
    assert_int_equal(profile_text(p, NULL), 0);
    assert_int_not_equal(dict, 0);
    assert_int_not_equal(profile_text(p, "list"), dict);
    for (int i = 0; i < 1000; i++) {
        char name[32];

        snprintf(name, sizeof(name), "name %d", i);
        profile_text(p, name);
    }
    assert_int_equal(profile_text(p, "dict"), dict);
    assert_string_equal(profile_string(p, dict), "dict");
    assert_string_equal(profile_string(p, 0), "");
    profile_free(p);
    profile_free(NULL);
}

static void bytes_that_are_not_utf8_are_replaced(void **state)
{
    struct profile *p = profile_new();

    (void)state;
    assert_string_equal(profile_string(p, profile_text(p, "a\xff"
                                                          "b")),
                        "a\xef\xbf\xbd"
                        "b");
    assert_string_equal(profile_string(p, profile_text(p, "\xc3")), "\xef\xbf\xbd");
    assert_string_equal(profile_string(p, profile_text(p, "\xed\xa0\x80")),
                        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    assert_string_equal(profile_string(p, profile_text(p, "\xc0\xaf")), "\xef\xbf\xbd\xef\xbf\xbd");
    assert_string_equal(profile_string(p, profile_text(p, "größe 鍵 \xf0\x9f\x94\xa5")),
                        "größe 鍵 \xf0\x9f\x94\xa5");
    profile_free(p);
}

static void a_profile_survives_its_file(void **state)
{
    struct profile *before = small(), *after;

    (void)state;
    save(before);
    after = profile_read(path);
    assert_non_null(after);
    assert_memory_equal(&after->meta, &before->meta, sizeof(after->meta));
    assert_int_equal(arrlen(after->text), arrlen(before->text));
    assert_memory_equal(after->text, before->text, arrlenu(before->text));
    assert_int_equal(arrlen(after->targets), 2);
    assert_memory_equal(after->targets, before->targets, 2 * sizeof(*after->targets));
    assert_int_equal(arrlen(after->threads), 4);
    assert_memory_equal(after->threads, before->threads, 4 * sizeof(*after->threads));
    assert_int_equal(arrlen(after->objects), 2);
    assert_memory_equal(after->objects, before->objects, 2 * sizeof(*after->objects));
    assert_int_equal(arrlen(after->sites), 3);
    assert_memory_equal(after->sites, before->sites, 3 * sizeof(*after->sites));
    assert_int_equal(arrlen(after->counts), 3);
    assert_memory_equal(after->counts, before->counts, 3 * sizeof(*after->counts));
    assert_int_equal(arrlen(after->frames), 3);
    assert_memory_equal(after->frames, before->frames, 3 * sizeof(*after->frames));
    assert_int_equal(arrlen(after->nodes), 3);
    assert_memory_equal(after->nodes, before->nodes, 3 * sizeof(*after->nodes));
    assert_int_equal(arrlen(after->stacks), 2);
    assert_memory_equal(after->stacks, before->stacks, 2 * sizeof(*after->stacks));
    assert_int_equal(profile_text(after, "dict"), profile_text(before, "dict"));
    profile_free(before);
    profile_free(after);
}

static void an_empty_profile_is_one(void **state)
{
    struct profile *before = profile_new(), *after;

    (void)state;
    save(before);
    after = profile_read(path);
    assert_non_null(after);
    assert_int_equal(arrlen(after->counts), 1);
    profile_free(before);
    profile_free(after);
}

static void truncated_at_every_length(void **state)
{
    size_t size;
    char *bytes = saved(&size);

    (void)state;
    for (size_t length = 0; length < size; length++)
        refused(bytes, length, "is truncated");
    free(bytes);
}

static void every_flipped_byte_is_noticed(void **state)
{
    static const unsigned char masks[] = {0x01, 0x80, 0xff};
    size_t size;
    char *bytes = saved(&size);

    (void)state;
    for (size_t i = 0; i < 3 * size; i++) {
        bytes[i / 3] ^= (char)masks[i % 3];
        refused(bytes, size, "'");
        bytes[i / 3] ^= (char)masks[i % 3];
    }
    free(bytes);
}

/* The same with right checksums: whatever is accepted must be safe to use. */
static void sealed_flips_do_no_harm(void **state)
{
    size_t size;
    char *bytes = saved(&size), *copy = malloc(size);

    (void)state;
    for (size_t i = SECTIONS_AT; i < size; i++) {
        struct profile *p;

        memcpy(copy, bytes, size);
        copy[i] ^= 0x41;
        if (get32(copy, SECTIONS_AT) > SECTIONS)
            continue;
        seal(copy, size);
        p = read_bytes(copy, size);
        for (size_t c = 0; p && c < arrlenu(p->counts); c++)
            assert_non_null(profile_string(p, p->objects[p->counts[c].object].name));
        for (size_t s = 0; p && s < arrlenu(p->stacks); s++) {
            for (uint32_t node = p->stacks[s].node; node; node = p->nodes[node].parent)
                assert_non_null(profile_string(p, p->frames[p->nodes[node].frame].file));
        }
        profile_free(p);
    }
    free(copy);
    free(bytes);
}

static void foreign_files(void **state)
{
    static const char elf[64] = "\x7f"
                                "ELF\x02\x01\x01";

    (void)state;
    refused(elf, sizeof(elf), "is not a hotref profile");
    refused("{}\n", 3, "is not a hotref profile");
    refused("", 0, "is truncated: 0 of 32 bytes");
    unlink(path);
    assert_null(profile_read(path));
    assert_non_null(strstr(last_failure(), "No such file"));
    assert_null(profile_read(directory));
    assert_non_null(strstr(last_failure(), "not a regular file"));
}

static void a_newer_schema(void **state)
{
    size_t size;
    char *bytes = saved(&size);

    (void)state;
    set32(bytes, SCHEMA_AT, PROFILE_SCHEMA_VERSION + 1);
    refused(bytes, size, "has schema version 2, and this hotref knows none above 1: use a newer hotref");
    free(bytes);
}

static void an_unfinished_recording(void **state)
{
    size_t size;
    char *bytes = saved(&size);

    (void)state;
    set32(bytes, INCOMPLETE_AT, 1);
    refused(bytes, size, "is unfinished");
    free(bytes);
}

static void references_out_of_range(void **state)
{
    static const struct {
        int section;
        size_t at;
        uint32_t value;
    } spoiled[] = {
        {META, 36, 1 << 30},
        {TARGETS, 68 + 12, 2},
        {THREADS, 12, 9},
        {THREADS, 12 + 8, UINT32_MAX},
        {OBJECTS, 40, 2},
        {OBJECTS, 40 + 4, 3},
        {SITES, 24, 1 << 20},
        {COUNTS, sizeof(struct profile_count), 2},
        {COUNTS, sizeof(struct profile_count) + 4, 3},
        {COUNTS, sizeof(struct profile_count) + 8, 4},
        {COUNTS, sizeof(struct profile_count) + 12, UINT32_MAX},
        {FRAMES, 16, 3},
        {FRAMES, 16 + 4, UINT32_MAX},
        {NODES, 0, 1},      /* the root has a parent */
        {NODES, 8, 1},      /* a node is its own */
        {NODES, 8, 2},      /* and a later one */
        {NODES, 8 + 4, 3},
        {STACKS, 24, 2},
        {STACKS, 24 + 4, 3},
        {STACKS, 24 + 8, 3},
        {STACKS, 24 + 12, 3},
        {MODULES, 56, 2},
        {MODULES, 56 + 4, 3},
        {MODULES, 56 + 8, UINT32_MAX},
    };
    size_t size;
    char *bytes = saved(&size), *copy = malloc(size);

    (void)state;
    for (size_t i = 0; i < sizeof(spoiled) / sizeof(spoiled[0]); i++) {
        memcpy(copy, bytes, size);
        set32(copy, get64(copy, entry(spoiled[i].section) + OFFSET_AT) + spoiled[i].at, spoiled[i].value);
        seal(copy, size);
        refused(copy, size, "a record refers to what is not there");
    }
    free(copy);
    free(bytes);
}

static void spoil_section(int section, size_t at, uint64_t value, const char *reason)
{
    size_t size;
    char *bytes = saved(&size);

    if (at == OFFSET_AT || at == SECTION_SIZE_AT)
        set64(bytes, entry(section) + at, value);
    else
        set32(bytes, entry(section) + at, (uint32_t)value);
    seal(bytes, size);
    refused(bytes, size, reason);
    free(bytes);
}

static void impossible_sections(void **state)
{
    (void)state;
    spoil_section(COUNTS, OFFSET_AT, UINT64_MAX, "section CNTS lies outside the file");
    spoil_section(COUNTS, OFFSET_AT, 1 << 20, "section CNTS lies outside the file");
    spoil_section(OBJECTS, SECTION_SIZE_AT, UINT64_MAX - 8, "section OBJS lies outside the file");
    spoil_section(OBJECTS, COUNT_AT, 0, "section OBJS has an impossible size");
    spoil_section(OBJECTS, COUNT_AT, UINT32_MAX, "section OBJS has an impossible size");
    spoil_section(SITES, RECORD_SIZE_AT, 0, "section SITE has an impossible size");
    spoil_section(SITES, RECORD_SIZE_AT, 12, "section SITE has an impossible size");
    spoil_section(THREADS, 0, 0x3f3f3f3f, "section THRD is missing");
}

static void spoiled_text(void **state)
{
    size_t size, text;
    char *bytes = saved(&size);

    (void)state;
    text = get64(bytes, entry(TEXT) + OFFSET_AT);
    bytes[size - 1] = 'x';
    seal(bytes, size);
    refused(bytes, size, "does not end with NUL");
    bytes[size - 1] = '\0';
    bytes[text + 1] = '\xff';
    seal(bytes, size);
    refused(bytes, size, "is not UTF-8");
    free(bytes);
}

/* Moves the rest of the file to make room, as a later minor version might for longer records. */
static void longer_records_are_read_as_far_as_known(void **state)
{
    size_t size, at, known = sizeof(struct profile_thread), longer = known + 8;
    char *bytes = saved(&size);
    struct profile *p;

    (void)state;
    at = size;
    for (size_t i = 0; i < 4; i++, size += longer) {
        memcpy(bytes + size, bytes + get64(bytes, entry(THREADS) + OFFSET_AT) + i * known, known);
        memset(bytes + size + known, 0xee, 8);
    }
    set64(bytes, entry(THREADS) + OFFSET_AT, at);
    set64(bytes, entry(THREADS) + SECTION_SIZE_AT, 4 * longer);
    set32(bytes, entry(THREADS) + RECORD_SIZE_AT, (uint32_t)longer);
    seal(bytes, size);
    p = read_bytes(bytes, size);
    assert_non_null(p);
    assert_int_equal(arrlen(p->threads), 4);
    assert_int_equal(p->threads[3].tid, 4245);
    assert_string_equal(profile_string(p, p->threads[3].name), "Thread-3");
    profile_free(p);
    free(bytes);
}

/* Earlier versions wrote no stacks, and no modules. */
static void a_profile_without_stacks_reads(void **state)
{
    size_t size;
    char *bytes = saved(&size);
    struct profile *p;

    (void)state;
    for (int section = FRAMES; section <= MODULES; section++)
        set32(bytes, entry(section), 0x3f3f3f3f);
    seal(bytes, size);
    p = read_bytes(bytes, size);
    assert_non_null(p);
    assert_int_equal(arrlen(p->frames), 1);
    assert_int_equal(arrlen(p->nodes), 1);
    assert_int_equal(arrlen(p->stacks), 1);
    assert_int_equal(arrlen(p->modules), 1);
    profile_free(p);
    free(bytes);
}

static void deep_stacks_are_refused(void **state)
{
    struct profile *p = small();

    (void)state;
    while (arrlenu(p->nodes) <= PROFILE_STACK_MAX)
        arrput(p->nodes, ((struct profile_node){(uint32_t)arrlenu(p->nodes) - 1, 1}));
    save(p);
    profile_free(profile_read(path));
    p->stacks[1].node = (uint32_t)arrlenu(p->nodes);
    arrput(p->nodes, ((struct profile_node){(uint32_t)arrlenu(p->nodes) - 1, 1}));
    save(p);
    profile_free(p);
    assert_null(profile_read(path));
    assert_non_null(strstr(last_failure(), "a record refers to what is not there"));
}

static void unknown_sections_are_skipped(void **state)
{
    size_t size, table = HEADER + SECTIONS * ENTRY;
    char *bytes = saved(&size);
    struct profile *p;

    (void)state;
    memmove(bytes + table + ENTRY, bytes + table, size - table);
    size += ENTRY;
    for (int i = 0; i < SECTIONS; i++)
        set64(bytes, entry(i) + OFFSET_AT, get64(bytes, entry(i) + OFFSET_AT) + ENTRY);
    memset(bytes + table, 0x55, ENTRY);
    set32(bytes, SECTIONS_AT, SECTIONS + 1);
    seal(bytes, size);
    p = read_bytes(bytes, size);
    assert_non_null(p);
    assert_int_equal(arrlen(p->counts), 3);
    profile_free(p);
    free(bytes);
}

static int files_in_directory(void)
{
    char command[128];
    int count = 0;
    FILE *out;

    snprintf(command, sizeof(command), "ls -A %s | wc -l", directory);
    out = popen(command, "r");
    assert_int_equal(fscanf(out, "%d", &count), 1);
    pclose(out);
    return count;
}

static void a_failed_recording_leaves_the_old_profile(void **state)
{
    struct profile *p = small();
    struct profile_file *file;

    (void)state;
    save(p);
    file = profile_create(path, getuid(), getgid());
    assert_non_null(file);
    assert_int_equal(files_in_directory(), 2);
    profile_discard(file);
    profile_discard(NULL);
    assert_int_equal(files_in_directory(), 1);
    profile_free(p);
    p = profile_read(path);
    assert_non_null(p);
    profile_free(p);
}

static void not_create(const char *name, const char *reason)
{
    assert_null(profile_create(name, getuid(), getgid()));
    if (!strstr(last_failure(), reason))
        fail_msg("'%s' is not in: %s", reason, last_failure());
}

static void make_part(const char *name, bool old)
{
    struct timespec times[2] = {{.tv_sec = time(NULL) - (old ? 3600 : 0)}, {.tv_sec = time(NULL) - (old ? 3600 : 0)}};
    char file[128];
    int fd;

    snprintf(file, sizeof(file), "%s/%s", directory, name);
    fd = open(file, O_CREAT | O_WRONLY | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

/* A recorder that was killed could not remove its own; one that still records has locked it. */
static void what_killed_recorders_left_is_removed(void **state)
{
    char others[128], young[128];
    struct profile_file *file;
    int lock;

    (void)state;
    unlink(path);
    make_part(".hotref-0000000000000001.part", true);
    make_part(".hotref-0000000000000002.part", true); /* another one's */
    make_part(".hotref-0000000000000003.part", false);
    snprintf(others, sizeof(others), "%s/.hotref-0000000000000002.part", directory);
    snprintf(young, sizeof(young), "%s/.hotref-0000000000000003.part", directory);
    lock = open(others, O_RDONLY);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    file = profile_create(path, getuid(), getgid());
    assert_non_null(file);
    assert_int_equal(files_in_directory(), 3);
    profile_discard(file);
    assert_int_equal(unlink(others) | unlink(young), 0);
    close(lock);
    assert_int_equal(files_in_directory(), 0);
}

static void links_and_devices_are_refused(void **state)
{
    char name[80];

    (void)state;
    snprintf(name, sizeof(name), "%s/link", directory);
    assert_int_equal(symlink("/nonexistent/target", name), 0);
    not_create(name, "symbolic link");
    unlink(name);
    assert_int_equal(mkfifo(name, 0600), 0);
    not_create(name, "not a regular file");
    unlink(name);
    not_create("/dev/null", "not a regular file");
    not_create("/nonexistent/hotref.prof", "No such file");
    not_create("/tmp/", "not the name of a file");
    not_create("", "not the name of a file");
    not_create("..", "not the name of a file");
}

/* A link that appears while the recording runs is not followed either, and nothing stays behind. */
static void a_link_put_there_later_is_refused(void **state)
{
    struct profile_file *file;
    struct profile *p = small();

    (void)state;
    unlink(path);
    file = profile_create(path, getuid(), getgid());
    assert_non_null(file);
    assert_int_equal(symlink("/nonexistent/target", path), 0);
    assert_int_equal(profile_write(p, file), -1);
    assert_int_equal(files_in_directory(), 1);
    unlink(path);
    profile_free(p);
}

static void only_the_owner_may_read_it(void **state)
{
    struct profile *p = small();
    struct stat status;

    (void)state;
    save(p);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    profile_free(p);
}

/* A limit on the size of files fails as a full disk does: somewhere in the middle of a write. */
static void a_full_disk_is_told(void **state)
{
    struct rlimit old, limit;
    struct profile *p = small();
    struct profile_file *file = profile_create(path, getuid(), getgid());

    (void)state;
    assert_non_null(file);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    limit = old;
    limit.rlim_cur = 600;
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_int_equal(profile_write(p, file), -1);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_non_null(strstr(last_failure(), "cannot write profile"));
    profile_free(p);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_texts_have_equal_ids),
        cmocka_unit_test(bytes_that_are_not_utf8_are_replaced),
        cmocka_unit_test(a_profile_survives_its_file),
        cmocka_unit_test(an_empty_profile_is_one),
        cmocka_unit_test(truncated_at_every_length),
        cmocka_unit_test(every_flipped_byte_is_noticed),
        cmocka_unit_test(sealed_flips_do_no_harm),
        cmocka_unit_test(foreign_files),
        cmocka_unit_test(a_newer_schema),
        cmocka_unit_test(an_unfinished_recording),
        cmocka_unit_test(references_out_of_range),
        cmocka_unit_test(impossible_sections),
        cmocka_unit_test(spoiled_text),
        cmocka_unit_test(longer_records_are_read_as_far_as_known),
        cmocka_unit_test(a_profile_without_stacks_reads),
        cmocka_unit_test(deep_stacks_are_refused),
        cmocka_unit_test(unknown_sections_are_skipped),
        cmocka_unit_test(a_failed_recording_leaves_the_old_profile),
        cmocka_unit_test(what_killed_recorders_left_is_removed),
        cmocka_unit_test(links_and_devices_are_refused),
        cmocka_unit_test(a_link_put_there_later_is_refused),
        cmocka_unit_test(only_the_owner_may_read_it),
        cmocka_unit_test(a_full_disk_is_told),
    };

    return cmocka_run_group_tests_name("profile", tests, setup, teardown);
}
