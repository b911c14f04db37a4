#include "capture/session.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <fnmatch.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture/attach.h"
#include "capture/burst.h"
#include "capture/children.h"
#include "capture/modules.h"
#include "capture/session_bpf.h"
#include "probe/cache.h"
#include "probe/plan.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"

#define BREAKPOINT 0xcc
#define BATCH 4096
#define TRIM_BYTES (64 << 10)
/* BPF asks for its rows to be taken when a fourth of them is used: the rest is for the time until that is done. */
#define ROWS_SHARE 4
#define MEANWHILE_POLL_MS 5
#define RECORDER_NICE (-10)
#define STACK_PERIOD 97 /* a prime: operations come in the rhythm of loops */
/* Looking for threads' names costs the target cache misses: rarely, and not for ever. */
#define NAME_TRIES 20
#define LEAST_NAME_TRIES 3
#define NAMED_AT_ONCE 8 /* targets: with more of them the tries take long, and so need not be so many */
#define NAME_WAIT_MS 5
#define LOOK_NS 500000000u
#define MOST_THREADS 8192 /* whose names are kept, once no row tells of them any more */
#define MOST_ROWS 32768 /* kept on the user side, before cold ones are folded */
#define MANY_ROWS 65536 /* the same, where many processes may have a row for each thread */

struct session *session_new(void)
{
    struct session *session = calloc(1, sizeof(*session));

    /* Else malloc learns from a scan's large arrays to keep what is freed. */
    mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
    session->bpf = calloc(1, sizeof(*session->bpf));
    arrsetcap(session->targets, ABI_TARGETS); /* observers keep pointers to targets, of which more may come */
    return session;
}

/* Targets and binaries */

static int find_binary(const struct session *session, const struct elf_file *file)
{
    const char *identity = elf_file_identity(file);

    for (size_t i = 0; i < arrlenu(session->binaries); i++) {
        if (*identity && strcmp(session->binaries[i].identity, identity) == 0)
            return i;
    }
    return -1;
}

#define FUNCTION_SIZE 256

/* Whether the inlined increments of the function at address were asked for. */
static bool matches(struct session *session, const struct elf_file *file, const char *path, uint64_t address)
{
    char name[FUNCTION_SIZE];
    bool matched = false;

    elf_file_function_name(file, path, address, name, sizeof(name));
    for (size_t i = 0; i < arrlenu(session->increments); i++) {
        if (fnmatch(session->increments[i].pattern, name, 0) == 0)
            matched = session->increments[i].matched = true;
    }
    return matched;
}

/* Operations come by address, so those of one function follow each other, but for its cold half. */
static void choose_operations(struct session *session, const struct elf_file *file, const char *path,
                              struct session_binary *binary)
{
    uint64_t function = 0;
    bool wanted = false;

    for (size_t i = 0; i < arrlenu(binary->scan->operations); i++) {
        const struct operation *operation = &binary->scan->operations[i];

        if (plan_is_armed(operation))
            arrput(binary->armed, i);
        if (!session->increments || !plan_is_inlined(operation) || !plan_is_armable(operation))
            continue;
        if (operation->function != function) {
            function = operation->function;
            wanted = matches(session, file, path, function);
            binary->inlined_functions += wanted;
        }
        if (wanted)
            arrput(binary->armed, i);
    }
}

bool session_missed_increments(const struct session *session)
{
    for (size_t i = 0; i < arrlenu(session->increments); i++) {
        if (session->increments[i].matched)
            return false;
    }
    return session->increments != NULL;
}

void session_check_increments(const struct session *session)
{
    for (size_t i = 0; i < arrlenu(session->increments); i++) {
        if (!session->increments[i].matched)
            warn("no C function with an inlined increment is called '%s', in the interpreter nor in a module that was loaded "
                 "('hotref scan --all' lists them all)",
                 session->increments[i].pattern);
    }
}

struct session_coverage session_coverage(const struct session *session, const struct session_code *code,
                                         enum operation_kind kind)
{
    const struct session_binary *binary = &session->binaries[code->binary];
    const struct operation *operations = binary->scan->operations;
    struct session_coverage coverage = {0};

    for (size_t i = 0; i < arrlenu(operations); i++)
        coverage.found += operations[i].kind == kind && (!i || operations[i].address != operations[i - 1].address);
    for (size_t i = 0; i < arrlenu(binary->armed); i++) {
        const struct operation *operation = &operations[binary->armed[i]];

        /* Several guards lead to one atomic. */
        coverage.armed += operation->kind == kind &&
                          (!i || operation->address != operations[binary->armed[i - 1]].address);
    }
    coverage.armed -= code->refused_of[kind] < coverage.armed ? code->refused_of[kind] : coverage.armed;
    return coverage;
}

/* Work for a thread of its own. */
struct meanwhile {
    void (*work)(void *);
    void *argument;
    char failure[FAILURE_SIZE]; /* the last one there */
    atomic_bool done;
};

static void *run_meanwhile(void *argument)
{
    struct meanwhile *meanwhile = argument;

    meanwhile->work(meanwhile->argument);
    snprintf(meanwhile->failure, sizeof(meanwhile->failure), "%s", last_failure());
    atomic_store(&meanwhile->done, true);
    return NULL;
}

/* Does what takes long, and does not look at the session, while BPF's events are taken: names are to be read while their
 * objects live. */
static void do_meanwhile(struct session *session, void work(void *), void *argument)
{
    struct meanwhile meanwhile = {.work = work, .argument = argument};
    pthread_t thread;

    if (!session->bpf->events || pthread_create(&thread, NULL, run_meanwhile, &meanwhile)) {
        work(argument);
        return;
    }
    while (!atomic_load(&meanwhile.done))
        session_catch_up(session, MEANWHILE_POLL_MS);
    pthread_join(thread, NULL);
    fail("%s", meanwhile.failure);
}

