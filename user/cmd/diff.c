#include "cmd/choice.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "emit/diff.h"
#include "util/account.h"
#include "util/array.h"
#include "util/error.h"

struct options {
    const char *before, *after, *output;
    const struct diff_emitter *emitter;
    const struct metric *key;
    long rows; /* -1: as suits the output */
    bool all, force, schema;
    struct diff_options diff;
    struct rows_filter *filters; /* stb_ds array */
};

static int unknown_format(const char *format)
{
    char names[256] = "";

    for (size_t i = 0; diff_emitters[i]; i++) {
        strcat(names, i ? ", " : "");
        strcat(names, diff_emitters[i]->name);
    }
    return command_misused(&command_diff, "unknown format '%s': there are %s", format, names);
}

static int parse_scale(struct options *options, const char *text)
{
    if (options->diff.scale)
        return command_misused(&command_diff, "values can be normalized in one way only");
    options->diff.scale = !text || strcmp(text, "total") == 0 ? SCALE_TOTAL
                          : strcmp(text, "time") == 0         ? SCALE_TIME
                                                              : SCALE_NONE;
    if (!options->diff.scale)
        return command_misused(&command_diff, "unknown way to normalize '%s': there are total and time, and --work", text);
    return STATUS_OK;
}

/* The units before text's end; false where there are none. */
static bool parse_units(const char *text, char **end, uint64_t *units)
{
    errno = 0;
    *units = strtoull(text, end, 10);
    return *text >= '0' && *text <= '9' && !errno && *units > 0;
}

/* "N" for both sides, or "N,M" for each. */
static int parse_work(struct options *options, const char *text)
{
    uint64_t *work = options->diff.work;
    char *end;
    bool valid = parse_units(text, &end, &work[DIFF_BEFORE]);

    work[DIFF_AFTER] = work[DIFF_BEFORE];
    if (valid && *end == ',')
        valid = parse_units(end + 1, &end, &work[DIFF_AFTER]);
    if (!valid || *end)
        return command_misused(&command_diff, "'%s' is no amount of work: a number above 0, or two as in 1000,2000", text);
    if (options->diff.scale)
        return command_misused(&command_diff, "values can be normalized in one way only");
    options->diff.scale = SCALE_WORK;
    return STATUS_OK;
}

static int parse_option(struct options *options, int option)
{
    switch (option) {
    case 'o':
        options->output = optarg;
        return STATUS_OK;
    case 'f':
        options->emitter = diff_emitter_find(optarg);
        return options->emitter ? STATUS_OK : unknown_format(optarg);
    case 'k':
        return choice_key(&command_diff, optarg, &options->key);
    case 'n':
        return choice_rows(&command_diff, optarg, &options->rows);
    case 'I':
    case 'X':
        return choice_filter(&command_diff, optarg, option == 'X', &options->filters);
    case 'N':
        return parse_scale(options, optarg);
    case 'w':
        return parse_work(options, optarg);
    case 'F':
        options->force = true;
        return STATUS_OK;
    case 'S':
        options->schema = true;
        return STATUS_OK;
    case 'a':
        options->all = true;
        return STATUS_OK;
    default:
        return STATUS_USAGE;
    }
}

static int check_use(struct options *options, int argc, char **argv)
{
    if (options->schema && optind == argc)
        return STATUS_OK;
    if (argc - optind < 2)
        return command_misused(&command_diff, "two profiles are needed: BEFORE AFTER");
    if (argc - optind > 2)
        return command_misused(&command_diff, "unexpected argument '%s'", argv[optind + 2]);
    if (options->diff.scale && options->key && !options->key->sums)
        return command_misused(&command_diff, "'%s' does not sum up and cannot be normalized", options->key->key);
    options->before = argv[optind];
    options->after = argv[optind + 1];
    return STATUS_OK;
}

/* Options may stand behind the profiles, too. */
static int parse(struct options *options, int argc, char **argv)
{
    static const struct option longs[] = {
        {"format", required_argument, NULL, 'f'},    {"output", required_argument, NULL, 'o'},
        {"sort", required_argument, NULL, 'k'},      {"rows", required_argument, NULL, 'n'},
        {"include", required_argument, NULL, 'I'},   {"exclude", required_argument, NULL, 'X'},
        {"normalize", optional_argument, NULL, 'N'}, {"work", required_argument, NULL, 'w'},
        {"force", no_argument, NULL, 'F'},           {"json-schema", no_argument, NULL, 'S'},
        {"all", no_argument, NULL, 'a'},             {0},
    };
    int option, status;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":f:o:k:n:I:X:", longs, NULL)) != -1) {
        status = choice_misused(&command_diff, option, argv) ?: parse_option(options, option);
        if (status)
            return status;
    }
    return check_use(options, argc, argv);
}

/* A comparison on its way out. */
struct printed {
    const struct options *options;
    const struct diff *diff;
};

