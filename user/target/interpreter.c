#include "target/interpreter.h"

#include <elf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/libpython.h"
#include "util/array.h"
#include "util/error.h"

/* Longer than _Py_DebugOffsets of any version. */
enum { HEAD_SIZE = 1024 };

/* What looking into one file came to. */
enum found { FOUND, FAILED, HAS_GIL, NOT_PYTHON, UNREADABLE };

/* The address of _PyRuntime in the file. It is exported; a build that hides its symbols still has the
 * section, which holds nothing else. */
static uint64_t runtime_in(const struct elf_file *file)
{
    uint64_t vaddr = elf_file_symbol(file, "_PyRuntime");
    size_t size;

    if (vaddr == 0 && !elf_file_section(file, ".PyRuntime", &vaddr, &size))
        return 0;
    return vaddr;
}

/* "3.10" out of "/usr/lib/libpython3.10.so.1.0" or "python3.6"; "" if the name doesn't tell. */
static void version_by_name(const char *path, char *into, size_t size)
{
    const char *base = strrchr(path, '/'), *version;

    base = base != NULL ? base + 1 : path;
    version = strstr(base, "python");
    version = version != NULL ? version + strlen("python") : "";
    snprintf(into, size, "%.*s", (int)strspn(version, "0123456789."), version);
}

/* A CPython before 3.13, which has no debug offsets: it has the GIL. Py_Version is exported since 3.11. */
static enum found old_version(const struct elf_file *file, const char *path, const char *subject)
{
    uint64_t vaddr = elf_file_symbol(file, "Py_Version");
    const uint8_t *bytes = vaddr != 0 ? elf_file_bytes(file, vaddr, sizeof(uint32_t)) : NULL;
    char version[32];
    uint32_t hex;

    if (bytes != NULL) {
        memcpy(&hex, bytes, sizeof(hex));
        layout_version(hex, version, sizeof(version));
    } else {
        version_by_name(path, version, sizeof(version));
    }
    fail("CPython%s%s %s has the GIL: nothing can contend there", version[0] != '\0' ? " " : "", version,
         subject);
    return HAS_GIL;
}

static const char cookie[8] = "xdebugpy";

static enum found decode(const uint8_t *head, const char *subject, struct interpreter *interpreter)
{
    char version[32], reason[256];
    uint64_t words[3]; /* cookie, version, free-threaded */

    memcpy(words, head, sizeof(words));
    layout_version(words[1], version, sizeof(version));
    if (words[2] == 0) {
        fail("CPython %s %s has the GIL: nothing can contend there", version, subject);
        return HAS_GIL;
    }
    if (layout_decode(head, HEAD_SIZE, &interpreter->layout) != 0) {
        snprintf(reason, sizeof(reason), "%s", last_failure());
        fail("cannot work with the interpreter %s: %s", subject, reason);
        return FAILED;
    }
    interpreter->hex_version = words[1];
    snprintf(interpreter->version, sizeof(interpreter->version), "%s", version);
    return FOUND;
}

/* CPython keeps its compiler's name for sys.version (Python/getcompiler.c: "[GCC 12.2.0]", "[Clang 14.0.6
 * ]"). That tells more than .comment, which also lists what the C library's start files were built with. */
static bool own_compiler(const struct elf_file *file, char *into, size_t size)
{
    static const struct {
        const char *text, *name;
    } compilers[] = {{"[Clang ", "clang"}, {"[GCC ", "gcc"}};
    const char *bytes;
    uint64_t vaddr;
    size_t length;

    if (!elf_file_section(file, ".rodata", &vaddr, &length))
        return false;
    bytes = (const char *)elf_file_bytes(file, vaddr, length);
    for (size_t i = 0; bytes != NULL && i < sizeof(compilers) / sizeof(compilers[0]); i++) {
        const char *at = memmem(bytes, length, compilers[i].text, strlen(compilers[i].text));
        size_t digits = 0;

        if (at == NULL)
            continue;
        at += strlen(compilers[i].text);
        while (at + digits < bytes + length && strchr("0123456789.", at[digits]) != NULL &&
               at[digits] != '\0')
            digits++;
        snprintf(into, size, "%s %.*s", compilers[i].name, (int)digits, at);
        return true;
    }
    return false;
}

