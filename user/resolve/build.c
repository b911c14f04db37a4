#include "resolve/build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "probe/plan.h"
#include "resolve/held.h"
#include "resolve/instruction.h"
#include "resolve/name.h"
#include "resolve/neighbours.h"
#include "resolve/place.h"
#include "resolve/position.h"
#include "resolve/tree.h"
#include "util/array.h"

/* What a key of BPF's became in the profile, so that it is worked out once. */
struct known_object {
    struct object_key key;
    uint32_t value;
};
struct known_type {
    struct abi_type_key key;
    text_id value;
};
struct known_place {
    struct abi_cold_key key;
    uint32_t site;
    text_id field;
    uint32_t source;
    bool open, increment;         /* of struct place_names */
    enum instruction_place place; /* of the operation's function */
};
struct known_thread {
    struct thread_key key;
    uint32_t value;
};

struct builder {
    const struct session *session;
    const struct live *live;
    struct profile *profile;
    struct known_object *objects; /* stb_ds hash maps */
    struct known_type *types;
    struct known_place *places;
    struct known_thread *threads;
    struct tree *tree;
    uint32_t first_target;        /* the profile's number of the session's target 0 */
};

/* Targets */

static uint32_t end_of(const struct session_target *target, uint32_t *status)
{
    uint32_t code = target->state.status;

    *status = 0;
    if (target->state.end == ABI_END_RUNNING)
        return END_DETACH;
    if (target->state.end == ABI_END_EXEC)
        return END_EXEC;
    *status = code & 0x7f ? code & 0x7f : code >> 8 & 0xff;
    return code & 0x7f ? END_SIGNAL : END_EXIT;
}

static void add_coverage(const struct session *session, const struct session_target *target,
                         struct profile_target *added)
{
    struct session_coverage coverage[OPERATION_KINDS];

    for (int kind = 0; kind < OPERATION_KINDS; kind++) {
        coverage[kind] = session_coverage(session, &target->code, kind);
        added->atomics += coverage[kind].found;
    }
    added->classified = added->atomics - coverage[OPERATION_UNKNOWN].found;
    added->decrements = coverage[OPERATION_DECREMENT].found;
    added->armed = coverage[OPERATION_DECREMENT].armed;
    added->increments = coverage[OPERATION_INCREMENT].found;
    added->increments_armed = coverage[OPERATION_INCREMENT].armed;
    added->try_increments = coverage[OPERATION_TRY_INCREMENT].found;
    added->try_increments_armed = coverage[OPERATION_TRY_INCREMENT].armed;
}

/* One of which nothing but its path is known. */
static void add_unknown_module(struct profile *profile, const struct session_module *module, uint32_t target)
{
    struct profile_module added = {.target = target, .path = profile_text(profile, module->path), .failed = 1};

    arrput(profile->modules, added);
}

static void add_module(struct builder *builder, const struct session_module *module, uint32_t target)
{
    const struct session *session = builder->session;
    const struct session_binary *binary = &session->binaries[module->code.binary];
    struct session_coverage decrements = session_coverage(session, &module->code, OPERATION_DECREMENT);
    struct session_coverage increments = session_coverage(session, &module->code, OPERATION_INCREMENT);
    struct session_coverage tries = session_coverage(session, &module->code, OPERATION_TRY_INCREMENT);
    struct profile *profile = builder->profile;
    struct profile_module added = {
        .target = target,
        .path = profile_text(profile, module->path),
        .build_id = profile_text(profile, elf_file_build_id(module->file)),
        .decrements = decrements.found,
        .armed = module->failed ? 0 : decrements.armed,
        .increments = increments.found,
        .increments_armed = module->failed ? 0 : increments.armed,
        .try_increments = tries.found,
        .try_increments_armed = module->failed ? 0 : tries.armed,
        .calls = arrlenu(binary->scan->callers),
        .undecoded = binary->scan->undecoded,
        .failed = module->failed,
        .late_ns = arrlenu(binary->armed) ? module->late_ns : 0,
    };

    profile->meta.armed_probes += arrlenu(binary->armed) - module->code.refused;
    profile->meta.live_probes += module->code.live;
    arrput(profile->modules, added);
}

