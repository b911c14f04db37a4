#include "profile/gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/number.h"
#include "util/array.h"
#include "util/error.h"

/* What counts for a limit: in the rows of one profile. */
struct sum {
    uint64_t value; /* at least */
    uint64_t most;
    const struct row **rows; /* stb_ds, or NULL where nobody asks */
};

static int check_targets(const struct profile *profile, const char *path, bool ended_anyhow)
{
    if (arrlenu(profile->targets) < 2)
        return fail("'%s' cannot be judged: no interpreter was recorded", path);
    for (size_t i = 1; i < arrlenu(profile->targets); i++) {
        const struct profile_target *target = &profile->targets[i];

        if (target->end == END_UNKNOWN)
            return fail("'%s' cannot be judged: how process %u ended is not known", path, target->pid);
        if (target->armed < target->decrements || target->classified < target->atomics || target->undecoded)
            return fail("'%s' cannot be judged: of %u decrements in process %u's interpreter %u carried a "
                        "probe, and %u of %u "
                        "atomics and %u functions were not understood",
                        path, target->decrements, target->pid, target->armed,
                        target->atomics > target->classified ? target->atomics - target->classified : 0,
                        target->atomics, target->undecoded);
        if (ended_anyhow || (target->end != END_SIGNAL && !(target->end == END_EXIT && target->end_status)))
            continue;
        return fail("'%s' cannot be judged: the program %s %u, so this may not be all that it does "
                    "(--ended-anyhow judges it)",
                    path, target->end == END_SIGNAL ? "was ended by signal" : "failed with exit status",
                    target->end_status);
    }
    return 0;
}

static int check_modules(const struct profile *profile, const char *path)
{
    for (size_t i = 1; i < arrlenu(profile->modules); i++) {
        const struct profile_module *module = &profile->modules[i];

        if (module->failed || module->armed < module->decrements || module->undecoded)
            return fail("'%s' cannot be judged: of %u decrements in '%s' %u carried a probe", path,
                        module->decrements, profile_string(profile, module->path),
                        module->failed ? 0 : module->armed);
        if (module->late_ns && module->decrements)
            return fail("'%s' cannot be judged: '%s' was loaded %.1f ms before its decrements carried probes",
                        path, profile_string(profile, module->path), (double)module->late_ns / 1e6);
    }
    return 0;
}

int gate_judgeable(const struct profile *profile, const char *path, bool ended_anyhow)
{
    const struct profile_meta *meta = &profile->meta;

    if (meta->mode != MODE_EXACT)
        return fail("'%s' cannot be judged: it was not recorded in exact mode (record --mode exact)", path);
    if (!meta->armed_probes)
        return fail("'%s' cannot be judged: no probe was armed", path);
    if (meta->live_probes != meta->armed_probes)
        return fail("'%s' cannot be judged: only %u of %u probes are proven live", path, meta->live_probes,
                    meta->armed_probes);
    if (meta->lost)
        return fail("'%s' cannot be judged: %llu operations were lost", path, (unsigned long long)meta->lost);
    if (!meta->complete)
        return fail("'%s' cannot be judged: the recording is incomplete", path);
    if (meta->merged)
        return fail("'%s' cannot be judged: it had so many rows that %llu were put together, whose fields and threads are not "
                    "known for sure: record for less time, or less of the program",
                    path, (unsigned long long)meta->merged);
    if (meta->children && !ended_anyhow)
        return fail("'%s' cannot be judged: %u child process%s started and not recorded (record --subprocesses counts "
                    "them; --ended-anyhow judges what there is)",
                    path, meta->children, meta->children == 1 ? " was" : "es were");
    return check_targets(profile, path, ended_anyhow) || check_modules(profile, path) ? -1 : 0;
}

