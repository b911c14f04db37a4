#include "profile/diff.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/number.h"
#include "util/array.h"
#include "util/error.h"

/* A row of one side on its way to its other half. */
struct half {
    uint64_t hash;
    char *key;
    const struct row *row;
    uint8_t side;
    bool single; /* of one thread only */
    bool done;
};

/* One way to put rows together. */
struct pass {
    enum diff_match match;
    char *(*key)(const struct row *row); /* malloc'ed; NULL: not a row for this pass */
    bool (*fits)(const struct half *halves, size_t count); /* whether those of one key may be put together; NULL: yes */
    char *(*object)(const struct row *row); /* what several are called together; NULL: as each is called */
};

/* The end of the name proper, where "(what holds the object)" follows; NULL where none does. */
static const char *holder_of(const char *object)
{
    const char *from = NULL;

    if (strncmp(object, "instance of ", 12) == 0 || strncmp(object, "dict (", 6) == 0)
        from = object;
    else if (strncmp(object, "dict {", 6) == 0)
        from = strstr(object, "}");
    else if (strncmp(object, "function ", 9) == 0)
        from = strstr(object, "<lambda>");
    return from ? strstr(from, " (") : NULL;
}

static char *without_holder(const struct row *row)
{
    const char *holder = holder_of(row->object);

    return holder ? strndup(row->object, (size_t)(holder - row->object)) : strdup(row->object);
}

/* "code f (app.py)" of "code f (app.py:12)"; NULL where it is none. */
static char *without_line(const struct row *row)
{
    const char *colon = strncmp(row->object, "code ", 5) == 0 ? strrchr(row->object, ':') : NULL;
    char *name;

    if (!colon || colon[strspn(colon, ":0123456789")] != ')')
        return NULL;
    return asprintf(&name, "%.*s)", (int)(colon - row->object), row->object) < 0 ? NULL : name;
}

/* The texts one after the other, and between them what is in no UTF-8. */
static char *key_of(const char *a, const char *b, const char *c, char kind)
{
    size_t first = strlen(a), second = strlen(b), third = strlen(c);
    char *key = malloc(first + second + third + 4);

    if (!key)
        return NULL;
    memcpy(key, a, first);
    key[first] = '\xff';
    memcpy(key + first + 1, b, second);
    key[first + second + 1] = kind;
    key[first + second + 2] = '\xff';
    memcpy(key + first + second + 3, c, third + 1);
    return key;
}

static char *key_by_name(const struct row *row)
{
    return key_of(row->type, row->field, row->fold ? "" : row->object, row->fold ? 'f' : 'o');
}

static char *key_without(const struct row *row, char *name)
{
    char *key = name && !row->fold ? key_of(row->type, row->field, name, 'o') : NULL;

    free(name);
    return key;
}

/* Only names that can have a holder are tried again without. */
static char *key_by_holder(const struct row *row)
{
    static const char *const kinds[] = {"instance of ", "dict", "function "};
    bool can = false;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        can = can || strncmp(row->object, kinds[i], strlen(kinds[i])) == 0;
    if (!can)
        return NULL;
    return key_without(row, without_holder(row));
}

static char *key_by_line(const struct row *row)
{
    return key_without(row, without_line(row));
}

static char *key_by_function(const struct row *row)
{
    if (row->field_source != FIELD_SITE && row->field_source != FIELD_BYTECODE)
        return NULL;
    return key_of(row->type, row->function, row->fold ? "" : row->object, row->fold ? 'f' : 'o');
}

/* Two holders are two objects; none is an object whose holder was not found. */
static bool holder_is_missing(const struct half *halves, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!holder_of(halves[i].row->object))
            return true;
    }
    return false;
}

/* One side has its C function only, and the other one the bytecode. */
static bool bytecode_is_missing(const struct half *halves, size_t count)
{
    size_t sites[DIFF_SIDES] = {0}, rows[DIFF_SIDES] = {0};

    for (size_t i = 0; i < count; i++) {
        rows[halves[i].side]++;
        sites[halves[i].side] += halves[i].row->field_source == FIELD_SITE;
    }
    return (sites[0] == rows[0] && !sites[1]) || (sites[1] == rows[1] && !sites[0]);
}

static const struct pass passes[] = {
    {MATCH_NAME, key_by_name, NULL, NULL},
    {MATCH_HOLDER, key_by_holder, holder_is_missing, without_holder},
    {MATCH_LINE, key_by_line, NULL, without_line},
    {MATCH_FUNCTION, key_by_function, bytecode_is_missing, NULL},
};

