/*
 * The profile as one JSON object (docs/profile.schema.json). Rows are written one at a time, so that a large
 * profile need not be in memory twice, and one to a line, so that line tools can work on them.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "emit/emit.h"
#include "profile/remedy.h"
#include "util/array.h"
#include "util/error.h"

struct remedy_entry {
    const struct remedy *key;
    json_t *value;
};

/* One export. */
struct writer {
    const struct profile *profile;
    FILE *out;
    bool increfs;                  /* were measured */
    struct remedy_entry *remedies; /* stb_ds hash map of those that rows have had so far */
    char *buffer;                  /* for what is being written */
    size_t capacity;
};

/* What a JSON integer cannot hold is no count of anything. */
static json_int_t integer(uint64_t value)
{
    return value > INT64_MAX ? INT64_MAX : (json_int_t)value;
}

static const char *text_or_null(const char *text)
{
    return *text ? text : NULL;
}

static json_t *address_or_null(uint64_t address)
{
    char text[32];

    if (!address)
        return json_null();
    snprintf(text, sizeof(text), "0x%llx", (unsigned long long)address);
    return json_string(text);
}

static const char *end_name(uint32_t end)
{
    static const char *const names[] = {"unknown", "exit", "signal", "exec", "detach"};

    return end < sizeof(names) / sizeof(names[0]) ? names[end] : names[0];
}

static json_t *started(uint64_t started_ns)
{
    time_t seconds = (time_t)(started_ns / 1000000000);
    struct tm utc;
    char text[64];

    if (!started_ns || !gmtime_r(&seconds, &utc) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc))
        return json_null();
    return json_string(text);
}

static json_t *ended(const struct profile_target *target)
{
    bool has_status = target->end == END_EXIT || target->end == END_SIGNAL;

    return json_pack("{s:s, s:o}", "how", end_name(target->end), "status",
                     has_status ? json_integer(target->end_status) : json_null());
}

static json_t *coverage(const struct profile_target *target)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "atomics", (json_int_t)target->atomics, "classified",
                     (json_int_t)target->classified, "decrements", (json_int_t)target->decrements, "armed",
                     (json_int_t)target->armed, "increments", (json_int_t)target->increments, "increments_armed",
                     (json_int_t)target->increments_armed, "try_increments", (json_int_t)target->try_increments,
                     "try_increments_armed", (json_int_t)target->try_increments_armed, "undecoded",
                     (json_int_t)target->undecoded, "untold_calls", (json_int_t)target->untold_calls);
}

static json_t *module_object(const struct profile *profile, const struct profile_module *module)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:I}", "path",
                     profile_string(profile, module->path), "build_id", profile_string(profile, module->build_id),
                     "decrements", (json_int_t)module->decrements, "armed", (json_int_t)module->armed, "increments",
                     (json_int_t)module->increments, "increments_armed", (json_int_t)module->increments_armed,
                     "try_increments", (json_int_t)module->try_increments, "try_increments_armed",
                     (json_int_t)module->try_increments_armed, "calls", (json_int_t)module->calls, "undecoded",
                     (json_int_t)module->undecoded, "failed", module->failed != 0, "late_ns", integer(module->late_ns));
}

