#include "cmd/series.h"

#include <time.h>

#include "emit/emit.h"
#include "resolve/build.h"
#include "util/array.h"
#include "util/error.h"

#define USUAL_SECONDS 15 /* as often as Prometheus asks, where nobody says otherwise */

static double monotonic_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

static int print(const void *argument, FILE *out)
{
    const struct profile *profile = argument;
    struct emit_options options = {0};
    struct rows *rows = rows_build(profile, NULL);
    int status = rows ? emit_prometheus.emit(profile, rows, &options, out) : -1;

    rows_free(rows);
    return status;
}

/* A disk that is full for a while costs no recording; and is told of once, not each time. */
static void write_series(struct series_file *series, const struct profile *profile)
{
    bool failed = replaced_write(series->file, print, profile) != 0;

    if (failed && !series->failed)
        warn("%s: the recording goes on", last_failure());
    series->failed = failed;
}

static void look(const struct session *session, void *context)
{
    struct series_file *series = context;
    struct profile *profile = build_profile(session, series->live, series->command);

    write_series(series, profile);
    profile_free(profile);
}

int series_step(struct series_file *series, struct session *session)
{
    double now = monotonic_seconds(), every = series->every > 0 ? series->every : USUAL_SECONDS;

    if (!series->file || !arrlenu(session->targets) || now < series->due)
        return 0;
    if (!series->due) {
        series->due = now + every;
        return 0;
    }
    if (session_look(session, look, series))
        return -1;
    series->due += every;
    if (series->due < monotonic_seconds())
        series->due = monotonic_seconds() + every;
    return 0;
}

void series_finish(struct series_file *series, const struct profile *profile)
{
    if (series->file)
        write_series(series, profile);
}
