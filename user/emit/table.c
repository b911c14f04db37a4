/* The table for people: the verdict, the rows that matter, and in one line each what is not among them. */
#include <stdlib.h>
#include <string.h>

#include "emit/advice.h"
#include "emit/line.h"
#include "emit/stacks.h"
#include "emit/text.h"
#include "profile/number.h"
#include "util/array.h"

#define GAP 2
#define MATTERS 1000   /* a row matters that has one in so many of the first row's operations */
#define PADDED_MAX 200 /* columns that a text is padded to where nothing is cut: longer ones stick out */

/*
 * A column shows a metric or a text. Where room is short, columns are left out, highest rank first (rank 0
 * stays), and texts are cut down to enough columns.
 */
struct column {
    const char *metric;
    const char *heading;
    const char *(*text)(const struct row *row);
    size_t rank, enough;
    bool optional; /* left out where no row has anything there */
    bool shortens; /* does without what most names have in common */
};

static const char *type_of(const struct row *row)
{
    return *row->type ? row->type : "?";
}

static const char *field_of(const struct row *row)
{
    return *row->field ? row->field : "?";
}

static const char *object_of(const struct row *row)
{
    return row->label;
}

static const char *place_of(const struct row *row)
{
    return row->place;
}

static const char *function_of(const struct row *row)
{
    return *row->where ? row->where : "?";
}

/* Shown at once: the next call overwrites it. */
static const char *stall_column(const struct row *row)
{
    static char text[STALL_TEXT];
    struct stall stall = row_stall(row);

    return row->sampled ? stall_text(&stall, text) : "";
}

static const char *stall_time(const struct row *row)
{
    static char text[NUMBER_SIZE];

    return row->sampled ? number_duration(row_stall_ns(row), text) : "";
}

static const char *rate_column(const struct row *row)
{
    static char text[NUMBER_SIZE + 1];
    struct rate rate = row_rate(row);

    if (!row->meta->burst_counted_ns || !row_ops(row))
        return "";
    *text = '>';
    number_grouped((uint64_t)(rate.high > 0 ? rate.value + 0.5 : rate.low), text + 1);
    return rate.high > 0 ? text + 1 : text;
}

enum { THREADS_COLUMN = 4, TYPE_COLUMN = 8, FIELD_COLUMN, OBJECT_COLUMN, PLACE_COLUMN, FUNCTION_COLUMN, COLUMNS };

static const struct column columns[COLUMNS] = {
    {.heading = "STALL", .text = stall_column, .enough = 20, .optional = true},
    {.heading = "TIME", .text = stall_time, .rank = 3, .enough = 12, .optional = true},
    {.heading = "OPS/S", .text = rate_column, .rank = 3, .enough = 14, .optional = true},
    {.metric = "ops"},
    [THREADS_COLUMN] = {.metric = "threads"},
    {.metric = "handoffs", .rank = 3, .optional = true},
    {.metric = "bounces", .rank = 4, .optional = true},
    {.metric = "retries", .rank = 5, .optional = true},
    [TYPE_COLUMN] = {.heading = "TYPE", .text = type_of, .rank = 1, .enough = 16, .shortens = true},
    [FIELD_COLUMN] = {.heading = "FIELD", .text = field_of, .enough = 30},
    [OBJECT_COLUMN] = {.heading = "OBJECT", .text = object_of, .enough = 44, .shortens = true},
    [PLACE_COLUMN] = {.heading = "LINE", .text = place_of, .enough = 24, .optional = true},
    [FUNCTION_COLUMN] = {.heading = "FUNCTION", .text = function_of, .rank = 2, .enough = 20},
};
#define RANKS 5