static uint64_t add(uint64_t a, uint64_t b)
{
    return __builtin_add_overflow(a, b, &a) ? UINT64_MAX : a;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t together(const struct metric *metric, uint64_t a, uint64_t b)
{
    return metric->sums ? add(a, b) : larger(a, b);
}

static bool has_limits_of(const struct budget *budget, bool (*is)(const struct limit *limit))
{
    for (size_t i = 0; i < arrlenu(budget->limits); i++) {
        if (is(&budget->limits[i]))
            return true;
    }
    return false;
}

static bool is_relative(const struct limit *limit)
{
    return bound_is_relative(&limit->bound);
}

static bool is_per_unit(const struct limit *limit)
{
    return limit->bound.kind == BOUND_PER_UNIT;
}

/* Whatever was given without effect was meant to have one. */
static int check_question(const struct gate_input *input)
{
    bool relative = has_limits_of(input->budget, is_relative),
         per_unit = has_limits_of(input->budget, is_per_unit);

    if (!arrlenu(input->budget->limits))
        return fail(input->budget->path ? "'%s' holds no limit" : "no limit is given: --max or --config",
                    input->budget->path);
    if (relative && !input->baseline)
        return fail("a limit is relative, and no baseline is given: --baseline FILE");
    if (!relative && input->baseline)
        return fail("a baseline is given, and no limit is relative: write +5%%, 1.05x or +100");
    if (per_unit && !input->work)
        return fail("a limit is for each unit of work, and how many there were is not given: --work N");
    if (input->work && !per_unit && !input->baseline_work)
        return fail("--work is given, and neither a limit for each unit of work nor --baseline-work");
    if (input->baseline_work && !(relative && input->work))
        return fail("--baseline-work needs --work and a baseline");
    return 0;
}

/* The exception that takes a row: the first that has not expired. -1: none does. */
static int exception_of(const struct gate *gate, const struct row *row)
{
    for (size_t i = 0; i < arrlenu(gate->waivers); i++) {
        const struct waiver *waiver = &gate->waivers[i];

        if (!waiver->expired && selector_matches(&waiver->exception->selector, row))
            return (int)i;
    }
    return -1;
}

/* The limits that look at some rows in particular have this one. */
static bool is_limited(const struct gate *gate, const struct row *row)
{
    const struct budget *budget = gate->input->budget;

    for (size_t i = 0; i < arrlenu(budget->limits); i++) {
        const struct limit *limit = &budget->limits[i];

        if (!limit->rest && limit->exception < 0 && !selector_is_empty(&limit->selector) &&
            selector_matches(&limit->selector, row))
            return true;
    }
    return false;
}

static bool holds_for(const struct gate *gate, const struct limit *limit, const struct row *row)
{
    return selector_matches(&limit->selector, row) && exception_of(gate, row) == limit->exception &&
           !(limit->rest && is_limited(gate, row));
}

enum match { NO_MATCH, MAY_MATCH, MATCHES };

/* Objects that were folded have no names, and of what could not be read not even the type is known: what a
 * pattern says of that cannot be told. All that is known counts. */
static enum match match_of(const struct selector *selector, const struct row *row)
{
    enum match match = MATCHES;

    for (size_t i = 0; i < naming_count; i++) {
        const char *name = namings[i].of(row);
        bool unknown = !*name || (row->fold && strcmp(namings[i].key, "object") == 0);

        if (!selector->patterns[i])
            continue;
        if (unknown)
            match = MAY_MATCH;
        else if (!naming_matches(&namings[i], selector->patterns[i], row))
            return NO_MATCH;
    }
    return match;
}

/* cold: whether two threads met at the row is not known either. */
static bool may_hold_for(const struct gate *gate, const struct limit *limit, const struct row *row, bool cold)
{
    enum match match = match_of(&limit->selector, row);

    if (limit->rest && is_limited(gate, row))
        return false;
    return match == MAY_MATCH || (match == MATCHES && cold);
}

static void add_row(const struct gate *gate, const struct limit *limit, const struct row *row, bool cold,
                    struct sum *sum)
{
    uint64_t value = limit->metric->of(row);

    if (!cold && holds_for(gate, limit, row)) {
        sum->value = together(limit->metric, sum->value, value);
        sum->most = together(limit->metric, sum->most, value);
        arrput(sum->rows, row);
    } else if (may_hold_for(gate, limit, row, cold)) {
        sum->most = together(limit->metric, sum->most, value);
    }
}

static void add_list(const struct gate *gate, const struct limit *limit, const struct row *list, bool cold,
                     struct sum *sum)
{
    for (size_t i = 0; i < arrlenu(list); i++)
        add_row(gate, limit, &list[i], cold, sum);
}

static struct sum sum_of(const struct gate *gate, const struct limit *limit, const struct rows *rows)
{
    bool all = limit->all || gate->input->all;
    struct sum sum = {0};

    add_list(gate, limit, rows->ranked, false, &sum);
    if (all)
        add_list(gate, limit, rows->single, false, &sum);
    add_list(gate, limit, rows->cold, !all, &sum);
    return sum;
}

/* a * b / c, rounded down; UINT64_MAX where that is too large. */
static uint64_t scaled(uint64_t a, uint64_t b, uint64_t c)
{
    unsigned __int128 product = (unsigned __int128)a * b / c;

    return product > UINT64_MAX ? UINT64_MAX : (uint64_t)product;
}

static uint64_t allowed_by(const struct gate_input *input, const struct bound *bound, uint64_t baseline)
{
    if (input->baseline_work)
        baseline = scaled(baseline, input->work, input->baseline_work);
    switch (bound->kind) {
    case BOUND_ABSOLUTE:
        return bound->amount;
    case BOUND_PLUS:
        return add(baseline, bound->amount);
    case BOUND_TIMES:
        return scaled(baseline, bound->amount, BUDGET_FRACTION);
    case BOUND_PER_UNIT:
        return scaled(input->work, bound->amount, BUDGET_FRACTION);
    }
    return 0;
}

/* "1.05x" of millionths. */
static const char *factor_text(uint64_t millionths, char text[NUMBER_SIZE])
{
    size_t length =
        (size_t)snprintf(text, NUMBER_SIZE, "%llu.%06llu", (unsigned long long)(millionths / BUDGET_FRACTION),
                         (unsigned long long)(millionths % BUDGET_FRACTION));

    while (text[length - 1] == '0')
        text[--length] = '\0';
    if (text[length - 1] == '.')
        text[--length] = '\0';
    return text;
}

static char *bound_text(const struct gate_input *input, const struct bound *bound, uint64_t allowed,
                        uint64_t baseline)
{
    char number[NUMBER_SIZE], other[NUMBER_SIZE], factor[NUMBER_SIZE], *text = NULL;
    const char *scaled_too = input->baseline_work ? ", for as much work" : "";
    int length = -1;

    number_grouped(allowed, number);
    switch (bound->kind) {
    case BOUND_ABSOLUTE:
        length = asprintf(&text, "%s", number);
        break;
    case BOUND_PLUS:
        length = asprintf(&text, "%s (the baseline's %s + %llu%s)", number, number_grouped(baseline, other),
                          (unsigned long long)bound->amount, scaled_too);
        break;
    case BOUND_TIMES:
        length = asprintf(&text, "%s (%s x the baseline's %s%s)", number, factor_text(bound->amount, factor),
                          number_grouped(baseline, other), scaled_too);
        break;
    case BOUND_PER_UNIT:
        length = asprintf(&text, "%s (%s for each of %s units)", number, factor_text(bound->amount, factor),
                          number_grouped(input->work, other));
        break;
    }
    return length < 0 ? NULL : text;
}

static int by_metric(const void *left, const void *right, void *metric)
{
    const struct row *const *a = left, *const *b = right;

    return row_order(*a, *b, metric);
}

/* Few operations on objects too cold to be named decide nothing: nearly every profile has some. */
static enum outcome outcome_of(const struct check *check, uint64_t allowed_at_most)
{
    uint64_t free = check->limit->metric->sums ? GATE_COLD : 0;

    if (check->value > allowed_at_most)
        return GATE_FAILED;
    if (check->value > check->allowed)
        return GATE_UNDECIDED;
    return check->most <= check->allowed || check->most - check->value <= free ? GATE_PASSED : GATE_UNDECIDED;
}

/* Which rows a limit without a name is about. */
static char *described(const struct limit *limit)
{
    char *selected = selector_text(&limit->selector), *text = NULL;

    if (!limit->rest || !selected)
        return selected;
    if (asprintf(&text, selector_is_empty(&limit->selector) ? "all other rows" : "other rows of %s",
                 selected) < 0)
        text = NULL;
    free(selected);
    return text;
}

static int judge(struct gate *gate, const struct limit *limit, struct check *check)
{
    const struct gate_input *input = gate->input;
    struct sum sum = sum_of(gate, limit, gate->rows), base = {0};

    if (gate->baseline_rows)
        base = sum_of(gate, limit, gate->baseline_rows);
    *check = (struct check){.limit = limit,
                            .what = limit->name ? strdup(limit->name) : described(limit),
                            .value = sum.value,
                            .most = sum.most,
                            .rows = sum.rows,
                            .baseline = base.value,
                            .allowed = allowed_by(input, &limit->bound, base.value)};
    check->bound = bound_text(input, &limit->bound, check->allowed, base.value);
    check->outcome = outcome_of(check, allowed_by(input, &limit->bound, base.most));
    check->stale =
        !sum.rows && !base.rows && !limit->rest && check->allowed && !selector_is_empty(&limit->selector);
    if (check->rows)
        qsort_r(check->rows, arrlenu(check->rows), sizeof(struct row *), by_metric, (void *)limit->metric);
    arrfree(base.rows);
    return check->what && check->bound ? 0 : fail("cannot judge: out of memory");
}

static int judge_all(struct gate *gate)
{
    const struct budget *budget = gate->input->budget;

    for (size_t i = 0; i < arrlenu(budget->limits); i++) {
        const struct limit *limit = &budget->limits[i];
        struct check check;
        int status;

        if (limit->exception >= 0 && gate->waivers[limit->exception].expired)
            continue;
        status = judge(gate, limit, &check);
        arrput(gate->checks, check);
        if (status)
            return status;
        gate->failed += check.outcome == GATE_FAILED;
        gate->undecided += check.outcome == GATE_UNDECIDED;
        gate->passed += check.outcome == GATE_PASSED;
    }
    return 0;
}

static int list_waivers(struct gate *gate)
{
    const struct budget *budget = gate->input->budget;

    for (size_t i = 0; i < arrlenu(budget->exceptions); i++) {
        const struct exception *exception = &budget->exceptions[i];
        struct waiver waiver = {.exception = exception, .what = selector_text(&exception->selector)};

        if (!waiver.what)
            return fail("cannot judge: out of memory");
        /* Dates written this way are ordered as texts are. */
        waiver.expired = exception->expires && strcmp(gate->input->today, exception->expires) > 0;
        arrput(gate->waivers, waiver);
    }
    return 0;
}

static void count_waived(struct gate *gate)
{
    for (size_t i = 0; i < arrlenu(gate->rows->ranked); i++) {
        const struct row *row = &gate->rows->ranked[i];
        int taken = exception_of(gate, row);

        for (size_t w = 0; w < arrlenu(gate->waivers); w++) {
            struct waiver *waiver = &gate->waivers[w];

            if (waiver->expired ? !selector_matches(&waiver->exception->selector, row) : taken != (int)w)
                continue;
            waiver->rows++;
            waiver->decrefs = add(waiver->decrefs, row->decrefs);
        }
    }
}

static bool is_checked(const struct gate *gate, const struct row *row)
{
    for (size_t i = 0; i < arrlenu(gate->checks); i++) {
        if (holds_for(gate, gate->checks[i].limit, row))
            return true;
    }
    return false;
}

static void count_free(struct gate *gate)
{
    for (size_t i = 0; i < arrlenu(gate->rows->ranked); i++) {
        const struct row *row = &gate->rows->ranked[i];

        if (exception_of(gate, row) >= 0 || is_checked(gate, row))
            continue;
        gate->free_rows++;
        gate->free_decrefs = add(gate->free_decrefs, row->decrefs);
    }
}

uint64_t check_excess(const struct check *check)
{
    return check->value > check->allowed ? check->value - check->allowed : 0;
}

static int outcome_rank(const struct check *check)
{
    return check->outcome == GATE_FAILED ? 0 : check->outcome == GATE_UNDECIDED ? 1 : 2;
}

static int by_outcome(const void *left, const void *right)
{
    const struct check *a = left, *b = right;

    if (outcome_rank(a) != outcome_rank(b))
        return outcome_rank(a) - outcome_rank(b);
    if (check_excess(a) != check_excess(b))
        return check_excess(a) > check_excess(b) ? -1 : 1;
    return a->limit < b->limit ? -1 : a->limit > b->limit;
}

static int check_profiles(const struct gate_input *input)
{
    if (gate_judgeable(input->profile, input->profile_path, input->ended_anyhow))
        return -1;
    if (!input->baseline)
        return 0;
    return gate_judgeable(input->baseline, input->baseline_path, input->ended_anyhow);
}

static const struct metric *relative_metric(const struct budget *budget)
{
    for (size_t i = 0; i < arrlenu(budget->limits); i++) {
        if (is_relative(&budget->limits[i]))
            return budget->limits[i].metric;
    }
    return NULL;
}

/* Increments by a second thread rank an object whose decrements are one thread's. */
static int check_increments(const struct gate_input *input)
{
    if (inlined_comparable(input->baseline, input->profile))
        return 0;
    return fail("'%s' and '%s' cannot be compared: other increments were counted: record both with the same "
                "--increments",
                input->baseline_path, input->profile_path);
}

static int compare_profiles(struct gate *gate)
{
    const struct gate_input *input = gate->input;
    struct comparison comparison = {.before = input->baseline,
                                    .after = input->profile,
                                    .before_path = input->baseline_path,
                                    .after_path = input->profile_path,
                                    .metric = relative_metric(input->budget)};

    gate->doubts = comparison_doubts(&comparison);
    return doubts_refusal(gate->doubts) || check_increments(input) ? -1 : 0;
}

static int build(struct gate *gate)
{
    const struct gate_input *input = gate->input;

    if (input->baseline && compare_profiles(gate))
        return -1;
    gate->rows = rows_build(input->profile, NULL);
    if (input->baseline)
        gate->baseline_rows = rows_build(input->baseline, NULL);
    if (!gate->rows || (input->baseline && !gate->baseline_rows))
        return -1;
    if (list_waivers(gate) || judge_all(gate))
        return -1;
    if (!gate->checks)
        return fail("every limit is of an exception that has expired: nothing is left to judge");
    count_waived(gate);
    count_free(gate);
    array_sort(gate->checks, by_outcome);
    gate->outcome = gate->failed ? GATE_FAILED : gate->undecided ? GATE_UNDECIDED : GATE_PASSED;
    return 0;
}

struct gate *gate_judge(const struct gate_input *input)
{
    struct gate *gate;

    if (check_question(input) || check_profiles(input))
        return NULL;
    gate = calloc(1, sizeof(*gate));
    if (!gate) {
        fail("cannot judge: out of memory");
        return NULL;
    }
    gate->input = input;
    if (build(gate) == 0)
        return gate;
    gate_free(gate);
    return NULL;
}

void gate_free(struct gate *gate)
{
    if (!gate)
        return;
    for (size_t i = 0; i < arrlenu(gate->checks); i++) {
        free(gate->checks[i].what);
        free(gate->checks[i].bound);
        arrfree(gate->checks[i].rows);
    }
    for (size_t i = 0; i < arrlenu(gate->waivers); i++)
        free(gate->waivers[i].what);
    arrfree(gate->checks);
    arrfree(gate->waivers);
    rows_free(gate->rows);
    rows_free(gate->baseline_rows);
    doubts_free(gate->doubts);
    free(gate);
}
