/* hotref doctor: what this machine and user can do. Each line was tried just now, not inferred. */
#include "cmd/command.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture/attach.h"
#include "cmd/coverage.h"
#include "probe/scan.h"
#include "target/interpreter.h"
#include "util/account.h"
#include "util/array.h"
#include "util/error.h"
#include "util/progress.h"

enum { DETAIL = 4096 };

static int report(bool ok, const char *what, const char *detail)
{
    printf("%-3s %-12s %s\n", ok ? "ok" : "no", what, detail);
    return ok ? 0 : 1;
}

/* What is worth knowing, but no fault of the machine's. */
static void remark(const char *what, const char *detail)
{
    printf("%-3s %-12s %s\n", "--", what, detail);
}

static bool detail(char *into, bool ok, const char *format, ...) __attribute__((format(printf, 3, 4)));

static bool detail(char *into, bool ok, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(into, DETAIL, format, args);
    va_end(args);
    return ok;
}

/* The first line of a file; NULL with errno where it can't be read. */
static char *first_line(const char *path, char *line, size_t size)
{
    FILE *file = fopen(path, "re");
    char *got;

    if (file == NULL)
        return NULL;
    got = fgets(line, (int)size, file);
    fclose(file);
    if (got != NULL)
        line[strcspn(line, "\n")] = '\0';
    return got;
}

/* What recording takes: programs, probes, and the memory of others' processes. */
static bool try_privileges(char *into)
{
    static const struct {
        int bit;
        const char *name;
    } needed[] = {{CAP_BPF, "CAP_BPF"}, {CAP_PERFMON, "CAP_PERFMON"}, {CAP_SYS_PTRACE, "CAP_SYS_PTRACE"}};
    char line[256], missing[128] = "";
    unsigned long long effective = 0;
    FILE *file = fopen("/proc/self/status", "re");

    while (file != NULL && fgets(line, sizeof(line), file) != NULL &&
           sscanf(line, "CapEff: %llx", &effective) != 1)
        continue;
    if (file != NULL)
        fclose(file);
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (!(effective >> needed[i].bit & 1)) {
            strcat(missing, missing[0] != '\0' ? ", " : "");
            strcat(missing, needed[i].name);
        }
    }
    if (missing[0] != '\0')
        return detail(into, false, "user %u lacks %s: run hotref as root", geteuid(), missing);
    if (geteuid() != 0)
        return detail(into, false, "user %u has CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE, but 'hotref record' asks for root",
                      geteuid());
    return detail(into, true, "user %u has CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE", geteuid());
}

static bool try_kernel(char *into)
{
    struct utsname name;
    unsigned major = 0, minor = 0;

    uname(&name);
    sscanf(name.release, "%u.%u", &major, &minor);
    if (major < 6 || (major == 6 && minor < 6))
        return detail(into, false, "Linux %s: uprobe_multi came with 6.6, boot that or newer", name.release);
    return detail(into, strcmp(name.machine, "x86_64") == 0, "Linux %s, %s", name.release, name.machine);
}

static bool try_btf(char *into)
{
    static const char path[] = "/sys/kernel/btf/vmlinux";
    uint16_t magic = 0;
    FILE *file = fopen(path, "re");
    bool read = file != NULL && fread(&magic, sizeof(magic), 1, file) == 1 && magic == 0xeb9f;

    if (file != NULL)
        fclose(file);
    if (!read)
        return detail(into, false, "no type information in %s: boot a kernel with CONFIG_DEBUG_INFO_BTF",
                      path);
    return detail(into, true, "%s", path);
}

/* The smallest program there is: return 0. */
static bool try_program(char *into)
{
    struct bpf_insn program[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
        {.code = BPF_JMP | BPF_EXIT},
    };
    int fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "hotref_doctor", "GPL", program, 2, NULL);

    if (fd < 0)
        return detail(into, false, "a BPF program is refused: %s%s", strerror(errno),
                      errno == EPERM ? ": run hotref as root, outside of a container that filters bpf()"
                                     : "");
    close(fd);
    return detail(into, true, "a BPF program was loaded");
}

