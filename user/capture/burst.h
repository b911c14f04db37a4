/*
 * Bursts of exact counting beside samples: for some milliseconds all probes are there, then for long none is, so that what
 * they cost the targets stays within a budget.
 */
#ifndef HOTREF_CAPTURE_BURST_H
#define HOTREF_CAPTURE_BURST_H

#include "capture/session.h"

/* While hotref still may: measures on hotref itself what a hit of a probe costs on this machine before hotref's own program
 * runs, and has the kernel note what that takes. -1 with a failure. */
int burst_prepare(struct session *session);

/* Makes a burst if the budget allows one by now; takes as long as that. */
void burst_step(struct session *session);

#endif
