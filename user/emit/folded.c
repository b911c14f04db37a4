#include "emit/folded.h"

#include <stdlib.h>
#include <string.h>

#include "emit/emit.h"
#include "profile/utf8.h"
#include "util/array.h"
#include "util/error.h"

const struct metric *stack_metric(const struct metric *key, bool sampled)
{
    const struct metric *metric = key ? key : metric_find(sampled ? "samples" : "ops");

    if (!metric->sums)
        fail("stacks cannot be weighed by '%s', which does not sum up", metric->key);
    else if (sampled != (strcmp(metric->key, "samples") == 0))
        fail("stacks cannot be weighed by '%s': %s", metric->key,
             sampled ? "the profile has samples, and counts nothing" : "no samples were taken");
    else
        return metric;
    return NULL;
}

struct printing {
    const struct metric *metric;
    unsigned sides;
    const double *divisor;
};

/* What some reader might take for the end of a line. */
static bool ends_line(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029;
}

/* Readers know no escapes: what separates frames or lines must not be there at all, in whatever is read instead. */
static void print_frame(FILE *out, const char *name)
{
    uint32_t code;
    size_t size;

    for (; *name; name += size) {
        size = utf8_decode(name, strnlen(name, 4), &code);
        if (!size)
            fprintf(out, "\\x%02x", (unsigned char)*name);
        else if (code == '\n')
            fputs_unlocked("\\n", out);
        else if (code == '\\')
            fputs_unlocked("\\\\", out);
        else if (code == ';' || (ends_line(code) && code < 0x100))
            fprintf(out, "\\x%02x", code);
        else if (ends_line(code))
            fprintf(out, "\\u%04x", code);
        else
            fwrite_unlocked(name, 1, size, out);
        size += !size;
    }
}

static void print_path(FILE *out, const struct flame *flame, uint32_t leaf, uint32_t **path)
{
    arrsetlen(*path, 0);
    for (uint32_t node = leaf; node; node = flame->nodes[node].parent)
        arrput(*path, node);
    while (arrlenu(*path)) {
        print_frame(out, flame->nodes[arrpop(*path)].name);
        if (arrlenu(*path))
            fputc_unlocked(';', out);
    }
}

/* Readers take no exponents. */
static void print_weight(FILE *out, uint64_t weight, double divisor)
{
    if (divisor > 0)
        fprintf(out, " %.6f", (double)weight / divisor);
    else
        fprintf(out, " %llu", (unsigned long long)weight);
}

/* NULL where the leaf is worth nothing, or without memory. */
static char *line_of(const struct flame *flame, uint32_t leaf, const struct printing *printing, uint32_t **path)
{
    uint64_t weights[FLAME_SIDES], all = 0;
    char *line = NULL;
    size_t size;
    FILE *out;

    for (unsigned side = 0; side < FLAME_SIDES; side++)
        all |= weights[side] = flame_weight(&flame->nodes[leaf].own[side], printing->metric);
    out = all ? open_memstream(&line, &size) : NULL;
    if (!out)
        return NULL;
    print_path(out, flame, leaf, path);
    for (unsigned side = 0; side < printing->sides; side++)
        print_weight(out, weights[side], printing->divisor[side]);
    if (fclose(out) == 0)
        return line;
    free(line);
    return NULL;
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

int folded_print(const struct flame *flame, const struct metric *metric, unsigned sides,
                 const double divisor[FLAME_SIDES], FILE *out)
{
    struct printing printing = {metric, sides, divisor};
    char **lines = NULL, *line;
    uint32_t *path = NULL;

    for (size_t i = 1; i < arrlenu(flame->nodes); i++) {
        line = line_of(flame, (uint32_t)i, &printing, &path);
        if (line)
            arrput(lines, line);
    }
    array_sort(lines, by_text);
    for (size_t i = 0; i < arrlenu(lines); i++) {
        fputs_unlocked(lines[i], out);
        fputc_unlocked('\n', out);
        free(lines[i]);
    }
    arrfree(lines);
    arrfree(path);
    return 0;
}

static int emit(const struct profile *profile, const struct rows *rows, const struct emit_options *options, FILE *out)
{
    static const double undivided[FLAME_SIDES];
    const struct metric *metric = stack_metric(options->key, is_sampled(profile));
    struct flame *flame = metric ? flame_of_rows(profile, rows, (size_t)options->max_rows, options->all) : NULL;
    int status = flame ? folded_print(flame, metric, 1, undivided, out) : -1;

    flame_free(flame);
    return status;
}

const struct emitter emit_folded = {"folded", "stacks and objects, for flamegraph.pl and speedscope", emit};
