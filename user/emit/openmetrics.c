/*
 * The hottest rows as time series: as OpenMetrics 1.0 has them, and in Prometheus's older text format, which node_exporter's
 * textfile collector reads. These differ in what a counter's description is called, and in the end.
 *
 * A series that appears twice costs the whole scrape: rows that are called alike are one. What counters sum up never goes
 * down while a program is recorded; the rest does, where a row rises from it to those that are listed, and so is a gauge.
 */
#include <stdlib.h>
#include <string.h>

#include "emit/emit.h"
#include "emit/frames.h"
#include "profile/utf8.h"
#include "util/array.h"
#include "util/error.h"

#define USUAL_SERIES 100 /* rows, unless -n says how many: each is to be stored for as long as it is recorded */

/* Rows of one set of labels. */
struct series {
    char *key;
    struct row value; /* of which the metrics alone are summed up */
};

/* One export. */
struct writer {
    const struct profile *profile;
    const struct rows *rows;
    const struct metric **metrics; /* stb_ds array */
    struct series *series;         /* stb_ds map, in the order of the rows */
    struct row rest;
    size_t rest_rows;
    bool classic;                  /* the older format */
    FILE *out;
};

static void print_value(FILE *out, const char *text)
{
    uint32_t code;
    size_t size;

    fputc_unlocked('"', out);
    for (; *text; text += size) {
        size = utf8_decode(text, strnlen(text, 4), &code);
        if (!size)
            fputs_unlocked(UTF8_REPLACEMENT, out);
        else if (code == '\n')
            fputs_unlocked("\\n", out);
        else if (code == '\\' || code == '"')
            fprintf(out, "\\%c", (char)code);
        else
            fwrite_unlocked(text, 1, size, out);
        size += !size;
    }
    fputc_unlocked('"', out);
}

static void print_label(FILE *out, const char *name, const char *text)
{
    fprintf(out, "%s=", name);
    print_value(out, text);
}

/* Series */

static char *labels_of(const struct row *row, bool by_object)
{
    char *labels = NULL;
    size_t size;
    FILE *out = open_memstream(&labels, &size);

    if (!out)
        return NULL;
    print_label(out, "type", row->type);
    print_label(out, ",field", row->field);
    print_label(out, ",object", row->fold ? "others" : row->object);
    if (by_object && row->address)
        fprintf(out, ",address=\"0x%llx\"", (unsigned long long)row->address);
    if (by_object && row->pid)
        fprintf(out, ",pid=\"%u\"", row->pid);
    fclose(out);
    return labels;
}

static void add_to(struct row *sum, const struct row *row)
{
    row_add(sum, row);
    sum->sampled = row->sampled;
    sum->meta = row->meta;
}

static int add_series(struct writer *writer, const struct row *row)
{
    char *labels = labels_of(row, writer->rows->by_object);
    ptrdiff_t known;

    if (!labels)
        return fail("cannot list the rows: out of memory");
    known = shgeti(writer->series, labels);
    if (known < 0) {
        shput(writer->series, labels, (struct row){0});
        known = shgeti(writer->series, labels);
    }
    add_to(&writer->series[known].value, row);
    free(labels);
    return 0;
}

static int collect(struct writer *writer, const struct emit_options *options)
{
    const struct row **list = flame_rows(writer->rows, 0, options->all);
    size_t most = options->limited ? (size_t)options->max_rows : USUAL_SERIES;
    int status = 0;

    for (size_t i = 0; !status && i < arrlenu(list); i++) {
        if (!most || i < most) {
            status = add_series(writer, list[i]);
            continue;
        }
        add_to(&writer->rest, list[i]);
        writer->rest_rows++;
    }
    arrfree(list);
    return status;
}

/* Families */

/* With a counter, OpenMetrics describes what stands before "_total". */
static void print_family(const struct writer *writer, const char *name, const char *type, const char *help)
{
    const char *suffix = writer->classic && strcmp(type, "counter") == 0 ? "_total" : "";

    fprintf(writer->out, "# HELP hotref_%s%s %s\n# TYPE hotref_%s%s %s\n", name, suffix, help, name, suffix, type);
}

