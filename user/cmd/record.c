#include <errno.h>
#include <getopt.h> /* optarg, optind */
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "capture/burst.h"
#include "capture/launch.h"
#include "capture/session.h"
#include "cmd/command.h"
#include "cmd/follow.h"
#include "cmd/series.h"
#include "emit/emit.h"
#include "profile/profile.h"
#include "profile/spell.h"
#include "resolve/build.h"
#include "target/cgroup.h"
#include "util/account.h"
#include "util/array.h"
#include "util/error.h"
#include "util/progress.h"

#define POLL_MS 50
#define USUAL_HZ 999     /* not in step with anything that runs a thousand times a second */
#define MOST_HZ 10000
#define USUAL_OVERHEAD 0.05
#define DEFAULT_OUTPUT "hotref.prof"
#define INITIAL_PID_NAMESPACE "pid:[4026531836]" /* PROC_PID_INIT_INO, include/linux/proc_ns.h */

struct options {
    pid_t *pids;          /* stb_ds array */
    double seconds;       /* 0: until the targets end */
    double delay;
    const char *output;
    char **command;       /* NULL where there is none */
    char *spelled;        /* what is recorded, for people */
    char **increments;    /* stb_ds array: globs on C functions whose inlined increments are counted */
    bool verbose;
    bool subprocesses;
    bool all;
    const char *group;    /* as given; NULL: any */
    char cgroup[PATH_MAX];
    enum session_mode mode;
    bool has_mode, has_overhead;
    double overhead;      /* of mode auto: a share of the targets' CPU time */
    uint32_t hz;          /* samples a second on each CPU */
    struct account account;
    double started;       /* monotonic seconds */
    struct live *live;
    struct series_file *series; /* of --prometheus */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

/* Options */

static int parse_seconds(const char *text, double *seconds)
{
    char *end;

    *seconds = strtod(text, &end);
    return *end || end == text || !(*seconds > 0) || *seconds > 1e9 ? -1 : 0;
}

static int parse_pid(const char *text, struct options *options)
{
    char *end;
    long pid = strtol(text, &end, 10);

    if (*end || end == text || pid <= 0 || pid > 0x7fffffff)
        return -1;
    for (size_t i = 0; i < arrlenu(options->pids); i++) {
        if (options->pids[i] == pid)
            return 0; /* twice would count twice */
    }
    arrput(options->pids, (pid_t)pid);
    return 0;
}

/* "PyTuple_*,PyCell_Get": an empty one would match nothing. */
static int parse_globs(char *text, struct options *options)
{
    char *glob = text;

    while (glob) {
        char *comma = strchr(glob, ',');
        size_t length = comma ? (size_t)(comma - glob) : strlen(glob);

        if (!length)
            return -1;
        arrput(options->increments, strndup(glob, length));
        glob = comma ? comma + 1 : NULL;
    }
    return 0;
}

static struct command_item modes(size_t number)
{
    static const struct command_item items[] = {
        [SESSION_EXACT] = {"exact", "count every operation: the default of a CMD. Slows down what it counts"},
        [SESSION_SAMPLE] = {"sample", "count none, but look at each busy CPU some 1,000 times a second: how much of their time "
                                      "threads wait for which objects, at a cost of less than 1 %"},
        [SESSION_AUTO] = {"auto", "what sample does, and bursts of exact counting that cost the processes at most --overhead "
                                  "percent of their CPU time: the default with -p and -a"}};

