/* The sentence above the rows. It claims what was counted and nothing else: no time is measured here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/number.h"
#include "profile/rows.h"
#include "profile/utf8.h"
#include "util/array.h"

#define NAME_MAX_BYTES 60
#define NEGLIGIBLE_RATE 1000 /* operations a second */
#define NEGLIGIBLE_SHARE 0.02 /* of the time on a CPU */

static bool has_increfs(const struct profile *profile)
{
    for (size_t i = 1; i < arrlenu(profile->counts); i++) {
        if (profile->counts[i].increfs)
            return true;
    }
    return false;
}

bool increfs_measured(const struct profile *profile)
{
    for (size_t i = 1; i < arrlenu(profile->targets); i++) {
        if (profile->targets[i].increments_armed || profile->targets[i].try_increments_armed)
            return true;
    }
    return has_increfs(profile);
}

bool increfs_partial(const struct profile *profile)
{
    for (size_t i = 1; i < arrlenu(profile->targets); i++) {
        const struct profile_target *target = &profile->targets[i];

        if (target->increments_armed < target->increments || target->try_increments_armed < target->try_increments)
            return true;
    }
    return false;
}

static const char *op_word(const struct profile *profile)
{
    return has_increfs(profile) ? "shared reference-count operations" : "shared decrements";
}

static uint64_t total_ops(const struct rows *rows)
{
    return rows->ranked_ops + rows->single_ops + rows->cold_ops;
}

/* " in 1.2 s"; nothing where no duration is known. */
static void print_duration(FILE *out, const struct profile *profile)
{
    char text[NUMBER_SIZE];

    if (profile->meta.duration_ns)
        fprintf(out, " in %s", number_duration(profile->meta.duration_ns, text));
}

/* Decrements in the machine code that carry no probe. */
static uint64_t missed_decrements(const struct profile *profile, uint64_t *found)
{
    uint64_t missed = 0;

    *found = 0;
    for (size_t i = 1; i < arrlenu(profile->targets); i++) {
        const struct profile_target *target = &profile->targets[i];

        *found += target->decrements;
        missed += target->decrements > target->armed ? target->decrements - target->armed : 0;
    }
    return missed;
}

static bool seen_whole(const struct profile *profile)
{
    const struct profile_meta *meta = &profile->meta;
    uint64_t found;

    return meta->complete && !meta->lost && meta->live_probes >= meta->armed_probes &&
           !missed_decrements(profile, &found);
}

/* At most limit bytes of a name and "…", cut between characters; 0: all of it. */
static void print_name(FILE *out, const char *name, size_t limit)
{
    size_t length = strlen(name), kept = limit ? 0 : length, size;
    uint32_t code;

    while (kept < length && kept < limit && (size = utf8_decode(name + kept, length - kept, &code)))
        kept += size;
    fwrite(name, 1, kept, out);
    fputs(kept < length ? "…" : "", out);
}

static void print_hottest(FILE *out, const struct rows *rows, uint64_t whole, size_t limit)
{
    const struct row *row = &rows->hottest;
    char share[NUMBER_SIZE];

    fputs(", hottest ", out);
    print_name(out, *row->field ? row->field : "an unknown field", limit);
    fputs(" (", out);
    print_name(out, row->object, limit);
    fprintf(out, ", %s)", number_share(row_weight(row), whole, share));
}

/* Objects that only a fold knows are many, and at least one of them is contended. */
static void print_objects(FILE *out, const struct rows *rows)
{
    char number[NUMBER_SIZE];

    if (!rows->ranked_objects)
        fputs("objects too cold to name", out);
    else
        fprintf(out, "%s object%s", number_grouped(rows->ranked_objects, number),
                rows->ranked_objects == 1 ? "" : "s");
}

/* Ranked operations a second; the duration must be known. */
static double ranked_rate(const struct profile *profile, const struct rows *rows)
{
    return (double)rows->ranked_ops * 1e9 / (double)profile->meta.duration_ns;
}

/* Even where threads collide each time, an operation takes about a microsecond: so few cannot be felt. */
bool negligible(const struct profile *profile, const struct rows *rows)
{
    if (is_sampled(profile))
        return stall_of(rows->ranked_ops, profile->meta.samples).high < NEGLIGIBLE_SHARE;
    return profile->meta.duration_ns && ranked_rate(profile, rows) < NEGLIGIBLE_RATE && seen_whole(profile);
}

static void print_rate(FILE *out, const struct profile *profile, const struct rows *rows)
{
    char number[NUMBER_SIZE];

    if (!profile->meta.duration_ns)
        return;
    if (ranked_rate(profile, rows) < 1e18)
        fprintf(out, ", %s a second", number_grouped((uint64_t)ranked_rate(profile, rows), number));
    if (negligible(profile, rows))
        fputs(": next to nothing", out);
}

/* "3 threads", "3 threads in one of 2 processes", "2 to 3 threads in each of 2 processes": they meet within one only. */
static void print_threads(FILE *out, const struct profile *profile, const struct rows *rows)
{
    char number[NUMBER_SIZE], least[NUMBER_SIZE];
    size_t processes = arrlenu(profile->targets) - 1;

    if (rows->ranked_threads_least < rows->ranked_threads)
        fprintf(out, "%s to ", number_grouped(rows->ranked_threads_least, least));
    fprintf(out, "%s threads", number_grouped(rows->ranked_threads, number));
    if (rows->ranked_processes > 1)
        fprintf(out, " in each of %s", number_grouped(rows->ranked_processes, number));
    else if (processes > 1)
        fputs(" in one", out);
    if (processes > rows->ranked_processes)
        fprintf(out, " of %s", number_grouped(processes, number));
    if (processes > 1)
        fputs(" processes", out);
}