struct scanning {
    const struct elf_file *file;
    const char *folder;
    bool inlined, touches;
    struct scan *scan;
};

static void run_scan(void *argument)
{
    struct scanning *scanning = argument;

    scanning->scan = cache_scan(scanning->file, scanning->folder, scanning->inlined, scanning->touches);
}

static struct scan *scan_meanwhile(struct session *session, const struct elf_file *file)
{
    struct scanning scanning = {file, *session->scans ? session->scans : NULL, session->increments != NULL,
                                session->mode != SESSION_EXACT, NULL};

    do_meanwhile(session, run_scan, &scanning);
    /* What it took, programs and rows need next. */
    elf_file_rest(file);
    malloc_trim(0);
    return scanning.scan;
}

int session_binary_of(struct session *session, const struct elf_file *file, const char *path)
{
    int known = find_binary(session, file);
    struct session_binary binary = {.identity = strdup(elf_file_identity(file))};

    if (known >= 0 || arrlenu(session->binaries) == ABI_BINARIES) {
        free(binary.identity);
        return known >= 0 ? known : fail("cannot probe more than %d files at once", ABI_BINARIES);
    }
    binary.scan = scan_meanwhile(session, file);
    if (!binary.scan) {
        free(binary.identity);
        return -1;
    }
    if (session->mode != SESSION_SAMPLE)
        choose_operations(session, file, path, &binary);
    if (arrlenu(binary.armed) > ABI_BINARY_SITES)
        arrsetlen(binary.armed, ABI_BINARY_SITES);
    arrput(session->binaries, binary);
    return arrlenu(session->binaries) - 1;
}

int session_add(struct session *session, struct process *process, struct interpreter *interpreter)
{
    int binary;
    struct session_target target = {.code = {.link = -1}, .exit_status = -1};

    if (children_room(session) == 0)
        return fail("cannot record more than %d processes at once", ABI_TARGETS);
    binary = session_binary_of(session, interpreter->file, interpreter->path);
    if (binary < 0)
        return -1;
    if (!session->binaries[binary].armed && !session->binaries[binary].scan->touches)
        return fail("found no reference-count operation to probe in '%s' ('hotref scan' tells what was found)",
                    interpreter->path);
    target.process = *process;
    target.interpreter = *interpreter;
    target.code.binary = binary;
    target.code.bias = interpreter->bias;
    return children_add(session, &target);
}

const struct operation *session_site(const struct session_binary *binary, uint32_t number)
{
    size_t armed = arrlenu(binary->armed);

    return number < armed ? &binary->scan->operations[binary->armed[number]] : &binary->scan->touches[number - armed];
}

/* Filling the maps */

static int update(struct bpf_map *map, uint32_t key, const void *value)
{
    if (bpf_map_update_elem(bpf_map__fd(map), &key, value, BPF_ANY))
        return fail_errno("cannot fill the BPF map '%s'", bpf_map__name(map));
    return 0;
}

int session_fill_binary(struct session *session, uint32_t number)
{
    struct session_binary *binary = &session->binaries[number];

    if (binary->filled)
        return 0;
    if (tables_put_binary(&session->bpf->tables, number, binary->scan, binary->armed, arrlenu(binary->armed),
                          &binary->callers_left_out))
        return -1;
    binary->filled = true;
    return 0;
}

static struct abi_layout abi_layout_of(const struct layout *layout, uint32_t number)
{
    return (struct abi_layout){
        .type_flags = layout->type_flags,
        .type_name = layout->type_name,
        .type_dict = layout->type_dict,
        .heap_qualname = layout->heap_qualname,
        .dict_keys = layout->dict_keys,
        .str_length = layout->str_length,
        .str_state = layout->str_state,
        .str_ascii_data = layout->str_ascii_data,
        .str_data = layout->str_data,
        .bytes_size = layout->bytes_size,
        .bytes_data = layout->bytes_data,
        .code_filename = layout->code_filename,
        .code_qualname = layout->code_qualname,
        .code_firstlineno = layout->code_firstlineno,
        .function_qualname = layout->function_qualname,
        .function_module = layout->function_module,
        .module_name = layout->module_name,
        .cfunction_def = layout->cfunction_def,
        .cfunction_self = layout->cfunction_self,
        .method_function = layout->method_function,
        .method_self = layout->method_self,
        .descr_type = layout->descr_type,
        .descr_name = layout->descr_name,
        .cell_value = layout->cell_value,
        .code_unique_id = layout->code_unique_id,
        .heap_unique_id = layout->heap_unique_id,
        .dict_watcher_tag = layout->dict_watcher_tag,
        .kind_shift = layout->str_kind_shift,
        .ascii_bit = layout->str_ascii_bit,
        .compact_bit = layout->str_compact_bit,
        .stackref_tag = 3,
        .interpreters_head = layout->runtime_interpreters_head,
        .interp_next = layout->interp_next,
        .interp_threads = layout->interp_threads_head,
        .state_next = layout->tstate_next,
        .state_frame = layout->tstate_current_frame,
        .state_thread_id = layout->tstate_thread_id,
        .state_status = layout->tstate_status,
        .frame_executable = layout->frame_executable,
        .frame_previous = layout->frame_previous,
        .frame_instr = layout->frame_instr_ptr,
        .frame_owner = layout->frame_owner,
        .frame_locals = layout->frame_localsplus,
        .frame_tlbc = layout->frame_tlbc_index,
        .code_bytes = layout->code_adaptive,
        .code_tlbc = layout->code_tlbc,
        .code_version = layout->code_version,
        .code_locals = layout->code_nlocalsplus,
        .code_linetable = layout->code_linetable,
        .types = number,
    };
}

/* CPython's own types: what an instance is called, and which of its first words never change (see identity() in
 * bpf/objects.h, which adds what a mask cannot say). */