static void add_target(struct builder *builder, const struct session_target *target)
{
    const struct session_binary *binary = &builder->session->binaries[target->code.binary];
    struct profile *profile = builder->profile;
    struct profile_target added = {
        .pid = target->process.pid,
        .exe = profile_text(profile, target->process.exe),
        .version = profile_text(profile, target->interpreter.version),
        .build = profile_text(profile, target->interpreter.build),
        .build_id = profile_text(profile, elf_file_build_id(target->interpreter.file)),
        .undecoded = binary->scan->undecoded,
        .untold_calls = binary->callers_left_out,
    };

    added.end = end_of(target, &added.end_status);
    add_coverage(builder->session, target, &added);
    profile->meta.armed_probes += arrlenu(binary->armed) - target->code.refused;
    profile->meta.live_probes += target->code.live;
    arrput(profile->targets, added);
    for (size_t i = 0; i < arrlenu(target->modules); i++) {
        const struct session_module *module = &target->modules[i];

        if (module->unknown)
            add_unknown_module(profile, module, arrlenu(profile->targets) - 1);
        else
            add_module(builder, module, arrlenu(profile->targets) - 1);
    }
}

/* Names */

/* Several types may have stood at one address, one after the other. Where it was not seen which of them it was, there is a
 * name only if there was but one. */
static struct abi_type_key type_key(const struct builder *builder, uint64_t type, uint32_t target, uint32_t number)
{
    struct collector *collector = (struct collector *)&builder->session->collector;
    struct abi_type_key second = {.type = type, .target = target, .number = 1};

    if (number == ABI_TYPE_UNKNOWN && hmgeti(collector->types, second) < 0)
        number = 0;
    return (struct abi_type_key){.type = type, .target = target, .number = number};
}

static text_id type_text(struct builder *builder, uint64_t type, uint32_t target, uint32_t number)
{
    struct abi_type_key key = type_key(builder, type, target, number);
    struct collector *collector = (struct collector *)&builder->session->collector;
    ptrdiff_t known = hmgeti(builder->types, key), described;
    char name[NAME_SIZE] = "";

    if (known >= 0)
        return builder->types[known].value;
    described = hmgeti(collector->types, key);
    /* Two processors may have seen it at once, and two types: then it cannot be told. */
    if (described >= 0 && !collector->types[described].reused)
        name_type(collector->types[described].event, name, sizeof(name));
    hmput(builder->types, key, profile_text(builder->profile, name));
    return hmget(builder->types, key);
}

/* Python calls the main thread so even before threading is there to say it. */
static const char *python_name(const struct session_target *target, const struct python_thread *thread)
{
    if (thread->name)
        return thread->name;
    return thread->tid == target->process.inner_pid ? "MainThread" : NULL;
}

/* The name of the thread with this thread pointer; NULL where several had it one after the other and it cannot be told
 * which is meant. tid: in the process's own pid namespace, or 0 for any. */
static const char *name_by_pointer(const struct session_target *target, uint64_t pointer, pid_t tid)
{
    const char *name = NULL;
    pid_t found = 0;

    for (size_t i = 0; pointer && i < arrlenu(target->threads); i++) {
        const struct python_thread *thread = &target->threads[i];

        if (thread->pointer != pointer || (tid && thread->tid != tid))
            continue;
        if (found && found != thread->tid)
            return NULL;
        found = thread->tid;
        name = python_name(target, thread) ? python_name(target, thread) : name;
    }
    return name;
}

static const char *owner_name(const struct session_target *target, uint64_t pointer)
{
    const char *name = name_by_pointer(target, pointer, 0);

    return name ? name : "";
}

/* Whether the object has a per-thread id, for what could have one. */
static uint32_t id_of(const struct layout *layout, const struct abi_event *event)
{
    bool could = (event->kind == ABI_KIND_CODE && layout->code_unique_id) ||
                 (event->kind == ABI_KIND_DICT && layout->dict_watcher_tag) ||
                 (event->kind == ABI_KIND_TYPE && layout->heap_unique_id && event->heap);

    return !could ? ID_UNKNOWN : event->per_thread_id ? ID_GIVEN : ID_NONE;
}

