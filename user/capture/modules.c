#include "capture/modules.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/children.h"
#include "capture/session_bpf.h"
#include "target/interpreter.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"

#define MOST_RANGES 4096 /* of a target, those included that are gone */

static bool is_of(const struct session_file *file, const struct mapping *mapping)
{
    return file->inode == mapping->inode && file->dev_major == mapping->dev_major &&
           file->dev_minor == mapping->dev_minor;
}

static bool has_code(const struct mapping *mapping)
{
    return mapping->executable && mapping->inode && mapping->path[0] == '/';
}

static struct session_file *find_seen(const struct session_target *target, const struct mapping *mapping)
{
    for (size_t i = 0; i < arrlenu(target->seen); i++) {
        if (is_of(&target->seen[i], mapping))
            return &target->seen[i];
    }
    return NULL;
}

bool modules_uses_python(const struct elf_file *file)
{
    return elf_file_imports(file, "Py") || elf_file_imports(file, "_Py");
}

static int by_start(const void *left, const void *right)
{
    const struct abi_module *a = left, *b = right;

    return a->start < b->start ? -1 : a->start > b->start;
}

/* Makes table number of where the target's modules are. Where none is mapped any more, one that holds no address stands
 * for that. */
static int make_table(struct session *session, const struct session_target *target, uint32_t number)
{
    struct abi_module *table = NULL;
    int status;

    for (size_t i = 0; i < arrlenu(target->ranges); i++) {
        const struct session_range *range = &target->ranges[i];

        if (range->mapped)
            arrput(table, ((struct abi_module){.start = range->start,
                                               .end = range->end,
                                               .bias = range->bias,
                                               .binary = target->modules[range->module].code.binary}));
    }
    if (!table)
        arrput(table, ((struct abi_module){0}));
    array_sort(table, by_start);
    if (arrlenu(table) > ABI_MODULES)
        arrsetlen(table, ABI_MODULES);
    status = tables_put_modules(&session->bpf->tables, number, table, arrlenu(table));
    arrfree(table);
    return status;
}

/* A forked target goes by its parent's table until either changes: then one of those that go by it gets one for them all. */
static int part(struct session *session, uint32_t number)
{
    struct abi_target *targets = session->bpf->targets;
    uint32_t heir = UINT32_MAX;

    children_adopt(session);
    for (uint32_t i = 0; i < arrlenu(session->targets); i++) {
        if (i == number || targets[i].modules != number || !targets[i].live)
            continue;
        if (heir == UINT32_MAX) {
            heir = i;
            if (make_table(session, &session->targets[i], heir) || tables_commit(&session->bpf->tables))
                return -1;
        }
        targets[i].modules = heir;
    }
    return 0;
}

static int put_table(struct session *session, uint32_t number)
{
    if (part(session, number) || make_table(session, &session->targets[number], number) ||
        tables_commit(&session->bpf->tables))
        return -1;
    session->bpf->targets[number].modules = number;
    return 0;
}

/* The range of a mapping of the module's file: one that is known, or a new one. */
static bool place(struct session *session, uint32_t number, uint32_t module, const struct mapping *mapping)
{
    struct session_target *target = &session->targets[number];
    const struct scan *scan = session->binaries[target->modules[module].code.binary].scan;
    uint64_t bias = elf_file_bias(target->modules[module].file, mapping->start, mapping->offset);

    for (size_t i = 0; i < arrlenu(target->ranges); i++) {
        if (target->ranges[i].module == module && target->ranges[i].bias == bias)
            return false;
    }
    if (bias == UINT64_MAX || arrlenu(target->ranges) == MOST_RANGES)
        return false;
    arrput(target->ranges, ((struct session_range){.start = scan->text_start + bias,
                                                   .end = scan->text_end + bias,
                                                   .bias = bias,
                                                   .module = module,
                                                   .mapped = true}));
    return true;
}

