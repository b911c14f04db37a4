#include "cmd/choice.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emit/emit.h"
#include "util/account.h"
#include "util/array.h"
#include "util/error.h"

#define DEFAULT_INPUT "hotref.prof"

#define USUAL_STACKS 3

struct report {
    const char *input, *output;
    const struct emitter *emitter;
    const struct metric *key;
    long explain_row; /* 0: those that matter */
    long rows; /* -1: as suits the output */
    long stacks;
    bool all, by_object, per_thread, schema;
    struct rows_filter *filters; /* stb_ds array */
};

static int unknown_format(const char *format)
{
    char names[256] = "";

    for (size_t i = 0; emitters[i]; i++) {
        strcat(names, i ? ", " : "");
        strcat(names, emitters[i]->name);
    }
    return command_misused(&command_report, "unknown format '%s': there are %s", format, names);
}

/* Behind --explain the number of a row may stand, with '=' or as the next argument: nothing else does there. */
static int parse_explain(struct report *report, const char *text, char **argv)
{
    report->emitter = &emit_explain;
    if (!text && argv[optind] && argv[optind][0] >= '0' && argv[optind][0] <= '9')
        text = argv[optind++];
    if (text && !choice_number(text, 1, &report->explain_row))
        return command_misused(&command_report, "'%s' is not the number of a row", text);
    return STATUS_OK;
}

/* Behind --stacks their number may stand, as with --explain. */
static int parse_stacks(struct report *report, const char *text, char **argv)
{
    report->stacks = USUAL_STACKS;
    if (!text && argv[optind] && argv[optind][0] >= '0' && argv[optind][0] <= '9')
        text = argv[optind++];
    if (text && !choice_number(text, 1, &report->stacks))
        return command_misused(&command_report, "'%s' is not a number of stacks", text);
    return STATUS_OK;
}

/* An option of which getopt_long() has found the name. */
static int parse_option(struct report *report, int option, char **argv)
{
    switch (option) {
    case 'i':
        report->input = optarg;
        return STATUS_OK;
    case 'o':
        report->output = optarg;
        return STATUS_OK;
    case 'f':
        report->emitter = emitter_find(optarg);
        return report->emitter ? STATUS_OK : unknown_format(optarg);
    case 'k':
        return choice_key(&command_report, optarg, &report->key);
    case 'n':
        return choice_rows(&command_report, optarg, &report->rows);
    case 'e':
        return parse_explain(report, optarg, argv);
    case 's':
        return parse_stacks(report, optarg, argv);
    case 'I':
    case 'X':
        return choice_filter(&command_report, optarg, option == 'X', &report->filters);
    case 'O':
        report->by_object = true;
        return STATUS_OK;
    case 'S':
        report->schema = true;
        return STATUS_OK;
    case 'T':
        report->per_thread = true;
        return STATUS_OK;
    case 'a':
        report->all = true;
        return STATUS_OK;
    default:
        return STATUS_USAGE;
    }
}

static int parse(struct report *report, int argc, char **argv)
{
    static const struct option options[] = {
        {"input", required_argument, NULL, 'i'},
        {"format", required_argument, NULL, 'f'},
        {"output", required_argument, NULL, 'o'},
        {"sort", required_argument, NULL, 'k'},
        {"rows", required_argument, NULL, 'n'},
        {"explain", optional_argument, NULL, 'e'},
        {"stacks", optional_argument, NULL, 's'},
        {"include", required_argument, NULL, 'I'},
        {"exclude", required_argument, NULL, 'X'},
        {"by-object", no_argument, NULL, 'O'},
        {"per-thread", no_argument, NULL, 'T'},
        {"json-schema", no_argument, NULL, 'S'},
        {"all", no_argument, NULL, 'a'},
        {0},
    };
    int option, status;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "+:i:f:o:k:n:I:X:", options, NULL)) != -1) {
        status = choice_misused(&command_report, option, argv) ?: parse_option(report, option, argv);
        if (status)
            return status;
    }
    if (optind < argc)
        return command_misused(&command_report, "unexpected argument '%s'", argv[optind]);
    return STATUS_OK;
}

/* Whoever asked for what is not there wants to know, whatever the format. */
static void filter(const struct report *report, struct rows *rows)
{
    char *sentence;

    rows_filter(rows, report->filters, arrlenu(report->filters));
    sentence = filter_told(rows, report->filters, arrlenu(report->filters));
    if (sentence)
        warn("%s", sentence);
    free(sentence);
}

