#include "emit/flamegraph.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "emit/advice.h"
#include "emit/emit.h"
#include "emit/folded.h"
#include "emit/frames.h"
#include "emit/json_text.h"
#include "profile/number.h"
#include "profile/remedy.h"
#include "util/array.h"
#include "util/error.h"

#define MOST_NODES 10000 /* that d3-flame-graph draws in about a second where all of them are wide enough */
#define MOST_ROWS 2000   /* that it lists */

/* build/flamegraph.html, as the assembler takes it in. */
__asm__(".section .rodata\n"
        ".type flamegraph_page, @object\n"
        "flamegraph_page:\n"
        ".incbin \"flamegraph.html\"\n"
        ".byte 0\n"
        ".size flamegraph_page, . - flamegraph_page\n"
        ".previous\n");
extern const char flamegraph_page[];

/* Where the data goes. */
static const char mark[] = "@DATA@";

/* Numbers of things that are written once and meant often, by where they lie. */
struct number_entry {
    const void *key;
    uint32_t value;
};

static uint32_t number_of(struct number_entry **numbers, const void *thing)
{
    ptrdiff_t known = hmgeti(*numbers, thing);
    uint32_t next = (uint32_t)hmlenu(*numbers);

    if (known >= 0)
        return (*numbers)[known].value;
    hmput(*numbers, thing, next);
    return next;
}

static void print_member(FILE *out, const char *name, const char *text)
{
    fprintf(out, ",\"%s\":", name);
    json_print_text(out, text);
}

static void print_texts(FILE *out, const char *name, const char *const *texts, size_t count)
{
    fprintf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < count; i++) {
        fputs_unlocked(i ? "," : "", out);
        json_print_text(out, texts[i]);
    }
    fputc_unlocked(']', out);
}

static void print_metrics(FILE *out, const struct flamegraph *graph)
{
    fputs_unlocked(",\"metrics\":[", out);
    for (size_t i = 0; i < arrlenu(graph->offered); i++) {
        const struct metric *metric = graph->offered[i];

        fprintf(out, "%s{\"exact\":%s", i ? "," : "", metric->exact ? "true" : "false");
        print_member(out, "key", metric->key);
        print_member(out, "heading", metric->heading);
        print_member(out, "meaning", metric->meaning);
        fputc_unlocked('}', out);
    }
    fputc_unlocked(']', out);
    print_member(out, "metric", graph->metric->key);
}

/* The metrics of a row in the order in which they were introduced; null for no row. */
static void print_values(FILE *out, const struct flamegraph *graph, const struct row *row)
{
    for (size_t i = 0; row && i < arrlenu(graph->offered); i++)
        fprintf(out, "%s%llu", i ? "," : "[", (unsigned long long)graph->offered[i]->of(row));
    fputs_unlocked(row ? "]" : "null", out);
}

static void print_counts(FILE *out, const struct flamegraph *graph, const struct flame_node *node)
{
    for (unsigned side = 0; side < graph->sides; side++) {
        for (size_t i = 0; i < arrlenu(graph->offered); i++)
            fprintf(out, "%s%llu", i ? "," : ",[", (unsigned long long)flame_weight(&node->own[side], graph->offered[i]));
        fputc_unlocked(']', out);
    }
}

/* In the table; -1: in none of its lines. */
static int row_number(const struct flamegraph *graph, const struct flame_node *node)
{
    for (unsigned side = 0; side < graph->sides; side++) {
        if (node->row[side])
            return node->row[side] <= MOST_ROWS ? (int)node->row[side] - 1 : -1;
    }
    return -1;
}

/* Each is [parent, kind, name, place, row, counts of a side..]: the counts of those alone that have some. */
static void print_nodes(FILE *out, const struct flamegraph *graph)
{
    static const struct flame_counts none[FLAME_SIDES];
    const struct flame_node *nodes = graph->flame->nodes;
    struct number_entry *numbers = NULL;

    fputs_unlocked(",\n\"nodes\":[", out);
    for (size_t i = 0; i < arrlenu(nodes); i++) {
        uint32_t name = number_of(&numbers, nodes[i].name), place = number_of(&numbers, nodes[i].place);

        fprintf(out, "%s[%u,%u,%u,%u,%d", i ? ",\n" : "", nodes[i].parent, nodes[i].kind, name, place,
                row_number(graph, &nodes[i]));
        if (memcmp(nodes[i].own, none, sizeof(none)) != 0)
            print_counts(out, graph, &nodes[i]);
        fputc_unlocked(']', out);
    }
    fputs_unlocked("],\n\"texts\":[", out);
    for (size_t i = 0; i < hmlenu(numbers); i++) {
        fputs_unlocked(i ? ",\n" : "", out);
        json_print_text(out, numbers[i].key);
    }
    fputc_unlocked(']', out);
    hmfree(numbers);
}