static void print_unit(const struct writer *writer, const char *name, const char *unit)
{
    if (!writer->classic)
        fprintf(writer->out, "# UNIT hotref_%s %s\n", name, unit);
}

static void print_metric(const struct writer *writer, const struct metric *metric)
{
    print_family(writer, metric->key, "counter", metric->meaning);
    for (size_t i = 0; i < shlenu(writer->series); i++)
        fprintf(writer->out, "hotref_%s_total{%s} %llu\n", metric->key, writer->series[i].key,
                (unsigned long long)metric->of(&writer->series[i].value));
}

static void print_threads(const struct writer *writer)
{
    print_family(writer, "threads", "gauge", "distinct threads that touched the object through that field");
    for (size_t i = 0; i < shlenu(writer->series); i++)
        fprintf(writer->out, "hotref_threads{%s} %u\n", writer->series[i].key, writer->series[i].value.threads);
}

static void print_stalls(const struct writer *writer)
{
    print_family(writer, "stall_seconds", "counter", "CPU time in which threads waited for the object, as far as samples tell");
    print_unit(writer, "stall_seconds", "seconds");
    for (size_t i = 0; i < shlenu(writer->series); i++)
        fprintf(writer->out, "hotref_stall_seconds_total{%s} %.9f\n", writer->series[i].key,
                (double)row_stall_ns(&writer->series[i].value) * 1e-9);
    print_family(writer, "stall_ratio", "gauge", "the same as a share of the targets' CPU time while they were recorded, 0 to 1");
    for (size_t i = 0; i < shlenu(writer->series); i++)
        fprintf(writer->out, "hotref_stall_ratio{%s} %.6f\n", writer->series[i].key,
                row_stall(&writer->series[i].value).share);
}

/* What bursts do not tell has no sample. */
static void print_rates(const struct writer *writer)
{
    print_family(writer, "ops_per_second", "gauge", "reference-count operations a second while they were recorded, as bursts tell");
    for (size_t i = 0; i < shlenu(writer->series); i++) {
        struct rate rate = row_rate(&writer->series[i].value);

        if (rate.high > 0)
            fprintf(writer->out, "hotref_ops_per_second{%s} %.9g\n", writer->series[i].key, rate.value);
    }
}

static void print_rest(const struct writer *writer)
{
    print_family(writer, "rest", "gauge", "sums over the rows that are ranked lower than those that are listed");
    for (size_t i = 0; i < arrlenu(writer->metrics); i++)
        fprintf(writer->out, "hotref_rest{metric=\"%s\"} %llu\n", writer->metrics[i]->key,
                (unsigned long long)writer->metrics[i]->of(&writer->rest));
    print_family(writer, "rest_rows", "gauge", "how many rows that is");
    fprintf(writer->out, "hotref_rest_rows %zu\n", writer->rest_rows);
}

/* Of everything, whatever is listed. A row may come to be ranked late, and take what it has from the others. */
static void print_sums(const struct writer *writer, bool sampled)
{
    const struct profile_meta *meta = &writer->profile->meta;
    const char *unit = sampled ? "samples" : "ops";

    print_family(writer, sampled ? "all_samples" : "all_ops", "gauge",
                 "sums over all rows: of objects that several threads touch, that one does, and too cold to tell");
    fprintf(writer->out, "hotref_all_%s{rows=\"ranked\"} %llu\n", unit, (unsigned long long)writer->rows->ranked_ops);
    fprintf(writer->out, "hotref_all_%s{rows=\"single_thread\"} %llu\n", unit,
            (unsigned long long)writer->rows->single_ops);
    fprintf(writer->out, "hotref_all_%s{rows=\"cold\"} %llu\n", unit, (unsigned long long)writer->rows->cold_ops);
    if (sampled) {
        print_family(writer, "cpu_seconds", "counter", "CPU time of the targets, as far as samples tell");
        print_unit(writer, "cpu_seconds", "seconds");
        fprintf(writer->out, "hotref_cpu_seconds_total %.9f\n", (double)meta->samples * (double)meta->sample_ns * 1e-9);
    }
    print_family(writer, "lost_ops", "counter", "operations that could be counted nowhere");
    fprintf(writer->out, "hotref_lost_ops_total %llu\n", (unsigned long long)meta->lost);
}