/* Takes the file where it becomes a module. */
static int add(struct session *session, uint32_t number, struct elf_file **file, const struct mapping *mapping,
               const char *open_path)
{
    struct session_module module = {.code = {.link = -1}};
    int binary = session_binary_of(session, *file, mapping->path);
    const struct scan *scan;

    if (binary < 0)
        return -1;
    scan = session->binaries[binary].scan;
    if (!arrlenu(scan->operations) && !arrlenu(scan->callers) && !arrlenu(scan->touches))
        return 0;
    if (session_fill_binary(session, binary))
        return -1;
    if (arrlenu(session->targets[number].modules) >= ABI_MODULES)
        return fail("cannot look into more than %d modules of a process", ABI_MODULES);
    module.code.binary = binary;
    module.code.bias = elf_file_bias(*file, mapping->start, mapping->offset);
    if (module.code.bias == UINT64_MAX)
        return fail("its mapping does not fit the file");
    module.path = strdup(mapping->path);
    module.open_path = strdup(open_path);
    module.file = *file;
    *file = NULL;
    arrput(session->targets[number].modules, module);
    return 0;
}

/* The profile is to have what was not counted in. It may be loaded and unloaded many times. */
static void add_unknown(struct session_target *target, const char *path, const char *open_path)
{
    struct session_module module = {.code = {.link = -1}, .failed = true, .unknown = true};

    for (size_t i = 0; i < arrlenu(target->modules); i++) {
        if (target->modules[i].unknown && !strcmp(target->modules[i].path, path))
            return;
    }
    warn("cannot count in '%s': %s", path, last_failure());
    module.path = strdup(path);
    module.open_path = strdup(open_path);
    arrput(target->modules, module);
}

/* As its ranges say. */
static bool is_placed(const struct session_target *target, uint32_t module)
{
    for (size_t i = 0; i < arrlenu(target->ranges); i++) {
        if (target->ranges[i].module == module && target->ranges[i].mapped)
            return true;
    }
    return false;
}

/* Whether the module is mapped yet, or has gone while it was looked into. */
static bool is_mapped(struct session_target *target, uint32_t module)
{
    if (process_refresh(&target->process))
        return false;
    modules_move(target);
    return is_placed(target, module);
}

static void attach(struct session *session, uint32_t number, size_t index, uint64_t mapped_ns)
{
    struct session_target *target = &session->targets[number];
    struct session_module *module = &target->modules[index];

    if (module->unknown)
        return;
    if (arrlenu(session->binaries[module->code.binary].armed) &&
        session_attach(session, number, &module->code, module->file, module->open_path) &&
        is_mapped(target, index)) {
        warn("cannot count in '%s': %s", module->path, last_failure());
        module->failed = true;
    }
    module->late_ns = mapped_ns ? clock_ns(CLOCK_MONOTONIC) - mapped_ns : 0;
    elf_file_rest(module->file);
}

/* Returns the file's number as a module, + 1; 0 where it is none. */
static uint32_t look_into(struct session *session, uint32_t number, const struct mapping *mapping)
{
    struct session_target *target = &session->targets[number];
    size_t before = arrlenu(target->modules);
    char open_path[PATH_MAX];
    struct elf_file *file;
    bool failed;

    process_mapping_file(&target->process, mapping, open_path, sizeof(open_path));
    file = elf_file_open_as(open_path, mapping->path);
    failed = file && modules_uses_python(file) && add(session, number, &file, mapping, open_path);
    elf_file_close(file); /* what is no ELF file, or has gone, has no references to count */
    if (failed)
        add_unknown(target, mapping->path, open_path);
    return !failed && arrlenu(target->modules) > before ? arrlenu(target->modules) : 0;
}

/* A file that is not mapped and has no probes, which keep hold of it, may be deleted, and its number go to another. */
static void forget_files(struct session_target *target)
{
    for (size_t i = arrlenu(target->seen); i-- > 0;) {
        bool mapped = target->seen[i].module != 0;

        for (size_t j = 0; !mapped && j < arrlenu(target->process.mappings); j++)
            mapped = has_code(&target->process.mappings[j]) && is_of(&target->seen[i], &target->process.mappings[j]);
        if (!mapped)
            arrdelswap(target->seen, i);
    }
}

static bool lies_in(const struct session_target *target, const struct session_range *range, const struct mapping *mapping)
{
    const struct session_module *module = &target->modules[range->module];
    const struct session_file *file = find_seen(target, mapping);

    return file && file->module == range->module + 1 &&
           elf_file_bias(module->file, mapping->start, mapping->offset) == range->bias;
}