static const struct {
    const char *symbol;
    uint16_t kind;
    uint16_t mask;
} builtin_types[] = {
    {"PyUnicode_Type", ABI_KIND_STR, 1},         {"PyLong_Type", ABI_KIND_INT, 1},
    {"PyFloat_Type", ABI_KIND_FLOAT, 1},         {"PyBytes_Type", ABI_KIND_BYTES, 1},
    {"PyCode_Type", ABI_KIND_CODE, 6},           {"PyFunction_Type", ABI_KIND_FUNCTION, 9},
    {"PyType_Type", ABI_KIND_TYPE, 2},           {"PyModule_Type", ABI_KIND_MODULE, 1},
    {"PyCFunction_Type", ABI_KIND_CFUNCTION, 3}, {"PyMethod_Type", ABI_KIND_METHOD, 3},
    {"PyDict_Type", ABI_KIND_DICT, 0},           {"PyTuple_Type", ABI_KIND_TUPLE, 1},
    {"PyCell_Type", ABI_KIND_CELL, 0},           {"PyMethodDescr_Type", ABI_KIND_DESCRIPTOR, 3},
    {"PyWrapperDescr_Type", ABI_KIND_DESCRIPTOR, 3}, {"PyMemberDescr_Type", ABI_KIND_DESCRIPTOR, 3},
    {"PyGetSetDescr_Type", ABI_KIND_DESCRIPTOR, 3},  {"PyClassMethodDescr_Type", ABI_KIND_DESCRIPTOR, 3},
};

_Static_assert(sizeof(builtin_types) / sizeof(builtin_types[0]) <= ABI_BUILTIN_TYPES, "they have room for all targets");

static int fill_types(struct session *session, uint32_t number)
{
    const struct interpreter *interpreter = &session->targets[number].interpreter;
    int map = bpf_map__fd(session->bpf->skeleton->maps.builtin_types);

    for (size_t i = 0; i < sizeof(builtin_types) / sizeof(builtin_types[0]); i++) {
        uint64_t at = elf_file_symbol(interpreter->file, builtin_types[i].symbol);
        struct abi_type_key key = {.type = at + interpreter->bias, .target = number};
        struct abi_type type = {.mask = builtin_types[i].mask, .kind = builtin_types[i].kind};

        if (at && bpf_map_update_elem(map, &key, &type, BPF_ANY))
            return fail_errno("cannot fill the BPF map of types");
    }
    return 0;
}

/* Which target a process is: from then on BPF knows it. */
static int register_process(struct session *session, uint32_t number)
{
    uint32_t tgid = session->targets[number].process.pid;
    struct abi_process process = {.target = number};

    if (bpf_map_update_elem(bpf_map__fd(session->bpf->skeleton->maps.processes), &tgid, &process, BPF_ANY))
        return fail_errno("cannot fill the BPF map of processes");
    return 0;
}

static int fill_target(struct session *session, uint32_t number)
{
    struct session_target *target = &session->targets[number];
    const struct interpreter *interpreter = &target->interpreter;
    const struct scan *scan = session->binaries[target->code.binary].scan;
    struct abi_layout layout = abi_layout_of(&interpreter->layout, number);
    uint64_t code_type = elf_file_symbol(interpreter->file, "PyCode_Type");

    target->state = (struct abi_target){
        .tgid = target->process.pid,
        .bias = interpreter->bias,
        .text_start = scan->text_start + interpreter->bias,
        .text_end = scan->text_end + interpreter->bias,
        .binary = target->code.binary,
        .layout = number,
        .code_type = code_type ? code_type + interpreter->bias : 0,
        .runtime = interpreter->runtime,
        .tls = elf_file_thread_symbol(interpreter->file, "_Py_tss_tstate"),
        .modules = number,
    };
    if (session_fill_binary(session, target->code.binary) || tables_commit(&session->bpf->tables) ||
        update(session->bpf->skeleton->maps.layouts, number, &layout) ||
        update(session->bpf->skeleton->maps.targets, number, &target->state))
        return -1;
    return fill_types(session, number) || register_process(session, number) ? -1 : 0;
}

/* Events and rows */

static int take_rows(struct session *session);

static int name_tries(const struct session *session)
{
    int tries = NAME_TRIES / (1 + (int)arrlenu(session->targets) / NAMED_AT_ONCE);

    return tries > LEAST_NAME_TRIES ? tries : LEAST_NAME_TRIES;
}

#define NAME_STEP 16

static uint16_t read_name(const struct process *process, uint64_t address, char *name)
{
    uint16_t size = 0;

    for (; size + NAME_STEP <= ABI_TEXT; size += NAME_STEP) {
        const char *end;

        if (process_read(process, address + size, name + size, NAME_STEP))
            return 0;
        end = memchr(name + size, '\0', NAME_STEP);
        if (end)
            return end - name;
    }
    return size;
}

/* Where C code has a type's name, a forked process has often not looked yet; a sample cannot have the page read in, as
 * hotref can. */
static struct abi_event name_type(const struct session_target *target, const struct abi_event *event)
{
    struct abi_event named = *event;
    uint64_t name;

    if (event->event != ABI_EVENT_TYPE || event->heap || event->text[0].bytes ||
        process_read(&target->process, event->object + target->interpreter.layout.type_name, &name, sizeof(name)))
        return named;
    named.text[0] = (struct abi_text){.ascii = 1};
    named.text[0].length = named.text[0].bytes = read_name(&target->process, name, named.text[0].data);
    return named;
}

static void take_description(struct session *session, const struct session_target *target, const struct abi_event *event)
{
    struct abi_event named = name_type(target, event);

    collect_event(&session->collector, &named);
}

