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

static void print_function(const struct elf_file *file, uint64_t address)
{
    const char *symbol = elf_file_symbol_at(file, address, NULL);

    if (symbol)
        printf("%s", symbol);
    else
        printf("+0x%" PRIx64, address);
}

static bool counts_references(const struct operation *operation)
{
    return operation->kind == OPERATION_DECREMENT || operation->kind == OPERATION_INCREMENT ||
           operation->kind == OPERATION_TRY_INCREMENT || operation->kind == OPERATION_NO_ID_INCREMENT;
}

static const char *reason(const struct operation *operation)
{
    if (operation->kind == OPERATION_UNKNOWN)
        return "what it does to the count is not understood";
    if (!counts_references(operation))
        return "takes no reference and drops none";
    if (!operation->probe)
        return plan_is_inlined(operation) ? "no jump is understood to guard it"
                                          : "the kernel takes no probe on the instruction behind it";
    return "the object lies nowhere that a probe could read";
}

/* "[0x1200, 0x1211) and [0x1300, 0x1306)": the instructions that a sample of it lies in. */
static void print_spans(const struct operation *operation)
{
    if (operation->head.end)
        printf(", code [0x%" PRIx64 ", 0x%" PRIx64 ") and", operation->head.start, operation->head.end);
    else
        printf(", code");
    printf(" [0x%" PRIx64 ", 0x%" PRIx64 ")", operation->body.start, operation->body.end);
}

/* One line an operation: where, what, and what hotref does about it. */
static void print_operation(const struct elf_file *file, const struct operation *operation)
{
    printf("  0x%-8" PRIx64 " %-15s ", operation->address, operation_name(operation->kind));
    print_function(file, operation->address);
    if (!plan_is_armable(operation)) {
        printf(": left out: %s\n", reason(operation));
        return;
    }
    printf(": %s at 0x%" PRIx64 "%s", operation->guarded ? "guard" : "probe", operation->probe,
           operation->cost == PROBE_EMULATED ? "" : " (single-stepped: several times dearer)");
    print_spans(operation);
    printf("%s\n", plan_is_inlined(operation) ? ", with --increments" : "");
}

/* An atomic that several guards lead to is one. */
static bool is_first_of_atomic(const struct scan *scan, size_t number)
{
    return number == 0 || scan->operations[number - 1].address != scan->operations[number].address;
}

static size_t count_atomics(const struct scan *scan)
{
    size_t found = 0;

    for (size_t i = 0; i < arrlenu(scan->operations); i++)
        found += is_first_of_atomic(scan, i);
    return found;
}

static size_t count_kind(const struct scan *scan, enum operation_kind kind)
{
    size_t found = 0;

    for (size_t i = 0; i < arrlenu(scan->operations); i++)
        found += scan->operations[i].kind == kind && is_first_of_atomic(scan, i);
    return found;
}

static size_t count_armable(const struct scan *scan, enum operation_kind kind, bool guarded)
{
    size_t found = 0;

    for (size_t i = 0; i < arrlenu(scan->operations); i++) {
        const struct operation *operation = &scan->operations[i];

        found += operation->kind == kind && plan_is_armable(operation) && (operation->guarded || !guarded) &&
                 is_first_of_atomic(scan, i);
    }
    return found;
}

static size_t count_armed(const struct scan *scan)
{
    size_t armed = 0;

    for (size_t i = 0; i < arrlenu(scan->operations); i++)
        armed += plan_is_armed(&scan->operations[i]) && is_first_of_atomic(scan, i);
    return armed;
}

static void print_coverage(const struct scan *scan)
{
    size_t atomics = count_atomics(scan), unknown = count_kind(scan, OPERATION_UNKNOWN);

    printf("atomics on ob_ref_shared: %zu found, %zu classified, %zu armed\n", atomics, atomics - unknown,
           count_armed(scan));
    for (int kind = 0; kind < OPERATION_KINDS; kind++) {
        if (count_kind(scan, kind))
            printf("  %6zu %s\n", count_kind(scan, kind), operation_name(kind));
    }
    printf("decrements: %zu of %zu armed\n", count_armable(scan, OPERATION_DECREMENT, false),
           count_kind(scan, OPERATION_DECREMENT));
    printf("increments by compare-exchange: %zu of %zu armed\n", count_armable(scan, OPERATION_TRY_INCREMENT, false),
           count_kind(scan, OPERATION_TRY_INCREMENT));
    printf("inlined increments: %zu found, %zu with their guard, %zu that --increments can arm\n",
           count_kind(scan, OPERATION_INCREMENT), count_armable(scan, OPERATION_INCREMENT, true),
           count_armable(scan, OPERATION_INCREMENT, false));
    printf("call sites of functions that take or drop a reference: %zu\n", arrlenu(scan->callers));
    if (scan->undecoded)
        printf("%u of %u functions could not be decoded to their end\n", scan->undecoded, scan->ranges);
}

/* All that exact mode counts by itself or could, and what of the rest is not as it should be. */
static bool is_of_interest(const struct operation *operation)
{
    if (plan_is_inlined(operation))
        return !plan_is_armable(operation);
    return counts_references(operation) || operation->kind == OPERATION_UNKNOWN;
}

static void print_scan(const struct interpreter *interpreter, const struct scan *scan, bool all)
{
    printf("%s: CPython %s, free-threaded (%s)\n", interpreter->path, interpreter->version, interpreter->build);
    print_coverage(scan);
    printf("what is counted by itself, what is not understood, and increments that are left out:\n");
    for (size_t i = 0; i < arrlenu(scan->operations); i++) {
        if (all || is_of_interest(&scan->operations[i]))
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
    .help = "  --all   every atomic on a reference count, inlined increments included\n"
            "\n"
            "Exit status: 0, or 1 where there is no free-threaded CPython to scan.\n",
    .run = run,
};
