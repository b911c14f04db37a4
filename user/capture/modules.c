#include "capture/modules.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/session_bpf.h"
#include "target/interpreter.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"

static bool was_seen(const struct session_target *target, const struct mapping *mapping)
{
    for (size_t i = 0; i < arrlenu(target->seen); i++) {
        const struct session_file *seen = &target->seen[i];

        if (seen->inode == mapping->inode && seen->dev_major == mapping->dev_major &&
            seen->dev_minor == mapping->dev_minor)
            return true;
    }
    return false;
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

static int put_table(struct session *session, uint32_t number)
{
    const struct session_target *target = &session->targets[number];
    struct abi_module *table = NULL;
    int status;

    for (size_t i = 0; i < arrlenu(target->modules); i++) {
        const struct session_module *module = &target->modules[i];

        arrput(table, ((struct abi_module){.start = module->start,
                                           .end = module->end,
                                           .bias = module->code.bias,
                                           .binary = module->code.binary}));
    }
    array_sort(table, by_start);
    status = tables_put_modules(&session->bpf->tables, number, table, arrlenu(table));
    arrfree(table);
    return status;
}

/* Takes the file where it becomes a module. */
static int add(struct session *session, uint32_t number, struct elf_file **file, const struct mapping *mapping,
               const char *open_path)
{
    struct session_module module = {.code = {.link = -1}};
    int binary = session_binary_of(session, *file, mapping->path);
    const struct scan *scan;

    if (binary < 0 || session_fill_binary(session, binary))
        return -1;
    scan = session->binaries[binary].scan;
    if (!arrlenu(scan->operations) && !arrlenu(scan->callers))
        return 0;
    if (arrlenu(session->targets[number].modules) == ABI_MODULES)
        return fail("cannot look into more than %d modules of a process", ABI_MODULES);
    module.code.binary = binary;
    module.code.bias = elf_file_bias(*file, mapping->start, mapping->offset);
    if (module.code.bias == UINT64_MAX)
        return fail("its mapping does not fit the file");
    module.start = scan->text_start + module.code.bias;
    module.end = scan->text_end + module.code.bias;
    module.path = strdup(mapping->path);
    module.open_path = strdup(open_path);
    module.file = *file;
    *file = NULL;
    arrput(session->targets[number].modules, module);
    return 0;
}

static void attach(struct session *session, uint32_t number, size_t index, uint64_t mapped_ns)
{
    struct session_target *target = &session->targets[number];
    struct session_module *module = &target->modules[index];

    if (arrlenu(session->binaries[module->code.binary].armed) &&
        session_attach(session, number, &module->code, module->file, module->open_path)) {
        warn("cannot count in '%s': %s", module->path, last_failure());
        module->failed = true;
    }
    module->late_ns = mapped_ns ? clock_ns(CLOCK_MONOTONIC) - mapped_ns : 0;
    elf_file_rest(module->file);
}

static void look_into(struct session *session, uint32_t number, const struct mapping *mapping)
{
    char open_path[PATH_MAX];
    struct elf_file *file;

    process_mapping_file(&session->targets[number].process, mapping, open_path, sizeof(open_path));
    file = elf_file_open_as(open_path, mapping->path);
    if (file && modules_uses_python(file) && add(session, number, &file, mapping, open_path))
        warn("cannot count in '%s': %s", mapping->path, last_failure());
    elf_file_close(file); /* what is no ELF file, or has gone, has no references to count */
}

void modules_refresh(struct session *session, uint32_t number, uint64_t mapped_ns)
{
    struct session_target *target = &session->targets[number];
    const struct process *process = &target->process;
    size_t before = arrlenu(target->modules);

    if (process_refresh(&target->process))
        return;
    for (size_t i = 0; i < arrlenu(process->mappings); i++) {
        const struct mapping *mapping = &process->mappings[i];

        if (!mapping->executable || !mapping->inode || mapping->path[0] != '/' || was_seen(target, mapping))
            continue;
        arrput(target->seen,
               ((struct session_file){mapping->inode, mapping->dev_major, mapping->dev_minor}));
        if (strcmp(mapping->path, target->interpreter.path) != 0)
            look_into(session, number, mapping);
        session_catch_up(session, 0);
    }
    if (arrlenu(target->modules) == before)
        return;
    /* Probes count from the moment when they are there: BPF must know by then where the modules are. */
    if (put_table(session, number) || tables_commit(&session->bpf->tables))
        warn("cannot tell modules apart: %s", last_failure());
    for (size_t i = before; i < arrlenu(target->modules); i++)
        attach(session, number, i, mapped_ns);
    session_catch_up(session, 0);
}

const struct session_module *modules_at(const struct session_target *target, uint64_t address)
{
    for (size_t i = 0; i < arrlenu(target->modules); i++) {
        if (address >= target->modules[i].start && address < target->modules[i].end)
            return &target->modules[i];
    }
    return NULL;
}

void modules_free(struct session_target *target)
{
    for (size_t i = 0; i < arrlenu(target->modules); i++) {
        if (target->modules[i].code.link >= 0)
            close(target->modules[i].code.link);
        elf_file_close(target->modules[i].file);
        free(target->modules[i].path);
        free(target->modules[i].open_path);
    }
    arrfree(target->modules);
    arrfree(target->seen);
}
