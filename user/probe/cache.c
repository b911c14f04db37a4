#include "probe/cache.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "util/array.h"

/* The head of a cached scan. The records behind it are the structs of scan.h as they lie in memory: another build of
 * hotref, whose structs or findings may differ, has another stamp. */
struct head {
    char magic[8];
    char stamp[80];
    uint32_t operation_size, caller_size;
    uint64_t operations, callers;
    uint64_t touches, touch_spans;
    uint64_t text_start, text_end;
    uint32_t ranges, undecoded;
    uint32_t crc; /* of all records */
    uint32_t reserved;
};

#define MAGIC "hotscn3"
#define MOST_RECORDS 1000000

/* Records must have no padding that differs from run to run: they are made from zeroed structs and copied whole. */

/* Which build of hotref this is. */
static void stamp(char *into, size_t size)
{
    struct elf_file *self = elf_file_open("/proc/self/exe");

    snprintf(into, size, "%s %s", HOTREF_VERSION, self ? elf_file_build_id(self) : "");
    elf_file_close(self);
}

/* zlib takes NULL, which an empty array is, for the wish to start anew. */
static uint32_t add_to_crc(uint32_t crc, const void *bytes, size_t size)
{
    return size ? crc32(crc, bytes, size) : crc;
}

static struct head head_of(const struct scan *scan)
{
    struct head head = {
        .magic = MAGIC,
        .operation_size = sizeof(struct operation),
        .caller_size = sizeof(struct caller),
        .operations = arrlenu(scan->operations),
        .callers = arrlenu(scan->callers),
        .touches = arrlenu(scan->touches),
        .touch_spans = arrlenu(scan->touch_spans),
        .text_start = scan->text_start,
        .text_end = scan->text_end,
        .ranges = scan->ranges,
        .undecoded = scan->undecoded,
    };

    stamp(head.stamp, sizeof(head.stamp));
    head.crc = add_to_crc(0, scan->operations, head.operations * sizeof(struct operation));
    head.crc = add_to_crc(head.crc, scan->callers, head.callers * sizeof(struct caller));
    head.crc = add_to_crc(head.crc, scan->touches, head.touches * sizeof(struct operation));
    head.crc = add_to_crc(head.crc, scan->touch_spans, head.touch_spans * sizeof(struct touch_span));
    return head;
}

/* What only samples need is in a file of its own: reading it would take a good part of an exact recording's start. */
static bool path_of(const struct elf_file *file, const char *folder, bool touches, char *path, size_t size)
{
    return folder && snprintf(path, size, "%s/%s%s", folder, elf_file_identity(file), touches ? ".touches" : "") <
                         (int)size;
}