    return number < sizeof(items) / sizeof(items[0]) ? items[number] : (struct command_item){0};
}

static int parse_mode(const char *text, struct options *options)
{
    for (size_t i = 0; modes(i).name; i++) {
        if (strcmp(text, modes(i).name) == 0) {
            options->mode = i;
            options->has_mode = true;
            return 0;
        }
    }
    return command_unknown(&command_record, "mode", text, modes);
}

static int parse_overhead(const char *text, struct options *options)
{
    char *end;
    double percent = strtod(text, &end);

    if (*end || end == text || !(percent >= 0) || percent > 100)
        return command_misused(&command_record, "not a percentage from 0 to 100: '%s'", text);
    options->overhead = percent / 100;
    options->has_overhead = true;
    return 0;
}

static int parse_frequency(const char *text, struct options *options)
{
    char *end;
    long hz = strtol(text, &end, 10);

    if (*end || end == text || hz < 1 || hz > MOST_HZ)
        return command_misused(&command_record, "not a number of samples a second from 1 to %d: '%s'", MOST_HZ, text);
    options->hz = hz;
    return 0;
}

static int parse_option(int option, struct options *options)
{
    switch (option) {
    case 'p':
        return parse_pid(optarg, options) ? command_misused(&command_record, "not a process id: '%s'", optarg) : 0;
    case 'd':
        return parse_seconds(optarg, &options->seconds)
                   ? command_misused(&command_record, "not a number of seconds: '%s'", optarg)
                   : 0;
    case LONG('D'):
        return parse_seconds(optarg, &options->delay)
                   ? command_misused(&command_record, "not a number of seconds: '%s'", optarg)
                   : 0;
    case LONG('m'):
        return parse_mode(optarg, options);
    case LONG('B'):
        return parse_overhead(optarg, options);
    case 'F':
        return parse_frequency(optarg, options);
    case 'o':
        options->output = optarg;
        return 0;
    case LONG('I'):
        return parse_globs(optarg, options) ? command_misused(&command_record, "not a list of globs: '%s'", optarg) : 0;
    case LONG('E'):
        return parse_seconds(optarg, &options->series->every)
                   ? command_misused(&command_record, "not a number of seconds: '%s'", optarg)
                   : 0;
    case LONG('P'):
        options->series->path = optarg;
        return 0;
    case 'v':
        options->verbose = true;
        return 0;
    case LONG('S'):
        options->subprocesses = true;
        return 0;
    case 'a':
        options->all = true;
        return 0;
    case 'G':
        options->group = optarg;
        return 0;
    default:
        return STATUS_USAGE;
    }
}

/* Which of them go together. */
static int check_options(const struct options *options)
{
    if (options->command && arrlenu(options->pids))
        return command_misused(&command_record, "either -p or a command, not both");
    if (options->all && (options->command || arrlenu(options->pids)))
        return command_misused(&command_record, "either -a or %s, not both", options->command ? "a command" : "-p");
    if (options->group && !options->all)
        return command_misused(&command_record, "-G is for -a");
    if (!options->command && !options->all && !arrlenu(options->pids))
        return command_misused(&command_record, "nothing to record: give -p PID, -a or -- CMD");
    if (options->mode != SESSION_EXACT && options->increments)
        return command_misused(&command_record, "--increments is for --mode exact: samples fall on all increments");
    if (options->mode != SESSION_AUTO && options->has_overhead)
        return command_misused(&command_record, "--overhead is for --mode auto");
    if (options->series->every > 0 && !options->series->path)
        return command_misused(&command_record, "--every is for --prometheus FILE, the file that is rewritten");
    if (options->command && options->delay > 0)
        return command_misused(&command_record, "--delay is for -p and -a: a command is recorded from its first instruction");
    return 0;
}

static int parse(int argc, char **argv, struct options *options)
{
    int option, status = 0;

    options->output = DEFAULT_OUTPUT;
    options->hz = USUAL_HZ;
    options->overhead = USUAL_OVERHEAD;
    while (!status && (option = command_next(&command_record, argc, argv)) != -1)
        status = parse_option(option, options);
    if (status)
        return status;
    if (optind < argc)
        options->command = argv + optind;
    if (!options->has_mode && !options->command && !options->increments)
        options->mode = SESSION_AUTO;
    return check_options(options);
}

/* "-p 4711 (python3.13t app.py)" */
static void spell_process(FILE *out, const char *before, pid_t pid)
{
    char path[64], *word = NULL;
    size_t size = 0;
    FILE *in;

    fprintf(out, "%s-p %d (", before, pid);
    snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
    in = fopen(path, "re");
    for (bool first = true; in && getdelim(&word, &size, '\0', in) > 0; first = false) {
        fputs(first ? "" : " ", out);
        spell_word(out, word);
    }
    fputc(')', out);
    free(word);
    if (in)
        fclose(in);
}

/* What was recorded, as a user would type it. */
static char *spell_command(const struct options *options)
{
    char *spelled = NULL;
    size_t size;
    FILE *out = open_memstream(&spelled, &size);

    if (options->all)
        fputs("-a", out);
    if (options->group) {
        fputs(" -G ", out);
        spell_word(out, options->group);
    }
    for (char **word = options->command; word && *word; word++) {
        fputs(word == options->command ? "" : " ", out);
        spell_word(out, *word);
    }
    for (size_t i = 0; i < arrlenu(options->pids); i++)
        spell_process(out, i ? ", " : "", options->pids[i]);
    fclose(out);
    return spelled;
}

/* Recording */

static double monotonic_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

/* The probes' programs see pids as the machine's first pid namespace numbers them. */
static int check_namespace(void)
{
    char name[64] = "";

    if (readlink("/proc/self/ns/pid", name, sizeof(name) - 1) > 0 && strcmp(name, INITIAL_PID_NAMESPACE) != 0)
        return fail("hotref runs in a pid namespace of its own and cannot tell processes apart: run it on the host, or "
                    "in a container with --pid=host");
    return 0;
}

static int check_root(void)
{
    return geteuid() == 0 ? 0 : fail("recording puts probes into the kernel: run hotref as root ('sudo hotref record')");
}

/* The cached scans are the invoking user's files, to be read and written as that user. */
static int add(struct session *session, const struct options *options, struct process *process,
               struct interpreter *interpreter)
{
    int status;

