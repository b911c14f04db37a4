/* What changed as one JSON object (docs/diff.schema.json), a row to a line. */
#include <jansson.h>
#include <stdlib.h>

#include "emit/diff.h"
#include "util/array.h"
#include "util/error.h"

static json_int_t integer(uint64_t value)
{
    return value > INT64_MAX ? INT64_MAX : (json_int_t)value;
}

/* Whole numbers unless they were divided by something. */
static json_t *value_of(const struct diff *diff, double value)
{
    return diff->scale == SCALE_NONE ? json_integer((json_int_t)value) : json_real(value);
}

static json_t *text_or_null(const char *text)
{
    return text && *text ? json_string(text) : json_null();
}

static json_t *place_or_null(const struct row *row)
{
    return text_or_null(row->place);
}

static json_t *side_object(const struct diff *diff, unsigned number, const struct diff_side *side)
{
    json_t *object;

    if (!side->row)
        return json_null();
    object = json_pack("{s:o, s:s, s:s, s:I, s:b, s:I, s:s, s:o, s:s}", "value", value_of(diff, side->scaled), "field",
                       side->row->field, "object", side->row->object, "objects", integer(side->row->objects), "fold",
                       side->row->fold, "rows", (json_int_t)side->rows, "function", side->row->function, "place",
                       place_or_null(side->row), "version", side->row->version);
    for (size_t i = 0; object && i < metric_count; i++)
        json_object_set_new(object, metrics[i].key,
                            diff_measured(diff, number, &metrics[i]) ? json_integer(integer(metrics[i].of(side->row)))
                                                                     : json_null());
    return object;
}

static json_t *row_object(const struct diff *diff, const struct diff_row *row)
{
    const struct diff_side *before = &row->side[DIFF_BEFORE], *after = &row->side[DIFF_AFTER];

    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I}", "state", diff_state_name(row->state), "type",
                     row->type, "field", row->field, "object", row->object, "matched_by",
                     text_or_null(diff_match_name(row->match)), "before", side_object(diff, DIFF_BEFORE, before), "after",
                     side_object(diff, DIFF_AFTER, after), "difference", value_of(diff, row->change), "ratio",
                     before->value ? json_real(diff_ratio(row)) : json_null(), "before_alone", integer(before->alone),
                     "after_alone", integer(after->alone));
}

static json_t *versions(const struct profile *profile)
{
    json_t *array = json_array();

    for (size_t i = 1; array && i < arrlenu(profile->targets); i++)
        json_array_append_new(array, json_string(profile_string(profile, profile->targets[i].version)));
    return array;
}

static json_t *subject(const struct diff *diff, unsigned side)
{
    const struct comparison *c = diff->comparison;
    const struct profile *profile = side == DIFF_BEFORE ? c->before : c->after;
    const struct metric *metric = c->metric;

    return json_pack("{s:s, s:s, s:o, s:I, s:o, s:o, s:o, s:I}", "path", side == DIFF_BEFORE ? c->before_path : c->after_path,
                     "command", profile_string(profile, profile->meta.command), "versions", versions(profile),
                     "duration_ns", integer(profile->meta.duration_ns), "contended",
                     value_of(diff, diff_scaled(diff, side, diff->total[side])), "total",
                     metric->sums ? json_integer(integer(diff->all[side])) : json_null(), "work",
                     diff->scale == SCALE_WORK ? json_integer((json_int_t)diff->divisor[side]) : json_null(), "cold_ops",
                     integer(diff->cold_ops[side]));
}

static json_t *doubts(const struct doubt *doubts_, bool refused)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < arrlenu(doubts_); i++) {
        if (doubts_[i].refused == refused)
            json_array_append_new(array, json_string(doubts_[i].text));
    }
    return array;
}

static json_t *states(const struct diff *diff)
{
    json_t *object = json_object();

    for (unsigned i = 0; object && i < DIFF_STATES; i++)
        json_object_set_new(object, diff_state_name(i), json_integer((json_int_t)diff->states[i]));
    return object;
}

static json_t *head(const struct diff *diff)
{
    static const char *const scales[] = {[SCALE_NONE] = NULL,
                                         [SCALE_TOTAL] = "total",
                                         [SCALE_WORK] = "work",
                                         [SCALE_TIME] = "time"};

    return json_pack("{s:i, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I}", "schema_version", 1, "verdict",
                     diff->verdict ? diff->verdict : "", "metric", diff->comparison->metric->key, "normalized_by",
                     text_or_null(scales[diff->scale]), "before", subject(diff, DIFF_BEFORE), "after",
                     subject(diff, DIFF_AFTER), "doubts", doubts(diff->doubts, true), "notes", doubts(diff->doubts, false),
                     "states", states(diff), "left_out", (json_int_t)diff->left_out, "unmeasured",
                     (json_int_t)diff->unmeasured);
}

/* Into memory first: jansson would hand a stream over token by token. */
static int dump(json_t *value, size_t flags, FILE *out)
{
    char *text = value ? json_dumps(value, flags) : NULL;

    json_decref(value);
    if (!text)
        return fail("cannot write JSON: out of memory, or a text is not UTF-8");
    fputs_unlocked(text, out);
    free(text);
    return 0;
}

static int emit_rows(const struct diff *diff, const char *member, const struct diff_row *rows,
                     const struct emit_options *options, FILE *out)
{
    fprintf(out, ",\n\"%s\": [", member);
    for (size_t i = 0; i < diff_shown(rows, options); i++) {
        fputs(i ? ",\n" : "\n", out);
        if (dump(row_object(diff, &rows[i]), JSON_COMPACT, out))
            return -1;
    }
    fputs("]", out);
    return 0;
}

static int emit(const struct diff *diff, const struct emit_options *options, FILE *out)
{
    fputs("{", out);
    if (dump(head(diff), JSON_EMBED, out) || emit_rows(diff, "rows", diff->ranked, options, out))
        return -1;
    if (options->all && emit_rows(diff, "single_thread_rows", diff->single, options, out))
        return -1;
    fputs("}\n", out);
    return 0;
}

/* docs/diff.schema.json, as the assembler takes it in: builds run in the root of the tree. */
__asm__(".section .rodata\n"
        ".type diff_schema_text, @object\n"
        "diff_schema_text:\n"
        ".incbin \"docs/diff.schema.json\"\n"
        ".byte 0\n"
        ".size diff_schema_text, . - diff_schema_text\n"
        ".previous\n");
extern const char diff_schema_text[];

const char *diff_json_schema(void)
{
    return diff_schema_text;
}

const struct diff_emitter diff_json = {"json", "one object with everything, as docs/diff.schema.json says", emit};