static int take_event(void *context, void *data, size_t size)
{
    struct session *session = context;
    const struct abi_event_head *head = data;

    if (size < sizeof(*head))
        return 0;
    children_adopt(session);
    if (head->event == ABI_EVENT_CODE && size >= sizeof(struct abi_event))
        children_note(session, data);
    if (head->target >= arrlenu(session->targets))
        return 0;
    if (head->event == ABI_EVENT_THREAD)
        session->targets[head->target].name_tries = name_tries(session);
    if (session->observer.event)
        session->observer.event(session->observer.context, &session->targets[head->target], head, size);
    if (head->event == ABI_EVENT_FULL)
        session->bpf->full = true;
    else if (size >= sizeof(struct abi_event) && head->event <= ABI_EVENT_END)
        take_description(session, &session->targets[head->target], data);
    /* Rows are made faster than messages are read: they cannot wait for the one that says so. */
    return session->bpf->skeleton->bss->rows_in[session->bpf->active] > ABI_ROWS / ROWS_SHARE ? take_rows(session) : 0;
}

void *session_map_elements(const struct bpf_map *map, size_t first, size_t count)
{
    size_t size = (bpf_map__value_size(map) + 7) & ~(size_t)7;
    void *elements =
        mmap(NULL, size * count, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), (off_t)(size * first));

    if (elements != MAP_FAILED)
        return elements;
    fail_errno("cannot read the BPF map '%s'", bpf_map__name(map));
    return NULL;
}

/* Waits until nobody writes to the half of the rows that BPF does not start on any more. */
static int await_writers(struct session_bpf *bpf, uint32_t which)
{
    const struct bpf_map *map = bpf->skeleton->maps.scratches;
    size_t size = (bpf_map__value_size(map) + 7) & ~(size_t)7, count = bpf_map__max_entries(map);
    char *scratches = session_map_elements(map, 0, count);

    if (!scratches)
        return -1;
    for (size_t i = 0; i < count; i++) {
        while (*(volatile uint64_t *)(scratches + size * i) == 1 + which)
            usleep(100);
    }
    munmap(scratches, size * count);
    return 0;
}

/* Hands what is in a hash map to take(), a batch at a time; and empties it, unless it is to be kept. */
static int take_all(struct bpf_map *map, void *take(struct collector *, const void *, const void *),
                    struct collector *collector, bool keep)
{
    typeof(bpf_map_lookup_batch) *next = keep ? bpf_map_lookup_batch : bpf_map_lookup_and_delete_batch;
    size_t key_size = bpf_map__key_size(map), value_size = bpf_map__value_size(map);
    char *keys = calloc(BATCH, key_size), *values = calloc(BATCH, value_size);
    LIBBPF_OPTS(bpf_map_batch_opts, options);
    uint32_t cursor = 0, count;
    bool first = true, more = true;
    int status = 0;

    while (more) {
        count = BATCH;
        more = !next(bpf_map__fd(map), first ? NULL : &cursor, &cursor, keys, values, &count, &options);
        if (!more && errno != ENOENT) {
            status = fail_errno("cannot read the BPF map '%s'", bpf_map__name(map));
            break;
        }
        for (uint32_t i = 0; i < count; i++)
            take(collector, keys + i * key_size, values + i * value_size);
        first = false;
    }
    free(keys);
    free(values);
    return status;
}

/* Empties a half of the rows. */
static int take_half(struct session *session, uint32_t half)
{
    struct abi_row_slot *slots = session_map_elements(session->bpf->skeleton->maps.rows, half * (size_t)ABI_ROWS, ABI_ROWS);

    if (!slots)
        return -1;
    for (size_t i = 0; i < ABI_ROWS; i++) {
        if (slots[i].state != ABI_SLOT_ROW)
            continue;
        collect_row(&session->collector, &slots[i].key, &slots[i].row);
        slots[i].state = ABI_SLOT_FREE;
    }
    munmap(slots, ABI_ROWS * sizeof(*slots));
    return 0;
}

static void *take_cold(struct collector *collector, const void *key, const void *value)
{
    collect_cold(collector, key, value);
    return NULL;
}

/* Names of threads of which no row is left, once there are many: BPF tells of them again where they come again. */
static void forget_threads(struct session *session)
{
    struct collector *collector = &session->collector;
    int map = bpf_map__fd(session->bpf->skeleton->maps.threads);
    struct {
        struct thread_key key;
        bool value;
    } *seen = NULL;
    struct collected_thread *kept = NULL;

    if (hmlenu(collector->threads) <= MOST_THREADS)
        return;
    for (ptrdiff_t i = 0; i < hmlen(collector->rows); i++) {
        struct thread_key key = {collector->rows[i].key.tid, collector->rows[i].key.target};

        hmput(seen, key, true);
    }
    for (ptrdiff_t i = 0; i < hmlen(collector->threads); i++) {
        struct thread_key key = collector->threads[i].key;
        uint64_t thread = (uint64_t)key.target << 32 | key.tid;

        if (hmgeti(seen, key) >= 0)
            hmputs(kept, collector->threads[i]);
        else
            bpf_map_delete_elem(map, &thread);
    }
    hmfree(seen);
    hmfree(collector->threads);
    collector->threads = kept;
}

/* Where what a target forks is to be counted from the first instruction on, its probes cannot be the target's alone. */
static bool shares_probes(const struct session *session)
{
    return session->descendants || session->everyone;
}

/* BPF goes on in the other rows, and these become ours. */
static int take_rows(struct session *session)
{
    struct session_bpf *bpf = session->bpf;
    uint32_t taken = bpf->active;
    int status;

    bpf->active ^= 1;
    bpf->skeleton->bss->rows_in[bpf->active] = 0;
    bpf->skeleton->bss->active_rows = bpf->active;
    __sync_synchronize();
    status = await_writers(bpf, taken) || take_half(session, taken) ? -1 : 0;
    if (collect_trim(&session->collector, shares_probes(session) ? MANY_ROWS : MOST_ROWS) && session->observer.trimmed)
        session->observer.trimmed(session->observer.context);
    forget_threads(session);
    bpf->full = false;
    return status;
}

/* Arming */

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
    (void)level, (void)format, (void)args;
    return 0;
}