static uint32_t add_object(struct builder *builder, const struct object_key *key, const struct abi_row *row)
{
    struct collector *collector = (struct collector *)&builder->session->collector;
    ptrdiff_t described = hmgeti(collector->objects, *key);
    struct profile *profile = builder->profile;
    text_id type = type_text(builder, key->type, key->target, ABI_TYPE_NUMBER(row));
    struct profile_object object = {.target = builder->first_target + key->target,
                                    .type = type ? type : profile_text(profile, "object"),
                                    .address = key->address};
    const char *held = builder->live ? held_text(builder->live, key) : NULL;
    char name[NAME_SIZE];

    object.line = builder->live ? neighbours_line(builder->live, key) : 0;
    if (described >= 0) {
        object.per_thread_id = id_of(&builder->session->targets[key->target].interpreter.layout,
                                     collector->objects[described].event);
        name_object(collector->objects[described].event, profile_string(profile, object.type), name, sizeof(name));
        if (held)
            name_held(collector->objects[described].event, held, name, sizeof(name));
        object.name = profile_text(profile, name);
        object.owner = profile_text(
            profile, owner_name(&builder->session->targets[key->target], collector->objects[described].event->owner));
    } else {
        object.owner = profile_text(profile, owner_name(&builder->session->targets[key->target], row->owner));
    }
    arrput(profile->objects, object);
    return arrlenu(profile->objects) - 1;
}

static uint32_t object_number(struct builder *builder, const struct collected_row *row)
{
    struct object_key key = {row->key.object, ABI_IDENTITY(&row->value), row->value.type, row->key.target};
    ptrdiff_t known = hmgeti(builder->objects, key);

    if (known >= 0)
        return builder->objects[known].value;
    hmput(builder->objects, key, add_object(builder, &key, &row->value));
    return hmget(builder->objects, key);
}

/* Python's own name for the thread, where it has one, is what users know. */
static const char *thread_name(const struct session *session, uint32_t number, uint32_t tid)
{
    struct collector *collector = (struct collector *)&session->collector;
    const struct session_target *target = &session->targets[number];
    bool same_namespace = target->process.inner_pid == target->process.pid;
    struct thread_key key = {tid, number};
    ptrdiff_t known = hmgeti(collector->threads, key);
    const char *name;

    if (known < 0)
        return "";
    name = name_by_pointer(target, collector->threads[known].pointer, same_namespace ? (pid_t)tid : 0);
    return name ? name : collector->threads[known].comm;
}

static uint32_t thread_number(struct builder *builder, uint32_t target, uint32_t tid)
{
    struct thread_key key = {tid, target};
    ptrdiff_t known = hmgeti(builder->threads, key);
    struct profile_thread thread = {.target = builder->first_target + target, .tid = tid};

    if (known >= 0)
        return builder->threads[known].value;
    thread.name = profile_text(builder->profile, thread_name(builder->session, target, tid));
    arrput(builder->profile->threads, thread);
    hmput(builder->threads, key, arrlenu(builder->profile->threads) - 1);
    return arrlenu(builder->profile->threads) - 1;
}

/* Places */

static uint32_t add_site(struct profile *profile, const struct place_names *names)
{
    struct profile_site site = {.function = profile_text(profile, names->function),
                                .operation = profile_text(profile, names->operation),
                                .binary = profile_text(profile, names->binary),
                                .in_module = names->in_module,
                                .address = names->address};

    for (size_t i = 1; i < arrlenu(profile->sites); i++) {
        const struct profile_site *known = &profile->sites[i];

        if (known->address == site.address && known->binary == site.binary && known->function == site.function &&
            known->operation == site.operation)
            return i;
    }
    arrput(profile->sites, site);
    return arrlenu(profile->sites) - 1;
}

static struct base_type find_base_type(struct builder *builder, const struct abi_cold_key *key)
{
    struct abi_type_key type = type_key(builder, key->base_type, key->target, ABI_TYPE_UNKNOWN);
    struct collector *collector = (struct collector *)&builder->session->collector;
    ptrdiff_t described = key->base_type ? hmgeti(collector->types, type) : -1;

    if (described < 0)
        return (struct base_type){.name = ""};
    return (struct base_type){
        .name = profile_string(builder->profile, type_text(builder, key->base_type, key->target, ABI_TYPE_UNKNOWN)),
        .inline_values = collector->types[described].event->inline_values,
    };
}

