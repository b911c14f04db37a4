#include "target/cgroup.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "util/error.h"

#define LINE_SIZE (PATH_MAX + 64)

/* "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS.. - TYPE ..": proc_pid_mountinfo(5) */
static int find_mount(char *point, size_t size)
{
    char line[2 * LINE_SIZE], at[PATH_MAX];
    FILE *file = fopen("/proc/self/mountinfo", "re");
    bool found = false;

    while (file && !found && fgets(line, sizeof(line), file)) {
        const char *type = strstr(line, " - ");

        found = type && strncmp(type, " - cgroup2 ", 11) == 0 && sscanf(line, "%*s %*s %*s %*s %4095s", at) == 1;
    }
    if (file)
        fclose(file);
    if (found)
        snprintf(point, size, "%s", at);
    return found ? 0 : fail("no cgroup v2 hierarchy is mounted here");
}

int cgroup_find(const char *name, char *path, size_t size)
{
    char point[PATH_MAX], folder[2 * PATH_MAX];
    size_t length;
    struct stat status;

    if (find_mount(point, sizeof(point)))
        return -1;
    length = strlen(point);
    if (strncmp(name, point, length) == 0 && (name[length] == '/' || name[length] == '\0'))
        name += length;
    name += strspn(name, "/");
    snprintf(path, size, "/%s", name);
    for (length = strlen(path); length > 1 && path[length - 1] == '/'; length--)
        path[length - 1] = '\0';
    snprintf(folder, sizeof(folder), "%s%s", point, path);
    if (stat(folder, &status) || !S_ISDIR(status.st_mode))
        return fail("no such cgroup: '%s'", path);
    return 0;
}

bool cgroup_line_is_in(const char *line, const char *path)
{
    size_t length = strcmp(path, "/") ? strlen(path) : 0;

    return strncmp(line, "0::", 3) == 0 && strncmp(line + 3, path, length) == 0 &&
           (line[3 + length] == '/' || line[3 + length] == '\n' || line[3 + length] == '\0');
}

bool cgroup_holds(const char *path, pid_t pid)
{
    char name[64], line[LINE_SIZE];
    bool found = false;
    FILE *file;

    snprintf(name, sizeof(name), "/proc/%d/cgroup", pid);
    file = fopen(name, "re");
    while (file && !found && fgets(line, sizeof(line), file))
        found = cgroup_line_is_in(line, path);
    if (file)
        fclose(file);
    return found;
}
