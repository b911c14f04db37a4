#include "target/process_list.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"

/* "4711 (a) b) S 1 ..": the name may hold anything. */
static pid_t parent_of(pid_t pid)
{
    char path[64], line[512];
    const char *behind;
    int parent = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    file = fopen(path, "re");
    if (!file)
        return 0;
    behind = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
    if (behind)
        sscanf(behind, ") %*c %d", &parent);
    fclose(file);
    return parent;
}

struct process_id *process_list(void)
{
    struct process_id *list = NULL;
    DIR *proc = opendir("/proc");
    struct dirent *entry;

    while (proc && (entry = readdir(proc))) {
        pid_t pid = strtol(entry->d_name, NULL, 10);

        if (pid > 0)
            arrput(list, ((struct process_id){pid, parent_of(pid)}));
    }
    if (proc)
        closedir(proc);
    return list;
}

pid_t *process_descendants(const struct process_id *list, pid_t pid)
{
    pid_t *found = NULL, at = pid;

    /* Each one's children, then theirs; a list that was read while processes came and went may hold a loop. */
    for (size_t next = 0; next <= arrlenu(found) && arrlenu(found) < arrlenu(list); next++) {
        for (size_t i = 0; i < arrlenu(list); i++) {
            if (list[i].parent == at && list[i].pid != pid)
                arrput(found, list[i].pid);
        }
        if (next < arrlenu(found))
            at = found[next];
    }
    return found;
}
