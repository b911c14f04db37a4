/* Control groups, version 2. */
#ifndef HOTREF_TARGET_CGROUP_H
#define HOTREF_TARGET_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Writes the path of the group to path, from the root of the hierarchy: "/system.slice/app.service". name is that, with or
 * without the first slash, or a folder below where the hierarchy is mounted. -1 with a failure where there is none. */
int cgroup_find(const char *name, char *path, size_t size);

/* Whether the process is in the group of that path, or in one below. */
bool cgroup_holds(const char *path, pid_t pid);

/* The same by a process's line of /proc/PID/cgroup. */
bool cgroup_line_is_in(const char *line, const char *path);

#endif
