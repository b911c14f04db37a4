/* Small profiles, put together line by line, for the tests of the model, the rows and the output. */
#ifndef HOTREF_TESTS_PROFILE_SAMPLE_H
#define HOTREF_TESTS_PROFILE_SAMPLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Before cmocka, which has a macro fail(). */
#include "profile/profile.h"
#include "util/array.h"
#include "util/error.h"

#include <cmocka.h>

/* One target, three threads in it ("Thread-1" to "Thread-3"), two sites; nothing counted yet. */
static inline struct profile *sample_new(void)
{
    struct profile *p = profile_new();
    struct profile_target target = {
        .pid = 4242,
        .end = END_EXIT,
        .exe = profile_text(p, "/usr/bin/python3.13t"),
        .version = profile_text(p, "3.13.5"),
        .build = profile_text(p, "gcc 12.2.0, static"),
        .build_id = profile_text(p, "5ca1ab1e"),
        .atomics = 9,
        .classified = 9,
        .decrements = 5,
        .armed = 5,
    };

    p->meta = (struct profile_meta){
        .mode = MODE_EXACT,
        .complete = 1,
        .started_ns = 1000000000ull * 86400,
        .duration_ns = 1500000000,
        .cpus = 4,
        .live_probes = 5,
        .armed_probes = 5,
        .hotref_version = profile_text(p, "0.1.0"),
        .command = profile_text(p, "python3.13t nested.py"),
        .kernel = profile_text(p, "6.1.0"),
    };
    arrput(p->targets, target);
    for (uint32_t i = 1; i <= 3; i++) {
        char name[] = "Thread-0";

        name[7] = (char)('0' + i);
        arrput(p->threads, ((struct profile_thread){1, 4242 + i, profile_text(p, name)}));
    }
    for (uint64_t i = 1; i <= 2; i++) {
        struct profile_site site = {.function = profile_text(p, i == 1 ? "func_dealloc" : "cell_dealloc"),
                                    .operation = profile_text(p, "_Py_DecRefShared"),
                                    .binary = profile_text(p, "python3.13t"),
                                    .address = 0x1000 * i};

        arrput(p->sites, site);
    }
    arrput(p->modules, ((struct profile_module){.target = 1, .path = profile_text(p, "/opt/counting.so"), .calls = 4}));
    return p;
}

static inline uint32_t sample_object(struct profile *p, const char *type, const char *name, uint64_t address)
{
    struct profile_object object = {.target = 1,
                                    .type = profile_text(p, type),
                                    .name = profile_text(p, name),
                                    .owner = profile_text(p, "MainThread"),
                                    .address = address};

    arrput(p->objects, object);
    return (uint32_t)arrlenu(p->objects) - 1;
}

static inline uint32_t sample_fold(struct profile *p, const char *type, uint64_t others)
{
    uint32_t object = sample_object(p, type, "", 0);

    p->objects[object].others = others;
    return object;
}

static inline uint32_t sample_frame(struct profile *p, const char *file, const char *qualname, uint32_t line)
{
    arrput(p->frames, ((struct profile_frame){profile_text(p, qualname), profile_text(p, file), line, 0}));
    return (uint32_t)arrlenu(p->frames) - 1;
}

/* A stack of two frames of one file at site 1: caller and, on top, callee. */
static inline void sample_stack(struct profile *p, uint32_t object, const char *field, uint64_t hits, const char *file,
                                const char *caller, uint32_t caller_line, const char *callee, uint32_t callee_line)
{
    uint32_t root, top;

    arrput(p->nodes, ((struct profile_node){0, sample_frame(p, file, caller, caller_line)}));
    root = (uint32_t)arrlenu(p->nodes) - 1;
    arrput(p->nodes, ((struct profile_node){root, sample_frame(p, file, callee, callee_line)}));
    top = (uint32_t)arrlenu(p->nodes) - 1;
    arrput(p->stacks, ((struct profile_stack){object, 1, profile_text(p, field), top, hits}));
}

static inline struct profile_count *sample_count(struct profile *p, uint32_t object, const char *field,
                                                 uint32_t thread, uint64_t decrefs)
{
    struct profile_count count = {.object = object,
                                  .site = 1,
                                  .thread = thread,
                                  .field = profile_text(p, field),
                                  .field_source = FIELD_SLOT,
                                  .decrefs = decrefs};

    arrput(p->counts, count);
    return &arrlast(p->counts);
}

#endif