/* FNV-1a: most of what is sorted is so told apart without looking at the texts. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
    return hash;
}

static int by_key(const void *left, const void *right)
{
    const struct half *a = left, *b = right;

    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    if (!a->key || !b->key)
        return (a->key != NULL) - (b->key != NULL);
    return strcmp(a->key, b->key) ?: a->single - b->single ?: a->side - b->side;
}

static char *own(struct diff *diff, char *text)
{
    if (text)
        arrput(diff->owned, text);
    return text;
}

static const struct row *merge(struct diff *diff, const struct row *a, const struct row *b)
{
    struct row *sum = arrlenu(diff->merged) ? arrlast(diff->merged) : NULL;

    if (sum != a) {
        sum = malloc(sizeof(*sum));
        if (!sum)
            return a;
        *sum = *a;
        sum->address = 0;
        sum->owner = "";
        arrput(diff->merged, sum);
    }
    row_add(sum, b);
    sum->objects += b->objects;
    return sum;
}

static void add_half(struct diff *diff, struct diff_row *row, const struct half *half)
{
    struct diff_side *side = &row->side[half->side];

    if (!side->rows++) {
        side->row = half->row;
        return;
    }
    if (!side->parts)
        arrput(side->parts, side->row);
    arrput(side->parts, half->row);
    side->row = merge(diff, side->row, half->row);
}

static uint64_t value_of(const struct diff *diff, const struct row *row)
{
    return row ? diff->comparison->metric->of(row) : 0;
}

static bool alike(const struct diff *diff, double before, double after)
{
    if (diff->scale == SCALE_NONE)
        return before == after;
    return fabs(after - before) <= DIFF_ALIKE * (before > after ? before : after);
}

static enum diff_state state_of(const struct diff *diff, const struct diff_row *row)
{
    const struct diff_side *before = &row->side[DIFF_BEFORE], *after = &row->side[DIFF_AFTER];

    if (!after->value)
        return DIFF_GONE;
    if (!before->value)
        return DIFF_NEW;
    if (alike(diff, before->scaled, after->scaled))
        return DIFF_SAME;
    return after->scaled > before->scaled ? DIFF_MORE : DIFF_LESS;
}

/* "12 others", "51 x list", "14 -> 12 others" */
static const char *label_of(struct diff *diff, const struct diff_row *row)
{
    const struct row *before = row->side[DIFF_BEFORE].row, *after = row->side[DIFF_AFTER].row;
    uint64_t a = before ? before->objects : after->objects, b = after ? after->objects : before->objects;
    bool fold = (after ? after : before)->fold;
    char from[NUMBER_SIZE + 4] = "", to[NUMBER_SIZE], number[NUMBER_SIZE], *label;

    if (!fold && a < 2 && b < 2)
        return row->object;
    if (a != b)
        snprintf(from, sizeof(from), "%s -> ", number_grouped(a, number));
    if (asprintf(&label, fold ? "%s%s %s%s" : "%s%s x %s%s", from, number_grouped(b, to), fold ? "other" : row->object,
                 fold && (a != 1 || b != 1) ? "s" : "") < 0)
        return row->object;
    return own(diff, label);
}

/* The name that both have, or the longer one of those that say the same. */
static const char *object_of(struct diff *diff, const struct diff_row *row, char *(*together)(const struct row *))
{
    const struct row *before = row->side[DIFF_BEFORE].row, *after = row->side[DIFF_AFTER].row;
    const struct row *last = after ? after : before;

    if (last->fold)
        return "others";
    if (row->side[DIFF_BEFORE].rows > 1 || row->side[DIFF_AFTER].rows > 1)
        return together ? own(diff, together(last)) ?: last->object : last->object;
    return row->match == MATCH_HOLDER && !holder_of(last->object) ? before->object : last->object;
}

/* Of rows by their C function the side that knows the bytecode has the better field. */
static const char *field_of(const struct diff_row *row)
{
    const struct row *before = row->side[DIFF_BEFORE].row, *after = row->side[DIFF_AFTER].row;

    if (!after || (row->match == MATCH_FUNCTION && before->field_source == FIELD_BYTECODE))
        return before->field;
    return after->field;
}

static void finish_row(struct diff *diff, struct diff_row *row, char *(*together)(const struct row *))
{
    const struct row *any = row->side[DIFF_AFTER].row ? row->side[DIFF_AFTER].row : row->side[DIFF_BEFORE].row;

    for (unsigned i = 0; i < DIFF_SIDES; i++) {
        struct diff_side *side = &row->side[i];

        if (side->parts)
            arrput(diff->parts, side->parts);
        side->value = value_of(diff, side->row);
        side->scaled = diff_scaled(diff, i, side->value);
    }
    row->change = row->side[DIFF_AFTER].scaled - row->side[DIFF_BEFORE].scaled;
    row->state = state_of(diff, row);
    row->type = any->type;
    row->field = field_of(row);
    row->object = object_of(diff, row, together);
    row->label = label_of(diff, row);
}