/* The interpreter's loop is one function, or with tail calls one for each instruction: Python/ceval.c (3.14.7). */
static enum instruction_place place_of_function(const char *function)
{
    static const char *const clears[] = {"_PyFrame_ClearLocals", "_PyFrame_ClearExceptCode", "_PyEval_FrameClearAndPop",
                                         "clear_thread_frame", "clear_gen_frame"};

    if (strcmp(function, "_PyEval_EvalFrameDefault") == 0 || strncmp(function, "_TAIL_CALL_", 11) == 0)
        return INSTRUCTION_LOOP;
    for (size_t i = 0; i < sizeof(clears) / sizeof(clears[0]); i++) {
        if (strcmp(function, clears[i]) == 0)
            return INSTRUCTION_CALLEE;
    }
    return INSTRUCTION_BELOW;
}

static const struct known_place *find_place(struct builder *builder, const struct abi_cold_key *key)
{
    struct abi_cold_key place = *key;
    struct known_place added = {.key = place};
    struct place_names names = {0};
    struct base_type base;

    place.type = 0;
    place.type_number = 0;
    added.key = place;
    if (hmgeti(builder->places, place) < 0) {
        base = find_base_type(builder, key);
        place_name(builder->session, key, &base, &names);
        added.site = add_site(builder->profile, &names);
        added.field = profile_text(builder->profile, names.field);
        added.source = names.source;
        added.open = names.open;
        added.increment = names.increment;
        added.place = names.clears_frame ? INSTRUCTION_CALLEE : place_of_function(names.function);
        hmputs(builder->places, added);
    }
    return &builder->places[hmgeti(builder->places, place)];
}

static struct profile_count count_at(struct builder *builder, const struct abi_cold_key *key,
                                     const struct abi_counts *counts)
{
    const struct known_place *place = find_place(builder, key);

    return (struct profile_count){
        .site = place->site,
        .field = place->field,
        .field_source = place->source,
        .decrefs = counts->decrefs,
        .increfs = counts->increfs,
        .handoffs = counts->handoffs,
        .retries = counts->retries,
        .bounces = counts->bounces,
        .samples = counts->samples,
    };
}

/* Which variable it was the machine code knows. */
static bool name_by_variable(struct builder *builder, const struct collected_row *row, struct profile_count *count)
{
    char field[PLACE_SIZE];

    if (!builder->live || !position_variable(builder->live, row, field, sizeof(field)))
        return false;
    count->field = profile_text(builder->profile, field);
    count->field_source = FIELD_SLOT;
    return true;
}

/* Where no slot tells the field, bytecode may. */
static void name_by_bytecode(struct builder *builder, const struct abi_cold_key *key, const struct collected_row *row,
                             struct profile_count *count)
{
    const struct known_place *place = find_place(builder, key);
    const char *field = builder->live && place->open
                            ? instruction_field(builder->live, row, place->place, place->increment)
                            : NULL;

    if (!field)
        return;
    count->field = profile_text(builder->profile, field);
    count->field_source = FIELD_BYTECODE;
}

static void add_row(struct builder *builder, const struct collected_row *row)
{
    struct abi_cold_key place = {.type = row->value.type,
                                 .base_type = row->key.base_type,
                                 .returns_to = row->key.returns_to,
                                 .target = row->key.target,
                                 .site = row->key.site,
                                 .how = row->key.how,
                                 .level = row->key.level,
                                 .code = row->key.code,
                                 .code_version = row->key.code_version,
                                 .instr = row->key.instr};
    struct profile_count count = count_at(builder, &place, &row->value.counts);

    if (!name_by_variable(builder, row, &count))
        name_by_bytecode(builder, &place, row, &count);
    count.object = object_number(builder, row);
    count.thread = row->key.tid ? thread_number(builder, row->key.target, row->key.tid) : 0;
    count.threads = row->threads;
    tree_add_row(builder->tree, row, count.object, count.site, count.field);
    arrput(builder->profile->counts, count);
}

static void add_fold(struct builder *builder, const struct collected_fold *fold)
{
    const struct abi_cold_key *place = &fold->key.place;
    struct profile_count count = count_at(builder, place, &fold->counts);
    text_id type = type_text(builder, place->type, place->target, place->type_number);
    struct profile_object object = {.target = builder->first_target + place->target,
                                    .type = type ? type : profile_text(builder->profile, "object"),
                                    .others = fold->objects};

    arrput(builder->profile->objects, object);
    count.object = arrlenu(builder->profile->objects) - 1;
    count.threads = fold->threads;
    arrput(builder->profile->counts, count);
}

