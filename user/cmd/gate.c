#include "cmd/command.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h> /* optarg, optind */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "emit/budget.h"
#include "emit/emit.h"
#include "emit/gate.h"
#include "util/account.h"
#include "util/array.h"
#include "util/error.h"

/* A format, and where it goes. */
struct output {
    const struct gate_emitter *emitter;
    const char *path; /* NULL: stdout */
};

struct options {
    const char *input, *baseline, *config;
    const char **limits;    /* stb_ds: --max */
    struct output *outputs; /* stb_ds */
    uint64_t work, baseline_work;
    bool all, ended_anyhow, write_budget;
    const char *output; /* of --write-budget */
};

static bool in_github(void)
{
    const char *value = getenv("GITHUB_ACTIONS");

    return value && strcmp(value, "true") == 0;
}

static struct command_item formats(size_t number)
{
    if (!gate_emitters[number])
        return (struct command_item){0};
    return (struct command_item){gate_emitters[number]->name, gate_emitters[number]->summary};
}

/* "junit", "junit=FILE" */
static int parse_format(struct options *options, const char *text)
{
    size_t length = strcspn(text, "=");
    struct output output = {gate_emitter_find(text, length), text[length] ? text + length + 1 : NULL};

    if (!output.emitter)
        return command_unknown(&command_gate, "format", text, formats);
    if (output.path && !*output.path)
        return command_misused(&command_gate, "'%s' names no file", text);
    arrput(options->outputs, output);
    return STATUS_OK;
}

static int parse_work(const char *text, uint64_t *work)
{
    char *end;

    errno = 0;
    *work = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || !*work)
        return command_misused(&command_gate, "'%s' is not a number of units of work", text);
    return STATUS_OK;
}

/* What may be given once: a second one would quietly replace the first. */
static int keep_once(const char **place, const char *name)
{
    if (*place)
        return command_misused(&command_gate, "%s is given twice", name);
    *place = optarg;
    return STATUS_OK;
}

static int parse_option(struct options *options, int option)
{
    switch (option) {
    case 'i':
        return keep_once(&options->input, "--input");
    case LONG('b'):
        return keep_once(&options->baseline, "--baseline");
    case LONG('c'):
        return keep_once(&options->config, "--config");
    case 'o':
        return keep_once(&options->output, "--output");
    case LONG('m'):
        arrput(options->limits, optarg);
        return STATUS_OK;
    case 'f':
        return parse_format(options, optarg);
    case LONG('w'):
        return parse_work(optarg, &options->work);
    case LONG('W'):
        return parse_work(optarg, &options->baseline_work);
    case LONG('a'):
        options->all = true;
        return STATUS_OK;
    case LONG('e'):
        options->ended_anyhow = true;
        return STATUS_OK;
    case LONG('B'):
        options->write_budget = true;
        return STATUS_OK;
    default:
        return STATUS_USAGE;
    }
}

/* Of several formats on stdout none may be a document of its own. */
static int check_outputs(const struct options *options)
{
    size_t on_stdout = 0, documents = 0;

    for (size_t i = 0; i < arrlenu(options->outputs); i++) {
        on_stdout += !options->outputs[i].path;
        documents += !options->outputs[i].path && options->outputs[i].emitter->document;
    }
    if (documents && on_stdout > 1)
        return command_misused(&command_gate,
                               "several formats on stdout: give all but one a file, as in junit=FILE");
    return STATUS_OK;
}

static int check_use(const struct options *options)
{
    if (!options->input)
        return command_misused(&command_gate, "no profile is given: -i FILE");
    if (options->write_budget &&
        (options->baseline || options->config || options->limits || options->outputs))
        return command_misused(&command_gate, "--write-budget goes with -i and -o alone");
    if (options->output && !options->write_budget)
        return command_misused(&command_gate,
                               "-o is for --write-budget: formats take files as in junit=FILE");
    return check_outputs(options);
}

static int parse(struct options *options, int argc, char **argv)
{
    int option, status;

    while ((option = command_next(&command_gate, argc, argv)) != -1) {
        status = parse_option(options, option);
        if (status)
            return status;
    }
    if (optind < argc)
        return command_misused(&command_gate, "unexpected argument '%s'", argv[optind]);
    return check_use(options);
}