static void print_targets(const struct writer *writer)
{
    const struct profile *profile = writer->profile;

    print_family(writer, "target_info", "gauge", "1 for each process that was recorded");
    for (size_t i = 1; i < arrlenu(profile->targets); i++) {
        const struct profile_target *target = &profile->targets[i];

        fprintf(writer->out, "hotref_target_info{target=\"%zu\",pid=\"%u\"", i, target->pid);
        print_label(writer->out, ",version", profile_string(profile, target->version));
        print_label(writer->out, ",exe", profile_string(profile, target->exe));
        print_label(writer->out, ",command", profile_string(profile, profile->meta.command));
        fputs_unlocked("} 1\n", writer->out);
    }
}

static void print_recording(const struct writer *writer)
{
    const struct profile_meta *meta = &writer->profile->meta;

    print_family(writer, "recording_info", "gauge", "1 for the recording");
    fputs_unlocked("hotref_recording_info{", writer->out);
    print_label(writer->out, "mode", profile_mode_name(meta->mode));
    print_label(writer->out, ",hotref_version", profile_string(writer->profile, meta->hotref_version));
    fputs_unlocked("} 1\n", writer->out);
    print_family(writer, "recording_seconds", "gauge", "how long was recorded");
    print_unit(writer, "recording_seconds", "seconds");
    fprintf(writer->out, "hotref_recording_seconds %.3f\n", (double)meta->duration_ns * 1e-9);
    print_family(writer, "recording_start_timestamp_seconds", "gauge", "when that began, since 1970");
    print_unit(writer, "recording_start_timestamp_seconds", "seconds");
    fprintf(writer->out, "hotref_recording_start_timestamp_seconds %.3f\n", (double)meta->started_ns * 1e-9);
    print_family(writer, "complete", "gauge", "1 if nothing was lost while the targets lived");
    fprintf(writer->out, "hotref_complete %u\n", meta->complete ? 1 : 0);
}

static void print_all(const struct writer *writer)
{
    bool sampled = is_sampled(writer->profile);

    print_recording(writer);
    print_targets(writer);
    print_sums(writer, sampled);
    for (size_t i = 0; i < arrlenu(writer->metrics); i++)
        print_metric(writer, writer->metrics[i]);
    print_threads(writer);
    if (sampled)
        print_stalls(writer);
    if (writer->profile->meta.burst_counted_ns)
        print_rates(writer);
    print_rest(writer);
    if (!writer->classic)
        fputs_unlocked("# EOF\n", writer->out);
}

static int emit(const struct profile *profile, const struct rows *rows, const struct emit_options *options, FILE *out,
                bool classic)
{
    struct writer writer = {.profile = profile, .rows = rows, .classic = classic, .out = out};
    int status;

    writer.rest.meta = &profile->meta;
    writer.metrics = frames_metrics(is_sampled(profile), increfs_measured(profile));
    sh_new_arena(writer.series);
    status = collect(&writer, options);
    if (!status)
        print_all(&writer);
    arrfree(writer.metrics);
    shfree(writer.series);
    return status;
}

static int emit_new(const struct profile *profile, const struct rows *rows, const struct emit_options *options,
                    FILE *out)
{
    return emit(profile, rows, options, out, false);
}

static int emit_classic(const struct profile *profile, const struct rows *rows, const struct emit_options *options,
                        FILE *out)
{
    return emit(profile, rows, options, out, true);
}

const struct emitter emit_openmetrics = {"openmetrics", "the hottest rows as time series, as OpenMetrics 1.0 says", emit_new};
const struct emitter emit_prometheus = {"prometheus", "the same as node_exporter's textfile collector reads it", emit_classic};
