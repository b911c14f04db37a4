#include "emit/advice.h"

#include <stdlib.h>
#include <string.h>

#include "emit/line.h"
#include "emit/text.h"
#include "profile/number.h"
#include "profile/release.h"
#include "profile/remedy.h"
#include "util/array.h"

#define NOTABLE 20 /* a row with less than one in so many ranked operations gets no advice unasked */
#define LINES 5
#define INDENT 2

/* Rows that one line speaks for. */
struct line {
    const struct remedy *remedy;
    char *rows; /* "1, 3, 4" */
};

static bool is_notable(const struct row *row, const struct rows *rows)
{
    return row_weight(row) >= rows->ranked_ops / NOTABLE;
}

/* " 3.14.4 and 3.15" */
static void print_releases(FILE *out, const struct remedy *remedy)
{
    char release[RELEASE_SIZE];

    for (size_t i = 0; i < remedy->fixed_count; i++)
        fprintf(out, "%s%s", i ? " and " : " ", release_spoken(release_parse(remedy->fixed[i]), release));
}

static void print_short(FILE *out, const struct remedy *remedy)
{
    fputs(remedy->summary, out);
    if (remedy->fixed_count) {
        fprintf(out, " (%sfixed in CPython", remedy->fixed_for ? "partly " : "");
        print_releases(out, remedy);
        fprintf(out, remedy->issue ? ", gh-%u)" : ")", remedy->issue);
    }
}

char *advice_short(const struct remedy *remedy)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    print_short(out, remedy);
    fclose(out);
    return text;
}

static void add_row(struct line *line, size_t number)
{
    char *longer;

    if (asprintf(&longer, "%s%s%zu", line->rows ? line->rows : "", line->rows ? ", " : "", number) < 0)
        return;
    free(line->rows);
    line->rows = longer;
}

static struct line *line_for(struct line **lines, const struct remedy *remedy)
{
    for (size_t i = 0; i < arrlenu(*lines); i++) {
        if (!remedy_alike((*lines)[i].remedy, remedy))
            continue;
        if (remedy->fixed_for) /* a line promises no more than each of its rows does */
            (*lines)[i].remedy = remedy;
        return &(*lines)[i];
    }
    if (arrlenu(*lines) == LINES)
        return NULL;
    arrput(*lines, (struct line){.remedy = remedy});
    return &arrlast(*lines);
}

static struct line *lines_of(const struct rows *rows, size_t shown)
{
    struct line *lines = NULL;

    for (size_t i = 0; i < shown; i++) {
        bool worth = i == 0 || is_notable(&rows->ranked[i], rows);
        const struct remedy *remedy = worth ? remedy_of(&rows->ranked[i]) : NULL;
        struct line *line = remedy ? line_for(&lines, remedy) : NULL;

        if (line)
            add_row(line, i + 1);
    }
    return lines;
}

static size_t widest(const struct line *lines)
{
    size_t width = 0;

    for (size_t i = 0; i < arrlenu(lines); i++) {
        size_t length = lines[i].rows ? strlen(lines[i].rows) : 0;

        width = length > width ? length : width;
    }
    return width;
}

static void print_introduction(FILE *out, const struct emit_options *options)
{
    char *text = NULL, *input = emit_input(options);

    if (asprintf(&text, "what to do about rows ('hotref report%s --explain' tells more):", input ? input : "") < 0)
        text = NULL;
    free(input);
    if (!text)
        return;
    fputc('\n', out);
    text_wrap(out, text, (size_t)options->width);
    free(text);
}

void advice_print(FILE *out, const struct rows *rows, const struct emit_options *options, size_t shown)
{
    struct line *lines = lines_of(rows, shown);
    size_t width = widest(lines);

    if (lines)
        print_introduction(out, options);
    for (size_t i = 0; i < arrlenu(lines); i++) {
        char *text = advice_short(lines[i].remedy);

        fprintf(out, "%*s%-*s  ", INDENT, "", (int)width, lines[i].rows ? lines[i].rows : "");
        text_flow(out, text ? text : "", (size_t)options->width, INDENT + width + 2, INDENT + width + 2);
        free(text);
        free(lines[i].rows);
    }
    arrfree(lines);
}

/* A paragraph below a row's heading. */
static void paragraph(FILE *out, const struct emit_options *options, const char *mark, const char *text)
{
    size_t indent = INDENT + strlen(mark);

    fprintf(out, "%*s%s", INDENT, "", mark);
    text_flow(out, text, (size_t)options->width, indent, indent);
}

static void print_heading(FILE *out, const struct emit_options *options, const struct row *row, size_t number)
{
    char *text;

    if (asprintf(&text, "%zu. %s %s: %s", number, *row->type ? row->type : "?",
                 *row->field ? row->field : "?", row->label) < 0)
        return;
    fputc('\n', out);
    style(out, options, BOLD);
    text_flow(out, text, (size_t)options->width, 0, INDENT);
    style(out, options, PLAIN);
    free(text);
}