/* Columns as wide as this table has them; 0: left out. */
struct layout {
    const struct metric *metric[COLUMNS]; /* NULL: a text */
    size_t width[COLUMNS];
    size_t natural[COLUMNS];
    size_t brief;  /* columns that the rows' places take without their functions */
    size_t number; /* columns that the rows' numbers take; 0: they have none */
    bool cut;      /* texts that are longer than their column are */
    bool shortened; /* names do without what most have in common */
    uint32_t threads; /* that go without saying */
    bool several;  /* processes were recorded */
    char *scratch; /* stb_ds array: the name that was shortened last */
};

/* The largest number is also the longest. */
static size_t number_width(const struct metric *metric, const struct row *rows, size_t count)
{
    uint64_t largest = 0;
    char number[NUMBER_SIZE];
    size_t width;

    for (size_t i = 0; i < count; i++)
        largest = metric->of(&rows[i]) > largest ? metric->of(&rows[i]) : largest;
    width = strlen(number_grouped(largest, number));
    return width > strlen(metric->heading) ? width : strlen(metric->heading);
}

/* What most names have in common, and what is put in its place. */
static const char *shorter(const char *at, bool begins, size_t *length)
{
    static const struct {
        const char *text, *instead;
        bool anywhere;
    } common[] = {
        {"instance of ", "", false}, {"__main__.", "", false}, {"module global ", "global ", false},
        {".<locals>", "", true}, {" processes)", " pids)", true}};

    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
        *length = strlen(common[i].text);
        if ((begins || common[i].anywhere) && strncmp(at, common[i].text, *length) == 0)
            return common[i].instead;
    }
    return NULL;
}

/* "Config (global CFG)" of "instance of __main__.Config (module global __main__.CFG)". What is quoted is the program's. */
static const char *shortened(struct layout *layout, const char *text)
{
    bool begins = true;

    if (strpbrk(text, "'\""))
        return text;
    arrsetlen(layout->scratch, 0);
    while (*text) {
        size_t length;
        const char *instead = shorter(text, begins, &length);

        if (instead) {
            memcpy(arraddnptr(layout->scratch, strlen(instead)), instead, strlen(instead));
            text += length;
            continue;
        }
        begins = *text == ' ' || *text == '(';
        arrput(layout->scratch, *text++);
    }
    arrput(layout->scratch, '\0');
    return layout->scratch;
}

/* Valid until the next one. */
static const char *text_of(struct layout *layout, const struct column *column, const struct row *row)
{
    const char *text = column->text(row);

    return column->shortens && layout->shortened ? shortened(layout, text) : text;
}

/* Where room is short, rows that do not matter get what the others leave. */
static bool gives_way(const struct layout *layout, const struct row *row, const struct row *hottest)
{
    return layout->shortened && row_ops(row) < row_ops(hottest) / MATTERS;
}

static size_t widest_text(struct layout *layout, size_t c, const struct row *rows, size_t count)
{
    const struct column *column = &columns[c];
    size_t heading = strlen(column->heading), widest = column->optional ? 0 : heading;

    for (size_t i = 0; i < count; i++) {
        size_t width = gives_way(layout, &rows[i], rows) ? 0 : text_width(text_of(layout, column, &rows[i]));

        if (width > widest && (layout->cut || width <= PADDED_MAX))
            widest = width;
    }
    return widest && widest < heading ? heading : widest;
}

/* "nested.py:22" of "nested.py:22 in func". */
static size_t brief_length(const char *place)
{
    const char *function = strstr(place, " in ");

    return function ? (size_t)(function - place) : strlen(place);
}

static char *brief_place(const char *place)
{
    return strndup(place, brief_length(place));
}

static size_t widest_brief(const struct row *rows, size_t count)
{
    size_t widest = strlen(columns[PLACE_COLUMN].heading);

    for (size_t i = 0; i < count; i++) {
        char *brief = brief_place(rows[i].place);
        size_t width = brief ? text_width(brief) : 0;

        widest = width > widest ? width : widest;
        free(brief);
    }
    return widest;
}