static void print_contended(FILE *out, const struct profile *profile, const struct rows *rows, size_t limit)
{
    char number[NUMBER_SIZE];

    print_threads(out, profile, rows);
    fputs(" fight over ", out);
    print_objects(out, rows);
    fprintf(out, ": %s of ", number_grouped(rows->ranked_ops, number));
    fprintf(out, "%s %s", number_grouped(total_ops(rows), number), op_word(profile));
    print_duration(out, profile);
    fprintf(out, " (%s", number_share(rows->ranked_ops, total_ops(rows), number));
    print_rate(out, profile, rows);
    fputs(")", out);
    print_hottest(out, rows, total_ops(rows), limit);
}

/* Nothing is ranked, which is good news only as far as it was seen. */
static void print_uncontended(FILE *out, const struct profile *profile, const struct rows *rows)
{
    char number[NUMBER_SIZE];

    if (!total_ops(rows)) {
        fprintf(out, "nothing was counted: there were no %s", op_word(profile));
        print_duration(out, profile);
        return;
    }
    fprintf(out, "no object is contended%s: ", rows->elsewhere_ops ? " through one field" : "");
    fprintf(out, "%s %s", number_grouped(total_ops(rows), number), op_word(profile));
    print_duration(out, profile);
    if (rows->single_ops)
        fputs(", each object's by one thread only", out);
    if (rows->elsewhere_ops)
        fprintf(out, " for each field, but %s on objects that other threads reach through other fields",
                number_grouped(rows->elsewhere_ops, number));
    if (rows->cold_ops)
        fprintf(out, "%s%s on objects too cold to tell", rows->single_ops ? ", and " : ", ",
                rows->single_ops ? number_grouped(rows->cold_ops, number) : "all");
}

/* "; a lower bound: " before the first caveat, ", " before the next. */
static void print_separator(FILE *out, int *caveats)
{
    fputs((*caveats)++ ? ", " : "; a lower bound: ", out);
}

static void print_coverage(FILE *out, const struct profile *profile, int *caveats)
{
    uint64_t found, missed = missed_decrements(profile, &found);

    if (!missed)
        return;
    print_separator(out, caveats);
    fprintf(out, "%llu of %llu decrements in the machine code carry no probe", (unsigned long long)missed,
            (unsigned long long)found);
}

static void print_incomplete(FILE *out, const struct profile_meta *meta)
{
    if (meta->left_out)
        fprintf(out, "%u process%s left out", meta->left_out, meta->left_out == 1 ? " was" : "es were");
    else
        fputs("the recording is incomplete", out);
}

static void print_caveats(FILE *out, const struct profile *profile)
{
    const struct profile_meta *meta = &profile->meta;
    char number[NUMBER_SIZE];
    int caveats = 0;

    if (meta->live_probes < meta->armed_probes) {
        print_separator(out, &caveats);
        fprintf(out, "only %u of %u probes were live", meta->live_probes, meta->armed_probes);
    }
    if (meta->lost) {
        print_separator(out, &caveats);
        fprintf(out, "%s operation%s lost", number_grouped(meta->lost, number),
                meta->lost == 1 ? " was" : "s were");
    } else if (!meta->complete) {
        print_separator(out, &caveats);
        print_incomplete(out, meta);
    }
    print_coverage(out, profile, &caveats);
}

/* What there is to win at most is what the threads waited. */
static void print_sampled(FILE *out, const struct profile *profile, const struct rows *rows, size_t limit)
{
    struct stall stall = stall_of(rows->ranked_ops, profile->meta.samples);
    char text[STALL_TEXT], number[NUMBER_SIZE];

    if (!profile->meta.samples) {
        fputs("nothing was sampled: no thread was seen on a CPU", out);
        print_duration(out, profile);
        return;
    }
    if (negligible(profile, rows)) {
        fprintf(out, "shared objects cost at most %.1f %% of CPU time: look elsewhere", stall.high * 100);
    } else if (!rows->hottest.type) {
        fprintf(out, "no two threads were seen to wait for one object, but with so few samples that it may be %.0f %% of CPU "
                     "time: record for longer",
                stall.high * 100);
    } else {
        print_threads(out, profile, rows);
        fputs(" wait for ", out);
        print_objects(out, rows);
        fprintf(out, " that they share in %s of their CPU time", stall_text(&stall, text));
        print_hottest(out, rows, profile->meta.samples, limit);
    }
    fprintf(out, "; %s samples", number_grouped(profile->meta.samples, number));
    print_duration(out, profile);
    if (!profile->meta.complete) {
        fputs("; ", out);
        print_incomplete(out, &profile->meta);
    }
}

static void print_verdict(FILE *out, const struct profile *profile, const struct rows *rows, size_t limit)
{
    const struct profile_meta *meta = &profile->meta;

    if (is_sampled(profile)) {
        print_sampled(out, profile, rows, limit);
        return;
    }
    if (total_ops(rows) == 0 && meta->armed_probes == 0) {
        fputs("nothing was measured: no probe was armed", out);
        return;
    }
    if (total_ops(rows) == 0 && meta->live_probes == 0) {
        fprintf(out, "nothing was measured: none of %u probes was live", meta->armed_probes);
        return;
    }
    if (rows->hottest.type)
        print_contended(out, profile, rows, limit);
    else
        print_uncontended(out, profile, rows);
    print_caveats(out, profile);
}

static char *sentence(const struct profile *profile, const struct rows *rows, size_t limit)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    print_verdict(out, profile, rows, limit);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

char *verdict(const struct profile *profile, const struct rows *rows)
{
    return sentence(profile, rows, 0);
}

char *verdict_short(const struct profile *profile, const struct rows *rows)
{
    return sentence(profile, rows, NAME_MAX_BYTES);
}
