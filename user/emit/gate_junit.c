/*
 * The gate as JUnit XML, which GitLab, Jenkins and others show as tests: a limit is a test case, one that
 * could not be judged is an error. In the order, and with the attributes, that the stricter of the readers'
 * schemas want.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "emit/advice.h"
#include "emit/gate.h"
#include "profile/number.h"
#include "profile/utf8.h"
#include "util/array.h"

#define CASE_CLASS "hotref.gate"

/* What XML 1.0 has no way to say, not even as a number, is shown as an escape. */
static void print_character(FILE *out, uint32_t code, const char *bytes, size_t size)
{
    if (code == '\n' || code == '\t' || code == '\r')
        fprintf(out, "&#%u;", code);
    else if (code < 0x20)
        fprintf(out, "\\x%02x", code);
    else if (code == 0xfffe || code == 0xffff)
        fprintf(out, "\\u%04x", code);
    else
        fwrite(bytes, 1, size, out);
}

static void print_xml(FILE *out, const char *text)
{
    size_t left = strlen(text), size;
    uint32_t code;

    for (; left; text += size, left -= size) {
        size = utf8_decode(text, left, &code);
        if (!size) {
            size = 1;
            fputs("\xef\xbf\xbd", out); /* U+FFFD: paths may be anything */
        } else if (code == '<') {
            fputs("&lt;", out);
        } else if (code == '>') {
            fputs("&gt;", out);
        } else if (code == '&') {
            fputs("&amp;", out);
        } else if (code == '"') {
            fputs("&quot;", out);
        } else {
            print_character(out, code, text, size);
        }
    }
}

static void attribute(FILE *out, const char *key, const char *value)
{
    fprintf(out, " %s=\"", key);
    print_xml(out, value);
    fputc('"', out);
}

static void print_row(FILE *out, const struct check *check, const struct row *row)
{
    char number[NUMBER_SIZE];

    fprintf(out, "\n%s  ", number_grouped(check->limit->metric->of(row), number));
    print_xml(out, row->field);
    fputs(": ", out);
    print_xml(out, row->type);
    fputs(", ", out);
    print_xml(out, row->label);
    if (*row->place) {
        fputs(" at ", out);
        print_xml(out, row->place);
    }
    fputs(" in ", out);
    print_xml(out, row->where);
}

static void print_remedy(FILE *out, const struct check *check)
{
    const struct remedy *remedy = check->rows ? remedy_of(check->rows[0]) : NULL;
    char *text = remedy ? advice_short(remedy) : NULL;

    if (text) {
        fputs("\nremedy: ", out);
        print_xml(out, text);
    }
    free(text);
}

/* <failure> or <error>, with the rows. */
static void print_bad(FILE *out, const struct check *check)
{
    const char *tag = check->outcome == GATE_FAILED ? "failure" : "error";
    char *sentence = gate_sentence(check);

    fprintf(out, ">\n      <%s", tag);
    attribute(out, "message", sentence ? sentence : "");
    attribute(out, "type", check->outcome == GATE_FAILED ? "limit exceeded" : "not judged");
    fputc('>', out);
    print_xml(out, sentence ? sentence : "");
    for (size_t i = 0; i < arrlenu(check->rows) && i < GATE_ROWS; i++)
        print_row(out, check, check->rows[i]);
    if (arrlenu(check->rows) > GATE_ROWS)
        fprintf(out, "\nand %zu more rows", arrlenu(check->rows) - GATE_ROWS);
    print_remedy(out, check);
    fprintf(out, "</%s>\n    </testcase>\n", tag);
    free(sentence);
}

static void print_case(FILE *out, const struct check *check)
{
    char *name = NULL;

    if (asprintf(&name, "%s: %s", check->limit->metric->key, check->what) < 0)
        name = NULL;
    fputs("    <testcase", out);
    attribute(out, "name", name ? name : "limit");
    fputs(" classname=\"" CASE_CLASS "\" time=\"0\"", out);
    free(name);
    if (check->outcome == GATE_PASSED)
        fputs("/>\n", out);
    else
        print_bad(out, check);
}

static void print_refusal(FILE *out, const char *refusal)
{
    fputs("    <testcase name=\"can be judged\" classname=\"" CASE_CLASS "\" time=\"0\">\n      <error", out);
    attribute(out, "message", refusal);
    attribute(out, "type", "not judged");
    fputs("/>\n    </testcase>\n", out);
}

/* When it was recorded, or else now. */
static void print_timestamp(FILE *out, const struct gate *gate)
{
    time_t seconds = gate ? (time_t)(gate->input->profile->meta.started_ns / 1000000000) : time(NULL);
    struct tm utc;
    char text[64];

    if (gmtime_r(&seconds, &utc) &&
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc) == strlen("1970-01-01T00:00:00"))
        attribute(out, "timestamp", text);
    else
        attribute(out, "timestamp", "1970-01-01T00:00:00");
}

static void print_waivers(FILE *out, const struct gate *gate)
{
    for (size_t i = 0; gate && i < arrlenu(gate->waivers); i++) {
        const struct waiver *waiver = &gate->waivers[i];

        fprintf(out, "\n%s exception: ", waiver->expired ? "expired" : "held");
        print_xml(out, waiver->what);
        fprintf(out, ": %zu rows, because: ", waiver->rows);
        print_xml(out, waiver->exception->reason);
    }
}

static int emit(const struct gate_report *report, FILE *out)
{
    const struct gate *gate = report->gate;
    size_t tests = gate ? arrlenu(gate->checks) : 1, failures = gate ? gate->failed : 0;
    char *headline = gate_headline(report);

    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n", out);
    fprintf(out,
            "  <testsuite name=\"hotref gate\" package=\"hotref\" id=\"0\" hostname=\"localhost\" "
            "tests=\"%zu\" failures=\"%zu\" "
            "errors=\"%zu\" time=\"0\"",
            tests, failures, gate ? gate->undecided : 1);
    print_timestamp(out, gate);
    fputs(">\n    <properties>\n      <property name=\"profile\"", out);
    attribute(out, "value", report->profile_path);
    fputs("/>\n    </properties>\n", out);
    for (size_t i = 0; gate && i < tests; i++)
        print_case(out, &gate->checks[i]);
    if (!gate)
        print_refusal(out, report->refusal);
    fputs("    <system-out>", out);
    print_xml(out, headline ? headline : "");
    print_waivers(out, gate);
    fputs("</system-out>\n    <system-err/>\n  </testsuite>\n</testsuites>\n", out);
    free(headline);
    return 0;
}

const struct gate_emitter gate_junit = {"junit", "JUnit XML: each limit is a test case", true, emit};
