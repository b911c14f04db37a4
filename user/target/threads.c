/* The thread states of an interpreter, with the names that the threading module gives them. */
#include "target/interpreter.h"

#include <stdlib.h>
#include <string.h>

#include "target/pyobject.h"
#include "util/array.h"

/* Bounds on lists that a damaged or changing process may have made endless. */
enum { MOST_INTERPRETERS = 256, MOST_THREADS = 65536, LONGEST_NAME = 256 };

static int read_state(const struct python_memory *memory, uint64_t state, struct python_thread *thread,
                      uint64_t *next)
{
    const struct layout *layout = memory->layout;
    uint64_t tid = 0;

    if (memory->read(memory->context, state + layout->tstate_thread_id, &thread->pointer, 8) != 0 ||
        memory->read(memory->context, state + layout->tstate_native_thread_id, &tid, 8) != 0 ||
        memory->read(memory->context, state + layout->tstate_next, next, 8) != 0)
        return -1;
    thread->state = state;
    thread->tid = (pid_t)tid;
    thread->name = NULL;
    return 0;
}

/* threading._active: {ident: Thread}; 0 where the module has not been imported. */
static uint64_t active_threads(const struct python_memory *memory, uint64_t interp)
{
    uint64_t modules = python_pointer(memory, interp + memory->layout->interp_modules);
    uint64_t module = modules != 0 ? python_dict_get(memory, modules, "threading") : 0;
    uint64_t dict = module != 0 ? python_pointer(memory, module + memory->layout->module_dict) : 0;

    return dict != 0 ? python_dict_get(memory, dict, "_active") : 0;
}

/* An ident is soon used again by another thread: only _native_id tells that the Thread is this one's. It is
 * compared after the name was read, and name and Thread must belong together still. */
static char *read_name(const struct python_memory *memory, uint64_t object, pid_t tid)
{
    char text[LONGEST_NAME + sizeof("...")];
    uint64_t name = python_attribute(memory, object, "_name");
    int cut = name != 0 ? python_string(memory, name, text, LONGEST_NAME) : -1;
    int64_t native;

    if (cut < 0 || text[0] == '\0' || python_attribute(memory, object, "_name") != name ||
        python_int(memory, python_attribute(memory, object, "_native_id"), &native) != 0 || native != tid)
        return NULL;
    return strdup(cut ? strcat(text, "...") : text);
}

/* Names the threads from the one at first on. */
static void name_threads(const struct python_memory *memory, uint64_t interp, struct python_thread *threads,
                         ptrdiff_t first)
{
    uint64_t active = active_threads(memory, interp);
    struct python_item *items;
    int64_t ident;

    if (active == 0 || python_dict_items(memory, active, MOST_THREADS, &items) != 0)
        return;
    for (ptrdiff_t i = 0; i < arrlen(items); i++) {
        if (python_int(memory, items[i].key, &ident) != 0)
            continue;
        for (ptrdiff_t j = first; j < arrlen(threads); j++) {
            if (threads[j].pointer == (uint64_t)ident && threads[j].name == NULL)
                threads[j].name = read_name(memory, items[i].value, threads[j].tid);
        }
    }
    arrfree(items);
}

struct python_thread *interpreter_threads(const struct process *process,
                                          const struct interpreter *interpreter)
{
    const struct layout *layout = &interpreter->layout;
    struct python_memory memory = python_memory_of(process, layout);
    uint64_t interp = python_pointer(&memory, interpreter->runtime + layout->runtime_interpreters_head);
    struct python_thread *threads = NULL, thread;

    for (int i = 0; interp != 0 && i < MOST_INTERPRETERS; i++) {
        uint64_t state = python_pointer(&memory, interp + layout->interp_threads_head);
        ptrdiff_t first = arrlen(threads);

        while (state != 0 && arrlen(threads) < MOST_THREADS &&
               read_state(&memory, state, &thread, &state) == 0)
            arrput(threads, thread);
        name_threads(&memory, interp, threads, first);
        interp = python_pointer(&memory, interp + layout->interp_next);
    }
    return threads;
}

void interpreter_free_threads(struct python_thread *threads)
{
    for (ptrdiff_t i = 0; i < arrlen(threads); i++)
        free(threads[i].name);
    arrfree(threads);
}