/* Samples count no operations. */
static bool is_of_samples(const struct metric *metric)
{
    return strcmp(metric->key, "threads") == 0 || strcmp(metric->key, "samples") == 0;
}

static bool all_zero(const struct metric *metric, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (metric->of(&rows[i]))
            return false;
    }
    return true;
}

static bool all_have_threads(const struct row *rows, size_t count, uint32_t threads)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].threads != threads || rows[i].by_thread)
            return false;
    }
    return true;
}

static size_t natural_width(struct layout *layout, size_t c, const struct row *rows, size_t count)
{
    const struct metric *metric = layout->metric[c];

    if (!metric)
        return widest_text(layout, c, rows, count);
    if (rows[0].sampled && !is_of_samples(metric))
        return 0;
    return columns[c].optional && all_zero(metric, rows, count) ? 0 : number_width(metric, rows, count);
}

static void measure(struct layout *layout, const struct row *rows, size_t count)
{
    layout->brief = widest_brief(rows, count);
    for (size_t c = 0; c < COLUMNS; c++) {
        layout->metric[c] = columns[c].metric ? metric_find(columns[c].metric) : NULL;
        layout->natural[c] = layout->width[c] = natural_width(layout, c, rows, count);
    }
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Columns of the terminal that the table takes. */
static size_t total_width(const struct layout *layout)
{
    size_t total = layout->number;

    for (size_t c = 0; c < COLUMNS; c++)
        total += layout->width[c] ? layout->width[c] + (total ? GAP : 0) : 0;
    return total;
}

/* Of a place, the line is what matters. */
static size_t enough_width(const struct layout *layout, size_t c)
{
    size_t natural = layout->natural[c];

    if (c == PLACE_COLUMN)
        natural = smaller(natural, layout->brief);
    return columns[c].text ? smaller(natural, columns[c].enough) : natural;
}

static void add_columns(struct layout *layout, size_t room)
{
    memset(layout->width, 0, sizeof(layout->width));
    for (size_t rank = 0; rank <= RANKS; rank++) {
        for (size_t c = 0; c < COLUMNS; c++) {
            if (columns[c].rank != rank)
                continue;
            layout->width[c] = enough_width(layout, c);
            if (rank && total_width(layout) > room)
                layout->width[c] = 0;
        }
    }
}

/* What is left goes to the object first: it is what the reader looks for. */
static void widen(struct layout *layout, size_t room)
{
    static const size_t order[] = {OBJECT_COLUMN, FIELD_COLUMN, PLACE_COLUMN, TYPE_COLUMN, FUNCTION_COLUMN};

    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        size_t *width = &layout->width[order[i]];
        size_t left = room > total_width(layout) ? room - total_width(layout) : 0;

        if (*width)
            *width += smaller(left, layout->natural[order[i]] - *width);
    }
}

static void narrow_column(struct layout *layout, size_t room, size_t c, size_t least)
{
    size_t over = total_width(layout) > room ? total_width(layout) - room : 0;

    if (layout->width[c] > least)
        layout->width[c] -= smaller(over, layout->width[c] - least);
}

/* Which texts are cut how far, until the table fits: a file's name says least, and a field differs at its end. */
static void narrow(struct layout *layout, size_t room)
{
    static const struct {
        size_t column, least;
    } steps[] = {{PLACE_COLUMN, 16},  {OBJECT_COLUMN, 20}, {FIELD_COLUMN, 22}, {PLACE_COLUMN, 12},
                 {OBJECT_COLUMN, 16}, {FIELD_COLUMN, 16},  {PLACE_COLUMN, 0},  {OBJECT_COLUMN, 10}, {FIELD_COLUMN, 10}};

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (steps[i].least)
            narrow_column(layout, room, steps[i].column, steps[i].least);
        else if (total_width(layout) > room)
            layout->width[steps[i].column] = 0;
    }
    widen(layout, room); /* what a column that went has left */
}