/* What carries none of the metric has not changed by it. */
static void put_row(struct diff *diff, struct diff_row *row, bool single, char *(*together)(const struct row *))
{
    finish_row(diff, row, together);
    if (single && (row->side[DIFF_BEFORE].value || row->side[DIFF_AFTER].value))
        arrput(diff->single, *row);
    else if (row->side[DIFF_BEFORE].value || row->side[DIFF_AFTER].value)
        arrput(diff->ranked, *row);
    else
        diff->unmeasured += !single;
}

/* Those of one key and list: put together if both sides have some. */
static void join(struct diff *diff, const struct pass *pass, struct half *halves, size_t count)
{
    struct diff_row row = {.match = pass->match};

    if (count < 2 || halves[0].side == halves[count - 1].side || (pass->fits && !pass->fits(halves, count)))
        return;
    for (size_t i = 0; i < count; i++) {
        add_half(diff, &row, &halves[i]);
        halves[i].done = true;
    }
    put_row(diff, &row, halves[0].single, pass->object);
}

static void make_keys(struct half *halves, const struct pass *pass)
{
    for (size_t i = 0; i < arrlenu(halves); i++) {
        halves[i].key = pass->key(halves[i].row);
        halves[i].hash = halves[i].key ? hash_of(halves[i].key) : 0;
    }
}

static void drop_done(struct half *halves)
{
    size_t kept = 0;

    for (size_t i = 0; i < arrlenu(halves); i++) {
        free(halves[i].key);
        halves[i].key = NULL;
        if (!halves[i].done)
            halves[kept++] = halves[i];
    }
    if (halves)
        arrsetlen(halves, kept);
}

static bool same_key(const struct half *a, const struct half *b)
{
    return a->key && b->key && strcmp(a->key, b->key) == 0;
}

static size_t key_end(const struct half *halves, size_t begin, bool both_lists)
{
    size_t end = begin + 1;

    while (end < arrlenu(halves) && halves[end].hash == halves[begin].hash && same_key(&halves[end], &halves[begin]) &&
           (both_lists || halves[end].single == halves[begin].single))
        end++;
    return end;
}

static void run_pass(struct diff *diff, struct half *halves, const struct pass *pass)
{
    make_keys(halves, pass);
    array_sort(halves, by_key);
    for (size_t begin = 0, end; begin < arrlenu(halves); begin = end) {
        end = key_end(halves, begin, false);
        if (halves[begin].key)
            join(diff, pass, &halves[begin], end - begin);
    }
    drop_done(halves);
}

/* What is contended on one side may be one thread's on the other: ranked ones come first, one of either at most. */
static void put_alone(struct diff *diff, struct half *halves, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct diff_row row = {.match = MATCH_NONE};

        if (halves[i].done)
            continue;
        add_half(diff, &row, &halves[i]);
        for (size_t k = i + 1; !halves[i].single && k < count; k++) {
            if (!halves[k].single || halves[k].side == halves[i].side || halves[k].done)
                continue;
            row.side[halves[k].side].alone = value_of(diff, halves[k].row);
            row.match = MATCH_NAME;
            halves[k].done = true;
        }
        put_row(diff, &row, halves[i].single, NULL);
    }
}

static void put_rest(struct diff *diff, struct half *halves)
{
    make_keys(halves, &passes[0]);
    array_sort(halves, by_key);
    for (size_t begin = 0, end; begin < arrlenu(halves); begin = end) {
        end = key_end(halves, begin, true);
        put_alone(diff, &halves[begin], end - begin);
    }
    for (size_t i = 0; i < arrlenu(halves); i++)
        free(halves[i].key);
}

static void add_halves(struct half **halves, const struct row *rows, uint8_t side, bool single)
{
    for (size_t i = 0; i < arrlenu(rows); i++)
        arrput(*halves, ((struct half){.row = &rows[i], .side = side, .single = single}));
}

static void match_rows(struct diff *diff)
{
    struct half *halves = NULL;

    for (uint8_t side = 0; side < DIFF_SIDES; side++) {
        add_halves(&halves, diff->rows[side]->ranked, side, false);
        add_halves(&halves, diff->rows[side]->single, side, true);
    }
    for (size_t i = 0; i < sizeof(passes) / sizeof(passes[0]); i++)
        run_pass(diff, halves, &passes[i]);
    put_rest(diff, halves);
    arrfree(halves);
}

static int by_change(const void *left, const void *right)
{
    const struct diff_row *a = left, *b = right;
    double x = fabs(a->change), y = fabs(b->change);

    if (x != y)
        return x > y ? -1 : 1;
    x = a->side[DIFF_BEFORE].scaled + a->side[DIFF_AFTER].scaled;
    y = b->side[DIFF_BEFORE].scaled + b->side[DIFF_AFTER].scaled;
    if (x != y)
        return x > y ? -1 : 1;
    return strcmp(a->type, b->type) ?: strcmp(a->field, b->field) ?: strcmp(a->object, b->object);
}

