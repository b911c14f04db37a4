/* What changed, as differential flame graphs: both sides in one tree. Lines of Python code are left out of it, as they
 * move between two versions of a program. */
#include <stdlib.h>
#include <string.h>

#include "emit/diff.h"
#include "emit/flamegraph.h"
#include "emit/folded.h"
#include "profile/number.h"
#include "util/array.h"
#include "util/error.h"

static const struct profile *profile_of(const struct diff *diff, unsigned side)
{
    return side == DIFF_BEFORE ? diff->comparison->before : diff->comparison->after;
}

/* All rows behind a side of the line go by the line's name. */
static void collect(struct flame_row **list, const struct diff_row *line, unsigned side, uint32_t number)
{
    const struct diff_side *of = &line->side[side];

    for (size_t i = 0; i < of->rows; i++) {
        const struct row *row = of->parts ? of->parts[i] : of->row;

        arrput(*list, ((struct flame_row){row, line->type, line->field, line->object, number}));
    }
}

static int add_side(struct flame *flame, const struct diff *diff, const struct emit_options *options, unsigned side)
{
    size_t ranked = diff_shown(diff->ranked, options), single = options->all ? diff_shown(diff->single, options) : 0;
    struct flame_row *list = NULL;
    int status;

    for (size_t i = 0; i < ranked; i++)
        collect(&list, &diff->ranked[i], side, (uint32_t)i);
    for (size_t i = 0; i < single; i++)
        collect(&list, &diff->single[i], side, (uint32_t)(ranked + i));
    status = flame_add(flame, side, profile_of(diff, side), list, arrlenu(list));
    arrfree(list);
    return status;
}

static struct flame *flame_of(const struct diff *diff, const struct emit_options *options)
{
    struct flame *flame = flame_new(false);

    if (!flame)
        fail("cannot compare the profiles: out of memory");
    if (flame && !add_side(flame, diff, options, DIFF_BEFORE) && !add_side(flame, diff, options, DIFF_AFTER))
        return flame;
    flame_free(flame);
    return NULL;
}

static void set_divisors(const struct diff *diff, double divisor[FLAME_SIDES])
{
    for (unsigned side = 0; side < DIFF_SIDES; side++)
        divisor[side] = diff->scale == SCALE_NONE ? 0 : diff->divisor[side];
}

static int emit_folded_diff(const struct diff *diff, const struct emit_options *options, FILE *out)
{
    const struct metric *metric = stack_metric(diff->comparison->metric, false);
    struct flame *flame = metric ? flame_of(diff, options) : NULL;
    double divisor[FLAME_SIDES];
    int status = -1;

    set_divisors(diff, divisor);
    if (flame)
        status = folded_print(flame, metric, DIFF_SIDES, divisor, out);
    flame_free(flame);
    return status;
}

static bool comparable(const struct diff *diff, const struct metric *metric)
{
    if (!metric->sums || !diff_measured(diff, DIFF_BEFORE, metric) || !diff_measured(diff, DIFF_AFTER, metric))
        return false;
    return !metric_has_increfs(metric) || increfs_comparable(diff->comparison->before, diff->comparison->after);
}

/* A percentage is one of what the chosen metric sums up to, and of nothing else. */
static void offer(struct flamegraph *graph, const struct diff *diff)
{
    bool sampled = is_sampled(diff->comparison->before) || is_sampled(diff->comparison->after);

    for (size_t i = 0; i < metric_count; i++) {
        bool suits = diff->scale != SCALE_TOTAL && sampled == (strcmp(metrics[i].key, "samples") == 0);

        if (&metrics[i] == graph->metric || (suits && comparable(diff, &metrics[i])))
            arrput(graph->offered, &metrics[i]);
    }
}

static struct flamegraph_row *lines_of(const struct diff *diff, const struct emit_options *options)
{
    const struct diff_row *lists[] = {diff->ranked, options->all ? diff->single : NULL};
    struct flamegraph_row *lines = NULL;

    for (size_t list = 0; list < 2; list++) {
        for (size_t i = 0; i < diff_shown(lists[list], options); i++) {
            const struct diff_row *row = &lists[list][i];
            struct flamegraph_row line = {.type = row->type, .field = row->field, .label = row->label};

            for (unsigned side = 0; side < DIFF_SIDES; side++)
                line.sides[side] = row->side[side].row;
            arrput(lines, line);
        }
    }
    return lines;
}

static void note_all(struct flamegraph *graph, const struct diff *diff, const struct emit_options *options)
{
    char number[NUMBER_SIZE], all[NUMBER_SIZE], *note;
    size_t shown = diff_shown(diff->ranked, options);

    flamegraph_note_subject(graph, diff->comparison->before, "before");
    flamegraph_note_subject(graph, diff->comparison->after, "after");
    if (graph->unit && asprintf(&note, "compared: %s", graph->unit) > 0)
        flamegraph_note(graph, note);
    for (size_t i = 0; i < arrlenu(diff->doubts); i++)
        flamegraph_note(graph, strdup(diff->doubts[i].text));
    if (shown < arrlenu(diff->ranked) &&
        asprintf(&note, "only %s rows of %s are shown (-n)", number_grouped(shown, number),
                 number_grouped(arrlenu(diff->ranked), all)) > 0)
        flamegraph_note(graph, note);
    if (diff->left_out &&
        asprintf(&note, "left out by -I and -X: %s rows", number_grouped(diff->left_out, number)) > 0)
        flamegraph_note(graph, note);
}

/* "% of all decrements"; malloc'ed, NULL where counts are whole numbers. */
static char *unit_of(const struct diff *diff)
{
    char unit[DIFF_UNIT_SIZE], *text;

    if (diff->scale == SCALE_NONE)
        return NULL;
    return asprintf(&text, "%s%s", diff->scale == SCALE_TOTAL ? "% " : "", diff_unit(diff, unit)) < 0 ? NULL : text;
}

static int emit_page(const struct diff *diff, const struct emit_options *options, FILE *out)
{
    struct flamegraph graph = {.sides = DIFF_SIDES, .verdict = diff->verdict ? diff->verdict : ""};
    struct flamegraph_row *lines;
    char *unit = unit_of(diff);
    int status = -1;

    graph.metric = stack_metric(diff->comparison->metric, false);
    graph.flame = graph.metric ? flame_of(diff, options) : NULL;
    set_divisors(diff, graph.divisor);
    graph.alike = diff->scale == SCALE_NONE ? 0 : DIFF_ALIKE;
    graph.unit = unit;
    graph.rows = lines = lines_of(diff, options);
    graph.row_count = arrlenu(lines);
    if (graph.flame) {
        offer(&graph, diff);
        note_all(&graph, diff, options);
        status = flamegraph_print(&graph, out);
    }
    arrfree(lines);
    flame_free(graph.flame);
    free(unit);
    return status;
}

const struct diff_emitter diff_folded = {"folded", "stacks with both values, as difffolded.pl writes them",
                                         emit_folded_diff};
const struct diff_emitter diff_flamegraph = {"flamegraph", "one page of HTML for a browser: red for more, blue for less",
                                             emit_page};
