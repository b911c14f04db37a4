/* The gate as one JSON object (docs/ci.md). */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "emit/gate.h"
#include "profile/remedy.h"
#include "profile/utf8.h"
#include "util/array.h"
#include "util/error.h"

static const char *const outcomes[] = {"passed", "failed", "not_judged"};

/* Paths may be anything, and JSON is UTF-8. */
static json_t *text(const char *bytes)
{
    char *repaired;
    json_t *value;

    if (!bytes)
        return json_null();
    if (utf8_valid(bytes, strlen(bytes)))
        return json_string(bytes);
    repaired = utf8_repair(bytes);
    value = json_string(repaired ? repaired : "?");
    free(repaired);
    return value;
}

static json_t *integer(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static json_t *row_object(const struct gate *gate, const struct check *check, const struct row *row)
{
    const struct profile *profile = gate->input->profile;
    const struct profile_frame *frame = &profile->frames[row->frame];
    const struct remedy *remedy = remedy_of(row);

    return json_pack("{s:o, s:s, s:s, s:s, s:s, s:I, s:o, s:o, s:o}", "value",
                     integer(check->limit->metric->of(row)), "type", row->type, "field", row->field, "object",
                     row->object, "function", row->function, "threads", (json_int_t)row->threads, "file",
                     row->frame ? text(profile_string(profile, frame->file)) : json_null(), "line",
                     row->frame && frame->line ? json_integer(frame->line) : json_null(), "remedy",
                     remedy ? json_string(remedy->id) : json_null());
}

static json_t *rows_array(const struct gate *gate, const struct check *check)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < arrlenu(check->rows) && i < GATE_ROWS; i++)
        json_array_append_new(array, row_object(gate, check, check->rows[i]));
    return array;
}

static json_t *selector_object(const struct selector *selector)
{
    json_t *object = json_object();

    for (size_t i = 0; object && i < naming_count; i++) {
        if (selector->patterns[i])
            json_object_set_new(object, namings[i].key, json_string(selector->patterns[i]));
    }
    return object;
}

static json_t *check_object(const struct gate *gate, const struct check *check)
{
    const struct limit *limit = check->limit;
    char *sentence = gate_sentence(check);
    json_t *object = json_pack(
        "{s:o, s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:I, s:o}", "limit", text(check->what),
        "outcome", outcomes[check->outcome], "sentence", text(sentence), "selector",
        selector_object(&limit->selector), "metric", limit->metric->key, "value", integer(check->value),
        "most", integer(check->most), "allowed", integer(check->allowed), "baseline",
        gate->baseline_rows && bound_is_relative(&limit->bound) ? integer(check->baseline) : json_null(),
        "line", limit->line ? json_integer(limit->line) : json_null(), "matches_nothing", check->stale,
        "matching_rows", (json_int_t)arrlen(check->rows), "rows", rows_array(gate, check));

    free(sentence);
    return object;
}

static json_t *checks_array(const struct gate *gate)
{
    json_t *array = json_array();

    for (size_t i = 0; array && gate && i < arrlenu(gate->checks); i++)
        json_array_append_new(array, check_object(gate, &gate->checks[i]));
    return array;
}

static json_t *waivers_array(const struct gate *gate)
{
    json_t *array = json_array();

    for (size_t i = 0; array && gate && i < arrlenu(gate->waivers); i++) {
        const struct waiver *waiver = &gate->waivers[i];

        json_array_append_new(array,
                              json_pack("{s:o, s:o, s:o, s:b, s:I, s:o}", "selector",
                                        selector_object(&waiver->exception->selector), "reason",
                                        text(waiver->exception->reason), "expires",
                                        text(waiver->exception->expires), "expired", waiver->expired, "rows",
                                        (json_int_t)waiver->rows, "decrefs", integer(waiver->decrefs)));
    }
    return array;
}

static json_t *notes_array(const struct gate *gate)
{
    json_t *array = json_array();

    for (size_t i = 0; array && gate && i < arrlenu(gate->doubts); i++)
        json_array_append_new(array, text(gate->doubts[i].text));
    return array;
}

static int emit(const struct gate_report *report, FILE *out)
{
    const struct gate *gate = report->gate;
    char *headline = gate_headline(report);
    json_t *object = json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o}}", "outcome",
        outcomes[gate ? gate->outcome : GATE_UNDECIDED], "headline", text(headline), "profile",
        text(report->profile_path), "budget", text(report->budget ? report->budget->path : NULL), "checks",
        checks_array(gate), "exceptions", waivers_array(gate), "notes", notes_array(gate), "unlimited",
        "rows", integer(gate ? gate->free_rows : 0), "decrefs", integer(gate ? gate->free_decrefs : 0));
    int status = object ? 0 : fail("cannot write JSON: out of memory");

    free(headline);
    if (object && json_dumpf(object, out, JSON_INDENT(2)))
        status = fail_errno("cannot write JSON");
    fputc('\n', out);
    json_decref(object);
    return status;
}

const struct gate_emitter gate_json = {"json", "one object with everything", true, emit};
