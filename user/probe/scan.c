#include "probe/scan.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "probe/sweep.h"
#include "probe/touch.h"
#include "util/array.h"
#include "util/error.h"

/* How deep wrappers are followed: BPF climbs to the caller's caller, and tail jumps add one. */
#define MAX_WAVES 8
/* Each further one gains less and takes as much memory. */
#define MOST_THREADS 4
/* Python/uniqueid.c (3.14.7): an object whose references each thread counts for itself comes here where it has no id. */
#define WITHOUT_ID "_PyObject_ThreadIncrefSlow"

const char *operation_name(enum operation_kind kind)
{
    static const char *const names[] = {"unknown", "decrement", "increment", "try-increment", "flags", "merge",
                                        "foreign", "add", "no-id increment", "touch"};

    return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}

/* Whether a range calls something that the last wave found to operate on its arguments, or jumps to it or to what is
 * known not to. */
static bool leads_to_new(struct sweep *sweep, const struct range_facts *facts)
{
    for (uint32_t i = 0; i < facts->link_count; i++) {
        const struct link *link = &sweep->links[facts->first_link + i];
        const struct wrapper *wrapper = sweep_wrapper(sweep, link->target);

        for (int argument = 0; wrapper && argument < ARGUMENTS; argument++) {
            if (wrapper->wave[argument] + 1 == sweep->wave && wrapper->flags[argument] &&
                (!link->call || wrapper->flags[argument] == WRAPS || sweep_has_known_tail(wrapper, argument)))
                return true;
        }
    }
    return false;
}

/* A function that a wave looks at. */
struct task {
    uint32_t root;
    uint64_t size;
};

static int by_size(const void *a, const void *b)
{
    const struct task *x = a, *y = b;

    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    return x->root < y->root ? -1 : x->root > y->root;
}

/* The first wave wants the functions with atomics, which say which functions operate on their arguments, and the callers
 * of those that are known by name; each further one wants the callers of those that the one before found. */
static struct task *tasks_of_wave(struct sweep *sweep)
{
    uint64_t *sizes = calloc(sweep->range_count, sizeof(*sizes));
    bool *wanted = calloc(sweep->range_count, sizeof(*wanted));
    struct task *tasks = NULL;

    for (size_t i = 0; i < sweep->range_count; i++) {
        const struct range_facts *facts = &sweep->facts[i];
        uint32_t root = sweep_root(sweep, i);

        sizes[root] += sweep->ranges[i].end - sweep->ranges[i].start;
        if ((sweep->wave == 0 && facts->has_atomic) || leads_to_new(sweep, facts))
            wanted[root] = true;
    }
    for (uint32_t i = 0; i < sweep->range_count; i++) {
        if (wanted[i])
            arrput(tasks, ((struct task){i, sizes[i]}));
    }
    free(sizes);
    free(wanted);
    array_sort(tasks, by_size); /* a large one that comes last would be waited for */
    return tasks;
}

/* One thread of a wave. */
struct worker {
    struct sweep sweep;
    const struct task *tasks;
    atomic_size_t *next;             /* task that nobody has taken yet */
    pthread_t thread;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    size_t number;

    while ((number = atomic_fetch_add(worker->next, 1)) < arrlenu(worker->tasks))
        sweep_analyse(&worker->sweep, worker->tasks[number].root);
    return NULL;
}

static int threads_at_hand(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

    return count > MOST_THREADS ? MOST_THREADS : count;
}

static void take_slots(struct sweep *sweep, struct sweep *from)
{
    for (ptrdiff_t i = 0; i < hmlen(from->more_slots); i++)
        hmputs(sweep->slots, from->more_slots[i]);
    hmfree(from->more_slots);
}

static void take_results(struct sweep *sweep, struct sweep *from)
{
    for (size_t i = 0; i < arrlenu(from->scan->operations); i++)
        arrput(sweep->scan->operations, from->scan->operations[i]);
    for (ptrdiff_t i = 0; i < hmlen(from->callers); i++)
        hmputs(sweep->callers, from->callers[i]);
    for (size_t i = 0; i < arrlenu(from->found); i++)
        sweep_publish(sweep, &from->found[i]);
    if (sweep->touches)
        touches_take(sweep->touches, from->touches);
    touches_free(from->touches);
    take_slots(sweep, from);
    scan_free(from->scan);
    hmfree(from->callers);
    arrfree(from->found);
}

