#include "profile/comparable.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/number.h"
#include "util/array.h"
#include "util/error.h"

/* Counts of a process that was let go depend on when that was; these are about as long as each other. */
#define ALIKE_DURATIONS 1.05

static void __attribute__((format(printf, 3, 4)))
add(struct doubt **doubts, bool refused, const char *format, ...)
{
    struct doubt doubt = {.refused = refused};
    va_list args;
    int length;

    va_start(args, format);
    length = vasprintf(&doubt.text, format, args);
    va_end(args);
    if (length >= 0)
        arrput(*doubts, doubt);
}

/* What one profile cannot say whatever it is compared with. */
static void refuse_alone(struct doubt **doubts, const struct profile *profile, const char *path)
{
    const struct profile_meta *meta = &profile->meta;
    char number[NUMBER_SIZE];

    if (arrlenu(profile->targets) < 2 || meta->armed_probes == 0)
        add(doubts, true, is_sampled(profile) ? "'%s' has samples, which cannot be compared: record both with --mode exact" : "in '%s' nothing was measured: no probe was armed", path);
    else if (meta->live_probes != meta->armed_probes)
        add(doubts, true, "in '%s' only %u of %u probes are proven live", path, meta->live_probes, meta->armed_probes);
    if (meta->lost)
        add(doubts, true, "'%s' lost %s operation%s", path, number_grouped(meta->lost, number), meta->lost == 1 ? "" : "s");
    else if (!meta->complete)
        add(doubts, true, "the recording of '%s' is incomplete", path);
}

/* Where and how often increments were counted, in all targets and their modules. */
struct increments {
    uint64_t inlined, inlined_armed, tries, tries_armed;
};

static struct increments increments_of(const struct profile *profile)
{
    struct increments sum = {0};

    for (size_t i = 1; i < arrlenu(profile->targets); i++) {
        const struct profile_target *target = &profile->targets[i];

        sum.inlined += target->increments;
        sum.inlined_armed += target->increments_armed;
        sum.tries += target->try_increments;
        sum.tries_armed += target->try_increments_armed;
    }
    for (size_t i = 1; i < arrlenu(profile->modules); i++) {
        const struct profile_module *module = &profile->modules[i];

        sum.inlined += module->increments;
        sum.inlined_armed += module->increments_armed;
        sum.tries += module->try_increments;
        sum.tries_armed += module->try_increments_armed;
    }
    return sum;
}

static bool has_build(const struct profile *profile, const char *build_id)
{
    for (size_t i = 1; i < arrlenu(profile->targets); i++) {
        if (strcmp(profile_string(profile, profile->targets[i].build_id), build_id) == 0)
            return true;
    }
    return false;
}

/* An interpreter without a build id may be any. */
static bool builds_within(const struct profile *one, const struct profile *other)
{
    for (size_t i = 1; i < arrlenu(one->targets); i++) {
        const char *build_id = profile_string(one, one->targets[i].build_id);

        if (!*build_id || !has_build(other, build_id))
            return false;
    }
    return true;
}

static bool same_builds(const struct profile *a, const struct profile *b)
{
    return builds_within(a, b) && builds_within(b, a);
}

static bool all_armed(const struct increments *counted)
{
    return counted->inlined_armed >= counted->inlined && counted->tries_armed >= counted->tries;
}

/* Which increments are inlined is the compiler's choice: between builds, "those by compare-exchange" are other ones. */
bool increfs_comparable(const struct profile *before, const struct profile *after)
{
    struct increments a = increments_of(before), b = increments_of(after);

    if (all_armed(&a) && all_armed(&b))
        return true;
    return same_builds(before, after) && memcmp(&a, &b, sizeof(a)) == 0;
}

bool metric_has_increfs(const struct metric *metric)
{
    const struct row one = {.increfs = 1};

    return metric->of(&one) != 0;
}

/* "samples" and what may come: an exact recording has no value for it. */
static bool is_counted(const struct metric *metric)
{
    const struct row one = {.decrefs = 1, .increfs = 1, .handoffs = 1, .retries = 1, .bounces = 1, .threads = 1};

    return metric->of(&one) != 0;
}

static void refuse_together(struct doubt **doubts, const struct comparison *c)
{
    bool exact = c->before->meta.mode == MODE_EXACT;

    if (c->before->meta.mode == c->after->meta.mode && !exact)
        add(doubts, true, "both were recorded in mode %s, which does not count: record with --mode exact",
            profile_mode_name(c->before->meta.mode));
    else if (c->before->meta.mode != c->after->meta.mode)
        add(doubts, true, "'%s' was recorded in mode %s and '%s' in mode %s", c->before_path,
            profile_mode_name(c->before->meta.mode), c->after_path, profile_mode_name(c->after->meta.mode));
    if (exact && !is_counted(c->metric))
        add(doubts, true, "'%s' is not counted in mode exact", c->metric->key);
    if (metric_has_increfs(c->metric) && !increfs_comparable(c->before, c->after))
        add(doubts, true,
            "'%s' needs the same increments counted on both sides, and they differ: compare decrefs, or record both with "
            "--increments '*'",
            c->metric->key);
    if (c->by_time && (!c->before->meta.duration_ns || !c->after->meta.duration_ns))
        add(doubts, true, "'%s' does not say how long it was recorded",
            c->before->meta.duration_ns ? c->after_path : c->before_path);
}

