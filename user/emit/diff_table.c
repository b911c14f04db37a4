/* What changed, for people: the verdict, what was compared, what is doubtful about it, and the rows that differ. */
#include <stdlib.h>
#include <string.h>

#include "emit/diff.h"
#include "emit/line.h"
#include "emit/text.h"
#include "profile/number.h"
#include "util/array.h"

#define GAP 2
#define PADDED_MAX 40 /* columns that a text is padded to where nothing is cut */
#define TYPE_ENOUGH 12
#define FIELD_ENOUGH 22
#define FIELD_LEAST 10
#define OBJECT_ENOUGH 26
#define OBJECT_LEAST 10

enum { STATE, BEFORE, AFTER, CHANGE, RATIO, TYPE, FIELD, OBJECT, COLUMNS };

static const char *const headings[COLUMNS] = {"", "BEFORE", "AFTER", "CHANGE", "RATIO", "TYPE", "FIELD", "OBJECT"};

/* What stands in one row; texts that are not the diff's are in text. */
struct cells {
    const char *cell[COLUMNS];
    char text[COLUMNS][DIFF_NUMBER_SIZE];
    char *object; /* malloc'ed, or NULL */
};

struct layout {
    size_t width[COLUMNS]; /* 0: left out */
    bool cut;
};

static bool is_text(size_t column)
{
    return column == STATE || column >= TYPE;
}

/* "[holder]", which a line below the table explains, and what one thread alone did where the row has none. */
static void print_marks(FILE *out, const struct diff_row *row)
{
    char number[NUMBER_SIZE];

    if (row->match > MATCH_NAME && row->match < MATCH_NONE)
        fprintf(out, " [%s]", diff_match_name(row->match));
    for (unsigned side = 0; side < DIFF_SIDES; side++) {
        if (row->side[side].alone)
            fprintf(out, " [one thread %s: %s]", side == DIFF_BEFORE ? "before" : "after",
                    number_grouped(row->side[side].alone, number));
    }
}

static char *marked_object(const struct diff_row *row)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    fputs(row->label, out);
    print_marks(out, row);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static const char *ratio_text(const struct diff_row *row, char text[DIFF_NUMBER_SIZE])
{
    double ratio = diff_ratio(row);

    if (row->state == DIFF_GONE || row->state == DIFF_NEW)
        return strcpy(text, "");
    if (row->state != DIFF_SAME && ratio > 0.995 && ratio < 1.005)
        return strcpy(text, "about 1x");
    snprintf(text, DIFF_NUMBER_SIZE, ratio >= 100 ? "%.0fx" : ratio >= 10 ? "%.1fx" : "%.2fx", ratio);
    return text;
}

static const char *change_text(const struct diff *diff, const struct diff_row *row, char text[DIFF_NUMBER_SIZE])
{
    if (row->change > 0)
        *text = '+';
    diff_number(diff, row->change, text + (row->change > 0));
    return text;
}

