#include "target/libpython.h"

#include <elf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where the dynamic linker looks on Debian, Fedora and their kin, and where a `make install` puts it. */
static const char *const folders[] = {
    "/usr/local/lib", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64",
    "/usr/lib",
};

static char *there(const char *folder, const char *name)
{
    char *path;

    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return NULL;
    if (access(path, R_OK) == 0)
        return path;
    free(path);
    return NULL;
}

/* $ORIGIN is the folder that the executable really lies in. */
static char *in_search_path(const char *search, const char *origin, const char *name)
{
    char folder[PATH_MAX], *found = NULL;

    while (search != NULL && *search != '\0' && found == NULL) {
        size_t length = strcspn(search, ":"), skip = 0;

        if (strncmp(search, "$ORIGIN", 7) == 0)
            skip = 7;
        else if (strncmp(search, "${ORIGIN}", 9) == 0)
            skip = 9;
        if (length >= skip && snprintf(folder, sizeof(folder), "%s%.*s", skip > 0 ? origin : "",
                                       (int)(length - skip), search + skip) < (int)sizeof(folder))
            found = there(folder, name);
        search += length + (search[length] == ':');
    }
    return found;
}

char *libpython_of(const struct elf_file *file, const char *path)
{
    char origin[PATH_MAX], *end, *found;
    const char *name, *search;

    for (size_t n = 0; (name = elf_file_dynamic_string(file, DT_NEEDED, n)) != NULL; n++) {
        if (strncmp(name, "libpython", 9) == 0)
            break;
    }
    if (name == NULL || strchr(name, '/') != NULL || realpath(path, origin) == NULL)
        return NULL;
    end = strrchr(origin, '/');
    *end = '\0';
    search = elf_file_dynamic_string(file, DT_RUNPATH, 0);
    if (search == NULL)
        search = elf_file_dynamic_string(file, DT_RPATH, 0);
    found = in_search_path(search, origin, name);
    if (found == NULL)
        found = in_search_path("$ORIGIN/../lib", origin, name);
    for (size_t i = 0; found == NULL && i < sizeof(folders) / sizeof(folders[0]); i++)
        found = there(folders[i], name);
    return found;
}
