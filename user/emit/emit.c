#include "emit/emit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "profile/spell.h"

#define SUMMARY_ROWS 10
#define USUAL_WIDTH 80

const struct emitter *const emitters[] = {&emit_table,  &emit_explain,    &emit_json, &emit_csv,
                                          &emit_folded, &emit_flamegraph, &emit_speedscope, &emit_pprof,
                                          &emit_openmetrics, &emit_prometheus, NULL};

const struct emitter *emitter_find(const char *name)
{
    for (size_t i = 0; emitters[i]; i++) {
        if (strcmp(emitters[i]->name, name) == 0)
            return emitters[i];
    }
    return NULL;
}

static bool wants_colour(void)
{
    const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");

    return !(no_colour && *no_colour) && terminal && strcmp(terminal, "dumb") != 0;
}

void emit_fit(struct emit_options *options, FILE *out)
{
    struct winsize size = {0};

    options->width = 0;
    options->colour = false;
    if (!isatty(fileno(out)))
        return;
    options->width = ioctl(fileno(out), TIOCGWINSZ, &size) || !size.ws_col ? USUAL_WIDTH : size.ws_col;
    options->colour = wants_colour();
}

char *emit_input(const struct emit_options *options)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    if (options->input) {
        fputs(" -i ", out);
        spell_word(out, options->input);
    }
    fclose(out);
    return text;
}

int emit_summary(const struct profile *profile, const char *input, FILE *out)
{
    struct emit_options options = {.max_rows = SUMMARY_ROWS, .input = input};
    struct rows *rows = rows_build(profile, NULL);
    int status;

    if (!rows)
        return -1;
    emit_fit(&options, out);
    status = emit_table.emit(profile, rows, &options, out);
    rows_free(rows);
    return status;
}
