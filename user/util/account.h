/* The user on whose behalf hotref runs: under sudo the invoking one, whose files and whose commands these are. */
#ifndef HOTREF_UTIL_ACCOUNT_H
#define HOTREF_UTIL_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct account {
    uid_t uid;
    gid_t gid;
    char name[64];
    char home[256];
    bool is_other; /* than the one hotref runs as */
};

/* From SUDO_UID and SUDO_GID where hotref runs as root, else the real user. */
struct account account_invoking(void);

/* Becomes that user for good, with groups and HOME, USER and LOGNAME. For a child before it runs a command. Returns
 * 0, or -1 with errno. */
int account_become(const struct account *account);

/* For hotref itself, once it watches its targets: becomes that user but for looking into other processes' memory
 * (CAP_SYS_PTRACE), putting probes into files that are mapped later, whosesoever they are (CAP_BPF, CAP_PERFMON,
 * CAP_CHECKPOINT_RESTORE for /proc/PID/map_files, CAP_DAC_READ_SEARCH), and with a command of its own, which may become
 * another user, letting it go on and handing signals on to it (CAP_KILL); as root proper it keeps its files too
 * (CAP_DAC_OVERRIDE). -1 with errno. */
int account_drop(const struct account *account, bool has_command);

/* Leaves the process no capabilities but those. -1 with errno. */
int account_keep(uint64_t capabilities);

/* In between: while assumed, files are opened, made and looked up as that user, and account_resume() is root again.
 * account_assume() returns 0, or -1 with errno. */
int account_assume(const struct account *account);
void account_resume(const struct account *account);

/* Writes "CACHE/hotref/NAME" to path, CACHE being $XDG_CACHE_HOME or HOME/.cache, making the folders; to be called while the account is
 * assumed; -1 without a sentence where that
 * cannot be had. */
int account_cache_folder(const struct account *account, const char *name, char *path, size_t size);

#endif