/* What is the same in all rows and has been said goes before anything is cut. */
static void fit(struct layout *layout, const struct row *rows, size_t count, size_t room)
{
    layout->cut = room > 0;
    measure(layout, rows, count);
    if (!room || total_width(layout) <= room)
        return;
    layout->shortened = true;
    measure(layout, rows, count);
    add_columns(layout, room);
    if (total_width(layout) > room && all_have_threads(rows, count, layout->threads))
        layout->width[THREADS_COLUMN] = 0;
    widen(layout, room);
    narrow(layout, room);
}

/* The last column shown. */
static size_t last_column(const struct layout *layout)
{
    size_t c = COLUMNS - 1;

    while (!layout->width[c])
        c--;
    return c;
}

static void print_number(FILE *out, const char *number, size_t width)
{
    size_t length = strlen(number);

    text_pad(out, width > length ? width - length : 0);
    fwrite_unlocked(number, 1, length, out);
}

/* The row's number, by which advice and --explain call it; 0: the heading. */
static void print_row_number(FILE *out, const struct layout *layout, size_t row)
{
    char number[NUMBER_SIZE];

    if (layout->number)
        print_number(out, row ? number_grouped(row, number) : "#", layout->number);
}

static size_t print_text(FILE *out, size_t column, const char *text, size_t width)
{
    bool shorten = column == PLACE_COLUMN && width && text_width(text) > width;
    char *brief = shorten ? brief_place(text) : NULL;
    size_t used = text_print(out, brief ? brief : text, width);

    free(brief);
    return used;
}

/* row NULL: the heading. instead: what stands in the field's place and the object's. */
static const char *cell(struct layout *layout, size_t c, const struct row *row, const char *instead)
{
    if (!row)
        return columns[c].heading;
    if (instead)
        return c == FIELD_COLUMN ? instead : "";
    return text_of(layout, &columns[c], row);
}

static void print_row(FILE *out, struct layout *layout, size_t row_number, const struct row *row, const char *instead)
{
    size_t last = instead ? FIELD_COLUMN : last_column(layout), pending = 0;
    bool any = layout->number > 0;
    char number[NUMBER_SIZE];

    if (instead)
        text_pad(out, layout->number);
    else
        print_row_number(out, layout, row_number);
    for (size_t c = 0; c <= last; c++) {
        const struct metric *metric = layout->metric[c];
        size_t width = layout->width[c], used;
        const char *text;

        if (!width)
            continue;
        pending += any ? GAP : 0;
        any = true;
        if (metric) {
            text_pad(out, pending);
            print_number(out, row ? number_grouped(metric->of(row), number) : metric->heading, width);
            pending = 0;
            continue;
        }
        text = cell(layout, c, row, instead);
        width += instead && c == FIELD_COLUMN ? GAP + layout->width[OBJECT_COLUMN] : 0;
        if (*text)
            text_pad(out, pending);
        used = print_text(out, c, text, layout->cut ? width : 0);
        pending = (*text ? 0 : pending) + (width > used ? width - used : 0);
    }
    fputc_unlocked('\n', out);
}

/* "by Thread-1 (tid 4712)". */
static char *thread_label(const struct row_thread *thread, bool several)
{
    const char *name = *thread->name ? thread->name : "?";
    char *label;
    int length;

    if (!thread->tid)
        length = several ? asprintf(&label, "by several threads (pid %u)", thread->pid) : asprintf(&label, "by several threads");
    else if (several)
        length = asprintf(&label, "by %s (pid %u, tid %u)", name, thread->pid, thread->tid);
    else
        length = asprintf(&label, "by %s (tid %u)", name, thread->tid);
    return length < 0 ? NULL : label;
}

/* The parts of its threads below a row, in its columns. */
static void print_threads(FILE *out, struct layout *layout, const struct row *row)
{
    for (size_t i = 0; i < row->thread_count; i++) {
        const struct row_thread *thread = &row->by_thread[i];
        struct row part = row_of_thread(row, thread);
        char *name = thread_label(thread, layout->several);

        if (name)
            print_row(out, layout, 0, &part, name);
        free(name);
    }
}