static bool try_probe(char *into)
{
    if (attach_supported() != 0)
        return detail(into, false, "%s", last_failure());
    return detail(into, true, "a probe was put on hotref itself through uprobe_multi");
}

/* The parent's first bytes: what stands there does not matter. */
static bool try_memory(char *into)
{
    struct process process;
    uint8_t byte;
    int result;

    if (getppid() == 0)
        return detail(into, false, "no other process is in sight: run hotref on the host");
    if (process_open(getppid(), &process) != 0)
        return detail(into, false, "%s", last_failure());
    result = process_read(&process, process.mappings[0].start, &byte, sizeof(byte));
    process_close(&process);
    if (result != 0)
        return detail(into, false, "the memory of process %d can't be read: run hotref as root", getppid());
    return detail(into, true, "the memory of process %d was read", getppid());
}

/* A descriptor of a timer on the first CPU, as user/capture/sampler.c opens one on each, or -1 with errno. */
static int open_timer(uint32_t type, uint64_t config, int precise)
{
    struct perf_event_attr attr = {
        .type = type, .size = sizeof(attr), .config = config, .sample_freq = 999, .freq = 1, .precise_ip = (unsigned)precise};

    return (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
}

static bool timer_works(uint32_t type, uint64_t config, int precise)
{
    int fd = open_timer(type, config, precise);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool try_timer(char *into)
{
    char paranoid[64] = "not there";

    for (int precise = 3; precise >= 0; precise--) {
        if (timer_works(PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, precise))
            return detail(into, true, "the processor's cycles, at precision %d of 3", precise);
    }
    if (timer_works(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, 0))
        return detail(into, true, "the kernel's clock: the processor counts no cycles here, as in many virtual machines");
    first_line("/proc/sys/kernel/perf_event_paranoid", paranoid, sizeof(paranoid));
    return detail(into, false, "no timer can be had (perf_event_paranoid is %s): run hotref as root", paranoid);
}

static bool try_lockdown(char *into)
{
    char line[128];

    if (first_line("/sys/kernel/security/lockdown", line, sizeof(line)) == NULL)
        return detail(into, true, "none");
    if (strstr(line, "[confidentiality]") != NULL)
        return detail(into, false, "confidentiality forbids BPF to read memory: boot without lockdown");
    return detail(into, true, "%s", line);
}

static bool try_libbpf(char *into)
{
    unsigned major = libbpf_major_version(), minor = libbpf_minor_version();

    if (major < 1 || (major == 1 && minor < 1))
        return detail(into, false, "%s: hotref needs 1.1 or newer", libbpf_version_string());
    return detail(into, true, "%s", libbpf_version_string());
}

/* The kernel gives its first pid namespace a fixed number: PROC_PID_INIT_INO of include/linux/proc_ns.h. */
static bool try_namespace(char *into)
{
    char target[64];
    ssize_t length = readlink("/proc/self/ns/pid", target, sizeof(target) - 1);

    if (length < 0)
        return detail(into, false, "/proc is not mounted here: mount it");
    target[length] = '\0';
    if (strcmp(target, "pid:[4026531836]") != 0)
        return detail(into, false, "%s is not the first one: run hotref on the host", target);
    return detail(into, true, "the first one; targets may live in others");
}

static const struct {
    const char *what;
    bool (*attempt)(char *into);
} attempts[] = {
    {"privileges", try_privileges}, {"kernel", try_kernel},     {"btf", try_btf},
    {"bpf", try_program},           {"uprobes", try_probe},     {"memory", try_memory},
    {"timer", try_timer},         {"lockdown", try_lockdown}, {"libbpf", try_libbpf},
    {"namespace", try_namespace},
};

/* Adds path, links resolved, unless it is there already. */
static void add_candidate(char ***candidates, const char *path)
{
    char *real = realpath(path, NULL);

    if (real == NULL)
        return;
    for (ptrdiff_t i = 0; i < arrlen(*candidates); i++) {
        if (strcmp((*candidates)[i], real) == 0) {
            free(real);
            return;
        }
    }
    arrput(*candidates, real);
}

static void add_matches(char ***candidates, const char *folder, const char *pattern)
{
    char path[PATH_MAX];
    glob_t matches;

    if (snprintf(path, sizeof(path), "%s/%s", folder, pattern) >= (int)sizeof(path) ||
        glob(path, 0, NULL, &matches) != 0)
        return;
    for (size_t i = 0; i < matches.gl_pathc; i++)
        add_candidate(candidates, matches.gl_pathv[i]);
    globfree(&matches);
}

#define INTERPRETERS "python3.1[3-6]t"

/* "/usr/local/bin:/usr/bin" */
static void add_path(char ***candidates, const char *search)
{
    char folder[PATH_MAX];

    while (search != NULL && *search != '\0') {
        int length = (int)strcspn(search, ":");

        if (length > 0 && snprintf(folder, sizeof(folder), "%.*s", length, search) < (int)sizeof(folder))
            add_matches(candidates, folder, INTERPRETERS);
        search += length + (search[length] == ':');
    }
}

/* "4711 (name) S 4710 ...": the name may hold anything, the parent's number stands behind its last bracket. */
static pid_t parent_of(pid_t pid)
{
    char path[64], line[512], *behind;
    int parent = 0;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    behind = first_line(path, line, sizeof(line)) != NULL ? strrchr(line, ')') : NULL;
    return behind != NULL && sscanf(behind, ") %*c %d", &parent) == 1 ? parent : 0;
}

static void add_path_of(char ***candidates, pid_t pid)
{
    char path[64], *word = NULL;
    size_t size = 0;
    FILE *environment;

    snprintf(path, sizeof(path), "/proc/%d/environ", pid);
    environment = fopen(path, "re");
    while (environment != NULL && getdelim(&word, &size, '\0', environment) > 0) {
        if (strncmp(word, "PATH=", 5) == 0)
            add_path(candidates, word + 5);
    }
    free(word);
    if (environment != NULL)
        fclose(environment);
}

/* sudo gives a command a PATH of its own, but was itself started with the user's: up to the first process of that user. */
static void add_paths_of_sudo(char ***candidates, const struct account *account)
{
    pid_t pid = getppid();

    for (int i = 0; account->is_other && i < 8 && pid > 1; i++, pid = parent_of(pid)) {
        char path[64];
        struct stat status;

        snprintf(path, sizeof(path), "/proc/%d", pid);
        add_path_of(candidates, pid);
        if (stat(path, &status) != 0 || status.st_uid == account->uid)
            return;
    }
}

/* Where people's installers put interpreters, below the invoking user's home. */
static const char *const homes[] = {".local/bin", ".pyenv/versions/*/bin", ".local/share/uv/python/*/bin"};
static const char *const folders[] = {"/usr/local/bin", "/usr/bin", "/opt/*/bin"};

/* The places that tests/interpreters/find looks in, and more. */
static char **find_candidates(const struct account *account)
{
    const char *named = getenv("HOTREF_PYTHON"), *cache = account->is_other ? NULL : getenv("XDG_CACHE_HOME");
    char **candidates = NULL, folder[PATH_MAX];

    if (named != NULL && named[0] != '\0')
        add_candidate(&candidates, named);
    add_path(&candidates, getenv("PATH"));
    add_paths_of_sudo(&candidates, account);
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        add_matches(&candidates, folders[i], INTERPRETERS);
    for (size_t i = 0; account->home[0] != '\0' && i < sizeof(homes) / sizeof(homes[0]); i++) {
        snprintf(folder, sizeof(folder), "%s/%s", account->home, homes[i]);
        add_matches(&candidates, folder, INTERPRETERS);
    }
    snprintf(folder, sizeof(folder), "%s%s", cache != NULL && cache[0] != '\0' ? cache : account->home,
             cache != NULL && cache[0] != '\0' ? "" : "/.cache");
    add_matches(&candidates, folder, "hotref/pythons/*/bin/" INTERPRETERS);
    return candidates;
}

/* One that was named has to be of use; of those that were just found it is no fault of the machine's. */
static int report_interpreter(const char *path, bool named)
{
    struct interpreter interpreter = {0};
    struct scan *scan = NULL;
    char text[DETAIL];
    int failed = 0;

    progress_begin("looking at '%s'", path);
    if (interpreter_in_file(path, &interpreter) == 0)
        scan = scan_file(interpreter.file, false);
    progress_end();
    if (scan != NULL) {
        detail(text, true, "CPython %s, %s: %s, %zu of %zu decrements can be counted", interpreter.version, interpreter.build,
               path, coverage_armable(scan, OPERATION_DECREMENT, false), coverage_kind(scan, OPERATION_DECREMENT));
        report(true, "interpreter", text);
    } else if (named) {
        failed = report(false, "interpreter", last_failure());
    } else {
        remark("interpreter", last_failure());
    }
    scan_free(scan);
    interpreter_close(&interpreter);
    return failed;
}

static int report_interpreters(void)
{
    const char *named = getenv("HOTREF_PYTHON");
    struct account account = account_invoking();
    char **candidates = find_candidates(&account), text[DETAIL];
    bool has_named = named != NULL && named[0] != '\0', missing = has_named && access(named, X_OK) != 0;
    int failed = 0;

    if (missing) {
        detail(text, false, "HOTREF_PYTHON names no program: '%s'", named);
        failed |= report(false, "interpreter", text);
    }
    if (arrlen(candidates) == 0 && !failed)
        remark("interpreter", "no free-threaded one was found on PATH or in the usual places: set HOTREF_PYTHON to yours");
    for (ptrdiff_t i = 0; i < arrlen(candidates); i++) {
        failed |= report_interpreter(candidates[i], i == 0 && has_named && !missing);
        free(candidates[i]);
    }
    arrfree(candidates);
    return failed;
}

/* libbpf would explain refusals at length on stderr; the line's own sentence does. */
static int no_message(enum libbpf_print_level level, const char *format, va_list args)
{
    (void)level, (void)format, (void)args;
    return 0;
}

static int run(int argc, char **argv)
{
    char text[DETAIL];
    int failed = 0;

    if (argc > 1)
        return command_misused(&command_doctor, "unexpected argument '%s'", argv[1]);
    libbpf_set_print(no_message);
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        bool ok = attempts[i].attempt(text);

        failed |= report(ok, attempts[i].what, text);
    }
    failed |= report_interpreters();
    return failed ? STATUS_FAILED : STATUS_OK;
}

static const char *const notes[] = {
    "Tries what recording needs, line by line: 'ok', 'no' or '--' (worth knowing, but no fault of the machine's), what it is, "
    "and what to do about it.",
    "Interpreters are looked for where HOTREF_PYTHON points, on PATH (under sudo on the invoking user's too), and where "
    "installers put them: /usr/local/bin, /opt/*/bin, ~/.local/bin, pyenv's and uv's folders, ~/.cache/hotref/pythons. Others "
    "can be recorded all the same.",
    NULL};

static const struct command_item environment[] = {
    {"HOTREF_PYTHON", "an interpreter to look at first; it has to be one that can be recorded"}, {0}};

static const struct command_item statuses[] = {
    {"0", "all is well"}, {"1", "a line says 'no'"}, {"2", "wrong usage"}, {0}};

const struct command command_doctor = {
    .name = "doctor",
    .summary = "Tell what this machine and user can do",
    .notes = notes,
    .environment = environment,
    .statuses = statuses,
    .run = run,
};
