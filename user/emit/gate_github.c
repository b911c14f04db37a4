/*
 * The gate in GitHub Actions: a workflow command for each limit that failed, which shows it at the line of
 * code, and Markdown for the page of the run. GitHub shows ten errors and ten warnings of a step.
 * https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
 */
#include <stdlib.h>
#include <string.h>

#include "emit/advice.h"
#include "emit/gate.h"
#include "emit/text.h"
#include "profile/number.h"
#include "util/array.h"

#define ANNOTATIONS 10
#define SUMMARY_CHECKS 100 /* a summary may take a mebibyte */

/* Where an annotation points to. */
struct spot {
    const char *file; /* NULL: nowhere */
    unsigned line;
};

/* What stands behind "::": there a property ends at ':' or ','. */
static void print_escaped(FILE *out, const char *text, bool property)
{
    for (; *text; text++) {
        if (*text == '%' || *text == '\r' || *text == '\n' || (property && (*text == ':' || *text == ',')))
            fprintf(out, "%%%02X", (unsigned char)*text);
        else
            fputc(*text, out);
    }
}

/* A text as it is shown to people: nothing in it acts, and it has an end. Malloc'ed. */
static char *shown(const char *text)
{
    char *copy = NULL;
    size_t size;
    FILE *out = open_memstream(&copy, &size);

    if (!out)
        return strdup("?");
    text_print(out, *text ? text : "?", GATE_NAME_COLUMNS);
    fclose(out);
    return copy;
}

static void print_shown(FILE *out, const char *text)
{
    char *copy = shown(text);

    fputs(copy, out);
    free(copy);
}

/* The path within the repository; NULL where it is not there. */
static const char *in_repository(const struct gate_report *report, const char *path)
{
    size_t length = report->workspace ? strlen(report->workspace) : 0;

    if (!*path || *path == '<')
        return NULL;
    if (*path != '/')
        return path;
    if (!length || strncmp(path, report->workspace, length) != 0 || path[length] != '/')
        return NULL;
    return path + length + 1;
}

/* The line of the hottest row that lies in the repository, or else the one of the budget. */
static struct spot spot_of(const struct gate_report *report, const struct check *check)
{
    const struct profile *profile = report->gate->input->profile;
    const char *budget = report->budget->path ? in_repository(report, report->budget->path) : NULL;

    for (size_t i = 0; i < arrlenu(check->rows) && check->outcome == GATE_FAILED; i++) {
        const struct profile_frame *frame = &profile->frames[check->rows[i]->frame];
        const char *file =
            check->rows[i]->frame ? in_repository(report, profile_string(profile, frame->file)) : NULL;

        if (file)
            return (struct spot){file, frame->line};
    }
    return (struct spot){check->limit->line ? budget : NULL, check->limit->line};
}

static void print_command(FILE *out, const char *command, struct spot spot, const char *title,
                          const char *message)
{
    char *safe_title = shown(title);

    fprintf(out, "::%s ", command);
    if (spot.file) {
        fputs("file=", out);
        print_escaped(out, spot.file, true);
        if (spot.line)
            fprintf(out, ",line=%u", spot.line);
        fputc(',', out);
    }
    fputs("title=", out);
    print_escaped(out, safe_title, true);
    fputs("::", out);
    print_escaped(out, message, false);
    fputc('\n', out);
    free(safe_title);
}

static void print_row(FILE *out, const struct check *check, const struct row *row)
{
    char number[NUMBER_SIZE];

    fprintf(out, "\n%s  ", number_grouped(check->limit->metric->of(row), number));
    print_shown(out, row->field);
    fputs(": ", out);
    print_shown(out, row->type);
    fputs(", ", out);
    print_shown(out, row->label);
    if (!*row->place)
        return;
    fputs(" at ", out);
    print_shown(out, row->place);
}

static char *short_remedy(const struct check *check)
{
    const struct remedy *remedy = check->rows ? remedy_of(check->rows[0]) : NULL;

    return remedy ? advice_short(remedy) : NULL;
}

/* The check in full, as lines. */
static char *message_of(const struct check *check)
{
    char *text = NULL, *sentence = gate_sentence(check), *remedy = short_remedy(check), number[NUMBER_SIZE];
    size_t size, count = arrlenu(check->rows), rows = count < GATE_ROWS ? count : GATE_ROWS;
    FILE *out = open_memstream(&text, &size);

    if (out) {
        fputs(sentence ? sentence : "", out);
        for (size_t i = 0; i < rows; i++)
            print_row(out, check, check->rows[i]);
        if (rows < count)
            fprintf(out, "\n%s  in %zu more", number_grouped(gate_remainder(check, rows), number),
                    count - rows);
        if (remedy)
            fprintf(out, "\nremedy: %s", remedy);
        fclose(out);
    }
    free(sentence);
    free(remedy);
    return text;
}

static void annotate(const struct gate_report *report, FILE *out, const struct check *check)
{
    char *message = message_of(check), *title = NULL;

    if (asprintf(&title, "hotref gate %s: %s", check->outcome == GATE_FAILED ? "failed" : "not judged",
                 check->what) < 0)
        title = NULL;
    print_command(out, "error", spot_of(report, check), title ? title : "hotref gate",
                  message ? message : "");
    free(message);
    free(title);
}

/* The last of the ten stands for those that GitHub would not show. */
static void annotate_checks(const struct gate_report *report, FILE *out)
{
    const struct gate *gate = report->gate;
    size_t bad = gate->failed + gate->undecided, one_by_one = bad <= ANNOTATIONS ? bad : ANNOTATIONS - 1;
    char text[128];

    for (size_t i = 0; i < one_by_one; i++)
        annotate(report, out, &gate->checks[i]);
    if (one_by_one == bad)
        return;
    snprintf(text, sizeof(text), "and %zu more limits: the log and the summary have them", bad - one_by_one);
    print_command(out, "error", (struct spot){0}, "hotref gate", text);
}

