/* Scans kept between runs, by build id: a cold scan takes longer than all the rest of arming. */
#ifndef HOTREF_PROBE_CACHE_H
#define HOTREF_PROBE_CACHE_H

#include "probe/scan.h"

/* The scan of file, from the folder if it is there, else made and put there. folder may be NULL, and a cache that
 * cannot be read or written costs only time. inlined: inlined increments are to be probed too, so that
 * what the cache says of them needs a check as well. touches: samples are to be held against them. NULL with a failure where the file cannot be scanned. */
struct scan *cache_scan(const struct elf_file *file, const char *folder, bool inlined, bool touches);

#endif