bool modules_move(struct session_target *target)
{
    bool changed = false;

    for (size_t i = 0; i < arrlenu(target->ranges); i++) {
        struct session_range *range = &target->ranges[i];
        bool mapped = false, reused = false;

        for (size_t j = 0; j < arrlenu(target->process.mappings); j++) {
            const struct mapping *mapping = &target->process.mappings[j];

            if (!mapping->executable || mapping->end <= range->start || mapping->start >= range->end)
                continue;
            if (lies_in(target, range, mapping))
                mapped = true;
            else
                reused = true;
        }
        changed |= mapped != range->mapped;
        range->mapped = mapped;
        range->reused |= reused;
    }
    return changed;
}

/* Whether BPF is to be told of other ranges than before. */
static bool look_at(struct session *session, uint32_t number, const struct mapping *mapping)
{
    struct session_target *target = &session->targets[number];
    struct session_file *seen = find_seen(target, mapping);
    uint32_t module;

    if (seen)
        return seen->module && place(session, number, seen->module - 1, mapping);
    module = strcmp(mapping->path, target->interpreter.path) ? look_into(session, number, mapping) : 0;
    arrput(target->seen, ((struct session_file){mapping->inode, mapping->dev_major, mapping->dev_minor, module}));
    return module && place(session, number, module - 1, mapping);
}

void modules_refresh(struct session *session, uint32_t number, uint64_t mapped_ns)
{
    struct session_target *target = &session->targets[number];
    const struct process *process = &target->process;
    size_t before = arrlenu(target->modules);
    bool changed;

    if (process_refresh(&target->process))
        return;
    forget_files(target);
    changed = modules_move(target);
    for (size_t i = 0; i < arrlenu(process->mappings); i++) {
        if (has_code(&process->mappings[i]))
            changed |= look_at(session, number, &process->mappings[i]);
        session_catch_up(session, 0);
    }
    if (!changed)
        return;
    /* What has been placed just now may lie where others were. */
    modules_move(target);
    /* Probes count from the moment when they are there: BPF must know by then where the modules are. */
    if (put_table(session, number)) {
        warn("cannot tell modules apart: %s", last_failure());
        for (size_t i = before; i < arrlenu(target->modules); i++)
            target->modules[i].failed = true;
        return;
    }
    for (size_t i = before; i < arrlenu(target->modules); i++)
        attach(session, number, i, mapped_ns);
    session_catch_up(session, 0);
}

enum modules_found modules_at(const struct session_target *target, uint64_t address, struct session_range *found)
{
    enum modules_found holds = MODULES_NONE;

    for (size_t i = 0; i < arrlenu(target->ranges); i++) {
        const struct session_range *range = &target->ranges[i];

        if (address < range->start || address >= range->end)
            continue;
        if (range->reused || holds == MODULES_ONE)
            return MODULES_SEVERAL;
        *found = *range;
        holds = MODULES_ONE;
    }
    return holds;
}

void modules_attach(struct session *session, uint32_t number)
{
    struct session_target *target = &session->targets[number];

    if (!arrlenu(target->ranges) || process_refresh(&target->process))
        return;
    modules_move(target);
    for (size_t i = 0; i < arrlenu(target->modules); i++) {
        struct session_module *module = &target->modules[i];

        if (module->failed || module->code.link >= 0 || !is_placed(target, i) ||
            !session_attach(session, number, &module->code, module->file, module->open_path) || !is_mapped(target, i))
            continue;
        warn("cannot count in '%s': %s", module->path, last_failure());
        module->failed = true;
    }
}

void modules_detach(struct session_target *target)
{
    for (size_t i = 0; i < arrlenu(target->modules); i++) {
        struct session_code *code = &target->modules[i].code;

        if (code->link >= 0)
            close(code->link);
        code->link = -1;
    }
}

void modules_free(struct session_target *target)
{
    modules_detach(target);
    for (size_t i = 0; i < arrlenu(target->modules); i++) {
        if (!target->modules[i].of_parent)
            elf_file_close(target->modules[i].file);
        free(target->modules[i].path);
        free(target->modules[i].open_path);
    }
    arrfree(target->modules);
    arrfree(target->ranges);
    arrfree(target->seen);
}