static void warn_of_exceptions(const struct gate_report *report, FILE *out)
{
    const char *file = report->budget->path ? in_repository(report, report->budget->path) : NULL;
    const struct gate *gate = report->gate;
    size_t left = ANNOTATIONS;

    for (size_t i = 0; i < arrlenu(gate->waivers) && left; i++) {
        const struct waiver *waiver = &gate->waivers[i];
        char *text = NULL;

        if (!waiver->expired || asprintf(&text, "held until %s, because: %s", waiver->exception->expires,
                                         waiver->exception->reason) < 0)
            continue;
        left--;
        print_command(out, "warning", (struct spot){file, waiver->exception->line},
                      "hotref gate: an exception has expired", text);
        free(text);
    }
    for (size_t i = 0; i < arrlenu(gate->checks) && left; i++) {
        const struct check *check = &gate->checks[i];

        if (!check->stale)
            continue;
        left--;
        print_command(out, "warning", (struct spot){check->limit->line ? file : NULL, check->limit->line},
                      "hotref gate: a limit matches no row", check->what);
    }
}

static struct spot spot_of_budget(const struct gate_report *report)
{
    const char *file = report->budget && report->budget->path && report->budget->bad_line
                           ? in_repository(report, report->budget->path)
                           : NULL;

    return (struct spot){file, file ? report->budget->bad_line : 0};
}

static int emit(const struct gate_report *report, FILE *out)
{
    struct text_locale locale = text_begin();

    if (report->gate) {
        annotate_checks(report, out);
        warn_of_exceptions(report, out);
    } else {
        print_command(out, "error", spot_of_budget(report), "hotref gate: not judged", report->refusal);
    }
    text_end(&locale);
    return 0;
}

/* Text of a Markdown table: whatever is no letter, digit or blank is spelt as a number, as Markdown has a
 * meaning for most of it. Bytes of other characters are themselves. */
static void print_markdown(FILE *out, const char *text)
{
    char *copy = shown(text);

    for (const char *at = copy; *at; at++) {
        unsigned char byte = (unsigned char)*at;

        if (byte >= 0x80 || byte == ' ' || (byte >= '0' && byte <= '9') ||
            ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z'))
            fputc(byte, out);
        else
            fprintf(out, "&#%u;", byte);
    }
    free(copy);
}

static void print_cell(FILE *out, const char *text)
{
    fputs("| ", out);
    print_markdown(out, text);
    fputc(' ', out);
}

static void print_code_cell(FILE *out, const struct row *row)
{
    fputs("| <code>", out);
    print_markdown(out, row->field);
    fputs("</code>: ", out);
    print_markdown(out, row->type);
    fputs(", <code>", out);
    print_markdown(out, row->label);
    fputs("</code>", out);
    if (*row->place) {
        fputs(" at <code>", out);
        print_markdown(out, row->place);
        fputs("</code>", out);
    }
    fputc(' ', out);
}

static void summarize_check(FILE *out, const struct check *check)
{
    static const char *const marks[] = {"passed", "**failed**", "**not judged**"};
    char number[NUMBER_SIZE], *remedy = check->outcome == GATE_PASSED ? NULL : short_remedy(check);

    fprintf(out, "| %s ", marks[check->outcome]);
    print_cell(out, check->what);
    fprintf(out, "| %s %s ", check->limit->metric->key, number_grouped(check->value, number));
    print_cell(out, check->bound);
    if (check->rows)
        print_code_cell(out, check->rows[0]);
    else
        fputs("| no row ", out);
    print_cell(out, remedy ? remedy : " ");
    fputs("|\n", out);
    free(remedy);
}

static void summarize_waivers(FILE *out, const struct gate *gate)
{
    char number[NUMBER_SIZE];

    if (gate->waivers)
        fputs("\n| exception | | decrefs | reason |\n|---|---|---:|---|\n", out);
    for (size_t i = 0; i < arrlenu(gate->waivers); i++) {
        const struct waiver *waiver = &gate->waivers[i];

        print_cell(out, waiver->what);
        fputs(waiver->expired ? "| **expired** " : "| ", out);
        print_markdown(out, waiver->exception->expires ? waiver->exception->expires : " ");
        fprintf(out, " | %s ", number_grouped(waiver->decrefs, number));
        print_cell(out, waiver->exception->reason);
        fputs("|\n", out);
    }
}

static void summarize_gate(FILE *out, const struct gate *gate)
{
    size_t count = arrlenu(gate->checks), rows = count < SUMMARY_CHECKS ? count : SUMMARY_CHECKS;

    fputs("| | limit | value | at most | hottest row | remedy |\n|---|---|---:|---:|---|---|\n", out);
    for (size_t i = 0; i < rows; i++)
        summarize_check(out, &gate->checks[i]);
    if (rows < count)
        fprintf(out, "\n%zu more limits are in the log.\n", count - rows);
    summarize_waivers(out, gate);
}

int gate_summary(const struct gate_report *report, FILE *out)
{
    struct text_locale locale = text_begin();
    char *headline = gate_headline(report);

    fputs("\n### hotref gate ", out);
    print_markdown(out, headline ? headline : "");
    fputs("\n\n", out);
    if (report->gate)
        summarize_gate(out, report->gate);
    fputc('\n', out);
    free(headline);
    text_end(&locale);
    return 0;
}

const struct gate_emitter gate_github = {"github", "annotations of GitHub Actions, and a summary", false,
                                         emit};