static void fill(struct cells *cells, const struct diff *diff, const struct diff_row *row)
{
    cells->object = marked_object(row);
    cells->cell[STATE] = diff_state_name(row->state);
    cells->cell[BEFORE] = diff_number(diff, row->side[DIFF_BEFORE].scaled, cells->text[BEFORE]);
    cells->cell[AFTER] = diff_number(diff, row->side[DIFF_AFTER].scaled, cells->text[AFTER]);
    cells->cell[CHANGE] = change_text(diff, row, cells->text[CHANGE]);
    cells->cell[RATIO] = ratio_text(row, cells->text[RATIO]);
    cells->cell[TYPE] = *row->type ? row->type : "?";
    cells->cell[FIELD] = *row->field ? row->field : "?";
    cells->cell[OBJECT] = cells->object ? cells->object : row->label;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void measure(size_t natural[COLUMNS], const struct diff *diff, const struct diff_row *const *rows, size_t count)
{
    for (size_t c = 0; c < COLUMNS; c++)
        natural[c] = strlen(headings[c]);
    for (size_t i = 0; i < count; i++) {
        struct cells cells;

        fill(&cells, diff, rows[i]);
        for (size_t c = 0; c < COLUMNS; c++) {
            size_t width = text_width(cells.cell[c]);

            natural[c] = width > natural[c] ? width : natural[c];
        }
        free(cells.object);
    }
}

static size_t total_width(const struct layout *layout)
{
    size_t total = 0;

    for (size_t c = 0; c < COLUMNS; c++)
        total += layout->width[c] ? layout->width[c] + (total ? GAP : 0) : 0;
    return total;
}

static void narrow(struct layout *layout, size_t room, size_t column, size_t least)
{
    size_t over = total_width(layout) > room ? total_width(layout) - room : 0;

    if (layout->width[column] > least)
        layout->width[column] -= smaller(over, layout->width[column] - least);
}

/* Texts are cut down to what one can still read, then columns that the others imply are left out. */
static void fit(struct layout *layout, const size_t natural[COLUMNS], int width)
{
    static const size_t dispensable[] = {TYPE, RATIO, CHANGE};
    size_t room = (size_t)width;

    layout->cut = width > 0;
    for (size_t c = 0; c < COLUMNS; c++)
        layout->width[c] = layout->cut || !is_text(c) ? natural[c] : smaller(natural[c], PADDED_MAX);
    if (!layout->cut)
        return;
    narrow(layout, room, OBJECT, OBJECT_ENOUGH);
    narrow(layout, room, TYPE, TYPE_ENOUGH);
    narrow(layout, room, FIELD, FIELD_ENOUGH);
    for (size_t i = 0; i < sizeof(dispensable) / sizeof(dispensable[0]) && total_width(layout) > room; i++)
        layout->width[dispensable[i]] = 0;
    narrow(layout, room, OBJECT, OBJECT_LEAST);
    narrow(layout, room, FIELD, FIELD_LEAST);
    if (total_width(layout) < room)
        layout->width[OBJECT] = smaller(natural[OBJECT], layout->width[OBJECT] + room - total_width(layout));
}

static void print_cells(FILE *out, const struct layout *layout, const char *const cell[COLUMNS])
{
    for (size_t c = 0; c < COLUMNS; c++) {
        size_t width = layout->width[c], used;

        if (!width)
            continue;
        text_pad(out, c ? GAP : 0);
        if (!is_text(c)) {
            used = text_width(cell[c]);
            text_pad(out, width > used ? width - used : 0);
            text_print(out, cell[c], 0);
            continue;
        }
        used = text_print(out, cell[c], layout->cut ? width : 0);
        if (c + 1 < COLUMNS)
            text_pad(out, width > used ? width - used : 0);
    }
    fputc_unlocked('\n', out);
}

static const char *colour_of(enum diff_state state)
{
    static const char *const colours[DIFF_STATES] = {[DIFF_SAME] = "", [DIFF_GONE] = GREEN, [DIFF_NEW] = RED,
                                                     [DIFF_MORE] = RED, [DIFF_LESS] = GREEN};

    return colours[state];
}

static void print_list(FILE *out, const struct emit_options *options, const struct diff *diff,
                       const struct diff_row *const *rows, size_t count)
{
    size_t natural[COLUMNS];
    struct layout layout;

    measure(natural, diff, rows, count);
    fit(&layout, natural, options->width);
    fputc_unlocked('\n', out);
    style(out, options, DIM);
    print_cells(out, &layout, headings);
    style(out, options, PLAIN);
    for (size_t i = 0; i < count; i++) {
        struct cells cells;

        fill(&cells, diff, rows[i]);
        style(out, options, colour_of(rows[i]->state));
        print_cells(out, &layout, cells.cell);
        style(out, options, PLAIN);
        free(cells.object);
    }
}

/* What did not change is listed where all is asked for. */
static void print_rows(FILE *out, const struct emit_options *options, const struct diff *diff, const struct diff_row *rows)
{
    const struct diff_row **list = NULL;
    size_t shown, count;
    char number[NUMBER_SIZE];

    for (size_t i = 0; i < arrlenu(rows); i++) {
        if (options->all || rows[i].state != DIFF_SAME)
            arrput(list, &rows[i]);
    }
    count = arrlenu(list);
    shown = options->max_rows > 0 ? smaller(count, (size_t)options->max_rows) : count;
    if (shown)
        print_list(out, options, diff, list, shown);
    if (shown < count)
        print_line(out, options, "and %s more: -n 0 shows all", number_grouped(count - shown, number));
    arrfree(list);
}

/* Bold and red: whoever insisted must not overlook it. */
static void print_doubts(FILE *out, const struct emit_options *options, const struct doubt *doubts, bool refused)
{
    for (size_t i = 0; i < arrlenu(doubts); i++) {
        if (doubts[i].refused != refused)
            continue;
        style(out, options, refused ? BOLD RED : "");
        print_line(out, options, refused ? "doubtful: %s" : "note: %s", doubts[i].text);
        style(out, options, PLAIN);
    }
}

static void print_subject(FILE *out, const struct emit_options *options, const char *heading, const char *path,
                          const struct profile *profile)
{
    const char *command = profile_string(profile, profile->meta.command);
    size_t count = arrlenu(profile->targets) - 1;

    if (count == 1)
        print_line(out, options, "%s: %s, CPython %s%s%s", heading, path,
                   profile_string(profile, profile->targets[1].version), *command ? ": " : "", command);
    else
        print_line(out, options, "%s: %s, %zu processes%s%s", heading, path, count, *command ? ": " : "", command);
}

static void print_scale(FILE *out, const struct emit_options *options, const struct diff *diff)
{
    char unit[DIFF_UNIT_SIZE], a[NUMBER_SIZE], b[NUMBER_SIZE];

    if (diff->scale == SCALE_NONE)
        print_line(out, options, "compared: %s", diff_unit(diff, unit));
    else if (diff->scale == SCALE_TOTAL)
        print_line(out, options, "compared: percent %s, which were %s before and %s after; less than 1 %% apart is the same",
                   diff_unit(diff, unit), number_grouped(diff->all[DIFF_BEFORE], a),
                   number_grouped(diff->all[DIFF_AFTER], b));
    else
        print_line(out, options, "compared: %s; less than 1 %% apart is the same", diff_unit(diff, unit));
}

static uint64_t same_sum(const struct diff *diff)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < arrlenu(diff->ranked); i++)
        sum += diff->ranked[i].state == DIFF_SAME ? diff->ranked[i].side[DIFF_AFTER].value : 0;
    return sum;
}