static void remark_coverage(struct doubt **doubts, const struct profile *profile, const char *path)
{
    uint64_t found = 0, armed = 0, failed = 0;

    for (size_t i = 1; i < arrlenu(profile->targets); i++) {
        found += profile->targets[i].decrements;
        armed += profile->targets[i].armed;
    }
    for (size_t i = 1; i < arrlenu(profile->modules); i++) {
        found += profile->modules[i].decrements;
        armed += profile->modules[i].armed;
        failed += profile->modules[i].failed || profile->modules[i].late_ns;
    }
    if (armed < found)
        add(doubts, false, "in '%s' %llu of %llu decrements in the machine code carry no probe", path,
            (unsigned long long)(found - armed), (unsigned long long)found);
    if (failed)
        add(doubts, false, "in '%s' %llu module%s had no probes of %s own at first, or at all", path,
            (unsigned long long)failed, failed == 1 ? "" : "s", failed == 1 ? "its" : "their");
}

/* A program that failed has done less. */
static void remark_ends(struct doubt **doubts, const struct profile *profile, const char *path)
{
    if (profile->meta.children)
        add(doubts, false, "in '%s' %u child process%s started and not recorded", path, profile->meta.children,
            profile->meta.children == 1 ? " was" : "es were");
    if (profile->meta.merged)
        add(doubts, false, "in '%s' rows were put together, as there were too many: fields and threads may differ by that",
            path);
    for (size_t i = 1; i < arrlenu(profile->targets); i++) {
        const struct profile_target *target = &profile->targets[i];

        if (target->end == END_EXIT && target->end_status)
            add(doubts, false, "in '%s' pid %u exited with status %u", path, target->pid, target->end_status);
        else if (target->end == END_SIGNAL)
            add(doubts, false, "in '%s' pid %u was ended by signal %u", path, target->pid, target->end_status);
        else if (target->end == END_UNKNOWN)
            add(doubts, false, "in '%s' it is not known how pid %u ended", path, target->pid);
    }
}

static bool was_let_go(const struct profile *profile)
{
    for (size_t i = 1; i < arrlenu(profile->targets); i++) {
        if (profile->targets[i].end == END_DETACH)
            return true;
    }
    return false;
}

static void remark_durations(struct doubt **doubts, const struct comparison *c)
{
    double before = (double)c->before->meta.duration_ns, after = (double)c->after->meta.duration_ns;
    char a[NUMBER_SIZE], b[NUMBER_SIZE];

    if (c->by_time || !(was_let_go(c->before) || was_let_go(c->after)))
        return;
    if (before > after * ALIKE_DURATIONS || after > before * ALIKE_DURATIONS)
        add(doubts, false, "the recordings took %s and %s, and at least one ended before its program did",
            number_duration(c->before->meta.duration_ns, a), number_duration(c->after->meta.duration_ns, b));
}

enum inlined { NO_INLINED, SOME_INLINED, ALL_INLINED };

/* Which increments were counted where they are inlined: that is for who records to say. */
static enum inlined inlined_of(const struct profile *profile)
{
    struct increments counted = increments_of(profile);

    return !counted.inlined_armed                       ? NO_INLINED
           : counted.inlined_armed >= counted.inlined ? ALL_INLINED
                                                        : SOME_INLINED;
}

bool inlined_comparable(const struct profile *before, const struct profile *after)
{
    enum inlined counted = inlined_of(before);

    return counted == inlined_of(after) && (counted != SOME_INLINED || increfs_comparable(before, after));
}

/* An object that one thread drops may be contended only because another one was seen to take it. */
static void remark_increments(struct doubt **doubts, const struct comparison *c)
{
    if (!inlined_comparable(c->before, c->after))
        add(doubts, false,
            "other inlined increments were counted (--increments): a row may be contended on one side only because a "
            "second thread's increments were counted there");
}

static const char *only_version(const struct profile *profile)
{
    return arrlenu(profile->targets) == 2 ? profile_string(profile, profile->targets[1].version) : "";
}

static const char *only_build(const struct profile *profile)
{
    return arrlenu(profile->targets) == 2 ? profile_string(profile, profile->targets[1].build) : "";
}

static void remark_interpreters(struct doubt **doubts, const struct comparison *c)
{
    size_t before = arrlenu(c->before->targets) - 1, after = arrlenu(c->after->targets) - 1;
    bool same_version = strcmp(only_version(c->before), only_version(c->after)) == 0;

    if (before != after)
        add(doubts, false, "%zu process%s before, %zu after", before, before == 1 ? "" : "es", after);
    else if (!same_version)
        add(doubts, false, "another interpreter: CPython %s before, %s after", only_version(c->before),
            only_version(c->after));
    else if (strcmp(only_build(c->before), only_build(c->after)) != 0)
        add(doubts, false, "another build: %s before, %s after", only_build(c->before), only_build(c->after));
    else if (before == 1 && !same_builds(c->before, c->after))
        add(doubts, false, "another build of the same version");
}

struct doubt *comparison_doubts(const struct comparison *c)
{
    struct doubt *doubts = NULL;

    refuse_alone(&doubts, c->before, c->before_path);
    refuse_alone(&doubts, c->after, c->after_path);
    refuse_together(&doubts, c);
    remark_interpreters(&doubts, c);
    remark_coverage(&doubts, c->before, c->before_path);
    remark_coverage(&doubts, c->after, c->after_path);
    remark_ends(&doubts, c->before, c->before_path);
    remark_ends(&doubts, c->after, c->after_path);
    remark_durations(&doubts, c);
    remark_increments(&doubts, c);
    if (!c->metric->exact)
        add(&doubts, false, "'%s' differs from run to run of the same program", c->metric->key);
    return doubts;
}

int doubts_refusal(const struct doubt *doubts)
{
    for (size_t i = 0; i < arrlenu(doubts); i++) {
        if (doubts[i].refused)
            return fail("the profiles cannot be compared: %s", doubts[i].text);
    }
    return 0;
}

void doubts_free(struct doubt *doubts)
{
    for (size_t i = 0; i < arrlenu(doubts); i++)
        free(doubts[i].text);
    arrfree(doubts);
}