static size_t rows_shown(const struct emit_options *options, const struct row *rows)
{
    return options->max_rows > 0 ? smaller(arrlenu(rows), (size_t)options->max_rows) : arrlenu(rows);
}

static void print_more(FILE *out, const struct emit_options *options, size_t more)
{
    char number[NUMBER_SIZE], *input = emit_input(options);

    print_line(out, options, "and %s more: 'hotref report%s -n 0%s' shows all", number_grouped(more, number),
               input ? input : "", options->all ? " --all" : "");
    free(input);
}

static void print_rows(FILE *out, const struct emit_options *options, const struct profile *profile,
                       const struct row *rows, uint32_t threads, bool numbered)
{
    size_t count = arrlenu(rows), shown = rows_shown(options, rows);
    struct layout layout = {.threads = threads, .several = arrlenu(profile->targets) > 2};
    char number[NUMBER_SIZE];

    if (!shown)
        return;
    layout.number = numbered ? strlen(number_grouped(shown, number)) : 0;
    fit(&layout, rows, shown, (size_t)options->width);
    fputc_unlocked('\n', out);
    style(out, options, DIM);
    print_row(out, &layout, 0, NULL, NULL);
    style(out, options, PLAIN BOLD);
    for (size_t i = 0; i < shown; i++) {
        print_row(out, &layout, i + 1, &rows[i], NULL);
        if (i == 0)
            style(out, options, PLAIN);
        print_threads(out, &layout, &rows[i]);
        stacks_print(out, profile, &rows[i], options);
    }
    arrfree(layout.scratch);
    if (shown < count)
        print_more(out, options, count - shown);
}

static void print_verdict(FILE *out, const struct emit_options *options, const struct profile *profile,
                          const struct rows *rows)
{
    char *sentence = options->width ? verdict_short(profile, rows) : verdict(profile, rows);

    style(out, options, BOLD);
    print_line(out, options, "%s", sentence ? sentence : "no verdict: out of memory");
    style(out, options, PLAIN);
    free(sentence);
}

/* At most so much of a text that it takes two lines of a terminal; malloc'ed, NULL without memory. */
static char *on_terminal(const struct emit_options *options, const char *text)
{
    char *shown = NULL;
    size_t size;
    FILE *out = options->width ? open_memstream(&shown, &size) : NULL;

    if (!out)
        return strdup(text);
    text_print(out, text, 2 * (size_t)options->width);
    fclose(out);
    return shown;
}

/* What was recorded, so that a table that was kept still tells. */
static void print_subject(FILE *out, const struct emit_options *options, const struct profile *profile)
{
    char *command = on_terminal(options, profile_string(profile, profile->meta.command));
    const struct profile_target *target = &profile->targets[1];
    size_t count = arrlenu(profile->targets) - 1;
    const char *what = !is_sampled(profile) ? "exact counts" : profile->meta.mode == MODE_AUTO ? "samples and bursts" : "samples";

    if (count == 1)
        print_line(out, options, "%s of pid %u, CPython %s%s%s", what, target->pid,
                   profile_string(profile, target->version), command && *command ? ": " : "", command ? command : "");
    else if (count > 1)
        print_line(out, options, "%s of %zu processes%s%s", what, count, command && *command ? ": " : "",
                   command ? command : "");
    free(command);
}

/* Who reads the first column wonders. */
static void print_order(FILE *out, const struct emit_options *options, const struct rows *rows)
{
    for (size_t i = 1; !options->key && !rows->hottest.sampled && i < rows_shown(options, rows->ranked); i++) {
        if (row_ops(&rows->ranked[i]) <= row_ops(&rows->ranked[i - 1]))
            continue;
        print_line(out, options, "rows stand in the order of what was dropped or taken, whichever is more: OPS is the sum, "
                                 "and what is taken is counted in part");
        return;
    }
}

