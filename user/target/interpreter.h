/* The CPython in a process or a file: which version and build it is, and where its structures keep things. */
#ifndef HOTREF_TARGET_INTERPRETER_H
#define HOTREF_TARGET_INTERPRETER_H

#include "target/elf_file.h"
#include "target/layout.h"
#include "target/process.h"

struct interpreter {
    struct elf_file *file; /* the executable or libpython.so that holds the interpreter's code */
    char *path;            /* of that file as the process sees it */
    char *open_path;       /* how to open it from here */
    uint64_t bias;         /* address in the process = address in the file + bias; 0 for a file */
    uint64_t runtime;      /* address of _PyRuntime in the process (in the file for a file) */
    uint64_t hex_version;  /* as PY_VERSION_HEX */
    char version[32];      /* "3.13.5", "3.15.0rc1" */
    char *build;           /* "gcc 12.2.0, static, stripped" */
    struct layout layout;
};

/* What interpreter_find() returns where there is no Python at all: a wrapper that may yet become one. */
#define INTERPRETER_NONE (-2)
/* Where there is a CPython with the GIL: it, too, may yet become another program. */
#define INTERPRETER_GIL (-3)

/*
 * Finds the free-threaded CPython of process. Returns 0; INTERPRETER_NONE where there is no Python at all;
 * INTERPRETER_GIL for a CPython with the GIL (the failure names its version, and that nothing can contend there); or -1
 * for a version that no layout is known of (it names those that are), or another architecture.
 */
int interpreter_find(const struct process *process, struct interpreter *interpreter);

/* The same for a file on disk, for scanning it. An executable that only links libpython.so is followed to
 * that library where it lies by DT_RUNPATH/DT_RPATH or beside it in ../lib. */
int interpreter_in_file(const char *path, struct interpreter *interpreter);

void interpreter_close(struct interpreter *interpreter); /* takes a zeroed struct */

/* A thread state of the interpreter. */
struct python_thread {
    uint64_t state;   /* address of its PyThreadState */
    uint64_t pointer; /* thread pointer (fs base), which ob_tid holds for objects that it owns */
    pid_t tid;        /* as the kernel numbers it, in the process's own pid namespace */
    char *name;       /* threading.Thread's name, "MainThread" for the main one; NULL where unknown */
};

/* All threads as they stand now, as an stb_ds array that interpreter_free_threads() frees; NULL where memory
 * could not be read. Bounded: a damaged list ends the walk. */
struct python_thread *interpreter_threads(const struct process *process,
                                          const struct interpreter *interpreter);
void interpreter_free_threads(struct python_thread *threads);

#endif
