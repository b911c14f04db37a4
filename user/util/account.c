#include "util/account.h"

#include <errno.h>
#include <stdint.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool from_environment(const char *name, unsigned long *value)
{
    const char *text = getenv(name);
    char *end;

    if (!text || *text < '0' || *text > '9')
        return false;
    *value = strtoul(text, &end, 10);
    return *end == '\0' && *value < UINT32_MAX; /* (uid_t)-1 is nobody's */
}

struct account account_invoking(void)
{
    struct account account = {.uid = getuid(), .gid = getgid()};
    const struct passwd *entry;
    unsigned long uid, gid;

    if (geteuid() == 0 && from_environment("SUDO_UID", &uid) && from_environment("SUDO_GID", &gid)) {
        account.is_other = uid != account.uid;
        account.uid = uid;
        account.gid = gid;
    }
    entry = getpwuid(account.uid);
    if (entry) {
        snprintf(account.name, sizeof(account.name), "%s", entry->pw_name);
        snprintf(account.home, sizeof(account.home), "%s", entry->pw_dir);
    }
    return account;
}

int account_become(const struct account *account)
{
    if (!account->is_other)
        return 0;
    if (initgroups(account->name, account->gid) || setgid(account->gid) || setuid(account->uid))
        return -1;
    setenv("HOME", account->home, 1);
    setenv("USER", account->name, 1);
    setenv("LOGNAME", account->name, 1);
    return 0;
}

int account_keep(uint64_t kept)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{.effective = (uint32_t)kept, .permitted = (uint32_t)kept},
                                             {.effective = kept >> 32, .permitted = kept >> 32}};

    return syscall(SYS_capset, &header, data);
}

int account_drop(const struct account *account, bool has_command)
{
    uint64_t kept = 1ull << CAP_SYS_PTRACE | (uint64_t)has_command << CAP_KILL | 1ull << CAP_BPF | 1ull << CAP_PERFMON |
                    1ull << CAP_CHECKPOINT_RESTORE | 1ull << CAP_DAC_READ_SEARCH;

    if (!account->is_other)
        return account_keep(kept | 1ull << CAP_DAC_OVERRIDE);
    if (prctl(PR_SET_KEEPCAPS, 1) || initgroups(account->name, account->gid) ||
        setresgid(account->gid, account->gid, account->gid) || setresuid(account->uid, account->uid, account->uid))
        return -1;
    return account_keep(kept);
}

int account_assume(const struct account *account)
{
    if (!account->is_other)
        return 0;
    return setegid(account->gid) || seteuid(account->uid) ? -1 : 0;
}

void account_resume(const struct account *account)
{
    /* Going back to what one really is cannot fail, and to go on as somebody else would be worse than to end. */
    if (account->is_other && (seteuid(0) || setegid(0)))
        abort();
}

/* One folder, owned by the user; never one that someone else put there, and no link. */
static int own_folder(const struct account *account, const char *path)
{
    struct stat found;

    if (mkdir(path, 0700) == 0)
        return 0;
    if (errno != EEXIST || lstat(path, &found) || !S_ISDIR(found.st_mode) || found.st_uid != account->uid)
        return -1;
    return 0;
}

/* $XDG_CACHE_HOME counts for the user whose environment this is; under sudo that is root's. */
static int cache_home(const struct account *account, char *path, size_t size)
{
    const char *given = account->is_other ? NULL : getenv("XDG_CACHE_HOME");

    if (given && *given == '/')
        return snprintf(path, size, "%s", given) >= (int)size ? -1 : 0;
    return !*account->home || snprintf(path, size, "%s/.cache", account->home) >= (int)size ? -1 : 0;
}

int account_cache_folder(const struct account *account, const char *name, char *path, size_t size)
{
    size_t used;

    if (cache_home(account, path, size) || own_folder(account, path))
        return -1;
    used = strlen(path);
    if (snprintf(path + used, size - used, "/hotref") >= (int)(size - used) || own_folder(account, path))
        return -1;
    used = strlen(path);
    return snprintf(path + used, size - used, "/%s", name) >= (int)(size - used) ? -1 : own_folder(account, path);
}