static char *describe_build(const struct elf_file *file)
{
    char compiler[128], *build;

    if (!own_compiler(file, compiler, sizeof(compiler)))
        snprintf(compiler, sizeof(compiler), "%s", elf_file_compiler(file));
    if (asprintf(&build, "%s%s%s%s%s", compiler, compiler[0] != '\0' ? ", " : "",
                 elf_file_is_shared(file) ? "shared" : "static",
                 elf_file_has_lto_symbols(file) ? ", lto" : "",
                 elf_file_is_stripped(file) ? ", stripped" : "") < 0)
        return NULL;
    return build;
}

static int describe(struct interpreter *interpreter, struct elf_file *file, const char *path,
                    const char *open_path)
{
    interpreter->path = strdup(path);
    interpreter->open_path = strdup(open_path);
    interpreter->build = describe_build(file);
    if (interpreter->path == NULL || interpreter->open_path == NULL || interpreter->build == NULL)
        return fail("out of memory");
    return 0;
}

/* Just when its code is mapped, a library's data are not yet: the file has what will stand there. */
static bool read_head(const struct elf_file *file, const struct interpreter *interpreter, uint8_t *head)
{
    const uint8_t *bytes = elf_file_bytes(file, interpreter->runtime - interpreter->bias, HEAD_SIZE);

    if (bytes == NULL || memcmp(bytes, cookie, sizeof(cookie)) != 0)
        return false;
    memcpy(head, bytes, HEAD_SIZE);
    return true;
}

/* Looks into one mapped file. The head is read from memory: that is what runs. */
static enum found look_into(const struct process *process, const struct mapping *mapping, const char *subject,
                            struct interpreter *interpreter)
{
    struct elf_file *file;
    char open_path[PATH_MAX];
    uint8_t head[HEAD_SIZE];
    enum found found = NOT_PYTHON;

    process_mapping_file(process, mapping, open_path, sizeof(open_path));
    file = elf_file_open_as(open_path, mapping->path);
    if (file == NULL)
        return UNREADABLE;
    interpreter->runtime = runtime_in(file);
    interpreter->bias = elf_file_bias(file, mapping->start, mapping->offset);
    if (interpreter->runtime != 0 && interpreter->bias != UINT64_MAX) {
        interpreter->runtime += interpreter->bias;
        if (process_read(process, interpreter->runtime, head, sizeof(head)) != 0 &&
            !read_head(file, interpreter, head)) {
            fail("cannot read the memory of process %d: run hotref as root", process->pid);
            found = FAILED;
        } else if (memcmp(head, cookie, sizeof(cookie)) != 0 && !read_head(file, interpreter, head)) {
            found = old_version(file, mapping->path, subject);
        } else {
            found = decode(head, subject, interpreter);
        }
    } else if (elf_file_symbol(file, "Py_Main") != 0) { /* before 3.7 there was no _PyRuntime */
        found = old_version(file, mapping->path, subject);
    }
    if (found != FOUND) {
        elf_file_close(file);
        return found;
    }
    interpreter->file = file;
    if (describe(interpreter, file, mapping->path, open_path) == 0)
        return FOUND;
    interpreter_close(interpreter);
    return FAILED;
}

/* Which files are looked into first: the executable, then libraries by name, then the rest. */
enum turn { EXECUTABLE, LIBPYTHON, OTHERS, TURNS };

static enum turn turn_of(const struct process *process, const struct mapping *mapping)
{
    const char *base = strrchr(mapping->path, '/');
    size_t length = strlen(mapping->path);

