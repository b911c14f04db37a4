/* What changed, in a sentence: what a reader looks for first. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/diff.h"
#include "profile/number.h"
#include "profile/utf8.h"
#include "util/array.h"

#define NAMED_MAX 3
#define NAME_MAX_BYTES 60
#define NOTABLE 0.01 /* of the larger total: what is less is not named */

/* As people call the metric. */
static const char *plural(const struct metric *metric)
{
    static const char *const words[][2] = {{"ops", "operations"},
                                           {"decrefs", "decrements"},
                                           {"increfs", "increments"},
                                           {"handoffs", "hand-offs"}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(metric->key, words[i][0]) == 0)
            return words[i][1];
    }
    return metric->key;
}

const char *diff_unit(const struct diff *diff, char text[DIFF_UNIT_SIZE])
{
    static const char *const formats[] = {[SCALE_NONE] = "%s",
                                          [SCALE_TOTAL] = "of all %s",
                                          [SCALE_WORK] = "%s a unit of work",
                                          [SCALE_TIME] = "%s a second"};
    const char *word = plural(diff->comparison->metric);
    const char *format = formats[diff->scale], *at = strstr(format, "%s");

    snprintf(text, DIFF_UNIT_SIZE, "%.*s%s%s", (int)(at - format), format, word, at + 2);
    return text;
}

const char *diff_number(const struct diff *diff, double scaled, char text[DIFF_NUMBER_SIZE])
{
    char number[NUMBER_SIZE];
    double size = fabs(scaled);

    if (diff->scale == SCALE_NONE || size >= 100)
        snprintf(text, DIFF_NUMBER_SIZE, "%s%s", scaled < 0 ? "-" : "",
                 number_grouped(size < 1e18 ? (uint64_t)llround(size) : UINT64_MAX, number));
    else if (size >= 10)
        snprintf(text, DIFF_NUMBER_SIZE, "%.1f", scaled);
    else if (size >= 0.01 || size == 0)
        snprintf(text, DIFF_NUMBER_SIZE, size == 0 ? "0" : "%.2f", scaled);
    else
        snprintf(text, DIFF_NUMBER_SIZE, "%.1g", scaled);
    if (diff->scale == SCALE_TOTAL)
        strcat(text, " %");
    return text;
}

/* A name short enough for a sentence, cut between characters. */
static void print_name(FILE *out, const char *name)
{
    size_t length = strlen(name), kept = 0, size;
    uint32_t code;

    while (kept < length && kept < NAME_MAX_BYTES && (size = utf8_decode(name + kept, length - kept, &code)))
        kept += size;
    fprintf(out, "%.*s%s", (int)kept, name, kept < length ? "…" : "");
}

/* "function.func_globals (globals of app)" */
static void print_row(FILE *out, const struct diff_row *row)
{
    print_name(out, *row->field ? row->field : "an unknown field");
    fputs(" (", out);
    print_name(out, row->label);
    fputs(")", out);
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static double larger_total(const struct diff *diff)
{
    return larger(diff_scaled(diff, DIFF_BEFORE, diff->total[DIFF_BEFORE]),
                  diff_scaled(diff, DIFF_AFTER, diff->total[DIFF_AFTER]));
}

static bool notable(const struct diff *diff, const struct diff_row *row)
{
    return row->state != DIFF_SAME && fabs(row->change) >= NOTABLE * larger_total(diff);
}

/* "gone: a (x), b (y) and 3 more; " */
static size_t print_state(FILE *out, const struct diff *diff, enum diff_state state)
{
    size_t named = 0, more = 0;

    for (size_t i = 0; i < arrlenu(diff->ranked); i++) {
        const struct diff_row *row = &diff->ranked[i];

        if (row->state != state || !notable(diff, row))
            continue;
        if (named == NAMED_MAX) {
            more++;
            continue;
        }
        if (named)
            fputs(", ", out);
        else
            fprintf(out, "%s: ", diff_state_name(state));
        print_row(out, row);
        named++;
    }
    if (more)
        fprintf(out, " and %zu more", more);
    fputs(named ? "; " : "", out);
    return named + more;
}

/* States in the order in which the rows have them first: the largest change comes first. */
static size_t print_states(FILE *out, const struct diff *diff)
{
    bool told[DIFF_STATES] = {[DIFF_SAME] = true};
    size_t rows = 0;

    for (size_t i = 0; i < arrlenu(diff->ranked); i++) {
        const struct diff_row *row = &diff->ranked[i];

        if (told[row->state] || !notable(diff, row))
            continue;
        told[row->state] = true;
        rows += print_state(out, diff, row->state);
    }
    return rows;
}

/* " (-99.6 %)" */
static void print_percent(FILE *out, double before, double after)
{
    double percent = before > 0 ? 100 * (after - before) / before : 0;

    if (before == after || before <= 0)
        return;
    if (percent > 1000)
        fprintf(out, " (%.0f x as many)", after / before);
    else if (fabs(percent) < 0.05)
        fprintf(out, " (less than 0.1 %% %s)", percent < 0 ? "less" : "more");
    else if (after > 0 && percent < -99.95)
        fputs(" (over -99.9 %)", out);
    else
        fprintf(out, " (%+.1f %%)", percent);
}

static void print_totals(FILE *out, const struct diff *diff)
{
    double before = diff_scaled(diff, DIFF_BEFORE, diff->total[DIFF_BEFORE]);
    double after = diff_scaled(diff, DIFF_AFTER, diff->total[DIFF_AFTER]);
    char a[DIFF_NUMBER_SIZE], b[DIFF_NUMBER_SIZE], unit[DIFF_UNIT_SIZE];

    fprintf(out, "%s -> %s %s%s", diff_number(diff, before, a), diff_number(diff, after, b),
            diff->scale == SCALE_TOTAL ? "" : "contended ", diff_unit(diff, unit));
    fputs(diff->scale == SCALE_TOTAL ? " contended" : "", out);
    print_percent(out, before, after);
}

static size_t changed_rows(const struct diff *diff)
{
    return arrlenu(diff->ranked) - diff->states[DIFF_SAME];
}

static void print_unchanged(FILE *out, const struct diff *diff)
{
    double total = diff_scaled(diff, DIFF_AFTER, diff->total[DIFF_AFTER]);
    char number[DIFF_NUMBER_SIZE], unit[DIFF_UNIT_SIZE], rows[NUMBER_SIZE];

    if (!arrlenu(diff->ranked)) {
        fputs("nothing changed: nothing is contended on either side", out);
        return;
    }
    fprintf(out, "nothing changed%s: %s %s in %s contended row%s on both sides",
            diff->scale == SCALE_NONE ? "" : " by 1 % or more", diff_number(diff, total, number), diff_unit(diff, unit),
            number_grouped(arrlenu(diff->ranked), rows), arrlenu(diff->ranked) == 1 ? "" : "s");
}

static void print_verdict(FILE *out, const struct diff *diff)
{
    char rows[NUMBER_SIZE];

    if (!changed_rows(diff)) {
        print_unchanged(out, diff);
        return;
    }
    if (!print_states(out, diff))
        fprintf(out, "small changes only, in %s row%s; ", number_grouped(changed_rows(diff), rows),
                changed_rows(diff) == 1 ? "" : "s");
    print_totals(out, diff);
}

char *diff_verdict(const struct diff *diff)
{
    char *sentence = NULL;
    size_t size;
    FILE *out = open_memstream(&sentence, &size);

    if (!out)
        return NULL;
    print_verdict(out, diff);
    if (fclose(out) == 0)
        return sentence;
    free(sentence);
    return NULL;
}
