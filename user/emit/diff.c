#include "emit/diff.h"

#include <string.h>

#include "util/array.h"

const struct diff_emitter *const diff_emitters[] = {&diff_table,  &diff_json,       &diff_csv,
                                                      &diff_folded, &diff_flamegraph, NULL};

const struct diff_emitter *diff_emitter_find(const char *name)
{
    for (size_t i = 0; diff_emitters[i]; i++) {
        if (strcmp(diff_emitters[i]->name, name) == 0)
            return diff_emitters[i];
    }
    return NULL;
}

size_t diff_shown(const struct diff_row *rows, const struct emit_options *options)
{
    size_t count = arrlenu(rows);

    return options->max_rows > 0 && count > (size_t)options->max_rows ? (size_t)options->max_rows : count;
}

bool diff_measured(const struct diff *diff, unsigned side, const struct metric *metric)
{
    const struct comparison *c = diff->comparison;
    const struct profile *profile = side == DIFF_BEFORE ? c->before : c->after;
    bool samples = strcmp(metric->key, "samples") == 0, increfs = strcmp(metric->key, "increfs") == 0;

    if (strcmp(metric->key, "threads") == 0)
        return true;
    return samples == (profile->meta.mode == MODE_SAMPLE) && (!increfs || increfs_measured(profile));
}
