#include "capture/loader.h"

#include <limits.h>
#include <string.h>

#include "capture/attach.h"
#include "target/elf_file.h"
#include "util/array.h"

/* What debuggers use: a function that the loader calls before and after it changes the mappings, and its state. In
 * glibc (elf/dl-debug.c and elf/link.h, 2.36) and musl (ldso/dynlink.c, 1.2). */
#define CALLED "_dl_debug_state"
#define STATE "_r_debug"
#define R_STATE 24 /* struct r_debug: r_version, r_map, r_brk, r_state */

static bool is_loader(const struct mapping *mapping)
{
    const char *name = strrchr(mapping->path, '/');

    return mapping->executable && mapping->inode && name && strncmp(name, "/ld", 3) == 0;
}

static int watch(const struct process *process, const struct mapping *mapping, int prog_fd, bool all)
{
    char path[PATH_MAX];
    struct elf_file *file;
    uint64_t called, state;
    int link = -1;

    process_mapping_file(process, mapping, path, sizeof(path));
    file = elf_file_open(path);
    if (!file)
        return -1;
    called = elf_file_symbol(file, CALLED);
    state = elf_file_symbol(file, STATE);
    if (called && state) {
        struct attach_point point = {.offset = elf_file_offset(file, called), .cookie = state + R_STATE - called};
        pid_t pid = attach_can_filter_by_process() && !all ? process->pid : 0;

        link = attach_points(prog_fd, path, pid, &point, 1);
    }
    elf_file_close(file);
    return link;
}

int loader_watch(const struct process *process, int prog_fd, bool all, struct loader *loader)
{
    *loader = (struct loader){.pid = all ? 0 : process->pid, .link = -1};
    for (size_t i = 0; i < arrlenu(process->mappings) && loader->link < 0; i++) {
        const struct mapping *mapping = &process->mappings[i];

        if (!is_loader(mapping))
            continue;
        loader->link = watch(process, mapping, prog_fd, all);
        loader->inode = mapping->inode;
        loader->dev_major = mapping->dev_major;
        loader->dev_minor = mapping->dev_minor;
    }
    return loader->link < 0 ? -1 : 0;
}

bool loader_is_of(const struct loader *loader, const struct process *process)
{
    if (loader->pid && loader->pid != process->pid)
        return false;
    for (size_t i = 0; i < arrlenu(process->mappings); i++) {
        const struct mapping *mapping = &process->mappings[i];

        if (is_loader(mapping) && mapping->inode == loader->inode && mapping->dev_major == loader->dev_major &&
            mapping->dev_minor == loader->dev_minor)
            return true;
    }
    return false;
}
