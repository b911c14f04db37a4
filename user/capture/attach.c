#include "capture/attach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "target/elf_file.h"
#include "util/error.h"

/* The part of union bpf_attr that makes a uprobe_multi link: include/uapi/linux/bpf.h (6.6). */
struct link_create {
    uint32_t prog_fd;
    uint32_t target_fd;
    uint32_t attach_type;
    uint32_t flags;
    uint64_t path;
    uint64_t offsets;
    uint64_t ref_ctr_offsets;
    uint64_t cookies;
    uint32_t count;
    uint32_t multi_flags;
    uint32_t pid;
    uint32_t reserved;
};

#define BPF_LINK_CREATE_COMMAND 28

static int create_link(int prog_fd, const char *path, pid_t pid, const uint64_t *offsets, const uint64_t *cookies,
                       size_t count)
{
    struct link_create attr = {.prog_fd = prog_fd,
                               .attach_type = ATTACH_UPROBE_MULTI,
                               .path = (uintptr_t)path,
                               .offsets = (uintptr_t)offsets,
                               .cookies = (uintptr_t)cookies,
                               .count = count,
                               .pid = pid};

    return syscall(SYS_bpf, BPF_LINK_CREATE_COMMAND, &attr, sizeof(attr));
}

static int create(int prog_fd, const char *path, pid_t pid, const struct attach_point *points, size_t count)
{
    uint64_t *offsets = calloc(count + 1, sizeof(*offsets)), *cookies = calloc(count + 1, sizeof(*cookies));
    size_t used = 0;
    int link, reason;

    for (size_t i = 0; i < count; i++) {
        if (points[i].refused)
            continue;
        offsets[used] = points[i].offset;
        cookies[used++] = points[i].cookie;
    }
    link = create_link(prog_fd, path, pid, offsets, cookies, used);
    reason = errno;
    free(offsets);
    free(cookies);
    errno = reason;
    return link;
}

/* Whether the refusal is about the instructions (an encoding that uprobes cannot handle), not about who asks. */
static bool is_about_points(int reason)
{
    return reason == 524 /* ENOTSUPP */ || reason == EOPNOTSUPP || reason == EINVAL || reason == EIO;
}

/* Halves the points until those are found that no link can be made with. */
static void find_refused(int prog_fd, const char *path, pid_t pid, struct attach_point *points, size_t count)
{
    int link = create(prog_fd, path, pid, points, count);

    if (link >= 0) {
        close(link);
        return;
    }
    if (count == 1) {
        points[0].refused = true;
        return;
    }
    find_refused(prog_fd, path, pid, points, count / 2);
    find_refused(prog_fd, path, pid, points + count / 2, count - count / 2);
}

static int refused_by_kernel(const char *path)
{
    if (errno == EPERM || errno == EACCES)
        return fail("cannot put probes on '%s': not permitted (run hotref as root)", path);
    if (errno == EINVAL)
        return fail("cannot put probes on '%s': this kernel has no uprobe_multi links (Linux 6.6 or newer is needed)",
                    path);
    return fail_errno("cannot put probes on '%s'", path);
}

int attach_points(int prog_fd, const char *path, pid_t pid, struct attach_point *points, size_t count)
{
    int link = create(prog_fd, path, pid, points, count);
    size_t refused = 0;

    if (link >= 0)
        return link;
    if (!is_about_points(errno))
        return refused_by_kernel(path);
    find_refused(prog_fd, path, pid, points, count);
    for (size_t i = 0; i < count; i++)
        refused += points[i].refused;
    if (refused == count) {
        errno = EINVAL;
        return refused_by_kernel(path);
    }
    link = create(prog_fd, path, pid, points, count);
    return link >= 0 ? link : refused_by_kernel(path);
}

bool attach_can_filter_by_process(void)
{
    struct utsname name;
    int major = 0, minor = 0;

    if (uname(&name) || sscanf(name.release, "%d.%d", &major, &minor) != 2)
        return false;
    return major > 6 || (major == 6 && minor >= 12);
}

/* What attach_supported() puts its probe on. */
__attribute__((noinline, used)) static int probed_function(int value)
{
    __asm__ volatile("" : "+r"(value));
    return value;
}

/* Puts a program on an address of hotref itself. Returns the link's file descriptor, or -1 with a failure. */
static int link_to_self(int prog_fd, uint64_t address)
{
    extern char __executable_start[];
    struct elf_file *self = elf_file_open("/proc/self/exe");
    struct attach_point point;

    if (!self)
        return -1;
    point.offset = elf_file_offset(self, address - (uint64_t)(uintptr_t)__executable_start);
    point.cookie = 0;
    point.refused = false;
    elf_file_close(self);
    return attach_points(prog_fd, "/proc/self/exe", 0, &point, 1);
}

int attach_to_self(uint64_t address)
{
    /* r0 = 0; exit */
    static const struct {
        uint8_t code, registers;
        int16_t offset;
        int32_t immediate;
    } program[] = {{0xb7, 0, 0, 0}, {0x95, 0, 0, 0}};
    LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = ATTACH_UPROBE_MULTI);
    int prog_fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "hotref_try", "GPL", (const struct bpf_insn *)program, 2,
                                &options);
    int link;

    if (prog_fd < 0 && (errno == EPERM || errno == EACCES))
        return fail("cannot load BPF programs: not permitted (run hotref as root)");
    if (prog_fd < 0)
        return fail("cannot load a BPF program for uprobe_multi: %s (Linux 6.6 or newer is needed)",
                    strerror(errno));
    link = link_to_self(prog_fd, address);
    close(prog_fd);
    return link;
}

int attach_supported(void)
{
    int link = attach_to_self((uint64_t)(uintptr_t)probed_function);

    if (link < 0)
        return -1;
    close(link);
    return 0;
}
