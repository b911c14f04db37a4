#include "cmd/choice.h"

#include <getopt.h> /* optarg, optind */
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

static struct command_item formats(size_t number)
{
    if (!emitters[number])
        return (struct command_item){0};
    return (struct command_item){emitters[number]->name, emitters[number]->summary};
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
        return report->emitter ? STATUS_OK : command_unknown(&command_report, "format", optarg, formats);
    case 'k':
        return choice_key(&command_report, optarg, &report->key);
    case 'n':
        return choice_rows(&command_report, optarg, &report->rows);
    case LONG('e'):
        return parse_explain(report, optarg, argv);
    case LONG('s'):
        return parse_stacks(report, optarg, argv);
    case 'I':
    case 'X':
        return choice_filter(&command_report, optarg, option == 'X', &report->filters);
    case LONG('O'):
        report->by_object = true;
        return STATUS_OK;
    case LONG('S'):
        report->schema = true;
        return STATUS_OK;
    case LONG('T'):
        report->per_thread = true;
        return STATUS_OK;
    case LONG('a'):
        report->all = true;
        return STATUS_OK;
    default:
        return STATUS_USAGE;
    }
}

static int parse(struct report *report, int argc, char **argv)
{
    int option, status;

    while ((option = command_next(&command_report, argc, argv)) != -1) {
        status = parse_option(report, option, argv);
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
    options.limited = report->rows >= 0;
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

static const struct command_option options_taken[] = {
    OPTION('i', "input", "FILE", "the profile (default: hotref.prof)"),
    OPTION('f', "format", "FORMAT", "what to write (default: table; of folded, -k says by what stacks are weighed):", .values = formats),
    OPTION('o', "output", "FILE", CHOICE_OUTPUT),
    OPTION('k', "sort", "KEY",
     "what to sort by (default: the larger of decrefs and increfs, as increments are counted in part; where that is equal, "
     "ops):",
     .values = choice_keys),
    OPTION('n', "rows", "ROWS", CHOICE_ROWS),
    OPTION('I', "include", "GLOB",
     "only rows whose type, field, object or function is like GLOB, '*' for any text and '?' for one character; "
     "'field=GLOB' looks at one of them. Any of several will do",
     .traits = OPTION_REPEATS),
    OPTION('X', "exclude", "GLOB", "no rows like GLOB. Sums and the verdict are of all rows nonetheless", .traits = OPTION_REPEATS),
    OPTION(LONG('a'), "all", NULL, "also the rows that one thread alone has touched"),
    OPTION(LONG('O'), "by-object", NULL, "a row for each object, with its address, where several share a name"),
    OPTION(LONG('T'), "per-thread", NULL, "under each row what each thread did"),
    OPTION(LONG('s'), "stacks", "[N]", "under each row the N Python stacks (default: 3) that it was seen under most"),
    OPTION(LONG('e'), "explain", "[ROW]", "the same as -f explain, or this row alone"),
    OPTION(LONG('S'), "json-schema", NULL, "print the schema of -f json, and nothing else"),
    {0}};

static const struct command_item statuses[] = {
    {"0", "the report was written"},
    {"1", "the profile cannot be read, or the report not be written"},
    {"2", "wrong usage"},
    {0}};

static const struct command_item examples[] = {
    {"hotref report --explain", "what happens in the hottest rows, and what to do about it"},
    {"hotref report -n 3 --stacks 1", "the three hottest rows, each with the Python stack that it was seen under most"},
    {"hotref report -I 'field=global *' --per-thread", "objects in global variables, and what each thread did to them"},
    {0}};

const struct command command_report = {
    .name = "report",
    .summary = "Show what a recording found, hottest first",
    .options = options_taken,
    .statuses = statuses,
    .examples = examples,
    .run = run,
};
