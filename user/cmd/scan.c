#include <getopt.h> /* optind */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "capture/modules.h"
#include "cmd/command.h"
#include "cmd/coverage.h"
#include "probe/plan.h"
#include "probe/scan.h"
#include "target/interpreter.h"
#include "target/process.h"
#include "util/array.h"
#include "util/error.h"
#include "util/progress.h"

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
    if (operation->kind == OPERATION_UNKNOWN)
        return "what it does to the count is not understood";
    if (!coverage_is_counted(operation))
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

static void print_coverage(const struct scan *scan)
{
    size_t atomics = coverage_atomics(scan), unknown = coverage_kind(scan, OPERATION_UNKNOWN);

    printf("atomics on ob_ref_shared: %zu found, %zu classified, %zu armed\n", atomics, atomics - unknown,
           coverage_armed(scan));
    for (int kind = 0; kind < OPERATION_KINDS; kind++) {
        if (coverage_kind(scan, kind))
            printf("  %6zu %s\n", coverage_kind(scan, kind), operation_name(kind));
    }
    printf("decrements: %zu of %zu armed\n", coverage_armable(scan, OPERATION_DECREMENT, false),
           coverage_kind(scan, OPERATION_DECREMENT));
    printf("increments by compare-exchange: %zu of %zu armed\n", coverage_armable(scan, OPERATION_TRY_INCREMENT, false),
           coverage_kind(scan, OPERATION_TRY_INCREMENT));
    printf("inlined increments: %zu found, %zu with their guard, %zu that --increments can arm\n",
           coverage_kind(scan, OPERATION_INCREMENT), coverage_armable(scan, OPERATION_INCREMENT, true),
           coverage_armable(scan, OPERATION_INCREMENT, false));
    printf("call sites of functions that take or drop a reference: %zu\n", arrlenu(scan->callers));
    if (scan->undecoded)
        printf("%u of %u functions could not be decoded to their end\n", scan->undecoded, scan->ranges);
}

/* All that exact mode counts by itself or could, and what of the rest is not as it should be. */
static bool is_of_interest(const struct operation *operation)
{
    if (plan_is_inlined(operation))
        return !plan_is_armable(operation);
    return coverage_is_counted(operation) || operation->kind == OPERATION_UNKNOWN;
}

static int print_scan(const struct elf_file *file, bool all)
{
    struct scan *scan;

    progress_begin("reading machine code");
    scan = scan_file(file, true);
    progress_end();
    if (!scan)
        return -1;
    print_coverage(scan);
    printf("what is counted by itself, what is not understood, and increments that are left out:\n");
    for (size_t i = 0; i < arrlenu(scan->operations); i++) {
        if (all || is_of_interest(&scan->operations[i]))
            print_operation(file, &scan->operations[i]);
    }
    scan_free(scan);
    return 0;
}

/* One line a module: its functions are shown where it is scanned by itself. */
static void print_module(const struct process *process, const struct mapping *mapping)
{
    char path[PATH_MAX];
    struct elf_file *file;
    struct scan *scan = NULL;

    process_mapping_file(process, mapping, path, sizeof(path));
    file = elf_file_open_as(path, mapping->path);
    if (file && modules_uses_python(file) && (scan = scan_file(file, true)))
        printf("  %s: %zu of %zu decrements of its own armed, %zu inlined increments, %zu calls that drop a reference\n",
               mapping->path, coverage_armable(scan, OPERATION_DECREMENT, false), coverage_kind(scan, OPERATION_DECREMENT),
               coverage_kind(scan, OPERATION_INCREMENT), arrlenu(scan->callers));
    scan_free(scan);
    elf_file_close(file);
}

static void print_modules(const struct process *process, const struct interpreter *interpreter)
{
    printf("modules, and other libraries that use Python's functions:\n");
    for (size_t i = 0; i < arrlenu(process->mappings); i++) {
        const struct mapping *mapping = &process->mappings[i];

        if (mapping->executable && mapping->inode && mapping->path[0] == '/' &&
            strcmp(mapping->path, interpreter->path) != 0)
            print_module(process, mapping);
    }
}

/* An extension module: a library that needs Python and is none. */
static bool is_module(const struct elf_file *file)
{
    uint64_t vaddr;
    size_t size;

    return elf_file_is_shared(file) && modules_uses_python(file) && !elf_file_symbol(file, "_PyRuntime") &&
           !elf_file_section(file, ".PyRuntime", &vaddr, &size);
}

static int scan_interpreter(const struct interpreter *interpreter, bool all)
{
    printf("%s: CPython %s, free-threaded (%s)\n", interpreter->path, interpreter->version, interpreter->build);
    return print_scan(interpreter->file, all);
}

static int scan_path(const char *path, bool all)
{
    struct interpreter interpreter = {0};
    struct elf_file *file = elf_file_open(path);
    int status = -1;

    if (file && is_module(file)) {
        printf("%s: a module, or another library that uses Python's functions\n", path);
        status = print_scan(file, all);
    } else if (file && interpreter_in_file(path, &interpreter) == 0) {
        status = scan_interpreter(&interpreter, all);
    }
    interpreter_close(&interpreter);
    elf_file_close(file);
    return status;
}

static int scan_process(pid_t pid, bool all)
{
    struct process process = {0};
    struct interpreter interpreter = {0};
    int status = process_open(pid, &process) || interpreter_find(&process, &interpreter) ||
                         scan_interpreter(&interpreter, all)
                     ? -1
                     : 0;

    if (!status)
        print_modules(&process, &interpreter);
    interpreter_close(&interpreter);
    process_close(&process);
    return status;
}

static int scan_subject(const char *subject, bool all)
{
    char *end;
    long pid = strtol(subject, &end, 10);
    struct stat found;

    if (*end || stat(subject, &found) == 0 ? scan_path(subject, all) : scan_process(pid, all))
        return command_failed(&command_scan, STATUS_FAILED);
    return fflush(stdout) || ferror(stdout) ? fail_errno("cannot write"), command_failed(&command_scan, STATUS_FAILED)
                                            : STATUS_OK;
}

static int run(int argc, char **argv)
{
    bool all = false;
    int option;

    while ((option = command_next(&command_scan, argc, argv)) != -1) {
        if (option == '?')
            return STATUS_USAGE;
        all = true;
    }
    if (argc - optind != 1)
        return command_misused(&command_scan, "give one BINARY or PID");
    return scan_subject(argv[optind], all);
}

static const struct command_option options_taken[] = {
    OPTION(LONG('a'), "all", NULL, "every atomic on a reference count, inlined increments included"),
    {0}};

static const char *const notes[] = {
    "A PID's modules are listed too; an extension module can be scanned by itself.", NULL};

static const struct command_item statuses[] = {
    {"0", "it was scanned"},
    {"1", "there is neither a free-threaded CPython nor a module to scan"},
    {"2", "wrong usage"},
    {0}};

const struct command command_scan = {
    .name = "scan",
    .summary = "Show what would be probed in an interpreter or a module, and why",
    .operands = "BINARY|PID",
    .operand_kind = OPERANDS_PROCESS,
    .options = options_taken,
    .notes = notes,
    .statuses = statuses,
    .run = run,
};