static int load_failed(void)
{
    if (errno == EPERM || errno == EACCES)
        return fail("cannot load BPF programs: not permitted (run hotref as root)");
    return fail_errno("cannot load hotref's BPF programs ('hotref doctor' tells what this machine lacks)");
}

/* For make bench: what the program costs is told from what the probe costs by programs that do less of it. */
static uint32_t bench_level(void)
{
    const char *level = getenv("HOTREF_BENCH");

    if (!level)
        return 0;
    return strcmp(level, "empty") == 0 ? 2 : strcmp(level, "plain") == 0;
}

static uint32_t stack_period(void)
{
    const char *level = getenv("HOTREF_BENCH");

    return level && strcmp(level, "stackless") == 0 ? 0 : STACK_PERIOD;
}

static int load(struct session *session)
{
    struct session_bpf *bpf = session->bpf;
    int cpus = libbpf_num_possible_cpus();

    if (!getenv("HOTREF_DEBUG"))
        libbpf_set_print(quiet);
    bpf->skeleton = hotref_bpf__open();
    if (!bpf->skeleton)
        return load_failed();
    bpf_program__set_expected_attach_type(bpf->skeleton->progs.on_operation, ATTACH_UPROBE_MULTI);
    bpf_program__set_expected_attach_type(bpf->skeleton->progs.on_loader, ATTACH_UPROBE_MULTI);
    *(uint32_t *)&bpf->skeleton->rodata->full_at = ABI_ROWS / ROWS_SHARE / cpus;
    *(uint32_t *)&bpf->skeleton->rodata->plain = bench_level();
    *(uint32_t *)&bpf->skeleton->rodata->in_bursts = session->mode == SESSION_AUTO;
    *(uint32_t *)&bpf->skeleton->rodata->descendants = session->descendants;
    *(uint32_t *)&bpf->skeleton->rodata->everyone = session->everyone;
    *(uint32_t *)&bpf->skeleton->rodata->stack_period = session->stack_period = stack_period();
    bpf_program__set_autoload(bpf->skeleton->progs.on_sample, session->mode != SESSION_EXACT);
    bpf_program__set_autoload(bpf->skeleton->progs.on_operation, session->mode != SESSION_SAMPLE);
    if (hotref_bpf__load(bpf->skeleton))
        return load_failed();
    bpf->tables = (struct tables){.sites = bpf_map__fd(bpf->skeleton->maps.sites),
                                  .callers = bpf_map__fd(bpf->skeleton->maps.callers),
                                  .chunks = bpf_map__fd(bpf->skeleton->maps.caller_chunks),
                                  .modules = bpf_map__fd(bpf->skeleton->maps.modules),
                                  .spans = bpf_map__fd(bpf->skeleton->maps.spans)};
    bpf->targets = session_map_elements(bpf->skeleton->maps.targets, 0, ABI_TARGETS);
    if (!bpf->targets)
        return -1;
    bpf->skeleton->bss->targets_taken = arrlenu(session->targets);
    bpf->events = ring_buffer__new(bpf_map__fd(bpf->skeleton->maps.events), take_event, session, NULL);
    return bpf->events ? 0 : fail_errno("cannot read BPF's ring buffer");
}

/* A probe that can fire is a breakpoint in the target's memory. */
static int prove_live(const struct process *process, struct session_code *code, const struct session_binary *binary)
{
    size_t count = arrlenu(binary->armed);

    code->live = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t at = binary->scan->operations[binary->armed[i]].probe + code->bias;
        uint8_t byte = 0;

        if (process_read(process, at, &byte, 1) == 0)
            code->live += byte == BREAKPOINT;
    }
    if (code->live + code->refused < count)
        return fail("only %u of %zu probes are live in process %d: what the others count would be missing", code->live,
                    count - code->refused, process->pid);
    return 0;
}

struct attaching {
    int program;
    const char *path;
    pid_t pid;
    struct attach_point *points;
    size_t count;
    int link;
};

static void run_attach(void *argument)
{
    struct attaching *attaching = argument;

    attaching->link =
        attach_points(attaching->program, attaching->path, attaching->pid, attaching->points, attaching->count);
}

/* Puts the probes, with no target in their cookies where all processes share them. */
static void attach(struct session *session, uint32_t target, pid_t pid, struct session_code *code, const struct elf_file *file,
                   const char *open_path)
{
    const struct session_binary *binary = &session->binaries[code->binary];
    size_t count = arrlenu(binary->armed);
    struct attach_point *points = calloc(count + 1, sizeof(*points));
    struct attaching attaching = {bpf_program__fd(session->bpf->skeleton->progs.on_operation), open_path, pid, points,
                                  count, -1};

    for (size_t i = 0; i < count; i++) {
        points[i].offset = elf_file_offset(file, binary->scan->operations[binary->armed[i]].probe);
        points[i].cookie = (uint64_t)target << 32 | ABI_SITE(code->binary, i);
    }
    do_meanwhile(session, run_attach, &attaching);
    code->link = attaching.link;
    code->refused = 0;
    memset(code->refused_of, 0, sizeof(code->refused_of));
    for (size_t i = 0; i < count; i++) {
        code->refused += points[i].refused;
        code->refused_of[binary->scan->operations[binary->armed[i]].kind] += points[i].refused;
    }
    free(points);
}

/* The probes in a file, which every process has that maps it. NULL with a failure. */
static const struct session_code *share_link(struct session *session, const struct session_code *code,
                                             const struct elf_file *file, const char *open_path)
{
    struct shared_link added = {.binary = code->binary, .code = {.binary = code->binary, .link = -1}};
    struct stat status;

    if (stat(open_path, &status)) {
        fail_errno("cannot look at '%s'", open_path);
        return NULL;
    }
    for (size_t i = 0; i < arrlenu(session->bpf->shared); i++) {
        const struct shared_link *known = &session->bpf->shared[i];

        if (known->device == status.st_dev && known->inode == status.st_ino && known->binary == code->binary)
            return &known->code;
    }
    added.device = status.st_dev;
    added.inode = status.st_ino;
    attach(session, ABI_ANY_TARGET, 0, &added.code, file, open_path);
    if (added.code.link < 0)
        return NULL;
    arrput(session->bpf->shared, added);
    return &session->bpf->shared[arrlenu(session->bpf->shared) - 1].code;
}

