/* The gate for people who read a log: what failed, by how much, through which rows, and what to do about it.
 */
#include <stdlib.h>
#include <string.h>

#include "emit/advice.h"
#include "emit/gate.h"
#include "emit/text.h"
#include "profile/number.h"
#include "profile/spell.h"
#include "util/array.h"

#define BOLD "\033[1m"
#define RED "\033[31m"
#define PLAIN "\033[0m"
#define INDENT 4

/* GitHub takes "##[command]" within a line for one of its commands. What comes from a profile is broken
 * there. */
static void print_name(FILE *out, const char *text)
{
    const char *found;

    while ((found = strstr(text, "##["))) {
        fprintf(out, "%.*s#\\x23[", (int)(found - text), text);
        text = found + strlen("##[");
    }
    fputs(text, out);
}

/* The name as it is shown: with no character that acts on a terminal, and not too long. */
static void name(FILE *out, const char *text)
{
    char *shown = NULL;
    size_t size;
    FILE *copy = open_memstream(&shown, &size);

    if (!copy)
        return;
    text_print(copy, text, GATE_NAME_COLUMNS);
    fclose(copy);
    print_name(out, shown);
    free(shown);
}

static void style(const struct gate_report *report, FILE *out, const char *sequence)
{
    if (report->colour)
        fputs(sequence, out);
}

static const char *or_unknown(const char *text)
{
    return *text ? text : "?";
}

static void print_remedy(FILE *out, const struct row *row, const struct remedy **told)
{
    const struct remedy *remedy = remedy_of(row);
    char *text = remedy && !(*told && remedy_alike(remedy, *told)) ? advice_short(remedy) : NULL;

    if (text)
        fprintf(out, "%*sremedy: %s\n", 2 * INDENT, "", text);
    if (remedy)
        *told = remedy;
    free(text);
}

static void print_row(FILE *out, const struct check *check, const struct row *row, const struct remedy **told)
{
    char number[NUMBER_SIZE];

    fprintf(out, "%*s%s  ", INDENT, "", number_grouped(check->limit->metric->of(row), number));
    name(out, or_unknown(row->field));
    fputs(": ", out);
    name(out, or_unknown(row->type));
    fputs(", ", out);
    name(out, row->label);
    fprintf(out, "\n%*s", 2 * INDENT, "");
    if (*row->place) {
        fputs("at ", out);
        name(out, row->place);
        fputs(", ", out);
    }
    fputs("in ", out);
    name(out, or_unknown(row->where));
    fprintf(out, ", %u threads\n", row->threads);
    print_remedy(out, row, told);
}

static void print_rows(FILE *out, const struct check *check)
{
    const struct remedy *told = NULL;
    char number[NUMBER_SIZE];
    size_t count = arrlenu(check->rows), shown = count < GATE_ROWS ? count : GATE_ROWS;

    for (size_t i = 0; i < shown; i++)
        print_row(out, check, check->rows[i], &told);
    if (shown < count)
        fprintf(out, "%*s%s  %s %zu more row%s\n", INDENT, "",
                number_grouped(gate_remainder(check, shown), number),
                check->limit->metric->sums ? "in" : "at most in", count - shown,
                count - shown == 1 ? "" : "s");
}

static void print_check(const struct gate_report *report, FILE *out, const struct check *check)
{
    static const char *const words[] = {"passed", "FAILED", "NOT JUDGED"};
    const struct limit *limit = check->limit;
    char *origin = gate_origin(report->budget, limit->line), *sentence = gate_sentence(check);

    style(report, out, check->outcome == GATE_PASSED ? "" : BOLD RED);
    fprintf(out, "%s", words[check->outcome]);
    style(report, out, check->outcome == GATE_PASSED ? "" : PLAIN);
    fputs("  ", out);
    name(out, check->what);
    fputs(" (", out);
    name(out, origin ? origin : "");
    if (limit->exception >= 0)
        fputs(", an exception", out);
    fprintf(out, "):%s%s\n", check->outcome == GATE_PASSED ? " " : "\n  ", sentence ? sentence : "");
    if (check->outcome != GATE_PASSED)
        print_rows(out, check);
    free(origin);
    free(sentence);
}

static void print_waiver(FILE *out, const struct waiver *waiver)
{
    char number[NUMBER_SIZE];

    fprintf(out, waiver->expired ? "EXPIRED  exception " : "excepted  ");
    name(out, waiver->what);
    fprintf(out, ": %zu row%s with %s decrefs, because: ", waiver->rows, waiver->rows == 1 ? "" : "s",
            number_grouped(waiver->decrefs, number));
    name(out, waiver->exception->reason);
    if (waiver->exception->expires)
        fprintf(out, " (%s %s)", waiver->expired ? "held until" : "until", waiver->exception->expires);
    fputc('\n', out);
}

static void print_free(const struct gate *gate, FILE *out)
{
    char number[NUMBER_SIZE];

    if (gate->free_rows)
        fprintf(out, "no limit looks at %zu of the ranked rows, with %s decrefs\n", gate->free_rows,
                number_grouped(gate->free_decrefs, number));
}

static void print_doubts(const struct gate *gate, FILE *out)
{
    for (size_t i = 0; i < arrlenu(gate->doubts); i++) {
        fputs("note: ", out);
        name(out, gate->doubts[i].text);
        fputc('\n', out);
    }
}

static void print_next(const struct gate_report *report, FILE *out)
{
    if (report->gate->outcome == GATE_PASSED)
        return;
    fputs("\nhotref report -i ", out);
    spell_word(out, report->profile_path);
    fputs(" --explain says more of the rows, --stacks how the program came there\n", out);
}

static int emit(const struct gate_report *report, FILE *out)
{
    const struct gate *gate = report->gate;
    struct text_locale locale = text_begin();
    char *headline = gate_headline(report);

    style(report, out, BOLD);
    fputs("gate ", out);
    print_name(out, headline ? headline : "");
    style(report, out, PLAIN);
    fputc('\n', out);
    free(headline);
    for (size_t i = 0; gate && i < arrlenu(gate->checks); i++)
        print_check(report, out, &gate->checks[i]);
    for (size_t i = 0; gate && i < arrlenu(gate->waivers); i++)
        print_waiver(out, &gate->waivers[i]);
    if (gate) {
        print_free(gate, out);
        print_doubts(gate, out);
        print_next(report, out);
    }
    text_end(&locale);
    return 0;
}

const struct gate_emitter gate_text = {"text", "what failed, by how much, through which rows, and the remedy",
                                       false, emit};
