#include "util/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/error.h"

struct replaced_file {
    char *path;       /* as the user gave it, for messages */
    const char *base; /* its last component */
    char part[40];    /* the name until the content is complete */
    int directory;
};

static int cannot_write(const struct replaced_file *file)
{
    return fail_errno("cannot write '%s'", file->path);
}

static int open_directory(struct replaced_file *file)
{
    const char *slash = strrchr(file->path, '/');
    char *directory = slash ? strndup(file->path, (size_t)(slash - file->path) + 1) : strdup(".");

    file->base = slash ? slash + 1 : file->path;
    if (!*file->base || strcmp(file->base, ".") == 0 || strcmp(file->base, "..") == 0) {
        free(directory);
        return fail("cannot write '%s': not the name of a file", file->path);
    }
    file->directory = open(directory ? directory : "", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(directory);
    return file->directory < 0 ? cannot_write(file) : 0;
}

/* What is there under that name was left by one that was killed and had the same pid. */
static int create_part(const struct replaced_file *file)
{
    int fd;

    unlinkat(file->directory, file->part, 0);
    fd = openat(file->directory, file->part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    return fd < 0 ? cannot_write(file) : fd;
}

struct replaced_file *replaced_open(const char *path)
{
    struct replaced_file *file = calloc(1, sizeof(*file));
    int fd = -1;

    if (!file || !(file->path = strdup(path))) {
        fail("cannot write '%s': out of memory", path);
        free(file);
        return NULL;
    }
    file->directory = -1;
    snprintf(file->part, sizeof(file->part), ".hotref-%d.part", getpid());
    if (!open_directory(file))
        fd = create_part(file);
    if (fd < 0) {
        replaced_free(file);
        return NULL;
    }
    close(fd);
    unlinkat(file->directory, file->part, 0);
    return file;
}

void replaced_free(struct replaced_file *file)
{
    if (!file)
        return;
    if (file->directory >= 0)
        close(file->directory);
    free(file->path);
    free(file);
}

int replaced_write(struct replaced_file *file, int (*print)(const void *argument, FILE *out), const void *argument)
{
    int fd = create_part(file), status;
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

    if (!out) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    status = print(argument, out);
    errno = EIO; /* what remains of an error that came before */
    if (!status && (fflush(out) || ferror(out)))
        status = cannot_write(file);
    if (fclose(out) && !status)
        status = cannot_write(file);
    if (!status && renameat(file->directory, file->part, file->directory, file->base))
        status = cannot_write(file);
    if (status)
        unlinkat(file->directory, file->part, 0);
    return status;
}