/* Analyses every function of which one range is wanted, in any order: no two of them share what they tell. */
static size_t run_wave(struct sweep *sweep)
{
    struct task *tasks = tasks_of_wave(sweep);
    struct worker workers[MOST_THREADS] = {0};
    size_t count = arrlenu(tasks);
    atomic_size_t next = 0;
    int threads = threads_at_hand(), started = 1;

    for (int i = 0; i < threads; i++) {
        workers[i] = (struct worker){.sweep = *sweep, .tasks = tasks, .next = &next};
        workers[i].sweep.scan = calloc(1, sizeof(struct scan));
        workers[i].sweep.callers = NULL;
        workers[i].sweep.more_slots = NULL;
        workers[i].sweep.touches = sweep->touches ? touches_new() : NULL;
    }
    while (started < threads && !pthread_create(&workers[started].thread, NULL, work, &workers[started]))
        started++;
    work(&workers[0]);
    for (int i = 1; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    for (int i = 0; i < threads; i++)
        take_results(sweep, &workers[i].sweep);
    arrfree(tasks);
    return count;
}

static int by_address(const void *a, const void *b)
{
    const struct operation *x = a, *y = b;

    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    return x->probe < y->probe ? -1 : x->probe > y->probe;
}

static int by_return(const void *a, const void *b)
{
    const struct caller *x = a, *y = b;

    return x->returns_to < y->returns_to ? -1 : x->returns_to > y->returns_to;
}

static uint8_t losses_of(struct sweep *sweep, uint64_t target)
{
    const struct wrapper *wrapper = sweep_wrapper(sweep, target);
    uint8_t losses = 0;

    for (int argument = 0; wrapper && argument < ARGUMENTS; argument++)
        losses |= wrapper->flags[argument] & LOSES ? 1u << argument : 0;
    return losses;
}

/* What is called may have turned out only later to end in a tail jump with something else. */
static void settle_callers(struct sweep *sweep)
{
    for (ptrdiff_t i = 0; i < hmlen(sweep->callers); i++) {
        struct caller *caller = &sweep->callers[i].value;
        const struct wrapper *target = sweep_wrapper(sweep, caller->target);

        caller->loses = losses_of(sweep, caller->target);
        for (int argument = 0; argument < ARGUMENTS; argument++) {
            if (!(caller->loses & (1u << argument)))
                continue;
            if (!sweep_has_known_tail(target, argument))
                caller->arguments[argument] = (struct slot){0};
            else
                caller->members[argument] = target->tails[argument].members;
        }
    }
}

/* Calls of what ends in a tail jump need no analysis: only that the call's function is not the one to name. */
static void add_losing_callers(struct sweep *sweep)
{
    for (size_t i = 0; i < sweep->range_count; i++) {
        for (uint32_t j = 0; j < sweep->facts[i].link_count; j++) {
            const struct link *link = &sweep->links[sweep->facts[i].first_link + j];
            struct caller caller = {.returns_to = link->returns_to,
                                    .function = sweep->ranges[sweep_root(sweep, i)].start,
                                    .target = link->target,
                                    .loses = link->call ? losses_of(sweep, link->target) : 0};

            if (caller.loses && hmgeti(sweep->callers, link->returns_to) < 0)
                hmput(sweep->callers, link->returns_to, caller);
        }
    }
}

static void finish(struct sweep *sweep)
{
    struct scan *scan = sweep->scan;

    settle_callers(sweep);
    add_losing_callers(sweep);
    for (ptrdiff_t i = 0; i < hmlen(sweep->callers); i++)
        arrput(scan->callers, sweep->callers[i].value);
    array_sort(scan->callers, by_return);
    array_sort(scan->operations, by_address);
    if (sweep->touches)
        sweep_finish_touches(sweep);
    for (size_t i = 0; i < sweep->range_count; i++)
        scan->undecoded += sweep->facts[i].undecoded;
    scan->ranges = sweep->range_count;
    elf_file_text(sweep->file, &scan->text_start, &scan->text_end);
}

/* By now all that the file reads on first use, as threads must not, has been used: the lists of symbols and
 * relocations. */
static void add_known(struct sweep *sweep)
{
    elf_file_bound_name(sweep->file, 0);
    sweep->without_id = elf_file_symbol(sweep->file, WITHOUT_ID);
    sweep->wave = UINT32_MAX; /* so that the first wave is the next one */
    for (size_t i = 0; sweep_drops[i]; i++) {
        uint64_t entry = elf_file_symbol(sweep->file, sweep_drops[i]);

        sweep_publish(sweep, &(struct found){.entry = entry ? entry : SWEEP_IMPORTED + i, .flag = WRAPS});
    }
    if (sweep->without_id)
        sweep_publish(sweep, &(struct found){.entry = sweep->without_id, .flag = WRAPS});
}

static void sweep_all(struct sweep *sweep)
{
    for (size_t i = 0; i < sweep->range_count; i++)
        sweep_look_over(sweep, i);
    take_slots(sweep, sweep);
    sweep_join_parts(sweep);
    sweep_group(sweep);
    add_known(sweep);
    for (sweep->wave = 0; sweep->wave < MAX_WAVES; sweep->wave++) {
        if (!run_wave(sweep))
            break;
    }
    finish(sweep);
}

struct scan *scan_file(const struct elf_file *file, bool touches)
{
    struct sweep sweep = {.file = file};

    sweep.ranges = elf_file_code(file, &sweep.range_count);
    if (sweep.range_count == 0) {
        fail("the file's .eh_frame tells of no code");
        return NULL;
    }
    sweep.decoder = decoder_new();
    sweep.facts = calloc(sweep.range_count, sizeof(*sweep.facts));
    sweep.scan = calloc(1, sizeof(*sweep.scan));
    sweep.touches = touches ? touches_new() : NULL;
    sweep_all(&sweep);
    touches_free(sweep.touches);
    decoder_free(sweep.decoder);
    free(sweep.facts);
    arrfree(sweep.links);
    hmfree(sweep.wrappers);
    hmfree(sweep.targets);
    hmfree(sweep.slots);
    hmfree(sweep.callers);
    if (elf_file_check(file)) {
        scan_free(sweep.scan);
        return NULL;
    }
    return sweep.scan;
}

void scan_free(struct scan *scan)
{
    if (!scan)
        return;
    arrfree(scan->operations);
    arrfree(scan->callers);
    arrfree(scan->touches);
    arrfree(scan->touch_spans);
    free(scan);
}

const struct caller *scan_caller(const struct scan *scan, uint64_t returns_to)
{
    struct caller key = {.returns_to = returns_to};

    if (!scan->callers)
        return NULL;
    return bsearch(&key, scan->callers, arrlenu(scan->callers), sizeof(key), by_return);
}