    if (account_assume(&options->account))
        return fail_errno("cannot become user '%s'", options->account.name);
    progress_begin("looking at '%s'", interpreter->path); /* a second, where it was never seen before */
    status = session_add(session, process, interpreter);
    progress_end();
    account_resume(&options->account);
    return status;
}

static int add_process(struct session *session, const struct options *options, pid_t pid)
{
    struct process process = {0};
    struct interpreter interpreter = {0};
    int found;

    if (process_open(pid, &process))
        return -1;
    found = interpreter_find(&process, &interpreter);
    if (found || add(session, options, &process, &interpreter)) {
        interpreter_close(&interpreter);
        process_close(&process);
        /* What it starts may well be one. */
        return options->subprocesses && (found == INTERPRETER_NONE || found == INTERPRETER_GIL) ? 0 : -1;
    }
    return 0;
}

static void sleep_interruptibly(double seconds)
{
    double until = monotonic_seconds() + seconds;

    while (!interrupted && monotonic_seconds() < until)
        poll(NULL, 0, POLL_MS);
}

/* Whether a target before this one has told of a module of that path. */
static bool was_told(const struct session *session, size_t before, const char *path)
{
    for (size_t i = 0; i < before; i++) {
        for (size_t j = 0; j < session->targets[i].told; j++) {
            if (strcmp(session->targets[i].modules[j].path, path) == 0)
                return true;
        }
    }
    return false;
}

/* Modules that have been loaded since this was said last. */
static void tell_modules(const struct session *session, const struct options *options)
{
    for (size_t i = 0; options->verbose && i < arrlenu(session->targets); i++) {
        struct session_target *target = &session->targets[i];

        for (; target->told < arrlenu(target->modules); target->told++) {
            const char *path = target->modules[target->told].path;

            if (!target->modules[target->told].failed && !was_told(session, i, path))
                warn("counts in '%s' too", path);
        }
    }
}

/* Whether something may be counted yet: there are targets, or may be again. */
static bool goes_on(const struct session *session, const struct options *options)
{
    if (options->all || session_running(session) > 0)
        return true;
    for (size_t i = 0; options->subprocesses && i < arrlenu(options->pids); i++) {
        if (session_is_followed(session, options->pids[i]))
            return true;
    }
    return false;
}

/* Once a second how many are left, on terminals; told are those that it says now. Not with a command, whose terminal it is. */
static long tell_left(const struct options *options, double until, long told)
{
    long left = lround(until - monotonic_seconds());

    if (options->seconds > 0 && left != told)
        progress_begin("recording: %ld of %.0f seconds left", left, options->seconds);
    return left;
}

/* Until that is over, or the time is, or the user has had enough. */
static int watch(struct session *session, const struct options *options, struct follow *follow)
{
    double until = monotonic_seconds() + options->seconds;
    long told = -1;

    while (goes_on(session, options)) {
        if (options->seconds > 0 && monotonic_seconds() >= until)
            break;
        if (interrupted)
            break;
        if (session_poll(session, POLL_MS) || follow_step(follow))
            return -1;
        burst_step(session);
        if (series_step(options->series, session))
            return -1;
        tell_modules(session, options);
        told = tell_left(options, until, told);
    }
    progress_end();
    return 0;
}

static double milliseconds(const struct timeval *time)
{
    return time->tv_sec * 1e3 + time->tv_usec * 1e-3;
}

static int drop(const struct options *options)
{
    return account_drop(&options->account, options->command != NULL) ? fail_errno("cannot drop privileges") : 0;
}

static void tell_armed(const struct session *session, const struct options *options)
{
    size_t probes = 0;

    for (size_t i = 0; i < arrlenu(session->targets); i++)
        probes += session->targets[i].code.live;
    if (options->verbose && options->mode != SESSION_EXACT)
        warn("samples %zu process%s %u times a second after %.0f ms", arrlenu(session->targets),
             arrlenu(session->targets) == 1 ? "" : "es", options->hz, (monotonic_seconds() - options->started) * 1e3);
    else if (options->verbose)
        warn("armed %zu probes in %zu process%s after %.0f ms", probes, arrlenu(session->targets),
             arrlenu(session->targets) == 1 ? "" : "es", (monotonic_seconds() - options->started) * 1e3);
}

static void tell_stacks(const struct profile_meta *meta)
{
    if (meta->stack_period)
        warn("%llu Python stacks, each thread's first in each row and then one in %llu; %llu deeper than was looked at, %llu "
             "not to be seen",
             (unsigned long long)meta->stacks, (unsigned long long)meta->stack_period,
             (unsigned long long)meta->stacks_truncated, (unsigned long long)meta->stacks_failed);
}

static void tell_bursts(const struct session_bursts *bursts)
{
    warn("%llu bursts with %llu hits of %.1f us each; they cost %.2f %% of %.2f s of CPU time, of a budget of %.2f %%",
         (unsigned long long)bursts->count, (unsigned long long)bursts->hits,
         bursts->hits ? bursts->hits_ns * 1e-3 / bursts->hits : 0.0,
         bursts->cpu_ns ? 100.0 * bursts->cost_ns / bursts->cpu_ns : 0.0, bursts->cpu_ns * 1e-9,
         bursts->overhead * 100);
}

/* Stops, and says what hotref itself took. */
static int stop(struct session *session, const struct options *options)
{
    struct rusage used;

    if (session_stop(session))
        return -1;
    session_check_increments(session);
    getrusage(RUSAGE_SELF, &used);
    if (options->verbose && options->mode == SESSION_AUTO)
        tell_bursts(&session->bursts);
    if (options->verbose)
        warn("%llu hits; hotref itself took %.0f ms of CPU time, %.1f MB of memory and %.1f MB of BPF maps",
             (unsigned long long)collect_hits(&session->collector),
             milliseconds(&used.ru_utime) + milliseconds(&used.ru_stime), used.ru_maxrss / 1024.0,
             session_map_bytes(session) / 1048576.0);
    return 0;
}

static void warn_of_gap(const struct session_target *target, struct session_coverage coverage, const char *what)
{
    if (coverage.armed < coverage.found)
        warn("%u of %u %s in '%s' carry a probe: 'hotref scan' tells about the others", coverage.armed, coverage.found,
             what, target->interpreter.path);
}

static void warn_of_blanks(const struct session *session, const struct session_target *target)
{
    const struct session_binary *binary = &session->binaries[target->code.binary];

    if (binary->scan->undecoded)
        warn("%u of %u functions in '%s' could not be decoded: what they do to reference counts is missing",
             binary->scan->undecoded, binary->scan->ranges, target->interpreter.path);
    if (binary->callers_left_out)
        warn("%zu call sites in '%s' are too many: their operations are counted, but their fields cannot be told",
             binary->callers_left_out, target->interpreter.path);
}

/* Whether a target before this one runs the same interpreter. */
static bool is_known_code(const struct session *session, size_t number)
{
    for (size_t i = 0; i < number; i++) {
        if (session->targets[i].code.binary == session->targets[number].code.binary)
            return true;
    }
    return false;
}

/* Says what the numbers do not cover, where that is anything, and which increments they do. */
static void warn_of_gaps(const struct session *session, const struct options *options, size_t first)
{
    for (size_t i = first; i < arrlenu(session->targets); i++) {
        const struct session_target *target = &session->targets[i];
        struct session_coverage inlined = session_coverage(session, &target->code, OPERATION_INCREMENT);

        if (is_known_code(session, i))
            continue;
        warn_of_blanks(session, target);
        if (options->mode != SESSION_EXACT)
            continue; /* no probe is there all the time */
        warn_of_gap(target, session_coverage(session, &target->code, OPERATION_DECREMENT), "decrements");
        warn_of_gap(target, session_coverage(session, &target->code, OPERATION_TRY_INCREMENT),
                    "increments by compare-exchange");
        if (inlined.armed)
            warn("counts %u of %u inlined increments in '%s', in %u functions", inlined.armed, inlined.found,
                 target->interpreter.path, session->binaries[target->code.binary].inlined_functions);
    }
}

static int finish(struct session *session, const struct options *options, struct profile_file **file)
{
    struct profile *profile;
    int status;

    progress_begin("putting the profile together");
    profile = build_profile(session, options->live, options->spelled);
    progress_end();
    if (options->verbose)
        tell_stacks(&profile->meta);
    series_finish(options->series, profile);
    status = profile_write(profile, *file);
    *file = NULL; /* written or not, it is gone */
    if (session_children(session))
        warn("%llu child processes were started and not recorded: --subprocesses records them too",
             (unsigned long long)session_children(session));
    if (session_left_out(session))
        warn("%llu processes are not recorded that were to be", (unsigned long long)session_left_out(session));
    if (!status)
        emit_summary(profile, strcmp(options->output, DEFAULT_OUTPUT) ? options->output : NULL, stderr);
    profile_free(profile);
    return status;
}

/* Increments were asked for, and there is none. */
static int missed_increments(const struct options *options, const char *where)
{
    return fail("no C function with an inlined increment is called '%s'%s%s: what --increments asks for is not there "
                "('hotref scan --all' lists them all)",
                options->increments[0], arrlenu(options->increments) > 1 ? " or as the other globs say, " : ", ", where);
}

struct recording {
    struct session *session;
    const struct options *options;
};

/* What follow_look() has added. */
static void tell_added(void *context, size_t first)
{
    struct recording *recording = context;
    struct session *session = recording->session;

    if (first == 0 && recording->options->command)
        tell_armed(session, recording->options);
    else if (recording->options->verbose)
        warn("records process %d too", session->targets[arrlenu(session->targets) - 1].process.pid);
    warn_of_gaps(session, recording->options, first);
    if (first == 0 && session_missed_increments(session))
        warn("no C function with an inlined increment is called as --increments says, unless a module that comes later has it "
             "('hotref scan --all' lists them all)");
}

/* The processes that were named, and what they have started so far; or all. */
static int start_with(struct session *session, const struct options *options, struct follow *follow)
{
    for (size_t i = 0; i < arrlenu(options->pids); i++) {
        if (session_follow(session, options->pids[i], false))
            return -1;
    }
    if (session_arm(session) || drop(options))
        return -1;
    if (arrlenu(options->pids) && session_missed_increments(session))
        return missed_increments(options, "in the interpreter nor in a module that is loaded");
    for (size_t i = 0; options->subprocesses && i < arrlenu(options->pids); i++) {
        if (follow_descendants(follow, options->pids[i]))
            return -1;
    }
    if (options->all)
        follow_all(follow);
    return 0;
}

static int record_running(struct session *session, const struct options *options, struct follow *follow)
{
    sleep_interruptibly(options->delay);
    for (size_t i = 0; i < arrlenu(options->pids); i++) {
        if (add_process(session, options, options->pids[i]))
            return -1;
    }
    if (session_open(session) || start_with(session, options, follow))
        return -1;
    tell_armed(session, options);
    warn_of_gaps(session, options, 0);
    if (isatty(STDERR_FILENO))
        warn("recording; Ctrl-C ends it%s", options->seconds > 0 ? " early" : "");
    if (watch(session, options, follow) || stop(session, options))
        return -1;
    if (options->verbose && follow->gil)
        warn("passed over %llu processes of a CPython with the GIL", (unsigned long long)follow->gil);
    return arrlenu(session->targets) ? 0 : fail("no free-threaded CPython ran%s%s%s: nothing was measured",
                                                options->all ? "" : " there", options->group ? " in the cgroup " : "",
                                                options->group ? options->cgroup : "");
}

static int record_processes(struct session *session, const struct options *options, struct profile_file **file)
{
    struct recording recording = {session, options};
    struct follow follow = {.session = session,
                            .cgroup = options->group ? options->cgroup : NULL,
                            .added = tell_added,
                            .context = &recording};
    int status = record_running(session, options, &follow);

    follow_free(&follow);
    return status ? -1 : finish(session, options, file);
}

/* A command */

/* What is known of a command while it runs. */
struct command_state {
    struct launch launch;
    struct follow follow;
};

/* Until the command has ended, the time is over, or the user has had enough. */
static int watch_command(struct session *session, const struct options *options, struct command_state *state)
{
    double until = monotonic_seconds() + options->seconds;

    while (!launch_ended(&state->launch, false)) {
        if (options->seconds > 0 && monotonic_seconds() >= until)
            break;
        if (interrupted && interrupted != SIGINT)
            break;
        if (session_poll(session, POLL_MS) || follow_step(&state->follow))
            return -1;
        burst_step(session);
        if (series_step(options->series, session))
            return -1;
        tell_modules(session, options);
    }
    return 0;
}

/* The recording is over; the command may go on for long, and signals meant for it are handed on. */
static void await_command(struct launch *launch)
{
    while (launch->pid > 0 && !launch_ended(launch, false)) {
        if (interrupted && interrupted != SIGINT)
            kill(launch->pid, interrupted);
        interrupted = 0;
        poll(NULL, 0, POLL_MS);
    }
}

static int run_command(struct session *session, const struct options *options, struct command_state *state)
{
    struct launch *launch = &state->launch;

    /* The child becomes the invoking user, which hotref cannot make of it any more once it has dropped its privileges;
     * and it comes before the session, whose priority is none of the command's. */
    if (launch_prepare(options->command, &options->account, launch) || session_open(session) || drop(options) ||
        session_follow(session, launch->pid, true) || launch_go(options->command, launch) ||
        watch_command(session, options, state)) {
        launch_kill(launch);
        return -1;
    }
    return stop(session, options);
}

static int nothing_measured(const struct options *options, const struct command_state *state)
{
    const char *whose = options->subprocesses ? " or its children" : " itself";

    if (*state->follow.gil_sentence)
        return fail("%s", state->follow.gil_sentence);
    if (!state->launch.ended)
        return fail("no free-threaded CPython has run in '%s'%s so far: nothing was measured", options->command[0], whose);
    return fail("no free-threaded CPython ran in '%s'%s%s: nothing was measured (it ended with status %d)",
                options->command[0], whose,
                options->subprocesses ? "" : ", and its children are not followed (--subprocesses)",
                launch_exit_status(&state->launch));
}

/* The command's own status is ours, unless there is none or hotref itself failed. */
static int record_command(struct session *session, const struct options *options, struct profile_file **file)
{
    struct recording recording = {session, options};
    struct command_state state = {.follow = {.session = session,
                                             .launch = &state.launch,
                                             .name = options->command[0],
                                             .added = tell_added,
                                             .context = &recording}};
    int status = run_command(session, options, &state);

    if (!status && !arrlenu(session->targets))
        status = nothing_measured(options, &state);
    if (!status)
        status = finish(session, options, file);
    if (!status && session_missed_increments(session))
        status = missed_increments(options, "in the interpreter nor in a module that was loaded");
    if (status)
        command_failed(&command_record, STATUS_RECORD_FAILED);
    follow_free(&state.follow);
    await_command(&state.launch);
    if (state.launch.exec_errno == ENOENT)
        return STATUS_NOT_FOUND;
    return status ? STATUS_RECORD_FAILED : launch_exit_status(&state.launch);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGQUIT, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* a reader that leaves early must not cost the profile */
}

/* What is the invoking user's is made as that user: a folder that the user may not write to shows before the recording. */
static struct profile_file *reserve(const struct options *options, struct session *session)
{
    const struct account *account = &options->account;
    struct profile_file *file;