/* One stream: what the runner and later steps read of it must have arrived whole. */
static int finish(FILE *out, const char *path, int status)
{
    errno = EIO; /* what remains of an error that came before */
    if (!status && (fflush(out) || ferror(out)))
        status = fail_errno("cannot write '%s'", path);
    if (out != stdout && fclose(out) && !status)
        status = fail_errno("cannot write '%s'", path);
    return status;
}

static FILE *open_output(const char *path, int flags)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | flags, 0666);
    FILE *out = fd < 0 ? NULL : fdopen(fd, flags == O_APPEND ? "a" : "w");

    if (!out)
        fail_errno("cannot write '%s'", path);
    return out;
}

/* A budget that is there is people's work, and not written over. */
static int write_budget(const struct options *options)
{
    struct profile *profile = profile_read(options->input);
    FILE *out = NULL;
    int status = profile ? gate_judgeable(profile, options->input, options->ended_anyhow) : -1;

    if (!status) {
        out = options->output ? open_output(options->output, O_EXCL) : stdout;
        status =
            out ? finish(out, options->output ? options->output : "stdout", budget_emit(profile, out)) : -1;
    }
    profile_free(profile);
    return status ? command_failed(&command_gate, STATUS_NOT_JUDGED) : STATUS_OK;
}

static int print_output(const struct gate_report *report, const struct output *output)
{
    struct gate_report fitted = *report;
    struct emit_options fit = {0};
    FILE *out = output->path ? open_output(output->path, O_TRUNC) : stdout;

    if (!out)
        return -1;
    emit_fit(&fit, out);
    fitted.width = fit.width;
    fitted.colour = fit.colour;
    return finish(out, output->path ? output->path : "stdout", output->emitter->emit(&fitted, out));
}

/* GitHub gives each step a file for what its page is to show. */
static int print_summary(const struct gate_report *report)
{
    const char *path = getenv("GITHUB_STEP_SUMMARY");
    FILE *out;

    if (!path || !*path)
        return 0;
    out = open_output(path, O_APPEND);
    return out ? finish(out, path, gate_summary(report, out)) : -1;
}

static int print_all(const struct options *options, const struct gate_report *report)
{
    bool github = false;

    for (size_t i = 0; i < arrlenu(options->outputs); i++) {
        const struct output *output = &options->outputs[i];
        bool said = !report->gate && output->emitter == &gate_text && !output->path; /* on stderr */

        if (!said && print_output(report, output))
            return -1;
        github = github || output->emitter == &gate_github;
    }
    return github ? print_summary(report) : 0;
}

static struct budget *load_budget(const struct options *options, struct budget *budget)
{
    if (!budget || (options->config && budget_read(budget, options->config)))
        return NULL;
    for (size_t i = 0; i < arrlenu(options->limits); i++) {
        if (budget_add(budget, options->limits[i]))
            return NULL;
    }
    return budget;
}

static void today(char text[16])
{
    time_t now = time(NULL);
    struct tm utc;

    strftime(text, 16, "%Y-%m-%d", gmtime_r(&now, &utc));
}

/* Says what was found wherever it is wanted, and returns the status. */
static int conclude(const struct options *options, struct gate_report *report)
{
    int status = !report->gate                          ? STATUS_NOT_JUDGED
                 : report->gate->outcome == GATE_PASSED ? STATUS_OK
                 : report->gate->outcome == GATE_FAILED ? STATUS_FAILED
                                                        : STATUS_NOT_JUDGED;
    char *refusal = report->gate ? NULL : strdup(last_failure());

    if (!report->gate) {
        command_failed(&command_gate, status);
        report->refusal = refusal ? refusal : "out of memory";
    }
    if (print_all(options, report))
        status = command_failed(&command_gate, STATUS_NOT_JUDGED);
    free(refusal);
    return status;
}

