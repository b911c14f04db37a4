#include "target/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "util/array.h"
#include "util/error.h"

static void free_mappings(struct mapping *mappings)
{
    for (ptrdiff_t i = 0; i < arrlen(mappings); i++)
        free(mappings[i].path);
    arrfree(mappings);
}

/* START-END rwxp OFFSET MAJOR:MINOR INODE   PATH; the kernel marks a file that has gone behind its name. */
static bool parse_mapping(char *line, struct mapping *mapping)
{
    static const char deleted[] = " (deleted)";
    char flags[5];
    int path = 0;
    size_t length;

    if (sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %n", &mapping->start, &mapping->end, flags, &mapping->offset,
               &mapping->dev_major, &mapping->dev_minor, &mapping->inode, &path) < 7 ||
        path == 0 || mapping->end <= mapping->start)
        return false;
    line[strcspn(line, "\n")] = '\0';
    length = strlen(line + path);
    if (length >= sizeof(deleted) && strcmp(line + path + length - (sizeof(deleted) - 1), deleted) == 0)
        length -= sizeof(deleted) - 1;
    mapping->executable = flags[2] == 'x';
    mapping->path = strndup(line + path, length);
    return mapping->path != NULL;
}

static int deny(pid_t pid)
{
    if (errno == ENOENT || errno == ESRCH)
        return fail("no such process: '%d'", pid);
    if (errno == EACCES || errno == EPERM)
        return fail("not allowed to look at process %d%s", pid,
                    geteuid() == 0 ? ", even as root" : ": run hotref as root");
    return fail_errno("cannot look at process %d", pid);
}

int process_refresh(struct process *process)
{
    struct mapping *mappings = NULL, mapping;
    size_t capacity = 0;
    char name[64], *line = NULL;
    FILE *file;

    snprintf(name, sizeof(name), "/proc/%d/maps", process->pid);
    file = fopen(name, "re");
    if (file == NULL)
        return deny(process->pid);
    while (getline(&line, &capacity, file) >= 0) {
        if (parse_mapping(line, &mapping))
            arrput(mappings, mapping);
    }
    free(line);
    fclose(file);
    if (mappings == NULL)
        return fail("process %d has ended", process->pid);
    free_mappings(process->mappings);
    process->mappings = mappings;
    return 0;
}

/* The last of a line's numbers: "NSpid: 4711 12 1" lists a process's ids from our pid namespace inwards. */
static pid_t last_number(const char *line)
{
    const char *last = strrchr(line, '\t');

    return last != NULL ? (pid_t)strtol(last, NULL, 10) : 0;
}

/* /proc shows a thread's id like a process's, but only a process can be recorded. */
static int read_ids(struct process *process)
{
    char name[64], line[256];
    pid_t leader = process->pid;
    FILE *file;

    snprintf(name, sizeof(name), "/proc/%d/status", process->pid);
    file = fopen(name, "re");
    if (file == NULL)
        return deny(process->pid);
    process->inner_pid = process->pid;
    while (fgets(line, sizeof(line), file) != NULL) {
        sscanf(line, "Tgid: %d", &leader);
        if (strncmp(line, "NSpid:", 6) == 0)
            process->inner_pid = last_number(line);
    }
    fclose(file);
    return leader == process->pid ? 0 : fail("'%d' is a thread of process %d: name that", process->pid, leader);
}

static int read_exe(struct process *process)
{
    char name[64], target[PATH_MAX];
    ssize_t length;

    snprintf(name, sizeof(name), "/proc/%d/exe", process->pid);
    length = readlink(name, target, sizeof(target) - 1);
    if (length < 0 && errno == ENOENT)
        return fail("process %d runs no program: it is a kernel thread or has ended", process->pid);
    if (length < 0)
        return deny(process->pid);
    target[length] = '\0';
    process->exe = strdup(target);
    return process->exe != NULL ? 0 : fail("out of memory");
}

int process_open(pid_t pid, struct process *process)
{
    memset(process, 0, sizeof(*process));
    process->pid = pid;
    if (read_ids(process) == 0 && read_exe(process) == 0 && process_refresh(process) == 0)
        return 0;
    process_close(process);
    return -1;
}

void process_close(struct process *process)
{
    free(process->exe);
    free_mappings(process->mappings);
    memset(process, 0, sizeof(*process));
}

/* Where a sandbox takes process_vm_readv away, the file may still be allowed. */
static int read_through_file(pid_t pid, uint64_t address, void *into, size_t size)
{
    char name[64];
    ssize_t got;
    int fd;

    snprintf(name, sizeof(name), "/proc/%d/mem", pid);
    fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    got = pread(fd, into, size, (off_t)address);
    close(fd);
    return got == (ssize_t)size ? 0 : -1;
}

int process_read(const struct process *process, uint64_t address, void *into, size_t size)
{
    struct iovec here = {into, size}, there = {(void *)address, size};
    ssize_t got;

    if (address > (uint64_t)INT64_MAX - size)
        return -1;
    got = process_vm_readv(process->pid, &here, 1, &there, 1, 0);
    if (got < 0 && (errno == EPERM || errno == ENOSYS))
        return read_through_file(process->pid, address, into, size);
    return got == (ssize_t)size ? 0 : -1;
}

static bool opens(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

void process_mapping_file(const struct process *process, const struct mapping *mapping, char *path,
                          size_t size)
{
    struct stat status;

    snprintf(path, size, "/proc/%d/map_files/%lx-%lx", process->pid, mapping->start, mapping->end);
    if (opens(path)) /* needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE */
        return;
    snprintf(path, size, "/proc/%d/root%s", process->pid, mapping->path);
    if (stat(path, &status) == 0 && status.st_ino == mapping->inode &&
        major(status.st_dev) == mapping->dev_major && minor(status.st_dev) == mapping->dev_minor)
        return;
    snprintf(path, size, "/proc/%d/map_files/%lx-%lx", process->pid, mapping->start, mapping->end);
}

const struct mapping *process_first_mapping(const struct process *process, const struct mapping *mapping)
{
    const struct mapping *first = mapping;

    for (ptrdiff_t i = 0; mapping->inode != 0 && i < arrlen(process->mappings); i++) {
        const struct mapping *other = &process->mappings[i];

        if (other->inode == mapping->inode && other->dev_major == mapping->dev_major &&
            other->dev_minor == mapping->dev_minor && other->offset < first->offset)
            first = other;
    }
    return first;
}
