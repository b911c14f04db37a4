#include "emit/gate.h"

#include <stdlib.h>
#include <string.h>

#include "profile/number.h"
#include "util/array.h"

const struct gate_emitter *const gate_emitters[] = {&gate_text, &gate_github, &gate_junit, &gate_json, NULL};

const struct gate_emitter *gate_emitter_find(const char *name, size_t length)
{
    for (size_t i = 0; gate_emitters[i]; i++) {
        if (strlen(gate_emitters[i]->name) == length && strncmp(gate_emitters[i]->name, name, length) == 0)
            return gate_emitters[i];
    }
    return NULL;
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

char *gate_headline(const struct gate_report *report)
{
    const struct gate *gate = report->gate;
    size_t limits = gate ? arrlenu(gate->checks) : 0;
    char *text = NULL;
    int length;

    if (!gate)
        length = asprintf(&text, "not judged: %s", report->refusal);
    else if (gate->failed)
        length = asprintf(&text, "failed: %zu of %zu limit%s exceeded", gate->failed, limits, plural(limits));
    else if (gate->undecided)
        length = asprintf(&text, "not judged: for %zu of %zu limit%s it cannot be told", gate->undecided,
                          limits, plural(limits));
    else
        length = asprintf(&text, "passed: %zu limit%s kept", limits, plural(limits));
    return length < 0 ? NULL : text;
}

char *gate_sentence(const struct check *check)
{
    char value[NUMBER_SIZE], excess[NUMBER_SIZE], unsure[NUMBER_SIZE], *text = NULL;
    const char *key = check->limit->metric->key;
    int length = -1;

    number_grouped(check->value, value);
    number_grouped(check_excess(check), excess);
    number_grouped(check->most, unsure);
    switch (check->outcome) {
    case GATE_FAILED:
        length = asprintf(&text, "%s %s, %s more than the limit of %s", key, value, excess, check->bound);
        break;
    case GATE_UNDECIDED:
        length = asprintf(
            &text,
            "%s between %s and %s, with a limit of %s: some objects were too cold to be told apart, or "
            "could not be read, and may belong here (limits for a type and a field, not an object, know)",
            key, value, unsure, check->bound);
        break;
    case GATE_PASSED:
        length = asprintf(&text, "%s %s, limit %s%s", key, value, check->bound,
                          check->stale ? "; no row matches: is it spelt so?" : "");
        break;
    }
    return length < 0 ? NULL : text;
}

char *gate_origin(const struct budget *budget, unsigned line)
{
    char *text;

    if (!line || !budget->path)
        return strdup("--max");
    return asprintf(&text, "%s:%u", budget->path, line) < 0 ? NULL : text;
}

uint64_t gate_remainder(const struct check *check, size_t number)
{
    uint64_t sum = 0;

    for (size_t i = number; i < arrlenu(check->rows); i++) {
        uint64_t value = check->limit->metric->of(check->rows[i]);

        if (!check->limit->metric->sums)
            sum = value > sum ? value : sum;
        else if (__builtin_add_overflow(sum, value, &sum))
            return UINT64_MAX;
    }
    return sum;
}