/* A row stays if one of its sides would in a report. */
static bool stays(const struct diff_row *row, const struct diff_options *options)
{
    bool kept = false;

    for (unsigned i = 0; i < DIFF_SIDES; i++)
        kept = kept || (row->side[i].row && filter_keeps(row->side[i].row, options->filters, options->filter_count));
    return kept;
}

static void filter(struct diff *diff, struct diff_row *rows, const struct diff_options *options)
{
    size_t kept = 0;

    for (size_t i = 0; i < arrlenu(rows); i++) {
        if (stays(&rows[i], options))
            rows[kept++] = rows[i];
        else
            diff->left_out++;
    }
    if (rows)
        arrsetlen(rows, kept);
}

static uint64_t sum_of(const struct metric *metric, const struct row *rows)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < arrlenu(rows); i++)
        sum += metric->of(&rows[i]);
    return sum;
}

static void sum_side(struct diff *diff, unsigned side)
{
    const struct metric *metric = diff->comparison->metric;
    const struct rows *rows = diff->rows[side];

    diff->cold_ops[side] = rows->cold_ops;
    diff->total[side] = metric->sums ? sum_of(metric, rows->ranked) : rows->ranked_threads;
    diff->all[side] = metric->sums ? diff->total[side] + sum_of(metric, rows->single) + sum_of(metric, rows->cold) : 0;
}

static double divisor_of(const struct diff *diff, const struct diff_options *options, unsigned side)
{
    const struct profile *profile = side == DIFF_BEFORE ? diff->comparison->before : diff->comparison->after;

    switch (options->scale) {
    case SCALE_TOTAL:
        return (double)diff->all[side] / 100;
    case SCALE_WORK:
        return (double)options->work[side];
    case SCALE_TIME:
        return (double)profile->meta.duration_ns / 1e9;
    default:
        return 1;
    }
}

static void count_states(struct diff *diff)
{
    memset(diff->states, 0, sizeof(diff->states));
    for (size_t i = 0; i < arrlenu(diff->ranked); i++)
        diff->states[diff->ranked[i].state]++;
}

static void build(struct diff *diff, const struct diff_options *options)
{
    for (unsigned side = 0; side < DIFF_SIDES; side++) {
        sum_side(diff, side);
        diff->divisor[side] = divisor_of(diff, options, side);
    }
    match_rows(diff);
    array_sort(diff->ranked, by_change);
    array_sort(diff->single, by_change);
    count_states(diff);
    diff->verdict = diff_verdict(diff);
    if (!options->filter_count)
        return;
    filter(diff, diff->ranked, options);
    filter(diff, diff->single, options);
    count_states(diff);
}

struct diff *diff_build(const struct comparison *comparison, const struct diff_options *options)
{
    struct diff *diff = calloc(1, sizeof(*diff));

    if (!diff) {
        fail("cannot compare the profiles: out of memory");
        return NULL;
    }
    diff->comparison = comparison;
    diff->scale = options->scale;
    diff->rows[DIFF_BEFORE] = rows_build(comparison->before, NULL);
    diff->rows[DIFF_AFTER] = diff->rows[DIFF_BEFORE] ? rows_build(comparison->after, NULL) : NULL;
    if (!diff->rows[DIFF_AFTER]) {
        diff_free(diff);
        return NULL;
    }
    build(diff, options);
    return diff;
}

void diff_free(struct diff *diff)
{
    if (!diff)
        return;
    for (size_t i = 0; i < arrlenu(diff->merged); i++)
        free(diff->merged[i]);
    for (size_t i = 0; i < arrlenu(diff->parts); i++)
        arrfree(diff->parts[i]);
    for (size_t i = 0; i < arrlenu(diff->owned); i++)
        free(diff->owned[i]);
    free(diff->verdict);
    arrfree(diff->merged);
    arrfree(diff->parts);
    arrfree(diff->owned);
    arrfree(diff->ranked);
    arrfree(diff->single);
    rows_free(diff->rows[DIFF_BEFORE]);
    rows_free(diff->rows[DIFF_AFTER]);
    free(diff);
}

double diff_scaled(const struct diff *diff, unsigned side, uint64_t value)
{
    return diff->divisor[side] > 0 ? (double)value / diff->divisor[side] : 0;
}

double diff_ratio(const struct diff_row *row)
{
    double before = row->side[DIFF_BEFORE].scaled;

    return before > 0 ? row->side[DIFF_AFTER].scaled / before : 0;
}

const char *diff_state_name(enum diff_state state)
{
    static const char *const names[DIFF_STATES] = {"same", "gone", "new", "more", "less"};

    return names[state];
}

const char *diff_match_name(enum diff_match match)
{
    static const char *const names[] = {"name", "holder", "line", "function", NULL};

    return names[match];
}