    if (strncmp(process->exe, mapping->path, length) == 0 &&
        (process->exe[length] == '\0' || strcmp(process->exe + length, " (deleted)") == 0))
        return EXECUTABLE;
    return base != NULL && strncmp(base, "/libpython", 10) == 0 ? LIBPYTHON : OTHERS;
}

/* The first executable mapping of each file counts. */
static bool is_first_code(const struct process *process, ptrdiff_t index)
{
    const struct mapping *mapping = &process->mappings[index];

    if (!mapping->executable || mapping->inode == 0 || mapping->path[0] != '/')
        return false;
    for (ptrdiff_t i = 0; i < index; i++) {
        const struct mapping *other = &process->mappings[i];

        if (other->executable && other->inode == mapping->inode && other->dev_major == mapping->dev_major &&
            other->dev_minor == mapping->dev_minor)
            return false;
    }
    return true;
}

int interpreter_find(const struct process *process, struct interpreter *interpreter)
{
    char subject[64];

    snprintf(subject, sizeof(subject), "of process %d", process->pid);
    memset(interpreter, 0, sizeof(*interpreter));
    for (int turn = 0; turn < TURNS; turn++) {
        for (ptrdiff_t i = 0; i < arrlen(process->mappings); i++) {
            const struct mapping *mapping = &process->mappings[i];
            enum found found;

            if (!is_first_code(process, i) || turn_of(process, mapping) != (enum turn)turn)
                continue;
            found = look_into(process, mapping, subject, interpreter);
            if (found == FOUND)
                return 0;
            memset(interpreter, 0, sizeof(*interpreter));
            if (found == HAS_GIL)
                return INTERPRETER_GIL;
            if (found == FAILED ||
                (found == UNREADABLE && turn != OTHERS)) /* others need not be ELF at all */
                return -1;
        }
    }
    fail("process %d ('%s') is not a CPython", process->pid, process->exe);
    return INTERPRETER_NONE;
}

static enum found look_into_file(struct elf_file *file, const char *path, struct interpreter *interpreter)
{
    uint64_t runtime = runtime_in(file);
    const uint8_t *bytes;
    char subject[PATH_MAX + 8];

    snprintf(subject, sizeof(subject), "in '%s'", path);
    if (runtime == 0)
        return elf_file_symbol(file, "Py_Main") != 0 ? old_version(file, path, subject) : NOT_PYTHON;
    bytes = elf_file_bytes(file, runtime, HEAD_SIZE);
    if (bytes == NULL || memcmp(bytes, cookie, sizeof(cookie)) != 0)
        return old_version(file, path, subject);
    interpreter->runtime = runtime;
    if (decode(bytes, subject, interpreter) != FOUND)
        return FAILED;
    return describe(interpreter, file, path, path) == 0 ? FOUND : FAILED;
}

int interpreter_in_file(const char *path, struct interpreter *interpreter)
{
    struct elf_file *file = elf_file_open(path);
    enum found found;
    char *library;

    memset(interpreter, 0, sizeof(*interpreter));
    if (file == NULL)
        return -1;
    found = look_into_file(file, path, interpreter);
    if (found == NOT_PYTHON && (library = libpython_of(file, path)) != NULL) {
        elf_file_close(file);
        file = elf_file_open(library);
        found = file != NULL ? look_into_file(file, library, interpreter) : FAILED;
        free(library);
    }
    if (found == FOUND) {
        interpreter->file = file;
        return 0;
    }
    elf_file_close(file);
    interpreter_close(interpreter);
    return found == FAILED || found == HAS_GIL ? -1 : fail("'%s' is not a CPython", path);
}

void interpreter_close(struct interpreter *interpreter)
{
    elf_file_close(interpreter->file);
    free(interpreter->path);
    free(interpreter->open_path);
    free(interpreter->build);
    memset(interpreter, 0, sizeof(*interpreter));
}