static json_t *modules_of(const struct profile *profile, uint32_t target)
{
    json_t *array = json_array();

    for (size_t i = 1; array && i < arrlenu(profile->modules); i++) {
        if (profile->modules[i].target == target &&
            json_array_append_new(array, module_object(profile, &profile->modules[i]))) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *target_object(const struct profile *profile, uint32_t number)
{
    const struct profile_target *target = &profile->targets[number];

    return json_pack(
        "{s:I, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "pid", (json_int_t)target->pid, "exe",
        profile_string(profile, target->exe), "version", profile_string(profile, target->version), "build",
        profile_string(profile, target->build), "build_id", profile_string(profile, target->build_id),
        "ended", ended(target), "coverage", coverage(target), "modules", modules_of(profile, number));
}

static json_t *targets(const struct profile *profile)
{
    json_t *array = json_array();

    for (size_t i = 1; array && i < arrlenu(profile->targets); i++) {
        if (json_array_append_new(array, target_object(profile, i))) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *stack_counts(const struct profile_meta *meta)
{
    if (!meta->stack_period)
        return json_null();
    return json_pack("{s:I, s:I, s:I, s:I}", "period", integer(meta->stack_period), "seen", integer(meta->stacks),
                     "truncated", integer(meta->stacks_truncated), "failed", integer(meta->stacks_failed));
}

static json_t *sampling(const struct profile_meta *meta, const struct rows *rows)
{
    if (!meta->sample_ns)
        return json_null();
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:s}", "sample_ns", integer(meta->sample_ns), "samples", integer(meta->samples),
                     "ranked", integer(rows->ranked_ops), "single_thread",
                     integer(rows->single_ops), "cost_ns", integer(meta->sample_cost_ns), "by", meta->sampled_cycles ? "cycles" : "clock");
}

static json_t *bursts(const struct profile_meta *meta)
{
    if (meta->mode != MODE_AUTO)
        return json_null();
    return json_pack("{s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "budget", meta->budget_ppm * 1e-6, "count",
                     integer(meta->bursts), "hits", integer(meta->burst_hits), "counted_ns",
                     integer(meta->burst_counted_ns), "bare_ns", integer(meta->burst_bare_ns), "cost_ns", integer(meta->burst_cost_ns), "cpu_ns",
                     integer(meta->cpu_ns), "trap_ns", integer(meta->trap_ns));
}

static json_t *metadata(const struct profile *profile, const struct rows *rows)
{
    const struct profile_meta *meta = &profile->meta;

    return json_pack("{s:s, s:o, s:I, s:I, s:s, s:s, s:s, s:{s:I, s:I}, s:b, s:I, s:o, s:I, s:I, s:I, s:o, s:o, s:o}", "mode",
                     profile_mode_name(meta->mode), "started", started(meta->started_ns),
                     "duration_ns", integer(meta->duration_ns), "cpus", (json_int_t)meta->cpus, "command",
                     profile_string(profile, meta->command), "kernel", profile_string(profile, meta->kernel),
                     "hotref_version", profile_string(profile, meta->hotref_version), "probes", "armed",
                     (json_int_t)meta->armed_probes, "live", (json_int_t)meta->live_probes, "increfs_partial",
                     increfs_partial(profile), "owner_increfs", integer(meta->owner_increfs), "targets",
                     targets(profile), "processes_left_out", (json_int_t)meta->left_out, "children", (json_int_t)meta->children, "merged_rows",
                     integer(meta->merged), "stacks", stack_counts(meta), "sampling", sampling(meta, rows), "bursts", bursts(meta));
}

/* As without_ops(), of what stands above the rows. */
static json_t *without_sums(json_t *object, bool sampled)
{
    static const char *const sums[] = {"total_ops", "ranked_ops", "cold_ops"};

    for (size_t i = 0; object && sampled && i < sizeof(sums) / sizeof(sums[0]); i++)
        json_object_set_new(object, sums[i], json_null());
    if (!object || !sampled)
        return object;
    json_object_set_new(json_object_get(object, "single_thread"), "ops", json_null());
    json_object_set_new(json_object_get(object, "single_thread"), "elsewhere_ops", json_null());
    json_object_set_new(json_object_get(object, "left_out"), "ops", json_null());
    return object;
}

/* All but the rows. */
static json_t *head(const struct profile *profile, const struct rows *rows)
{
    char *sentence = verdict(profile, rows);
    uint64_t total = rows->ranked_ops + rows->single_ops + rows->cold_ops;
    json_t *object = json_pack(
        "{s:i, s:s, s:b, s:I, s:I, s:I, s:o, s:I, s:I, s:{s:I, s:I, s:I}, s:I, s:{s:I, s:I}}", "schema_version",
        PROFILE_SCHEMA_VERSION, "verdict", sentence ? sentence : "", "complete", profile->meta.complete != 0,
        "lost", integer(profile->meta.lost), "lost_names", integer(profile->meta.lost_names), "unreadable",
        integer(profile->meta.unreadable), "metadata",
        metadata(profile, rows), "total_ops", integer(total), "ranked_ops", integer(rows->ranked_ops),
        "single_thread", "ops", integer(rows->single_ops), "rows", integer(rows->single_rows),
        "elsewhere_ops", integer(rows->elsewhere_ops), "cold_ops", integer(rows->cold_ops), "left_out", "rows",
        integer(rows->left_out_rows), "ops", integer(rows->left_out_ops));

    free(sentence);
    return without_sums(object, is_sampled(profile));
}

static json_t *increfs_or_null(uint64_t increfs, bool measured)
{
    return measured ? json_integer(integer(increfs)) : json_null();
}

static json_t *site_object(const struct row_site *site, bool increfs)
{
    return json_pack("{s:s, s:s, s:s, s:o, s:I, s:I, s:o, s:I, s:I, s:I}", "function", site->function,
                     "operation", site->operation, "binary", site->binary, "address",
                     address_or_null(site->address), "ops", integer(site->decrefs + site->increfs), "decrefs",
                     integer(site->decrefs), "increfs", increfs_or_null(site->increfs, increfs), "handoffs",
                     integer(site->handoffs), "retries", integer(site->retries), "bounces",
                     integer(site->bounces));
}

/* Samples count no operations: what was not measured is null, never 0. */
static json_t *without_ops(json_t *object, bool sampled)
{
    static const char *const counts[] = {"ops", "decrefs", "increfs", "handoffs", "retries", "bounces"};

    for (size_t i = 0; object && sampled && i < sizeof(counts) / sizeof(counts[0]); i++)
        json_object_set_new(object, counts[i], json_null());
    return object;
}

static json_t *sites(const struct row *row, bool increfs)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < row->site_count; i++) {
        if (json_array_append_new(array, without_ops(site_object(&row->sites[i], increfs), row->sampled))) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *texts(const char *const *all, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < count; i++) {
        if (json_array_append_new(array, json_string(all[i]))) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *per_thread_id(const struct row *row)
{
    return row->per_thread_id == ID_UNKNOWN ? json_null() : json_boolean(row->per_thread_id == ID_GIVEN);
}

static json_t *remedy_object(const struct remedy *remedy)
{
    return json_pack("{s:s, s:s, s:s, s:o, s:s?, s:o, s:o}", "id", remedy->id, "summary", remedy->summary, "what",
                     remedy->what, "fixed_in", texts(remedy->fixed, remedy->fixed_count), "fixed_for",
                     remedy->fixed_for, "issue", remedy->issue ? json_integer(remedy->issue) : json_null(), "advice",
                     texts(remedy->advice, remedy->advice_count));
}

/* Rows of one remedy share one object: most of a large export would be spent on copies of it. */
static json_t *remedy_or_null(struct writer *writer, const struct remedy *remedy)
{
    ptrdiff_t known;

    if (!remedy)
        return json_null();
    known = hmgeti(writer->remedies, remedy);
    if (known < 0) {
        hmput(writer->remedies, remedy, remedy_object(remedy));
        known = hmgeti(writer->remedies, remedy);
    }
    return json_incref(writer->remedies[known].value);
}

static json_t *frame_object(const struct profile *profile, uint32_t number)
{
    const struct profile_frame *frame = &profile->frames[number];

    return json_pack("{s:s, s:s?, s:o}", "function", profile_string(profile, frame->qualname), "file",
                     text_or_null(profile_string(profile, frame->file)), "line",
                     frame->line ? json_integer(frame->line) : json_null());
}

/* Top frame first. */
static json_t *frames(const struct profile *profile, uint32_t node)
{
    json_t *array = json_array();

    for (; array && node; node = profile->nodes[node].parent) {
        if (json_array_append_new(array, frame_object(profile, profile->nodes[node].frame))) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *stacks(const struct profile *profile, const struct row *row)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < row->stack_count; i++) {
        const struct row_stack *stack = &row->stacks[i];
        json_t *object = json_pack("{s:s, s:I, s:o}", "function", stack->function, "hits", integer(stack->hits), "frames",
                                   frames(profile, stack->node));

        if (json_array_append_new(array, object)) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *place_or_null(const struct profile *profile, const struct row *row)
{
    return row->frame ? frame_object(profile, row->frame) : json_null();
}

static json_t *line_or_null(const struct row *row)
{
    return row->line ? json_integer(row->line) : json_null();
}

static json_t *thread_object(const struct row_thread *thread, bool increfs)
{
    bool known = thread->tid != 0;

    return json_pack("{s:s?, s:o, s:o, s:I, s:I, s:o, s:I, s:I, s:I}", "name", text_or_null(thread->name), "pid",
                     thread->pid ? json_integer(thread->pid) : json_null(), "tid",
                     known ? json_integer(thread->tid) : json_null(), "ops",
                     integer(thread->decrefs + thread->increfs), "decrefs", integer(thread->decrefs), "increfs",
                     increfs_or_null(thread->increfs, increfs), "handoffs", integer(thread->handoffs), "retries",
                     integer(thread->retries), "bounces", integer(thread->bounces));
}

/* NULL, which leaves the member out, where it was not asked for. */
static json_t *by_thread(const struct row *row, bool increfs)
{
    json_t *array = row->by_thread ? json_array() : NULL;

    for (size_t i = 0; array && i < row->thread_count; i++) {
        if (json_array_append_new(array, without_ops(thread_object(&row->by_thread[i], increfs), row->sampled))) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static void add_stall(json_t *object, const struct row *row)
{
    struct stall stall = row_stall(row);

    if (!object || !row->sampled)
        return;
    if (row->meta->burst_counted_ns) {
        struct rate rate = row_rate(row);

        json_object_set_new(object, "rate", rate.high > 0 ? json_real(rate.value) : json_null());
        json_object_set_new(object, "rate_low", json_real(rate.low));
        json_object_set_new(object, "rate_high", rate.high > 0 ? json_real(rate.high) : json_null());
    }
    json_object_set_new(object, "samples", json_integer(integer(row->samples)));
    json_object_set_new(object, "stall_ns", json_integer(integer(row_stall_ns(row))));
    json_object_set_new(object, "stall_share", json_real(stall.share));
    json_object_set_new(object, "stall_low", json_real(stall.low));
    json_object_set_new(object, "stall_high", json_real(stall.high));
}

static json_t *row_object(struct writer *writer, const struct row *row)
{
    const struct profile *profile = writer->profile;
    bool increfs = writer->increfs;
    json_t *object = json_pack(
        "{s:s, s:s, s:s?, s:s, s:o, s:I, s:b, s:s, s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:o, s:s?, s:o, s:o, "
        "s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:o, s:o, s:o, s:o, s:I, s:o, s:o*}",
        "type", row->type, "field", row->field, "field_source", field_source_name(row->field_source), "object",
        row->object, "address", address_or_null(row->address), "objects", integer(row->objects), "fold",
        row->fold, "function", row->function, "ops", integer(row_ops(row)), "decrefs", integer(row->decrefs),
        "increfs", increfs_or_null(row->increfs, increfs), "handoffs", integer(row->handoffs), "retries",
        integer(row->retries), "bounces", integer(row->bounces), "threads", (json_int_t)row->threads,
        "thread_names", texts(row->thread_names, row->name_count), "owner", text_or_null(row->owner),
        "per_thread_id", per_thread_id(row), "line", line_or_null(row), "samples", "stall_ns", "stall_share", "stall_low", "stall_high", "rate", "rate_low",
        "rate_high", "remedy",
        remedy_or_null(writer, remedy_of(row)), "sites", sites(row, increfs), "place", place_or_null(profile, row), "stacks",
        stacks(profile, row), "processes", (json_int_t)row->processes, "pid",
        row->pid ? json_integer(row->pid) : json_null(), "by_thread", by_thread(row, increfs));

    add_stall(object, row);
    return without_ops(object, row->sampled);
}

/* Dumps value and lets go of it. Into memory first: jansson would hand a stream over token by token. */
static int dump(struct writer *writer, json_t *value, size_t flags)
{
    size_t size = value ? json_dumpb(value, writer->buffer, writer->capacity, flags) : 0;

    if (size > writer->capacity) {
        char *larger = realloc(writer->buffer, size);

        if (larger) {
            writer->buffer = larger;
            writer->capacity = size;
        }
        size = larger ? json_dumpb(value, larger, size, flags) : 0;
    }
    json_decref(value);
    if (!size)
        return fail("cannot write JSON: out of memory, or a text is not UTF-8");
    if (fwrite_unlocked(writer->buffer, 1, size, writer->out) != size)
        return fail_errno("cannot write the report");
    return 0;
}

static int emit_rows(struct writer *writer, const char *member, const struct row *rows, int max_rows)
{
    size_t count = arrlenu(rows);

    if (max_rows > 0 && count > (size_t)max_rows)
        count = (size_t)max_rows;
    fprintf(writer->out, ",\n\"%s\": [", member);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ",\n" : "\n", writer->out);
        if (dump(writer, row_object(writer, &rows[i]), JSON_COMPACT))
            return -1;
    }
    fputs("]", writer->out);
    return 0;
}

static int emit_all(struct writer *writer, const struct rows *rows, const struct emit_options *options)
{
    fputs("{", writer->out);
    if (dump(writer, head(writer->profile, rows), JSON_EMBED) ||
        emit_rows(writer, "rows", rows->ranked, options->max_rows))
        return -1;
    if (options->all && emit_rows(writer, "single_thread_rows", rows->single, options->max_rows))
        return -1;
    fputs("}\n", writer->out);
    return 0;
}

static int emit(const struct profile *profile, const struct rows *rows, const struct emit_options *options,
                FILE *out)
{
    struct writer writer = {.profile = profile, .out = out, .increfs = increfs_measured(profile)};
    int status = emit_all(&writer, rows, options);

    for (ptrdiff_t i = 0; i < hmlen(writer.remedies); i++)
        json_decref(writer.remedies[i].value);
    hmfree(writer.remedies);
    free(writer.buffer);
    return status;
}

/* docs/profile.schema.json, as the assembler takes it in: builds run in the root of the tree. */
__asm__(".section .rodata\n"
        ".type profile_schema_text, @object\n"
        "profile_schema_text:\n"
        ".incbin \"docs/profile.schema.json\"\n"
        ".byte 0\n"
        ".size profile_schema_text, . - profile_schema_text\n"
        ".previous\n");
extern const char profile_schema_text[];

const char *emit_json_schema(void)
{
    return profile_schema_text;
}

const struct emitter emit_json = {"json", "one object with everything, as docs/profile.schema.json says",
                                  emit};