int session_attach(struct session *session, uint32_t number, struct session_code *code, const struct elf_file *file,
                   const char *open_path)
{
    const struct session_binary *binary = &session->binaries[code->binary];
    const struct process *process = &session->targets[number].process;
    const struct session_code *shared;

    if (!arrlenu(binary->armed) || (session->mode == SESSION_AUTO && !session->bpf->bursting))
        return 0;
    if (!shares_probes(session)) {
        attach(session, number, attach_can_filter_by_process() ? process->pid : 0, code, file, open_path);
        return code->link < 0 ? -1 : prove_live(process, code, binary);
    }
    shared = share_link(session, code, file, open_path);
    if (!shared)
        return -1;
    code->refused = shared->refused;
    memcpy(code->refused_of, shared->refused_of, sizeof(code->refused_of));
    /* From one burst to the next nothing changes for a process but that they come again. */
    return code->live ? 0 : prove_live(process, code, binary);
}

/* A process that is gone, or only waits to be reaped, has nothing mapped. */
static bool is_gone(struct process *process)
{
    return process_refresh(process) || arrlenu(process->mappings) == 0;
}

int session_open(struct session *session)
{
    struct session_bpf *bpf = session->bpf;

    if (load(session))
        return -1;
    /* It needs next to no time, but that at once: on a busy machine rows that wait too long turn cold. */
    setpriority(PRIO_PROCESS, 0, RECORDER_NICE);
    bpf->on_exit = bpf_program__attach(bpf->skeleton->progs.on_exit);
    bpf->on_exec = bpf_program__attach(bpf->skeleton->progs.on_exec);
    bpf->on_fork = bpf_program__attach(bpf->skeleton->progs.on_fork);
    if (!bpf->on_exit || !bpf->on_exec || !bpf->on_fork)
        return fail_errno("cannot watch processes exit and exec");
    if (session->mode == SESSION_AUTO && burst_prepare(session))
        return -1;
    return session->mode != SESSION_EXACT
               ? sampler_start(&bpf->sampler, bpf->skeleton->progs.on_sample, session->sample_hz)
               : 0;
}

/* New code */

int session_follow(struct session *session, pid_t pid, bool hold)
{
    struct abi_follow follow = {.hold = hold};
    uint32_t tgid = pid;

    if (bpf_map_update_elem(bpf_map__fd(session->bpf->skeleton->maps.followed), &tgid, &follow, BPF_ANY))
        return fail_errno("cannot follow process %d", pid);
    return 0;
}

static bool is_watched(const struct session *session, const struct process *process)
{
    for (size_t i = 0; i < arrlenu(session->bpf->loaders); i++) {
        if (loader_is_of(&session->bpf->loaders[i], process))
            return true;
    }
    return false;
}

void session_watch_loader(struct session *session, const struct process *process)
{
    struct loader loader;

    if (is_watched(session, process))
        return;
    if (loader_watch(process, bpf_program__fd(session->bpf->skeleton->progs.on_loader), shares_probes(session), &loader) == 0)
        arrput(session->bpf->loaders, loader);
}

struct abi_follow session_follow_of(const struct session *session, pid_t pid)
{
    struct abi_follow follow = {0};
    uint32_t tgid = pid;

    bpf_map_lookup_elem(bpf_map__fd(session->bpf->skeleton->maps.followed), &tgid, &follow);
    return follow;
}

bool session_is_followed(const struct session *session, pid_t pid)
{
    struct abi_follow follow;
    uint32_t tgid = pid;

    return bpf_map_lookup_elem(bpf_map__fd(session->bpf->skeleton->maps.followed), &tgid, &follow) == 0;
}

bool session_is_recorded(const struct session *session, pid_t pid)
{
    for (size_t i = 0; i < arrlenu(session->targets); i++) {
        if (session->targets[i].process.pid == pid && session->bpf->targets[i].live)
            return true;
    }
    return false;
}

bool session_is_held(struct session *session, pid_t pid)
{
    uint64_t let_go = hmget(session->bpf->let_go, pid);

    return session_follow_of(session, pid).held > let_go;
}

bool session_has_changed(struct session *session, pid_t pid, uint64_t *seen)
{
    uint64_t changes = session_follow_of(session, pid).changes;
    bool changed = changes != *seen;

    *seen = changes;
    return changed;
}

static int start_target(struct session *session, uint32_t number)
{
    struct session_target *target = &session->targets[number];

    target->started = true;
    if (fill_target(session, number) || session_attach(session, number, &target->code, target->interpreter.file,
                                                       target->interpreter.open_path)) {
        if (is_gone(&target->process))
            fail("process %d ended before its probes were in place: nothing was measured", target->process.pid);
        return -1;
    }
    session_watch_loader(session, &target->process);
    target->blind = !is_watched(session, &target->process);
    session_has_changed(session, target->process.pid, &target->changes);
    modules_refresh(session, number, 0);
    session->bpf->targets[number].live = target->state.live = 1;
    /* Had it ended just before that, nobody would tell. */
    if (session->bpf->targets[number].end || is_gone(&target->process)) {
        session->bpf->targets[number].live = target->state.live = 0;
        return fail("process %d ended before its probes were in place: nothing was measured", target->process.pid);
    }
    elf_file_rest(target->interpreter.file);
    return 0;
}

int session_arm(struct session *session)
{
    for (size_t i = 0; i < arrlenu(session->targets); i++) {
        if (!session->targets[i].started && start_target(session, i))
            return -1;
    }
    if (!session->armed_at_ns)
        session->armed_at_ns = clock_ns(CLOCK_MONOTONIC);
    return 0;
}