/* Whether a probe behind an atomic stands where the code says so. */
static bool fits_atomic(const struct elf_file *file, const struct decoder *decoder, const struct operation *operation)
{
    const uint8_t *bytes = elf_file_bytes(file, operation->address, 16);
    struct op op;

    return bytes && decode_op(decoder, bytes, 16, operation->address, &op) == 0 && op.code == OP_ATOMIC &&
           operation->probe == op.address + op.length;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* Whether a conditional jump starts at each of these addresses, which are sorted: told by decoding their functions from
 * the start. */
static bool are_jumps(const struct elf_file *file, const struct decoder *decoder, const uint64_t *addresses)
{
    const struct code_range *range = NULL;
    const uint8_t *bytes = NULL;
    uint64_t at = 0;

    for (size_t i = 0; i < arrlenu(addresses); i++) {
        const struct code_range *next = elf_file_code_at(file, addresses[i]);
        struct op op = {0};

        if (next != range) {
            range = next;
            bytes = range ? elf_file_bytes(file, range->start, range->end - range->start) : NULL;
            at = range ? range->start : 0;
        }
        while (bytes && at <= addresses[i]) {
            if (decode_shape(decoder, bytes + (at - range->start), range->end - at, at, &op))
                return false;
            at += op.length;
        }
        if (op.address ? op.address != addresses[i] || op.code != OP_BRANCH : !i || addresses[i] != addresses[i - 1])
            return false;
    }
    return true;
}

/* The caches are files of the user whom hotref runs for, who may have put anything there: each probe is held against the
 * code once more. */
static bool fits_code(const struct scan *scan, const struct elf_file *file, bool inlined)
{
    struct decoder *decoder = decoder_new();
    uint64_t *guards = NULL;
    bool fits = true;

    for (size_t i = 0; i < arrlenu(scan->operations) && fits; i++) {
        const struct operation *operation = &scan->operations[i];

        if (!operation->probe || (operation->kind == OPERATION_INCREMENT && !inlined))
            continue;
        if (operation->guarded)
            arrput(guards, operation->probe);
        else
            fits = fits_atomic(file, decoder, operation);
    }
    array_sort(guards, by_value);
    fits = fits && are_jumps(file, decoder, guards);
    arrfree(guards);
    decoder_free(decoder);
    return fits;
}

static bool is_place(const struct place *place)
{
    return place->kind <= PLACE_FIXED && place->reg < REG_COUNT;
}

static bool is_slot(const struct slot *slot)
{
    return slot->kind <= SLOT_STATIC && slot->argument < ARGUMENTS && is_place(&slot->base) &&
           is_place(&slot->outer) && *(const uint8_t *)&slot->behind <= 1;
}

static bool is_rule(const struct frame_rule *rule)
{
    bool good = true;

    for (int i = 0; i < SAVED_REGS; i++)
        good &= is_place(&rule->saved[i]);
    return good;
}

static bool is_operation(const struct operation *operation)
{
    return operation->kind < OPERATION_KINDS && operation->meaning <= HIT_COUNTS_IF_NOT &&
           *(const uint8_t *)&operation->guarded <= 1 && is_place(&operation->object) && is_slot(&operation->slot) &&
           is_rule(&operation->rule);
}

static bool are_touches(const struct scan *scan)
{
    for (size_t i = 0; i < arrlenu(scan->touches); i++) {
        if (!is_operation(&scan->touches[i]))
            return false;
    }
    for (size_t i = 0; i < arrlenu(scan->touch_spans); i++) {
        const struct touch_span *span = &scan->touch_spans[i];

        if (span->touch >= arrlenu(scan->touches) || span->span.end < span->span.start ||
            (i && span->span.start <= span[-1].span.start))
            return false;
    }
    return true;
}

/* What the rest of hotref takes for granted: numbers that serve as indexes, and the order that searches need. */
static bool is_sound(const struct scan *scan)
{
    for (size_t i = 0; i < arrlenu(scan->operations); i++) {
        if (!is_operation(&scan->operations[i]))
            return false;
    }
    for (size_t i = 0; i < arrlenu(scan->callers); i++) {
        const struct caller *caller = &scan->callers[i];

        if (caller->returns_to <= (i ? caller[-1].returns_to : scan->text_start) ||
            caller->returns_to > scan->text_end || !is_rule(&caller->rule))
            return false;
        for (int argument = 0; argument < ARGUMENTS; argument++) {
            if (!is_slot(&caller->arguments[argument]))
                return false;
        }
    }
    return are_touches(scan);
}

static bool read_records(FILE *in, const struct head *head, struct scan *scan)
{
    struct head found;

    arrsetlen(scan->operations, head->operations);
    arrsetlen(scan->callers, head->callers);
    arrsetlen(scan->touches, head->touches);
    arrsetlen(scan->touch_spans, head->touch_spans);
    if (fread(scan->operations, sizeof(struct operation), head->operations, in) != head->operations ||
        fread(scan->callers, sizeof(struct caller), head->callers, in) != head->callers ||
        fread(scan->touches, sizeof(struct operation), head->touches, in) != head->touches ||
        fread(scan->touch_spans, sizeof(struct touch_span), head->touch_spans, in) != head->touch_spans)
        return false;
    scan->text_start = head->text_start;
    scan->text_end = head->text_end;
    scan->ranges = head->ranges;
    scan->undecoded = head->undecoded;
    found = head_of(scan);
    return memcmp(&found, head, sizeof(found)) == 0;
}

static struct scan *load(const struct elf_file *file, const char *path, bool inlined)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
    struct scan *scan = calloc(1, sizeof(*scan));
    uint64_t start, end;
    struct head head;
    bool good;

    elf_file_text(file, &start, &end);
    good = in && fread(&head, sizeof(head), 1, in) == 1 && head.operations <= MOST_RECORDS &&
           head.callers <= MOST_RECORDS && head.touches <= MOST_RECORDS && head.touch_spans <= MOST_RECORDS &&
           head.text_start == start && head.text_end == end &&
           read_records(in, &head, scan) && is_sound(scan) && fits_code(scan, file, inlined);
    if (in)
        fclose(in);
    if (good)
        return scan;
    scan_free(scan);
    return NULL;
}

/* Written beside and renamed, as the folder's owner's: a half-written or a lost cache is only a missing one. */
static void store(const struct scan *scan, const char *folder, const char *path)
{
    struct head head = head_of(scan);
    struct stat owner;
    char part[PATH_MAX];
    int fd;
    FILE *out;
    bool good;

    if (stat(folder, &owner) || snprintf(part, sizeof(part), "%s.%d", path, getpid()) >= (int)sizeof(part))
        return;
    fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    out = fd < 0 ? NULL : fdopen(fd, "w");
    if (!out)
        return;
    good = fchown(fd, owner.st_uid, owner.st_gid) == 0 && fwrite(&head, sizeof(head), 1, out) == 1 &&
           fwrite(scan->operations, sizeof(struct operation), head.operations, out) == head.operations &&
           fwrite(scan->callers, sizeof(struct caller), head.callers, out) == head.callers &&
           fwrite(scan->touches, sizeof(struct operation), head.touches, out) == head.touches &&
           fwrite(scan->touch_spans, sizeof(struct touch_span), head.touch_spans, out) == head.touch_spans;
    if (fclose(out) || !good || rename(part, path))
        unlink(part);
}

struct scan *cache_scan(const struct elf_file *file, const char *folder, bool inlined, bool touches)
{
    char path[PATH_MAX];
    bool cacheable = path_of(file, folder, touches, path, sizeof(path));
    struct scan *scan = cacheable ? load(file, path, inlined) : NULL;

    if (scan)
        return scan;
    scan = scan_file(file, touches);
    if (scan && cacheable)
        store(scan, folder, path);
    return scan;
}
