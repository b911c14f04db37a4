/* Stacks as speedscope has them (https://www.speedscope.app/file-format-schema.json): each frame once, and for each metric
 * the stacks, from the root to the object, with their weights. */
#include <stdlib.h>
#include <string.h>

#include "emit/emit.h"
#include "emit/folded.h"
#include "emit/frames.h"
#include "emit/json_text.h"
#include "util/array.h"

/* One export. */
struct scope {
    const struct profile *profile;
    const struct flame *flame;
    const struct metric *metric; /* that is shown first */
    uint32_t *leaves;            /* stb_ds arrays */
    uint32_t *numbers;           /* of each node's frame */
    FILE *out;
};

static void print_frame(FILE *out, const struct frame_text *frame, const char *before)
{
    fprintf(out, "%s{\"name\":", before);
    json_print_text(out, frame->name);
    if (*frame->file) {
        fputs_unlocked(",\"file\":", out);
        json_print_text(out, frame->file);
    }
    if (frame->line)
        fprintf(out, ",\"line\":%llu", (unsigned long long)frame->line);
    fputc_unlocked('}', out);
}

static void print_frames(struct scope *scope)
{
    struct frame_entry *frames = NULL;
    size_t printed = 0;

    arrput(scope->numbers, 0); /* the root is no frame */
    for (size_t i = 1; i < arrlenu(scope->flame->nodes); i++) {
        struct frame_text frame = frame_text(scope->profile, &scope->flame->nodes[i]);
        uint32_t number = frame_number(&frames, frame);

        if (number == printed)
            print_frame(scope->out, &frame, printed++ ? ",\n" : "");
        arrput(scope->numbers, number);
    }
    hmfree(frames);
}

static void print_stack(struct scope *scope, uint32_t leaf, uint32_t **path, const char *before)
{
    arrsetlen(*path, 0);
    for (uint32_t node = leaf; node; node = scope->flame->nodes[node].parent)
        arrput(*path, scope->numbers[node]);
    fprintf(scope->out, "%s[%u", before, arrpop(*path));
    while (arrlenu(*path))
        fprintf(scope->out, ",%u", arrpop(*path));
    fputc_unlocked(']', scope->out);
}

/* Samples are shown as the CPU time that they stand for. */
static uint64_t weight_of(const struct scope *scope, uint32_t leaf, const struct metric *metric)
{
    uint64_t weight = flame_weight(&scope->flame->nodes[leaf].own[0], metric);

    return strcmp(metric->key, "samples") == 0 ? weight * scope->profile->meta.sample_ns : weight;
}

static uint64_t total_of(const struct scope *scope, const struct metric *metric)
{
    uint64_t total = 0;

    for (size_t i = 0; i < arrlenu(scope->leaves); i++)
        total += weight_of(scope, scope->leaves[i], metric);
    return total;
}

static void print_head(struct scope *scope, const struct metric *metric)
{
    bool samples = strcmp(metric->key, "samples") == 0;

    fputs_unlocked("{\"type\":\"sampled\",\"name\":", scope->out);
    json_print_text(scope->out, samples ? "stall" : metric->key);
    fprintf(scope->out, ",\"unit\":\"%s\",\"startValue\":0,\"endValue\":%llu", samples ? "nanoseconds" : "none",
            (unsigned long long)total_of(scope, metric));
}

static void print_profile(struct scope *scope, const struct metric *metric)
{
    uint32_t *path = NULL;
    uint64_t *weights = NULL;

    print_head(scope, metric);
    fputs_unlocked(",\n\"samples\":[", scope->out);
    for (size_t i = 0; i < arrlenu(scope->leaves); i++) {
        uint64_t weight = weight_of(scope, scope->leaves[i], metric);

        if (!weight)
            continue;
        print_stack(scope, scope->leaves[i], &path, arrlenu(weights) ? ",\n" : "");
        arrput(weights, weight);
    }
    fputs_unlocked("],\n\"weights\":[", scope->out);
    for (size_t i = 0; i < arrlenu(weights); i++)
        fprintf(scope->out, "%s%llu", i ? "," : "", (unsigned long long)weights[i]);
    fputs_unlocked("]}", scope->out);
    arrfree(path);
    arrfree(weights);
}

static void print_profiles(struct scope *scope)
{
    const struct metric **measured = frames_metrics(is_sampled(scope->profile), increfs_measured(scope->profile));
    size_t active = 0, printed = 0;

    for (size_t i = 0; i < arrlenu(measured); i++) {
        if (measured[i] == scope->metric)
            active = printed;
        else if (!total_of(scope, measured[i]))
            continue; /* nothing to be seen */
        fputs_unlocked(printed++ ? ",\n" : "", scope->out);
        print_profile(scope, measured[i]);
    }
    fprintf(scope->out, "],\n\"activeProfileIndex\":%zu", active);
    arrfree(measured);
}

static void print_all(struct scope *scope)
{
    const char *command = profile_string(scope->profile, scope->profile->meta.command);

    fputs_unlocked("{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\"exporter\":\"hotref " HOTREF_VERSION
                   "\",\"name\":",
                   scope->out);
    json_print_text(scope->out, *command ? command : "hotref");
    fputs_unlocked(",\n\"shared\":{\"frames\":[", scope->out);
    print_frames(scope);
    fputs_unlocked("]},\n\"profiles\":[", scope->out);
    print_profiles(scope);
    fputs_unlocked("}\n", scope->out);
}

static int emit(const struct profile *profile, const struct rows *rows, const struct emit_options *options, FILE *out)
{
    struct scope scope = {.profile = profile, .metric = stack_metric(options->key, is_sampled(profile)), .out = out};
    struct flame *flame = scope.metric ? flame_of_rows(profile, rows, (size_t)options->max_rows, options->all) : NULL;

    if (!flame)
        return -1;
    scope.flame = flame;
    scope.leaves = flame_leaves(flame);
    print_all(&scope);
    arrfree(scope.leaves);
    arrfree(scope.numbers);
    flame_free(flame);
    return 0;
}

const struct emitter emit_speedscope = {"speedscope", "stacks and objects by each metric, for speedscope", emit};