static int judge(const struct options *options)
{
    char date[16];
    struct budget *budget = budget_new();
    struct gate_input input = {.profile_path = options->input,
                               .baseline_path = options->baseline,
                               .today = date,
                               .work = options->work,
                               .baseline_work = options->baseline_work,
                               .all = options->all,
                               .ended_anyhow = options->ended_anyhow};
    struct gate_report report = {
        .budget = budget, .profile_path = options->input, .workspace = getenv("GITHUB_WORKSPACE")};
    struct profile *profile = NULL, *baseline = NULL;
    struct gate *gate = NULL;
    int status;

    today(date);
    input.budget = load_budget(options, budget);
    if (input.budget)
        input.profile = profile = profile_read(options->input);
    if (profile && options->baseline)
        input.baseline = baseline = profile_read(options->baseline);
    if (profile && (baseline || !options->baseline))
        report.gate = gate = gate_judge(&input);
    status = conclude(options, &report);
    gate_free(gate);
    profile_free(profile);
    profile_free(baseline);
    budget_free(budget);
    return status;
}

static void add_usual_outputs(struct options *options)
{
    if (options->outputs)
        return;
    arrput(options->outputs, ((struct output){&gate_text, NULL}));
    if (in_github())
        arrput(options->outputs, ((struct output){&gate_github, NULL}));
}

static int run(int argc, char **argv)
{
    struct options options = {0};
    struct account account = account_invoking();
    int status = parse(&options, argc, argv);

    if (!status && account_become(&account)) {
        fail_errno("cannot become user '%s'", account.name);
        status = command_failed(&command_gate, STATUS_NOT_JUDGED);
    }
    add_usual_outputs(&options);
    if (!status)
        status = options.write_budget ? write_budget(&options) : judge(&options);
    arrfree(options.limits);
    arrfree(options.outputs);
    return status;
}

static const struct command_option options_taken[] = {
    OPTION('i', "input", "FILE", "the profile", .traits = OPTION_NEEDED),
    OPTION(LONG('m'), "max", "LIMIT",
     "'type=GLOB,field=GLOB,METRIC=VALUE': at most VALUE of METRIC (decrefs, handoffs or threads) in the rows whose type, "
     "field, object and function are like the GLOBs, together; of threads, in each. VALUE is 1000 (so many), 0.5/unit (so "
     "many for each unit of --work), or 1.05x, +5%, +100 (so many times, or so many more than, the baseline)",
     .traits = OPTION_REPEATS),
    OPTION(LONG('c'), "config", "FILE", "a budget: limits, and exceptions with their reasons, in YAML (docs/ci.md)"),
    OPTION(LONG('b'), "baseline", "FILE", "the profile that relative limits are relative to"),
    OPTION(LONG('w'), "work", "N", "units of work that the program did, requests perhaps"),
    OPTION(LONG('W'), "baseline-work", "N", "the same of the baseline's program, where it differs"),
    OPTION('f', "format", "FORMAT[=FILE]",
     "what to write, and where to (default: text, and github with it where GITHUB_ACTIONS=true):", .values = formats, .traits = OPTION_REPEATS),
    OPTION(LONG('a'), "all", NULL, "limits count rows of a single thread, too"),
    OPTION(LONG('e'), "ended-anyhow", NULL, "judge a program that failed or was killed, too"),
    OPTION(LONG('B'), "write-budget", NULL,
     "print a first budget that the profile keeps, with some room; goes with -i and -o alone"),
    OPTION('o', "output", "FILE", "where to write that (default: stdout); no file is written over"),
    {0}};

static const struct command_item statuses[] = {
    {"0", "passed"},
    {"1", "failed"},
    {"2", "not judged: the profile, the baseline or the budget is missing, damaged, incomplete or not to be compared, or the "
          "usage is wrong"},
    {0}};

static const struct command_item environment[] = {
    {"GITHUB_ACTIONS", "where it is 'true', annotations are written along with the text"},
    {"GITHUB_STEP_SUMMARY", "the file that -f github appends its summary to"},
    {"GITHUB_WORKSPACE", "files are named relative to it"},
    {0}};

static const struct command_item examples[] = {
    {"hotref gate -i hotref.prof --max 'field=function.*,decrefs=1000'", "at most 1,000 decrements on what functions refer to"},
    {"hotref gate -i hotref.prof --config hotref-budget.yml -f text -f junit=hotref.xml",
     "by a budget, for people and as JUnit XML"},
    {0}};

const struct command command_gate = {
    .name = "gate",
    .summary = "Judge a profile by limits, for tests and CI",
    .options = options_taken,
    .statuses = statuses,
    .environment = environment,
    .examples = examples,
    .run = run,
};
