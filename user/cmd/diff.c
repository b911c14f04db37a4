#include "cmd/choice.h"

#include <errno.h>
#include <getopt.h> /* optarg, optind */
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

static struct command_item formats(size_t number)
{
    if (!diff_emitters[number])
        return (struct command_item){0};
    return (struct command_item){diff_emitters[number]->name, diff_emitters[number]->summary};
}

static struct command_item ways(size_t number)
{
    static const struct command_item items[] = {
        {"total", "in percent of all that was counted on the same side, contended or not"},
        {"time", "a second of the recording"},
        {0}};

    return items[number];
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
        return options->emitter ? STATUS_OK : command_unknown(&command_diff, "format", optarg, formats);
    case 'k':
        return choice_key(&command_diff, optarg, &options->key);
    case 'n':
        return choice_rows(&command_diff, optarg, &options->rows);
    case 'I':
    case 'X':
        return choice_filter(&command_diff, optarg, option == 'X', &options->filters);
    case LONG('N'):
        return parse_scale(options, optarg);
    case LONG('w'):
        return parse_work(options, optarg);
    case LONG('F'):
        options->force = true;
        return STATUS_OK;
    case LONG('S'):
        options->schema = true;
        return STATUS_OK;
    case LONG('a'):
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
    int option, status;

    while ((option = command_next(&command_diff, argc, argv)) != -1) {
        status = parse_option(options, option);
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

static const struct command_option options_taken[] = {
    OPTION('f', "format", "FORMAT", "what to write (default: table):", .values = formats),
    OPTION('o', "output", "FILE", CHOICE_OUTPUT),
    OPTION('k', "sort", "KEY", "what to compare (default: decrefs, as all are counted, and equal runs have equal ones):",
     .values = choice_keys),
    OPTION('n', "rows", "ROWS", CHOICE_ROWS),
    OPTION('I', "include", "GLOB", "only rows that are like GLOB on one side, as with 'hotref report'", .traits = OPTION_REPEATS),
    OPTION('X', "exclude", "GLOB",
     "no rows that are like GLOB on both sides, or on the only one. The verdict is of all rows nonetheless",
     .traits = OPTION_REPEATS),
    OPTION(LONG('a'), "all", NULL, "also the rows that did not change, and those that one thread alone has touched"),
    OPTION(LONG('N'), "normalize", "[=WAY]", "compare shares or rates (default: total):", .values = ways),
    OPTION(LONG('w'), "work", "N[,M]", "for each unit of work, of which BEFORE did N and AFTER did M (default: N)"),
    OPTION(LONG('F'), "force", NULL, "compare what is refused, too; the table then says first what is doubtful"),
    OPTION(LONG('S'), "json-schema", NULL, "print the schema of -f json, and nothing else"),
    {0}};

static const char *const notes[] = {
    "BEFORE and AFTER are two profiles, as 'hotref record -o FILE' writes them.",
    "Rows belong together by type, field and name of the object. Counts are exact: every difference is shown, but where "
    "values are normalized one of less than 1 % counts as none. Refused are profiles of other modes, with losses, with "
    "probes that are not proven live, and a KEY with increments where other ones were counted.",
    NULL};

static const struct command_item statuses[] = {
    {"0", "the profiles were compared, whether anything changed or not"},
    {"2", "wrong usage; profiles that cannot be read or compared; the output cannot be written"},
    {0}};

static const struct command_item examples[] = {
    {"hotref diff before.prof after.prof", "what a change took away, and what it brought"},
    {"hotref diff before.prof after.prof --work 1000,2000", "the same for each request, where the second run did twice as many"},
    {0}};

const struct command command_diff = {
    .name = "diff",
    .summary = "Tell what changed between two profiles, largest change first",
    .operands = "BEFORE AFTER",
    .operand_kind = OPERANDS_FILES,
    .mixed = true,
    .options = options_taken,
    .notes = notes,
    .statuses = statuses,
    .examples = examples,
    .run = run,
};
