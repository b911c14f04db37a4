/* All processes of the machine, as /proc lists them. */
#ifndef HOTREF_TARGET_PROCESS_LIST_H
#define HOTREF_TARGET_PROCESS_LIST_H

#include <sys/types.h>

struct process_id {
    pid_t pid, parent;
};

/* An stb_ds array; NULL where /proc cannot be read. */
struct process_id *process_list(void);

/* Those of the list that descend from pid, as an stb_ds array. A process whose parent has ended is its no more. */
pid_t *process_descendants(const struct process_id *list, pid_t pid);

#endif