/* Rows whose objects could be counted in each thread, and are not. */
static void print_ids(FILE *out, const struct emit_options *options, const struct rows *rows)
{
    char *numbers = NULL, number[NUMBER_SIZE];
    size_t size, found = 0;
    FILE *list = open_memstream(&numbers, &size);

    if (!list)
        return;
    for (size_t i = 0; i < rows_shown(options, rows->ranked); i++) {
        if (rows->ranked[i].per_thread_id == ID_NONE)
            fprintf(list, "%s%s", found++ ? ", " : "", number_grouped(i + 1, number));
    }
    if (fclose(list) == 0 && found)
        print_line(out, options, "no per-thread id: row%s %s; objects that have one are counted in each thread for itself",
                   found == 1 ? "" : "s", numbers);
    free(numbers);
}

static void print_left_out(FILE *out, const struct emit_options *options, const struct rows *rows)
{
    char count[NUMBER_SIZE], ops[NUMBER_SIZE];

    if (rows->left_out_rows)
        print_line(out, options, "left out by -I and -X: %s row%s of %s operations",
                   number_grouped(rows->left_out_rows, count), rows->left_out_rows == 1 ? "" : "s",
                   number_grouped(rows->left_out_ops, ops));
}

static const char *units(const struct row *rows)
{
    return arrlenu(rows) && rows[0].sampled ? "samples" : "operations";
}

static void print_single(FILE *out, const struct emit_options *options, const struct rows *rows)
{
    char ops[NUMBER_SIZE], count[NUMBER_SIZE], elsewhere[NUMBER_SIZE];

    if (!rows->single_ops)
        return;
    print_line(out, options, "one thread only: %s %s in %s row%s%s",
               number_grouped(rows->single_ops, ops), units(rows->single), number_grouped(rows->single_rows, count),
               rows->single_rows == 1 ? "" : "s", options->all ? "" : ", which --all lists");
    if (rows->elsewhere_ops)
        print_line(out, options, "of them, %s on objects that other threads reach through other fields",
                   number_grouped(rows->elsewhere_ops, elsewhere));
}

static void print_lines(FILE *out, const struct emit_options *options, const struct rows *rows)
{
    size_t marked = 0;

    for (size_t i = 0; i < rows_shown(options, rows->ranked); i++)
        marked += rows->ranked[i].line != 0;
    if (marked)
        print_line(out, options, "[line N]: objects in one 64-byte cache line, so that threads that use the one "
                                 "slow down those that use the other");
}

/* Processes that run the same interpreter need not be told apart. */
static bool is_first_of_its_build(const struct profile *profile, size_t number)
{
    const struct profile_target *target = &profile->targets[number];

    for (size_t i = 1; i < number; i++) {
        const struct profile_target *other = &profile->targets[i];

        if (other->build_id == target->build_id && other->exe == target->exe && other->armed == target->armed)
            return false;
    }
    return true;
}

/* The increments that were counted, where that is not all of them. */
static void print_increments(FILE *out, const struct emit_options *options, const struct profile *profile)
{
    uint64_t found = 0, armed = 0, tries = 0;
    char a[NUMBER_SIZE], b[NUMBER_SIZE], c[NUMBER_SIZE];

    for (size_t i = 1; i < arrlenu(profile->targets); i++) {
        const struct profile_target *target = &profile->targets[i];

        if (!is_first_of_its_build(profile, i))
            continue;
        found += target->increments + target->try_increments;
        armed += target->increments_armed + target->try_increments_armed;
        tries += target->try_increments_armed;
    }
    if (increfs_partial(profile))
        print_line(out, options,
                   "increments are counted in part: at %s of %s places, %s of them compare-exchanges "
                   "('hotref record --increments' counts inlined ones)",
                   number_grouped(armed, a), number_grouped(found, b), number_grouped(tries, c));
    if (profile->meta.owner_increfs)
        print_line(out, options, "owners incremented %s times there, which takes no atomic and is no operation",
                   number_grouped(profile->meta.owner_increfs, a));
}