static void print_row(FILE *out, const struct flamegraph *graph, const struct flamegraph_row *pair,
                      struct number_entry **remedies)
{
    const struct row *row = pair->sides[1] ? pair->sides[1] : pair->sides[0];
    const struct remedy *remedy = remedy_of(row);
    struct stall stall = row_stall(row);
    char text[STALL_TEXT];

    fprintf(out, "{\"remedy\":%d", remedy ? (int)number_of(remedies, remedy) : -1);
    print_member(out, "type", pair->type);
    print_member(out, "field", pair->field);
    print_member(out, "object", pair->label);
    print_member(out, "function", row->where);
    print_member(out, "place", row->place);
    print_member(out, "owner", row->owner);
    if (row->sampled)
        print_member(out, "stall", stall_text(&stall, text));
    print_texts(out, "names", row->thread_names, row->name_count);
    for (unsigned side = 0; side < graph->sides; side++) {
        fputs_unlocked(side ? "," : ",\"values\":[", out);
        print_values(out, graph, pair->sides[side]);
    }
    for (unsigned side = 0; side < graph->sides; side++)
        fprintf(out, "%s%u", side ? "," : "],\"threads\":[", pair->sides[side] ? pair->sides[side]->threads : 0);
    fputs_unlocked("]}", out);
}

static void print_remedy(FILE *out, const struct remedy *remedy)
{
    char *summary = advice_short(remedy);

    fputs_unlocked("{\"issue\":", out);
    fprintf(out, "%u", remedy->issue);
    print_member(out, "summary", summary ? summary : remedy->summary);
    print_member(out, "what", remedy->what);
    print_texts(out, "advice", remedy->advice, remedy->advice_count);
    fputc_unlocked('}', out);
    free(summary);
}

static void print_rows(FILE *out, const struct flamegraph *graph)
{
    struct number_entry *remedies = NULL;

    fputs_unlocked(",\n\"rows\":[", out);
    for (size_t i = 0; i < graph->row_count && i < MOST_ROWS; i++) {
        fputs_unlocked(i ? ",\n" : "", out);
        print_row(out, graph, &graph->rows[i], &remedies);
    }
    fputs_unlocked("],\n\"remedies\":[", out);
    for (size_t i = 0; i < hmlenu(remedies); i++) {
        fputs_unlocked(i ? ",\n" : "", out);
        print_remedy(out, remedies[i].key);
    }
    fputc_unlocked(']', out);
    hmfree(remedies);
}

static void print_data(FILE *out, const struct flamegraph *graph)
{
    fprintf(out, "{\"sides\":%u,\"alike\":%.9g,\"divisor\":[", graph->sides, graph->alike);
    for (unsigned side = 0; side < graph->sides; side++)
        fprintf(out, "%s%.17g", side ? "," : "", graph->divisor[side]);
    fputc_unlocked(']', out);
    print_member(out, "unit", graph->unit ? graph->unit : "");
    print_member(out, "version", HOTREF_VERSION);
    print_member(out, "verdict", graph->verdict);
    print_texts(out, "notes", (const char *const *)graph->notes, arrlenu(graph->notes));
    print_metrics(out, graph);
    print_nodes(out, graph);
    print_rows(out, graph);
    fputc_unlocked('}', out);
}

void flamegraph_note(struct flamegraph *graph, char *note)
{
    if (note)
        arrput(graph->notes, note);
}

static void print_start(FILE *out, uint64_t started_ns)
{
    time_t seconds = (time_t)(started_ns / 1000000000);
    struct tm utc;
    char text[64];

    if (started_ns && gmtime_r(&seconds, &utc) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &utc))
        fprintf(out, ", %s", text);
}

void flamegraph_note_subject(struct flamegraph *graph, const struct profile *profile, const char *before)
{
    const char *command = profile_string(profile, profile->meta.command);
    size_t count = arrlenu(profile->targets) - 1, size;
    char *note = NULL;
    FILE *out = open_memstream(&note, &size);

    if (!out)
        return;
    fprintf(out, "%s%s%s", before, *before ? ": " : "", is_sampled(profile) ? "samples" : "exact counts");
    if (count == 1)
        fprintf(out, " of pid %u, CPython %s", profile->targets[1].pid,
                profile_string(profile, profile->targets[1].version));
    else if (count > 1)
        fprintf(out, " of %zu processes", count);
    print_start(out, profile->meta.started_ns);
    fprintf(out, "%s%s", *command ? ": " : "", command);
    fclose(out);
    flamegraph_note(graph, note);
}