static void fill_bursts(const struct session_bursts *bursts, struct profile_meta *meta)
{
    meta->budget_ppm = bursts->overhead * 1e6;
    meta->bursts = bursts->count;
    meta->burst_hits = bursts->hits;
    meta->burst_counted_ns = bursts->counted_ns;
    meta->burst_bare_ns = bursts->bare_ns;
    meta->burst_cost_ns = bursts->cost_ns;
    meta->cpu_ns = bursts->cpu_ns;
    meta->trap_ns = bursts->trap_ns;
}

static void fill_samples(const struct session *session, struct profile *profile)
{
    if (session->mode == SESSION_EXACT)
        return;
    profile->meta.sample_ns = 1000000000u / session->sample_hz;
    profile->meta.sample_cost_ns = session->stats[ABI_STAT_SAMPLE_NS];
    fill_bursts(&session->bursts, &profile->meta);
    profile->meta.sampled_cycles = session_samples_cycles(session);
    for (size_t i = 0; i < arrlenu(session->targets); i++)
        profile->meta.samples += session->targets[i].state.samples;
}

static void fill_meta(const struct session *session, const char *command, struct profile *profile)
{
    uint64_t duration = session->stopped_at_ns - session->armed_at_ns;
    struct timespec now;
    struct utsname kernel;

    clock_gettime(CLOCK_REALTIME, &now);
    uname(&kernel);
    profile->meta.mode = session->mode == SESSION_EXACT    ? MODE_EXACT
                         : session->mode == SESSION_SAMPLE ? MODE_SAMPLE
                                                           : MODE_AUTO;
    profile->meta.duration_ns = duration;
    profile->meta.started_ns = (uint64_t)now.tv_sec * 1000000000u + now.tv_nsec - duration;
    profile->meta.cpus = get_nprocs();
    profile->meta.hotref_version = profile_text(profile, HOTREF_VERSION);
    profile->meta.command = profile_text(profile, command);
    profile->meta.kernel = profile_text(profile, kernel.release);
    profile->meta.lost = session->stats[ABI_STAT_LOST];
    profile->meta.unreadable = session->stats[ABI_STAT_UNREADABLE];
    profile->meta.lost_names = session->stats[ABI_STAT_LOST_EVENTS];
    profile->meta.owner_increfs = session->stats[ABI_STAT_OWNER_INCREFS];
    profile->meta.stack_period = session->stack_period;
    profile->meta.stacks = session->stats[ABI_STAT_WALKS];
    profile->meta.stacks_truncated = session->stats[ABI_STAT_TRUNCATED];
    profile->meta.stacks_failed = session->stats[ABI_STAT_FAILED] + session->stats[ABI_STAT_LOST_STACKS];
    fill_samples(session, profile);
    profile->meta.left_out = session_left_out(session);
    profile->meta.children = session_children(session);
    profile->meta.merged = session->collector.merged;
    profile->meta.complete = profile->meta.lost == 0 && profile->meta.left_out == 0;
}

struct profile *build_profile(const struct session *session, const struct live *live, const char *command)
{
    struct builder builder = {.session = session, .live = live, .profile = profile_new()};
    const struct collector *collector = &session->collector;

    fill_meta(session, command, builder.profile);
    builder.first_target = arrlenu(builder.profile->targets);
    for (size_t i = 0; i < arrlenu(session->targets); i++)
        add_target(&builder, &session->targets[i]);
    builder.tree = tree_new(stacks_of(live), builder.profile);
    for (ptrdiff_t i = 0; i < hmlen(collector->rows); i++)
        add_row(&builder, &collector->rows[i]);
    for (ptrdiff_t i = 0; i < hmlen(collector->folds); i++)
        add_fold(&builder, &collector->folds[i]);
    tree_finish(builder.tree);
    tree_free(builder.tree);
    hmfree(builder.objects);
    hmfree(builder.types);
    hmfree(builder.places);
    hmfree(builder.threads);
    return builder.profile;
}