static void print_same(FILE *out, const struct emit_options *options, const struct diff *diff)
{
    char number[NUMBER_SIZE], sum[NUMBER_SIZE];

    if (diff->states[DIFF_SAME])
        print_line(out, options, "unchanged: %s row%s (%s %s)%s", number_grouped(diff->states[DIFF_SAME], number),
                   diff->states[DIFF_SAME] == 1 ? "" : "s", number_grouped(same_sum(diff), sum),
                   diff->comparison->metric->key, options->all ? "" : ", which --all lists");
}

static void print_legend(FILE *out, const struct emit_options *options, const struct diff *diff)
{
    static const char *const legends[MATCH_NONE] = {
        [MATCH_HOLDER] = "[holder]: the same but for what holds the object, which was not found on one side",
        [MATCH_LINE] = "[line]: the same but for the line at which the code begins",
        [MATCH_FUNCTION] = "[function]: the same object and C function; the field was not found on one side"};
    bool used[MATCH_NONE + 1] = {false}, alone = false;

    for (size_t i = 0; i < arrlenu(diff->ranked); i++) {
        used[diff->ranked[i].match] = true;
        alone = alone || diff->ranked[i].side[DIFF_BEFORE].alone || diff->ranked[i].side[DIFF_AFTER].alone;
    }
    for (size_t i = 0; i < MATCH_NONE; i++) {
        if (used[i] && legends[i])
            print_line(out, options, "%s", legends[i]);
    }
    if (alone)
        print_line(out, options, "[one thread: N]: on that side one thread alone did that, which is no contention");
}

static void print_rest(FILE *out, const struct emit_options *options, const struct diff *diff)
{
    char a[NUMBER_SIZE], b[NUMBER_SIZE];

    if (diff->left_out)
        print_line(out, options, "left out by -I and -X: %s row%s", number_grouped(diff->left_out, a),
                   diff->left_out == 1 ? "" : "s");
    if (diff->unmeasured)
        print_line(out, options, "without any %s: %s row%s", diff->comparison->metric->key,
                   number_grouped(diff->unmeasured, a), diff->unmeasured == 1 ? "" : "s");
    if (diff->cold_ops[DIFF_BEFORE] || diff->cold_ops[DIFF_AFTER])
        print_line(out, options,
                   "too cold to tell: %s operations before, %s after, on objects that were folded early and may be what is "
                   "new or gone",
                   number_grouped(diff->cold_ops[DIFF_BEFORE], a), number_grouped(diff->cold_ops[DIFF_AFTER], b));
}

static void print_all(const struct diff *diff, const struct emit_options *options, FILE *out)
{
    const struct comparison *c = diff->comparison;

    print_doubts(out, options, diff->doubts, true);
    style(out, options, BOLD);
    print_line(out, options, "%s", diff->verdict ? diff->verdict : "no verdict: out of memory");
    style(out, options, PLAIN);
    print_subject(out, options, "before", c->before_path, c->before);
    print_subject(out, options, "after", c->after_path, c->after);
    print_scale(out, options, diff);
    print_rows(out, options, diff, diff->ranked);
    fputc_unlocked('\n', out);
    print_same(out, options, diff);
    print_legend(out, options, diff);
    print_rest(out, options, diff);
    print_doubts(out, options, diff->doubts, false);
    if (options->all && arrlenu(diff->single)) {
        fputs_unlocked("\nrows of one thread only:\n", out);
        print_rows(out, options, diff, diff->single);
    }
}

static int emit(const struct diff *diff, const struct emit_options *options, FILE *out)
{
    struct text_locale locale = text_begin();

    print_all(diff, options, out);
    text_end(&locale);
    return 0;
}

const struct diff_emitter diff_table = {"table", "verdict and what differs, for people", emit};