/* Where the loader does not tell of mappings, they are looked at from time to time. */
static bool must_look(struct session *session)
{
    if (clock_ns(CLOCK_MONOTONIC) - session->bpf->looked_ns < LOOK_NS)
        return false;
    session->bpf->looked_ns = clock_ns(CLOCK_MONOTONIC);
    return true;
}

static void refresh_modules(struct session *session)
{
    bool look = must_look(session);

    for (size_t i = 0; i < arrlenu(session->targets); i++) {
        struct session_target *target = &session->targets[i];
        struct abi_follow follow = session_follow_of(session, target->process.pid);

        if (!target->state.live || (!(look && target->blind) && follow.changes == target->changes))
            continue;
        target->changes = follow.changes;
        modules_refresh(session, i, follow.hold ? 0 : follow.changed_ns);
    }
}

/* Another of its threads may be stopped anew meanwhile: what BPF keeps is BPF's alone to change. */
int session_let_go(struct session *session, pid_t pid)
{
    uint64_t held = session_follow_of(session, pid).held;

    refresh_modules(session); /* what it has loaded just now */
    hmput(session->bpf->let_go, pid, held);
    return kill(pid, SIGCONT) && errno != ESRCH ? fail_errno("cannot let process %d go on", pid) : 0;
}

/* What an ended target leaves behind would trap in the program that it became, where that maps the same files. */
void session_detach(struct session_target *target)
{
    if (target->code.link >= 0)
        close(target->code.link);
    target->code.link = -1;
    modules_detach(target);
}

/* Running */

static void refresh_targets(struct session *session)
{
    children_adopt(session);
    for (uint32_t i = 0; i < arrlenu(session->targets); i++) {
        struct session_target *target = &session->targets[i];

        target->state = session->bpf->targets[i];
        if (target->started && !target->state.live)
            session_detach(target);
    }
}

/* Takes a thread that was seen before at its word, unless it has a name now and had none then. */
static void note_thread(struct session_target *target, struct python_thread *thread)
{
    for (size_t i = 0; i < arrlenu(target->threads); i++) {
        struct python_thread *known = &target->threads[i];

        if (known->tid != thread->tid || known->pointer != thread->pointer || known->state != thread->state)
            continue;
        if (thread->name) {
            free(known->name);
            known->name = thread->name;
        }
        return;
    }
    if (arrlenu(target->threads) >= MOST_THREADS) {
        /* Those that were seen first have ended, most likely. */
        free(target->threads[0].name);
        arrdel(target->threads, 0);
    }
    arrput(target->threads, *thread);
}

/* Python's names of threads, which only a living process tells. Returns how many have none (yet: a thread runs for a
 * moment before threading knows it). */
static size_t refresh_threads(struct session_target *target)
{
    struct python_thread *threads =
        target->state.live ? interpreter_threads(&target->process, &target->interpreter) : NULL;
    size_t nameless = 0;

    for (size_t i = 0; i < arrlenu(threads); i++) {
        nameless += threads[i].name == NULL;
        note_thread(target, &threads[i]);
    }
    arrfree(threads);
    return nameless;
}

static void refresh_names(struct session *session)
{
    bool wanted = false;

    for (size_t i = 0; i < arrlenu(session->targets); i++) {
        struct session_target *target = &session->targets[i];

        if (target->name_tries == 0)
            continue;
        target->name_tries = refresh_threads(target) ? target->name_tries - 1 : 0;
        wanted |= target->name_tries > 0;
        session_catch_up(session, 0); /* of many targets this takes long */
    }
    session->bpf->names_wanted = wanted;
}

static void observe_pause(struct session *session, bool last)
{
    if (session->observer.idle)
        session->observer.idle(session->observer.context, last);
}

/* Polling alone finds no message that woke nobody. */
static int poll_events(struct session_bpf *bpf, int timeout_ms)
{
    int status = ring_buffer__poll(bpf->events, timeout_ms);

    return status ? status : ring_buffer__consume(bpf->events);
}

static int take_what_there_is(struct session *session, int timeout_ms)
{
    struct session_bpf *bpf = session->bpf;
    int status = poll_events(bpf, timeout_ms);

    if (status < 0 && status != -EINTR) {
        errno = -status;
        return fail_errno("cannot read BPF's ring buffer");
    }
    return bpf->full ? take_rows(session) : 0;
}

void session_catch_up(struct session *session, int timeout_ms)
{
    struct session_bpf *bpf = session->bpf;

    if (bpf->events && !*bpf->trouble && take_what_there_is(session, timeout_ms))
        snprintf(bpf->trouble, sizeof(bpf->trouble), "%s", last_failure());
}

int session_poll(struct session *session, int timeout_ms)
{
    struct session_bpf *bpf = session->bpf;

    session_catch_up(session, bpf->names_wanted ? NAME_WAIT_MS : timeout_ms);
    refresh_targets(session);
    refresh_names(session);
    refresh_modules(session);
    session_catch_up(session, 0);
    observe_pause(session, false);
    return *bpf->trouble ? fail("%s", bpf->trouble) : 0;
}

bool session_samples_cycles(const struct session *session)
{
    return session->bpf->sampler.by_cycles;
}

uint64_t session_children(const struct session *session)
{
    uint64_t children = 0;

    for (size_t i = 0; i < arrlenu(session->targets); i++)
        children += session->targets[i].state.children;
    return children;
}

uint64_t session_left_out(const struct session *session)
{
    return session->left_out + session_stat(session, ABI_STAT_LEFT_OUT);
}

size_t session_running(const struct session *session)
{
    size_t running = 0;

    for (size_t i = 0; i < arrlenu(session->targets); i++)
        running += session->targets[i].state.live != 0;
    return running;
}