/* What all was counted in, and what that cost. */
static void print_bursts(FILE *out, const struct emit_options *options, const struct profile_meta *meta)
{
    char hits[NUMBER_SIZE];

    if (meta->mode != MODE_AUTO)
        return;
    if (!meta->bursts)
        print_line(out, options, "no burst: a budget of %.3g %% of %.2f s of CPU time allows none; OPS/S is not known",
                   meta->budget_ppm * 1e-4, meta->cpu_ns * 1e-9);
    else
        print_line(out, options,
                   "OPS/S is estimated from %llu burst%s of %.0f ms in all, with %s hits, which cost %.2g %% of CPU time, of a "
                   "budget of %.3g %%",
                   (unsigned long long)meta->bursts, meta->bursts == 1 ? "" : "s", meta->burst_counted_ns * 1e-6,
                   number_grouped(meta->burst_hits, hits), meta->cpu_ns ? 100.0 * meta->burst_cost_ns / meta->cpu_ns : 0,
                   meta->budget_ppm * 1e-4);
}

/* How much was looked at, and what that took. */
static void print_samples(FILE *out, const struct emit_options *options, const struct profile *profile)
{
    const struct profile_meta *meta = &profile->meta;
    char number[NUMBER_SIZE];

    if (meta->samples && meta->sample_ns)
        print_line(out, options, "%s samples by %s, one in %.2f ms of CPU time; looking at them took %.2f %% of that",
                   number_grouped(meta->samples, number), meta->sampled_cycles ? "cycles" : "the clock",
                   meta->sample_ns * 1e-6,
                   100.0 * meta->sample_cost_ns / ((double)meta->samples * meta->sample_ns));
    print_bursts(out, options, meta);
}

static void print_losses(FILE *out, const struct emit_options *options, const struct profile *profile,
                         const struct rows *rows)
{
    const struct profile_meta *meta = &profile->meta;
    char number[NUMBER_SIZE], all[NUMBER_SIZE];

    if (rows->cold_ops)
        print_line(out, options, "too cold to tell: %s operations on objects that were folded early",
                   number_grouped(rows->cold_ops, number));
    if (meta->lost)
        print_line(out, options, "lost: %s operations that no key could take",
                   number_grouped(meta->lost, number));
    if (meta->children)
        print_line(out, options, "not recorded: %s child process%s ('hotref record --subprocesses' does)",
                   number_grouped(meta->children, number), meta->children == 1 ? "" : "es");
    if (meta->merged)
        print_line(out, options, "put together: %s rows, as there were too many; THREADS are at least so many, and fields may "
                                 "be told less well",
                   number_grouped(meta->merged, number));
    if (meta->lost_names)
        print_line(out, options, "nameless: %s descriptions of objects, types or threads came too fast to be kept",
                   number_grouped(meta->lost_names, number));
    if (meta->unreadable)
        print_line(out, options, "unreadable: %s operations on objects whose memory could not be read: they go by address",
                   number_grouped(meta->unreadable, number));
    if (meta->stacks_truncated)
        print_line(out, options, "stacks: %s of %s were deeper than was looked at",
                   number_grouped(meta->stacks_truncated, number), number_grouped(meta->stacks, all));
    if (meta->stacks_failed)
        print_line(out, options, "stacks: %s of %s could not be seen", number_grouped(meta->stacks_failed, number),
                   number_grouped(meta->stacks, all));
    if (meta->left_out)
        print_line(out, options, "left out: %u process%s that %s to be recorded", meta->left_out,
                   meta->left_out == 1 ? "" : "es", meta->left_out == 1 ? "was" : "were");
    if (!meta->complete && !meta->lost && !meta->left_out)
        print_line(out, options, "incomplete: not all that happened was recorded");
    if (!is_sampled(profile) && meta->live_probes < meta->armed_probes)
        print_line(out, options, "probes: %u of %u were live", meta->live_probes, meta->armed_probes);
}

