#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/command.h"
#include "probe/plan.h"
#include "probe/scan.h"
#include "target/interpreter.h"
#include "target/process.h"
#include "util/array.h"
#include "util/error.h"

#define KINDS (OPERATION_ADD + 1)

static void print_function(const struct elf_file *file, uint64_t address)
{
    const char *symbol = elf_file_symbol_at(file, address, NULL);

    if (symbol)
        printf("%s", symbol);
    else
        printf("+0x%" PRIx64, address);
}

static const char *reason(const struct operation *operation)
{
    if (!operation->probe)
        return "the kernel takes no probe on the instruction behind it";
    if (operation->object.kind == PLACE_NONE)
        return "the object lies nowhere that a probe could read";
    return operation->kind == OPERATION_UNKNOWN ? "what it does to the count is not understood" : "is no decrement";
}

/* One line an operation: where, what, and what hotref does about it. */
static void print_operation(const struct elf_file *file, const struct operation *operation)
{
    printf("  0x%-8" PRIx64 " %-13s ", operation->address, operation_name(operation->kind));
    print_function(file, operation->address);
    if (plan_is_armed(operation))
        printf(": probe at 0x%" PRIx64 "%s\n", operation->probe,
               operation->cost == PROBE_EMULATED ? "" : " (single-stepped: several times dearer)");
    else
        printf(": left out: %s\n", reason(operation));
}

static size_t count_kind(const struct scan *scan, enum operation_kind kind)
{
    size_t found = 0;

    for (size_t i = 0; i < arrlenu(scan->operations); i++)
        found += scan->operations[i].kind == kind;
    return found;
}

static size_t count_armed(const struct scan *scan)
{
    size_t armed = 0;

    for (size_t i = 0; i < arrlenu(scan->operations); i++)
        armed += plan_is_armed(&scan->operations[i]);
    return armed;
}

static void print_coverage(const struct scan *scan)
{
    size_t atomics = arrlenu(scan->operations), unknown = count_kind(scan, OPERATION_UNKNOWN);

    printf("atomics on ob_ref_shared: %zu found, %zu classified, %zu armed\n", atomics, atomics - unknown,
           count_armed(scan));
    for (int kind = 0; kind < KINDS; kind++) {
        if (count_kind(scan, kind))
            printf("  %6zu %s\n", count_kind(scan, kind), operation_name(kind));
    }
    printf("decrements: %zu of %zu armed\n", count_armed(scan), count_kind(scan, OPERATION_DECREMENT));
    printf("call sites of functions that drop a reference: %zu\n", arrlenu(scan->callers));
    if (scan->undecoded)
        printf("%u of %u functions could not be decoded to their end\n", scan->undecoded, scan->ranges);
}

static void print_scan(const struct interpreter *interpreter, const struct scan *scan, bool all)
{
    printf("%s: CPython %s, free-threaded (%s)\n", interpreter->path, interpreter->version, interpreter->build);
    print_coverage(scan);
    printf("decrements, and whatever could be one:\n");
    for (size_t i = 0; i < arrlenu(scan->operations); i++) {
        enum operation_kind kind = scan->operations[i].kind;

        if (all || kind == OPERATION_DECREMENT || kind == OPERATION_UNKNOWN)
            print_operation(interpreter->file, &scan->operations[i]);
    }
}

static int find(const char *subject, struct process *process, struct interpreter *interpreter)
{
    char *end;
    long pid = strtol(subject, &end, 10);
    struct stat found;

    if (*end || stat(subject, &found) == 0)
        return interpreter_in_file(subject, interpreter);
    return process_open(pid, process) || interpreter_find(process, interpreter) ? -1 : 0;
}

static int scan_subject(const char *subject, bool all)
{
    struct process process = {0};
    struct interpreter interpreter = {0};
    struct scan *scan = NULL;
    int status = -1;

    if (find(subject, &process, &interpreter) == 0 && (scan = scan_file(interpreter.file))) {
        print_scan(&interpreter, scan, all);
        status = 0;
    }
    scan_free(scan);
    interpreter_close(&interpreter);
    process_close(&process);
    if (status)
        return command_failed(&command_scan, STATUS_FAILED);
    return fflush(stdout) || ferror(stdout) ? fail_errno("cannot write"), command_failed(&command_scan, STATUS_FAILED)
                                            : STATUS_OK;
}

static int run(int argc, char **argv)
{
    bool all = argc > 1 && strcmp(argv[1], "--all") == 0;

    if (argc != 2 + all)
        return command_misused(&command_scan, "give one BINARY or PID");
    return scan_subject(argv[1 + all], all);
}

const struct command command_scan = {
    .name = "scan",
    .arguments = "[--all] BINARY|PID",
    .summary = "Show what would be probed in an interpreter, and why",
    .help = "  --all   every atomic on a reference count, not only what is or could be a decrement\n"
            "\n"
            "Exit status: 0, or 1 where there is no free-threaded CPython to scan.\n",
    .run = run,
};