uint64_t session_map_bytes(const struct session *session)
{
    uint64_t sum = 0;
    struct bpf_map *map;

    bpf_object__for_each_map(map, session->bpf->skeleton->obj)
    {
        char path[64], line[128];
        unsigned long long bytes;
        FILE *info;

        snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", bpf_map__fd(map));
        info = fopen(path, "re");
        while (info && fgets(line, sizeof(line), info)) {
            if (sscanf(line, "memlock: %llu", &bytes) == 1)
                sum += bytes;
        }
        if (info)
            fclose(info);
    }
    return sum + session->bpf->tables.bytes;
}

uint64_t session_stat(const struct session *session, uint32_t stat)
{
    int cpus = libbpf_num_possible_cpus();
    uint64_t *each = calloc(cpus, sizeof(*each)), sum = 0;

    if (bpf_map_lookup_elem(bpf_map__fd(session->bpf->skeleton->maps.stats), &stat, each) == 0) {
        for (int i = 0; i < cpus; i++)
            sum += each[i];
    }
    free(each);
    return sum;
}

void session_unshare(struct session *session)
{
    for (size_t i = 0; i < arrlenu(session->bpf->shared); i++)
        close(session->bpf->shared[i].code.link);
    arrfree(session->bpf->shared);
}

static void close_loaders(struct session *session)
{
    for (size_t i = 0; i < arrlenu(session->bpf->loaders); i++)
        close(session->bpf->loaders[i].link);
    arrfree(session->bpf->loaders);
}

/* Nobody is held from here on. */
static void let_all_go(struct session *session)
{
    int map = bpf_map__fd(session->bpf->skeleton->maps.followed);
    uint32_t tgid;

    bpf_link__destroy(session->bpf->on_exec);
    session->bpf->on_exec = NULL;
    close_loaders(session);
    tables_await_programs(&session->bpf->tables); /* one that is running yet may hold one more */
    while (bpf_map_get_next_key(map, NULL, &tgid) == 0) {
        if (session_is_held(session, tgid) && kill(tgid, SIGCONT) && errno != ESRCH)
            warn("cannot let process %u go on: %s", tgid, strerror(errno));
        bpf_map_delete_elem(map, &tgid);
    }
}

static void take_stats(struct session *session)
{
    for (uint32_t stat = 0; stat < ABI_STATS; stat++)
        session->stats[stat] = session_stat(session, stat);
}

int session_stop(struct session *session)
{
    struct session_bpf *bpf = session->bpf;

    ring_buffer__consume(bpf->events);
    refresh_targets(session);
    for (size_t i = 0; i < arrlenu(session->targets); i++)
        refresh_threads(&session->targets[i]);
    observe_pause(session, true);
    session->stopped_at_ns = clock_ns(CLOCK_MONOTONIC);
    sampler_stop(&bpf->sampler);
    for (size_t i = 0; i < arrlenu(session->targets); i++)
        session_detach(&session->targets[i]);
    session_unshare(session);
    let_all_go(session);
    refresh_targets(session);
    ring_buffer__consume(bpf->events);
    /* Both maps: who was interrupted long ago may have come back to the one that was taken before. */
    if (take_rows(session) || take_rows(session) ||
        take_all(bpf->skeleton->maps.cold, take_cold, &session->collector, false))
        return -1;
    ring_buffer__consume(bpf->events);
    take_stats(session);
    return 0;
}

/* Cold ones stay where they are: who counts there does so without a lock, and what is taken away could miss an operation. */
static int look_with_cold(struct session *session, void (*look)(const struct session *session, void *context), void *context)
{
    struct collector *collector = &session->collector;
    struct collected_fold *folds = collector->folds, *copy = NULL;
    int status;

    for (ptrdiff_t i = 0; i < hmlen(folds); i++)
        hmputs(copy, folds[i]);
    collector->folds = copy;
    status = take_all(session->bpf->skeleton->maps.cold, take_cold, collector, true);
    if (!status)
        look(session, context);
    hmfree(collector->folds);
    collector->folds = folds;
    return status;
}

int session_look(struct session *session, void (*look)(const struct session *session, void *context), void *context)
{
    ring_buffer__consume(session->bpf->events);
    refresh_targets(session);
    for (size_t i = 0; i < arrlenu(session->targets); i++)
        refresh_threads(&session->targets[i]);
    if (take_rows(session))
        return -1;
    ring_buffer__consume(session->bpf->events);
    take_stats(session);
    session->stopped_at_ns = clock_ns(CLOCK_MONOTONIC);
    return look_with_cold(session, look, context);
}

static void free_target(struct session_target *target)
{
    session_detach(target);
    modules_free(target);
    interpreter_free_threads(target->threads);
    if (target->parent)
        free(target->interpreter.open_path); /* all else is the parent's */
    else
        interpreter_close(&target->interpreter);
    process_close(&target->process);
}

void session_free(struct session *session)
{
    if (!session)
        return;
    for (size_t i = 0; i < arrlenu(session->targets); i++)
        free_target(&session->targets[i]);
    for (size_t i = 0; i < arrlenu(session->binaries); i++) {
        free(session->binaries[i].identity);
        scan_free(session->binaries[i].scan);
        arrfree(session->binaries[i].armed);
    }
    arrfree(session->increments);
    arrfree(session->targets);
    arrfree(session->binaries);
    collect_free(&session->collector);
    ring_buffer__free(session->bpf->events);
    bpf_link__destroy(session->bpf->on_exit);
    bpf_link__destroy(session->bpf->on_exec);
    bpf_link__destroy(session->bpf->on_fork);
    session_unshare(session);
    close_loaders(session);
    arrfree(session->bpf->changes);
    if (session->bpf->targets)
        munmap(session->bpf->targets, ABI_TARGETS * sizeof(*session->bpf->targets));
    sampler_stop(&session->bpf->sampler);
    if (session->bpf->stats > 0)
        close(session->bpf->stats);
    tables_free(&session->bpf->tables);
    hmfree(session->bpf->let_go);
    hotref_bpf__destroy(session->bpf->skeleton);
    free(session->bpf);
    free(session);
}