/* A plain exit and a plain detach need no words. */
static bool needs_words(const struct profile_target *target)
{
    return target->end == END_EXIT ? target->end_status != 0 : target->end != END_DETACH;
}

static void print_end(FILE *out, const struct emit_options *options, const struct profile_target *target)
{
    if (target->end == END_EXIT && target->end_status)
        print_line(out, options, "pid %u exited with status %u", target->pid, target->end_status);
    else if (target->end == END_SIGNAL)
        print_line(out, options, "pid %u was ended by signal %u (%s)", target->pid, target->end_status,
                   target->end_status < 65 ? strsignal((int)target->end_status) : "unknown");
    else if (target->end == END_EXEC)
        print_line(out, options, "pid %u replaced itself by another program", target->pid);
    else
        print_line(out, options, "pid %u: how it ended is not known", target->pid);
}

#define MOST_ENDS 8 /* that are told one by one */

static void print_ends(FILE *out, const struct emit_options *options, const struct profile *profile)
{
    size_t told = 0;

    for (size_t i = 1; i < arrlenu(profile->targets); i++) {
        if (needs_words(&profile->targets[i]) && told++ < MOST_ENDS)
            print_end(out, options, &profile->targets[i]);
    }
    if (told > MOST_ENDS)
        print_line(out, options, "and %zu processes more that did not simply end: -f json lists them", told - MOST_ENDS);
}

static void print_coverage(FILE *out, const struct emit_options *options, const struct profile *profile,
                           const struct profile_target *target)
{
    const char *exe = profile_string(profile, target->exe);

    if (target->armed < target->decrements)
        print_line(out, options,
                   "pid %u: %u of %u decrements carry a probe; 'hotref scan %s' lists the others",
                   target->pid, target->armed, target->decrements, exe);
    if (target->classified < target->atomics)
        print_line(out, options,
                   "pid %u: the meaning of %u of %u atomics is not known; 'hotref scan %s' lists them",
                   target->pid, target->atomics - target->classified, target->atomics, exe);
}

static void print_all(const struct profile *profile, const struct rows *rows,
                      const struct emit_options *options, FILE *out)
{
    print_verdict(out, options, profile, rows);
    print_subject(out, options, profile);
    print_rows(out, options, profile, rows->ranked, rows->ranked_threads, true);
    if (!negligible(profile, rows))
        advice_print(out, rows, options, rows_shown(options, rows->ranked));
    fputc_unlocked('\n', out);
    print_order(out, options, rows);
    print_lines(out, options, rows);
    print_ids(out, options, rows);
    print_left_out(out, options, rows);
    print_single(out, options, rows);
    if (!is_sampled(profile))
        print_increments(out, options, profile);
    else
        print_samples(out, options, profile);
    print_losses(out, options, profile, rows);
    print_ends(out, options, profile);
    for (size_t i = 1; i < arrlenu(profile->targets); i++) {
        if (!is_sampled(profile) && is_first_of_its_build(profile, i))
            print_coverage(out, options, profile, &profile->targets[i]);
    }
    if (options->all && arrlenu(rows->single) > 0) {
        fputs_unlocked("\nrows of one thread only:\n", out);
        print_rows(out, options, profile, rows->single, 1, false);
    }
}

static int emit(const struct profile *profile, const struct rows *rows, const struct emit_options *options,
                FILE *out)
{
    struct text_locale locale = text_begin();

    print_all(profile, rows, options, out);
    text_end(&locale);
    return 0;
}

const struct emitter emit_table = {"table", "verdict and rows for people, fitted to the terminal", emit};
