/* Rows for spreadsheets and scripts, as RFC 4180 says: CRLF, quotes where they are needed. Columns only ever
 * grow at the end of their list. */
#include <string.h>

#include "emit/csv.h"
#include "emit/emit.h"
#include "profile/remedy.h"
#include "util/array.h"

void csv_text(FILE *out, const char *text)
{
    if (!text[strcspn(text, "\",\r\n")]) {
        fputs_unlocked(text, out);
        return;
    }
    fputc_unlocked('"', out);
    for (; *text; text++) {
        if (*text == '"')
            fputc_unlocked('"', out);
        fputc_unlocked(*text, out);
    }
    fputc_unlocked('"', out);
}

static void next_text(FILE *out, const char *text)
{
    fputc_unlocked(',', out);
    csv_text(out, text);
}

static void next_number(FILE *out, uint64_t number)
{
    fprintf(out, ",%llu", (unsigned long long)number);
}

/* 0: none, or several. */
static void next_known(FILE *out, uint32_t number)
{
    if (number)
        next_number(out, number);
    else
        fputc_unlocked(',', out);
}

/* What was not measured is empty, never 0. */
static void print_metrics(FILE *out, const struct row *row, bool increfs)
{
    for (size_t i = 0; i < metric_count; i++) {
        if (strcmp(metrics[i].key, "samples") == 0)
            continue; /* with the other columns of samples, at the end */
        if ((!increfs && strcmp(metrics[i].key, "increfs") == 0) ||
            (row->sampled && strcmp(metrics[i].key, "threads") != 0))
            fputc_unlocked(',', out);
        else
            next_number(out, metrics[i].of(row));
    }
}

static void print_head(FILE *out, bool per_thread)
{
    fputs("ranked", out);
    for (size_t i = 0; i < naming_count; i++)
        next_text(out, namings[i].key);
    fputs(",field_source,address,objects,fold", out);
    for (size_t i = 0; i < metric_count; i++) {
        if (strcmp(metrics[i].key, "samples") != 0)
            next_text(out, metrics[i].key);
    }
    fputs(",owner,version,place,remedy,processes,pid", out);
    fputs(per_thread ? ",thread,tid" : "", out);
    fputs(",samples,stall_ns,stall_share\r\n", out);
}

/* All but the thread and the end of the line. */
static void print_row(FILE *out, const struct row *row, bool ranked, bool increfs)
{
    const struct remedy *remedy = remedy_of(row);

    fputs(ranked ? "true" : "false", out);
    for (size_t i = 0; i < naming_count; i++)
        next_text(out, namings[i].of(row));
    next_text(out, field_source_name(row->field_source) ?: "");
    if (row->address)
        fprintf(out, ",0x%llx", (unsigned long long)row->address);
    else
        fputc(',', out);
    next_number(out, row->objects);
    next_text(out, row->fold ? "true" : "false");
    print_metrics(out, row, increfs);
    next_text(out, row->owner);
    next_text(out, row->version);
    next_text(out, row->place ?: "");
    next_text(out, remedy ? remedy->id : "");
    next_number(out, row->processes);
    next_known(out, row->pid);
}

static void print_thread(FILE *out, const struct row_thread *thread)
{
    next_text(out, thread->name);
    next_known(out, thread->tid);
}

static void print_stall(FILE *out, const struct row *row)
{
    if (row->sampled)
        fprintf(out, ",%llu,%llu,%.6f\r\n", (unsigned long long)row->samples, (unsigned long long)row_stall_ns(row),
                row_stall(row).share);
    else
        fputs(",,,\r\n", out);
}

static void print_rows(FILE *out, const struct row *rows, int max_rows, bool ranked, bool increfs)
{
    size_t count = arrlenu(rows);

    if (max_rows > 0 && count > (size_t)max_rows)
        count = (size_t)max_rows;
    for (size_t i = 0; i < count; i++) {
        for (size_t t = 0; t < rows[i].thread_count; t++) {
            struct row part = row_of_thread(&rows[i], &rows[i].by_thread[t]);

            print_row(out, &part, ranked, increfs);
            print_thread(out, &rows[i].by_thread[t]);
            print_stall(out, &part);
        }
        if (rows[i].by_thread)
            continue;
        print_row(out, &rows[i], ranked, increfs);
        print_stall(out, &rows[i]);
    }
}

static int emit(const struct profile *profile, const struct rows *rows, const struct emit_options *options,
                FILE *out)
{
    bool increfs = increfs_measured(profile);

    print_head(out, rows->threads != NULL);
    print_rows(out, rows->ranked, options->max_rows, true, increfs);
    if (options->all)
        print_rows(out, rows->single, options->max_rows, false, increfs);
    return 0;
}

const struct emitter emit_csv = {"csv", "a line for each row, as RFC 4180 says", emit};
