/* What changed, a line for each row. Columns only ever grow at the end of their list. */
#include "emit/csv.h"
#include "emit/diff.h"
#include "util/array.h"

static void next_text(FILE *out, const char *text)
{
    fputc_unlocked(',', out);
    csv_text(out, text);
}

/* Values are whole numbers unless they were divided by something. */
static void next_value(FILE *out, const struct diff *diff, double value)
{
    if (diff->scale == SCALE_NONE)
        fprintf(out, ",%.0f", value);
    else
        fprintf(out, ",%.9g", value);
}

/* What is not there is empty, never 0. */
static void next_metric(FILE *out, const struct diff *diff, unsigned side, const struct metric *metric,
                        const struct row *row)
{
    if (row && diff_measured(diff, side, metric))
        fprintf(out, ",%llu", (unsigned long long)metric->of(row));
    else
        fputc_unlocked(',', out);
}

static void next_ratio(FILE *out, const struct diff_row *row)
{
    if (row->side[DIFF_BEFORE].value)
        fprintf(out, ",%.6g", diff_ratio(row));
    else
        fputc_unlocked(',', out);
}

static void print_head(FILE *out)
{
    static const char *const sides[] = {"before", "after"};

    fputs("contended,state,type,field,object,matched_by,metric,before,after,difference,ratio,before_alone,after_alone",
          out);
    for (unsigned side = 0; side < DIFF_SIDES; side++) {
        for (size_t i = 0; i < metric_count; i++)
            fprintf(out, ",%s_%s", sides[side], metrics[i].key);
        fprintf(out, ",%s_objects,%s_function,%s_place,%s_rows", sides[side], sides[side], sides[side], sides[side]);
    }
    fputs("\r\n", out);
}

static void print_side(FILE *out, const struct diff *diff, unsigned number, const struct diff_side *side)
{
    for (size_t i = 0; i < metric_count; i++)
        next_metric(out, diff, number, &metrics[i], side->row);
    if (!side->row) {
        fputs(",,,,0", out);
        return;
    }
    fprintf(out, ",%llu", (unsigned long long)side->row->objects);
    next_text(out, side->row->function);
    next_text(out, side->row->place ?: "");
    fprintf(out, ",%zu", side->rows);
}

static void print_rows(FILE *out, const struct diff *diff, const struct diff_row *rows, const struct emit_options *options,
                       bool contended)
{
    for (size_t i = 0; i < diff_shown(rows, options); i++) {
        const struct diff_row *row = &rows[i];

        fputs(contended ? "true" : "false", out);
        next_text(out, diff_state_name(row->state));
        next_text(out, row->type);
        next_text(out, row->field);
        next_text(out, row->object);
        next_text(out, diff_match_name(row->match) ?: "");
        next_text(out, diff->comparison->metric->key);
        next_value(out, diff, row->side[DIFF_BEFORE].scaled);
        next_value(out, diff, row->side[DIFF_AFTER].scaled);
        next_value(out, diff, row->change);
        next_ratio(out, row);
        for (unsigned side = 0; side < DIFF_SIDES; side++)
            fprintf(out, ",%llu", (unsigned long long)row->side[side].alone);
        for (unsigned side = 0; side < DIFF_SIDES; side++)
            print_side(out, diff, side, &row->side[side]);
        fputs("\r\n", out);
    }
}

static int emit(const struct diff *diff, const struct emit_options *options, FILE *out)
{
    print_head(out);
    print_rows(out, diff, diff->ranked, options, true);
    if (options->all)
        print_rows(out, diff, diff->single, options, false);
    return 0;
}

const struct diff_emitter diff_csv = {"csv", "a line for each row, as RFC 4180 says", emit};
