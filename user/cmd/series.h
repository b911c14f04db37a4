/* record --every: a file of time series that is rewritten while the recording goes on. */
#ifndef HOTREF_CMD_SERIES_H
#define HOTREF_CMD_SERIES_H

#include "capture/session.h"
#include "profile/profile.h"
#include "resolve/live.h"
#include "util/replace.h"

struct series_file {
    const char *path;            /* NULL: none is wanted */
    double every;                /* seconds; 0: as is usual */
    double due;                  /* monotonic seconds; 0 before the first target */
    bool failed;                 /* the last time */
    struct replaced_file *file;
    const struct live *live;
    const char *command;         /* as build_profile() takes it */
};

/* Writes what has been counted so far, if it is time for that. The recording goes on where the file cannot be written, which
 * is then told; -1 with a failure if BPF is in trouble. */
int series_step(struct series_file *series, struct session *session);

/* The same for the last time, with all that was counted. */
void series_finish(struct series_file *series, const struct profile *profile);

#endif