static int print(const void *argument, FILE *out)
{
    const struct printed *printed = argument;
    const struct options *options = printed->options;
    struct emit_options emit = {.all = options->all, .key = options->key};

    if (options->schema) {
        fputs(diff_json_schema(), out);
        return 0;
    }
    emit_fit(&emit, out);
    if (options->rows >= 0)
        emit.max_rows = (int)options->rows;
    else if (emit.width && options->emitter == &diff_table)
        emit.max_rows = TERMINAL_ROWS;
    return options->emitter->emit(printed->diff, &emit, out);
}

static int compare(struct options *options, const struct comparison *comparison)
{
    struct doubt *doubts = comparison_doubts(comparison);
    struct diff *diff = NULL;
    int status = options->force ? 0 : doubts_refusal(doubts);

    options->diff.filters = options->filters;
    options->diff.filter_count = arrlenu(options->filters);
    if (!status)
        diff = diff_build(comparison, &options->diff);
    if (diff) {
        struct printed printed = {options, diff};

        diff->doubts = doubts;
        status = choice_output(options->output, print, &printed);
    }
    status = diff ? status : -1;
    diff_free(diff);
    doubts_free(doubts);
    return status;
}

/* Decrements are counted everywhere; of increments only some are, and they differ from run to run. */
static int compare_files(struct options *options)
{
    struct comparison comparison = {.before_path = options->before,
                                    .after_path = options->after,
                                    .metric = options->key ? options->key : metric_find("decrefs"),
                                    .by_time = options->diff.scale == SCALE_TIME};
    struct profile *before = profile_read(options->before), *after = before ? profile_read(options->after) : NULL;
    int status = -1;

    comparison.before = before;
    comparison.after = after;
    if (after)
        status = compare(options, &comparison);
    profile_free(before);
    profile_free(after);
    return status;
}

static int run(int argc, char **argv)
{
    struct options options = {.emitter = &diff_table, .rows = -1};
    struct account account = account_invoking();
    struct printed schema = {&options, NULL};
    int status = parse(&options, argc, argv);

    if (!status && account_become(&account)) {
        fail_errno("cannot become user '%s'", account.name);
        status = command_failed(&command_diff, STATUS_NOT_JUDGED);
    } else if (!status && (options.schema ? choice_output(options.output, print, &schema) : compare_files(&options))) {
        status = command_failed(&command_diff, STATUS_NOT_JUDGED);
    }
    arrfree(options.filters);
    return status;
}

const struct command command_diff = {
    .name = "diff",
    .arguments = "BEFORE AFTER [-f FORMAT] [-o FILE] [-k KEY] [-n ROWS] [-I GLOB] [-X GLOB] [--all]\n"
                 "                   [--normalize[=total|time]] [--work N[,M]] [--force] [--json-schema]",
    .summary = "Tell what changed between two profiles, largest change first",
    .help = "  BEFORE AFTER         two profiles, as 'hotref record -o FILE' writes them\n"
            "  -f, --format FORMAT  table: verdict and what differs, for people (default)\n"
            "                       json: one object with everything\n"
            "                       csv: a line for each row, as RFC 4180 says\n"
            "                       flamegraph: one page of HTML for a browser: red for more, blue for less\n"
            "                       folded: stacks with both values, as difffolded.pl writes them\n"
            "  -o, --output FILE    where to write (default: stdout); no symbolic link is followed\n"
            "  -k, --sort KEY       what to compare: decrefs (default: all are counted, and equal runs have equal ones),\n"
            "                       ops, increfs, threads, handoffs, retries or bounces\n"
            "  -n, --rows ROWS      so many rows, 0 for all (default: 20 on a terminal, else all)\n"
            "  -I, --include GLOB   only rows that are like GLOB on one side, as with 'hotref report'\n"
            "  -X, --exclude GLOB   no rows that are like GLOB on both sides, or on the only one. The verdict is of all\n"
            "                       rows nonetheless\n"
            "      --all            also the rows that did not change, and those that one thread alone has touched\n"
            "      --normalize[=total]\n"
            "                       in percent of all that was counted on the same side, contended or not\n"
            "      --normalize=time a second of the recording\n"
            "      --work N[,M]     for each unit of work, of which BEFORE did N and AFTER did M (default: N)\n"
            "      --force          compare what is refused, too; the table then says first what is doubtful\n"
            "      --json-schema    print the schema of -f json, and nothing else\n\n"
            "Rows belong together by type, field and name of the object. Counts are exact: every difference is shown,\n"
            "but where values are normalized one of less than 1 % counts as none. Refused are profiles of other modes,\n"
            "with losses, with probes that are not proven live, and a KEY with increments where other ones were counted.\n\n"
            "Exit status: 0, whether anything changed or not; 2 for wrong usage and for profiles that cannot be read or\n"
            "compared, or where the output cannot be written.\n",
    .run = run,
};