    if (account_assume(account)) {
        fail_errno("cannot become user '%s'", account->name);
        return NULL;
    }
    if (account_cache_folder(account, "scans", session->scans, sizeof(session->scans)))
        *session->scans = '\0';
    file = profile_create(options->output, account->uid, account->gid);
    if (file && options->series->path && !(options->series->file = replaced_open(options->series->path))) {
        profile_discard(file);
        file = NULL;
    }
    account_resume(account);
    return file;
}

static int record(struct options *options)
{
    struct session *session = session_new();
    struct profile_file *file;
    int status;

    if (check_root() || check_namespace() ||
        (options->group && cgroup_find(options->group, options->cgroup, sizeof(options->cgroup))) || !(file = reserve(options, session))) {
        session_free(session);
        return command_failed(&command_record, STATUS_RECORD_FAILED);
    }
    catch_signals();
    options->spelled = spell_command(options);
    for (size_t i = 0; i < arrlenu(options->increments); i++)
        arrput(session->increments, ((struct session_glob){.pattern = options->increments[i]}));
    session->mode = options->mode;
    session->bursts.overhead = options->mode == SESSION_AUTO ? options->overhead : 0;
    session->sample_hz = options->hz;
    session->descendants = options->subprocesses || options->all;
    session->everyone = options->all;
    options->live = live_start(session);
    options->series->live = options->live;
    options->series->command = options->spelled;
    if (options->command)
        status = record_command(session, options, &file);
    else if (record_processes(session, options, &file))
        status = command_failed(&command_record, STATUS_RECORD_FAILED);
    else
        status = STATUS_OK;
    profile_discard(file);
    replaced_free(options->series->file);
    live_free(options->live);
    session_free(session);
    free(options->spelled);
    return status;
}

static int run(int argc, char **argv)
{
    struct series_file series = {0};
    struct options options = {.series = &series, .started = monotonic_seconds(), .account = account_invoking()};
    int status = parse(argc, argv, &options);

    if (!status)
        status = record(&options);
    arrfree(options.pids);
    for (size_t i = 0; i < arrlenu(options.increments); i++)
        free(options.increments[i]);
    arrfree(options.increments);
    return status;
}

static const struct command_option options_taken[] = {
    OPTION('p', "pid", "PID", "a running process; may be given several times", .traits = OPTION_REPEATS),
    OPTION('a', "all", NULL, "every free-threaded CPython of this machine, and new ones as they start"),
    OPTION('G', "cgroup", "CGROUP", "with -a: only what starts in, or is in, this cgroup (v2) or one below it"),
    OPTION(LONG('S'), "subprocesses", NULL,
     "with -p and CMD: what they start too, each process by itself; of a forked one nothing is missed. Other processes that run "
     "the same interpreter are slowed down too meanwhile, as they are with -a"),
    OPTION('d', "duration", "SEC", "stop after SEC seconds; else when the targets end, or on Ctrl-C"),
    OPTION(LONG('D'), "delay", "SEC", "with -p and -a: wait SEC seconds first"),
    OPTION('o', "output", "FILE", "the profile (default: hotref.prof)"),
    OPTION(LONG('m'), "mode", "MODE", "how to look:", .values = modes),
    OPTION('F', "frequency", "HZ", "with --mode sample and auto: so often a second (default: 999)"),
    OPTION(LONG('B'), "overhead", "PCT", "with --mode auto: the budget of its bursts (default: 5)"),
    OPTION(LONG('I'), "increments", "GLOB[,GLOB]...",
     "count the inlined increments in C functions of these names too ('*': in all); else only those that a function does by "
     "compare-exchange are counted; where there is no such function, nothing was measured that was asked for",
     .traits = OPTION_REPEATS),
    OPTION(LONG('P'), "prometheus", "FILE",
     "rewrite FILE (NAME.prom) now and then with what was counted so far, for node_exporter's textfile collector: what report "
     "-f prometheus writes"),
    OPTION(LONG('E'), "every", "SEC", "with --prometheus: each SEC seconds (default: 15)"),
    OPTION('v', "verbose", NULL,
     "what hotref itself takes: time until armed, CPU time, memory; how many stacks were looked at"),
    {0}};

static const char *const notes[] = {
    "CMD is run, and each free-threaded CPython that it is or becomes, by exec or by loading libpython.so, is recorded. Under "
    "sudo, CMD runs as the invoking user, and the profile is that user's. Child processes are not recorded "
    "without --subprocesses; those that CMD leaves behind when it ends are recorded until then.",
    "At the end the verdict and the ten hottest rows appear on stderr.", NULL};

static const struct command_item statuses[] = {
    {"0", "with -p and -a: recorded"},
    {"N", "with CMD: CMD's own status; 128 + N if signal N ended it"},
    {"125", "it could not be run, the profile could not be written, or nothing could be measured"},
    {"127", "CMD was not found"},
    {"2", "wrong usage"},
    {0}};

static const struct command_item examples[] = {
    {"sudo hotref record -- \"$(command -v python3.14t)\" app.py",
     "a command, from its first instruction to its end; sudo looks commands up on a PATH of its own"},
    {"sudo hotref record -p 4711 -d 10", "ten seconds of a running process"},
    {"sudo hotref record -p 4711 --subprocesses", "the same with the workers that it forks, until they end or Ctrl-C"},
    {"sudo hotref record -a -G app.slice -d 10", "all in a cgroup; without -G on the machine"},
    {"sudo hotref record --mode sample -p 4711 -d 10", "the same, counting nothing: below 1 % of its time"},
    {0}};

const struct command command_record = {
    .name = "record",
    .summary = "Count the reference-count operations of processes, or of a command",
    .operands = "[-- CMD ARG...]",
    .operand_kind = OPERANDS_COMMAND,
    .options = options_taken,
    .notes = notes,
    .statuses = statuses,
    .examples = examples,
    .run = run,
};