static void note_limits(struct flamegraph *graph, size_t nodes)
{
    char some[NUMBER_SIZE], all[NUMBER_SIZE], *note;

    if (graph->flame->folded &&
        asprintf(&note, "%s of %s frames were too small to be told apart here: they are in “[smaller ones]”",
                 number_grouped(graph->flame->folded, some), number_grouped(nodes, all)) > 0)
        flamegraph_note(graph, note);
    if (graph->row_count > MOST_ROWS &&
        asprintf(&note, "the table lists the hottest %s of %s rows", number_grouped(MOST_ROWS, some),
                 number_grouped(graph->row_count, all)) > 0)
        flamegraph_note(graph, note);
}

static void free_lists(struct flamegraph *graph)
{
    for (size_t i = 0; i < arrlenu(graph->notes); i++)
        free(graph->notes[i]);
    arrfree(graph->notes);
    arrfree(graph->offered);
}

int flamegraph_print(struct flamegraph *graph, FILE *out)
{
    const char *data = strstr(flamegraph_page, mark);
    size_t nodes = arrlenu(graph->flame->nodes);
    int status = -1;

    if (isatty(fileno(out)))
        fail("a flame graph is nothing for a terminal: write it to a file with -o");
    else if (!flame_prune(graph->flame, graph->metric, MOST_NODES))
        status = 0;
    if (!status) {
        note_limits(graph, nodes);
        fwrite_unlocked(flamegraph_page, 1, (size_t)(data - flamegraph_page), out);
        print_data(out, graph);
        fputs_unlocked(data + sizeof(mark) - 1, out);
    }
    free_lists(graph);
    return status;
}

static void note_left_out(struct flamegraph *graph, const struct profile *profile, const struct rows *rows,
                          const struct emit_options *options)
{
    const char *units = is_sampled(profile) ? "samples" : "operations";
    char ops[NUMBER_SIZE], count[NUMBER_SIZE], *note;

    if (options->max_rows && arrlenu(rows->ranked) > (size_t)options->max_rows &&
        asprintf(&note, "only the hottest %s rows of %s are shown (-n)",
                 number_grouped((uint64_t)options->max_rows, ops), number_grouped(arrlenu(rows->ranked), count)) > 0)
        flamegraph_note(graph, note);
    if (rows->left_out_rows && asprintf(&note, "left out by -I and -X: %s %s in %s rows",
                                        number_grouped(rows->left_out_ops, ops), units,
                                        number_grouped(rows->left_out_rows, count)) > 0)
        flamegraph_note(graph, note);
    if (!options->all && rows->single_ops &&
        asprintf(&note, "not shown without --all: %s %s on objects that one thread alone touches",
                 number_grouped(rows->single_ops, ops), units) > 0)
        flamegraph_note(graph, note);
}

static struct flamegraph_row line_of(const struct row *row)
{
    return (struct flamegraph_row){.sides = {row}, .type = row->type, .field = row->field, .label = row->label};
}

/* In the order in which flame_of_rows() numbers them. */
static struct flamegraph_row *lines_of(const struct rows *rows, const struct emit_options *options)
{
    const struct row *lists[] = {rows->ranked, options->all ? rows->single : NULL};
    struct flamegraph_row *lines = NULL;

    for (size_t list = 0; list < 2; list++) {
        for (size_t i = 0; i < arrlenu(lists[list]) && (!options->max_rows || i < (size_t)options->max_rows); i++)
            arrput(lines, line_of(&lists[list][i]));
    }
    return lines;
}

void flamegraph_offer(struct flamegraph *graph, bool sampled, bool increfs)
{
    graph->offered = frames_metrics(sampled, increfs);
}

static int emit(const struct profile *profile, const struct rows *rows, const struct emit_options *options, FILE *out)
{
    struct flamegraph graph = {.sides = 1, .metric = stack_metric(options->key, is_sampled(profile))};
    struct flamegraph_row *lines = NULL;
    char *sentence = NULL;
    int status = -1;

    if (graph.metric)
        graph.flame = flame_of_rows(profile, rows, (size_t)options->max_rows, options->all);
    if (graph.flame) {
        sentence = verdict(profile, rows);
        graph.verdict = sentence ? sentence : "";
        graph.rows = lines = lines_of(rows, options);
        graph.row_count = arrlenu(lines);
        flamegraph_offer(&graph, is_sampled(profile), increfs_measured(profile));
        flamegraph_note_subject(&graph, profile, "");
        note_left_out(&graph, profile, rows, options);
        status = flamegraph_print(&graph, out);
    }
    arrfree(lines);
    flame_free(graph.flame);
    free(sentence);
    return status;
}

const struct emitter emit_flamegraph = {"flamegraph", "one page of HTML for a browser, with the table beside it", emit};