/* "3 threads", "up to 3 threads in each of 2 processes". */
static char *threads_of(const struct row *row)
{
    char threads[NUMBER_SIZE], processes[NUMBER_SIZE], *text;

    number_grouped(row->threads, threads);
    number_grouped(row->processes, processes);
    if (row->processes > 1 ? asprintf(&text, "up to %s threads in each of %s processes", threads, processes) < 0
                           : asprintf(&text, "%s threads", threads) < 0)
        return NULL;
    return text;
}

static void print_counts(FILE *out, const struct emit_options *options, const struct rows *rows,
                         const struct row *row)
{
    char ops[NUMBER_SIZE], share[NUMBER_SIZE], *threads = threads_of(row), *text;
    int length = asprintf(&text, "%s %s, %s of all contended ones, by %s; C function: %s; CPython %s",
                          number_grouped(row_weight(row), ops), row->sampled ? "samples" : "operations",
                          number_share(row_weight(row), rows->ranked_ops, share),
                          threads ? threads : "?", row->function, row->version);

    free(threads);
    if (length < 0)
        return;
    paragraph(out, options, "", text);
    free(text);
}

static void print_fix(FILE *out, const struct emit_options *options, const struct remedy *remedy)
{
    char *text = NULL;
    size_t size;
    FILE *line = open_memstream(&text, &size);

    if (!line)
        return;
    if (remedy->fixed_count) {
        fputs("Fixed in CPython", line);
        for (size_t i = 0; i < remedy->fixed_count; i++)
            fprintf(line, "%s%s", i ? " and " : " ", remedy->fixed[i]);
        if (remedy->fixed_for)
            fprintf(line, " for %s", remedy->fixed_for);
    } else {
        fputs("Not fixed in any release that this hotref knows of", line);
    }
    if (remedy->issue)
        fprintf(line, ": https://github.com/python/cpython/issues/%u", remedy->issue);
    fclose(line);
    paragraph(out, options, "", text);
    free(text);
}

static void print_remedy(FILE *out, const struct emit_options *options, const struct remedy *remedy)
{
    paragraph(out, options, "", remedy->what);
    for (size_t i = 0; i < remedy->advice_count; i++)
        paragraph(out, options, "- ", remedy->advice[i]);
    print_fix(out, options, remedy);
    fprintf(out, "%*s[%s]\n", INDENT, "", remedy->id);
}

/* The first row that a remedy was told of. */
struct told {
    const struct remedy *key;
    size_t value; /* the row's number */
};

static void explain(FILE *out, const struct emit_options *options, const struct rows *rows, size_t i,
                    struct told **told)
{
    const struct row *row = &rows->ranked[i];
    const struct remedy *remedy = remedy_of(row);
    ptrdiff_t earlier = remedy ? hmgeti(*told, remedy) : -1;

    print_heading(out, options, row, i + 1);
    print_counts(out, options, rows, row);
    if (earlier >= 0) {
        fprintf(out, "%*sthe same as row %zu [%s]\n", INDENT, "", (*told)[earlier].value, remedy->id);
    } else if (remedy) {
        print_remedy(out, options, remedy);
        hmput(*told, remedy, i + 1);
    } else {
        paragraph(out, options, "", "No advice is known for this one.");
    }
}

/* Unasked, the rows that matter; the first one always does. */
static size_t rows_to_explain(const struct rows *rows, const struct emit_options *options)
{
    size_t count = 0, most = arrlenu(rows->ranked);

    if (options->max_rows > 0)
        return (size_t)options->max_rows < most ? (size_t)options->max_rows : most;
    if (!options->notable)
        return most;
    while (count < most && (count == 0 || is_notable(&rows->ranked[count], rows)))
        count++;
    return count;
}

static int emit(const struct profile *profile, const struct rows *rows, const struct emit_options *options,
                FILE *out)
{
    size_t first = options->explain_row ? options->explain_row - 1 : 0;
    size_t end = options->explain_row ? first + 1 : rows_to_explain(rows, options);
    struct text_locale locale = text_begin();
    struct told *told = NULL;
    char *sentence = options->width ? verdict_short(profile, rows) : verdict(profile, rows);

    style(out, options, BOLD);
    text_wrap(out, sentence ? sentence : "no verdict: out of memory", (size_t)options->width);
    style(out, options, PLAIN);
    free(sentence);
    for (size_t i = first; i < end; i++)
        explain(out, options, rows, i, &told);
    hmfree(told);
    text_end(&locale);
    return 0;
}

const struct emitter emit_explain = {"explain", "what happens in the hottest rows, and what to do about it",
                                     emit};