static int print(const struct report *report, const struct profile *profile, FILE *out)
{
    bool usual = strcmp(report->input, DEFAULT_INPUT) == 0;
    struct emit_options options = {.all = report->all,
                                   .notable = report->rows < 0,
                                   .stacks = (size_t)report->stacks,
                                   .key = report->key,
                                   .explain_row = (size_t)report->explain_row,
                                   .input = usual ? NULL : report->input};
    struct rows_options choice = {
        .key = report->key, .by_object = report->by_object, .per_thread = report->per_thread};
    struct rows *rows = rows_build(profile, &choice);
    int status;

    if (!rows)
        return -1;
    filter(report, rows);
    emit_fit(&options, out);
    if (report->rows >= 0)
        options.max_rows = (int)report->rows;
    else if (options.width && report->emitter == &emit_table)
        options.max_rows = TERMINAL_ROWS;
    if (options.explain_row > arrlenu(rows->ranked))
        status = fail("there is no row %zu: '%s' has %zu", options.explain_row, report->input, arrlenu(rows->ranked));
    else
        status = report->emitter->emit(profile, rows, &options, out);
    rows_free(rows);
    return status;
}

/* A report on its way out. */
struct printed {
    const struct report *report;
    const struct profile *profile;
};

static int print_all(const void *argument, FILE *out)
{
    const struct printed *printed = argument;

    if (!printed->report->schema)
        return print(printed->report, printed->profile, out);
    fputs(emit_json_schema(), out);
    return 0;
}

static int report_profile(const struct report *report)
{
    struct profile *profile = report->schema ? NULL : profile_read(report->input);
    struct printed printed = {report, profile};
    int status = profile || report->schema ? choice_output(report->output, print_all, &printed) : -1;

    profile_free(profile);
    return status;
}

static int run(int argc, char **argv)
{
    struct report report = {.input = DEFAULT_INPUT, .emitter = &emit_table, .rows = -1};
    struct account account = account_invoking();
    int status = parse(&report, argc, argv);

    if (status)
        return status;
    /* Reading and writing files needs nothing that sudo gave: they are the invoking user's. */
    if (account_become(&account)) {
        fail_errno("cannot become user '%s'", account.name);
        return command_failed(&command_report, STATUS_FAILED);
    }
    status = report_profile(&report);
    arrfree(report.filters);
    return status ? command_failed(&command_report, STATUS_FAILED) : STATUS_OK;
}

const struct command command_report = {
    .name = "report",
    .arguments = "[-i FILE] [-f FORMAT] [-o FILE] [-k KEY] [-n ROWS] [-I GLOB] [-X GLOB] [--all] [--by-object]\n"
                 "                     [--per-thread] [--stacks [N]] [--explain [ROW]] [--json-schema]",
    .summary = "Show what a recording found, hottest first",
    .help = "  -i, --input FILE     the profile (default: hotref.prof)\n"
            "  -f, --format FORMAT  table: verdict and rows for people (default)\n"
            "                       explain: what happens in the hottest rows, and what to do about it\n"
            "                       json: one object with everything\n"
            "                       csv: a line for each row, as RFC 4180 says\n"
            "                       flamegraph: one page of HTML for a browser, with the table beside it\n"
            "                       folded: stacks and objects, for flamegraph.pl and speedscope; -k says by what\n"
            "                       they are weighed (default: ops)\n"
            "  -o, --output FILE    where to write (default: stdout); no symbolic link is followed\n"
            "  -k, --sort KEY       what to sort by: ops, decrefs, increfs, threads, retries, bounces or handoffs\n"
            "                       (default: the larger of decrefs and increfs, as increments are counted in part;\n"
            "                       where that is equal, ops)\n"
            "  -n, --rows ROWS      so many rows, 0 for all (default: 20 on a terminal, else all)\n"
            "  -I, --include GLOB   only rows whose type, field, object or function is like GLOB, '*' for any text and\n"
            "                       '?' for one character; 'field=GLOB' looks at one of them. Any of several will do\n"
            "  -X, --exclude GLOB   no rows like GLOB. Sums and the verdict are of all rows nonetheless\n"
            "      --all            also the rows that one thread alone has touched\n"
            "      --by-object      a row for each object, with its address, where several share a name\n"
            "      --per-thread     under each row what each thread did\n"
            "      --stacks [N]     under each row the N Python stacks (default: 3) that it was seen under most\n"
            "      --explain [ROW]  the same as -f explain, or this row alone\n"
            "      --json-schema    print the schema of -f json, and nothing else\n\n"
            "Exit status: 0, or 1 if the profile cannot be read or the report not be written, 2 for wrong\n"
            "usage.\n",
    .run = run,
};
