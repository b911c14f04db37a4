/* Writing a profile: reserved beside its final name, filled, marked complete, and only then renamed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "profile/format.h"
#include "util/array.h"
#include "util/error.h"

#define PART_FORMAT ".hotref-%016llx.part"
#define PART_PATTERN ".hotref-????????????????.part"
#define STALE_SECONDS 60

struct profile_file {
    char *path;     /* as the user gave it, for messages */
    char base[256]; /* its last component */
    char part[40];  /* the name until it is complete; "" where no file is there */
    int directory, fd;
};

static int write_all(const struct profile_file *file, const void *bytes, size_t size, uint64_t offset)
{
    while (size > 0) {
        ssize_t part = pwrite(file->fd, bytes, size, (off_t)offset);

        if (part < 0 && errno == EINTR)
            continue;
        if (part < 0)
            return fail_errno("cannot write profile '%s'", file->path);
        bytes = (const char *)bytes + part;
        size -= (size_t)part;
        offset += (uint64_t)part;
    }
    return 0;
}

void profile_discard(struct profile_file *file)
{
    if (!file)
        return;
    if (file->part[0])
        unlinkat(file->directory, file->part, 0);
    if (file->fd >= 0)
        close(file->fd);
    if (file->directory >= 0)
        close(file->directory);
    free(file->path);
    free(file);
}

/* Splits path into an open directory and a name in it. */
static int open_directory(struct profile_file *file)
{
    const char *slash = strrchr(file->path, '/');
    const char *base = slash ? slash + 1 : file->path;
    char *directory = slash ? strndup(file->path, (size_t)(slash - file->path) + 1) : strdup(".");

    if (!*base || strcmp(base, ".") == 0 || strcmp(base, "..") == 0 || strlen(base) >= sizeof(file->base)) {
        free(directory);
        return fail("cannot write profile '%s': not the name of a file", file->path);
    }
    strcpy(file->base, base);
    file->directory = open(directory ? directory : "", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(directory);
    return file->directory < 0 ? fail_errno("cannot write profile '%s'", file->path) : 0;
}

/* In a sticky directory only the owner of a file, or of the directory, may replace it. */
static bool may_replace(const struct profile_file *file, const struct stat *old)
{
    struct stat directory;

    if (geteuid() == 0 || old->st_uid == geteuid() || fstat(file->directory, &directory))
        return true;
    return !(directory.st_mode & S_ISVTX) || directory.st_uid == geteuid();
}

/* What is at the final name must be something that a rename may replace: no link, and no /dev/null. */
static int check_old(const struct profile_file *file)
{
    struct stat old;

    if (fstatat(file->directory, file->base, &old, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT ? 0 : fail_errno("cannot write profile '%s'", file->path);
    if (S_ISLNK(old.st_mode))
        return fail("cannot write profile '%s': it is a symbolic link, which is not followed", file->path);
    if (!S_ISREG(old.st_mode))
        return fail("cannot write profile '%s': it is there and is not a regular file", file->path);
    if (!may_replace(file, &old))
        return fail("cannot write profile '%s': it belongs to another user", file->path);
    return 0;
}

static int create_part(struct profile_file *file)
{
    uint64_t random;

    do {
        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
            return fail_errno("cannot write profile '%s'", file->path);
        snprintf(file->part, sizeof(file->part), PART_FORMAT, (unsigned long long)random);
        file->fd =
            openat(file->directory, file->part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    } while (file->fd < 0 && errno == EEXIST);
    if (file->fd >= 0)
        return 0;
    file->part[0] = '\0';
    return fail_errno("cannot write profile '%s'", file->path);
}

/* What a recorder that was killed has left here. A file that one still works on is locked, and one that has been made only
 * just now may be about to be. */
static void remove_stale(const struct profile_file *file, uint32_t uid)
{
    int copy = openat(file->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *entry;
    struct stat found;
    int fd;

    while (directory && (entry = readdir(directory))) {
        if (fnmatch(PART_PATTERN, entry->d_name, 0) || strcmp(entry->d_name, file->part) == 0)
            continue;
        fd = openat(file->directory, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0 && fstat(fd, &found) == 0 && S_ISREG(found.st_mode) && found.st_uid == uid &&
            found.st_mtime < time(NULL) - STALE_SECONDS && flock(fd, LOCK_EX | LOCK_NB) == 0)
            unlinkat(file->directory, entry->d_name, 0);
        if (fd >= 0)
            close(fd);
    }
    if (directory)
        closedir(directory);
    else if (copy >= 0)
        close(copy);
}

/* An unfinished header: some file systems tell only at fsync() that they are full. */
static int reserve(struct profile_file *file, uint32_t uid, uint32_t gid)
{
    struct profile_header header = {.schema = PROFILE_SCHEMA_VERSION, .incomplete = 1};

    memcpy(header.magic, PROFILE_MAGIC, sizeof(header.magic));
    if (fchown(file->fd, uid, gid))
        return fail_errno("cannot give profile '%s' to user %u", file->path, uid);
    flock(file->fd, LOCK_EX | LOCK_NB); /* for remove_stale(); where there are no locks, nothing is removed */
    remove_stale(file, uid);
    if (write_all(file, &header, sizeof(header), 0))
        return -1;
    return fsync(file->fd) ? fail_errno("cannot write profile '%s'", file->path) : 0;
}

struct profile_file *profile_create(const char *path, uint32_t uid, uint32_t gid)
{
    struct profile_file *file = calloc(1, sizeof(*file));

    if (!file)
        goto out_of_memory;
    file->fd = file->directory = -1;
    file->path = strdup(path);
    if (!file->path)
        goto out_of_memory;
    if (!open_directory(file) && !check_old(file) && !create_part(file) && !reserve(file, uid, gid))
        return file;
    profile_discard(file);
    return NULL;

out_of_memory:
    fail("cannot write profile '%s': out of memory", path);
    profile_discard(file);
    return NULL;
}

/* Describes a section that starts at offset; its bytes come back through *bytes. */
static struct profile_section describe(const struct profile *profile, const struct profile_section_kind *kind,
                                       uint64_t offset, const void **bytes)
{
    const char *member = (const char *)profile + kind->member;
    void *array;
    size_t count = 1;

    *bytes = member;
    if (!kind->single) {
        memcpy(&array, member, sizeof(array));
        count = arrlenu((char *)array);
        *bytes = array;
    }
    return (struct profile_section){
        .tag = profile_tag(kind->tag),
        .record_size = kind->record_size,
        .offset = offset,
        .size = (uint64_t)count * kind->record_size,
        .count = (uint32_t)count,
        .crc = (uint32_t)crc32_z(0, *bytes, count * kind->record_size),
    };
}

static int write_sections(const struct profile *profile, const struct profile_file *file,
                          struct profile_header *header)
{
    struct profile_section table[PROFILE_KINDS];
    uint64_t end = sizeof(*header) + sizeof(table);
    const void *bytes;

    for (size_t i = 0; i < PROFILE_KINDS; i++) {
        table[i] = describe(profile, &profile_section_kinds[i], end, &bytes);
        if (write_all(file, bytes, table[i].size, end))
            return -1;
        end += table[i].size;
    }
    if (end > PROFILE_FILE_MAX)
        return fail("cannot write profile '%s': it would be larger than 1 GiB", file->path);
    header->sections = PROFILE_KINDS;
    header->table_crc = (uint32_t)crc32(0, (const Bytef *)table, sizeof(table));
    header->size = end;
    return write_all(file, table, sizeof(table), sizeof(*header));
}

/* The mark is cleared when all else is known to be on the disk. */
static int finish(struct profile_file *file, struct profile_header *header)
{
    if (fsync(file->fd))
        return fail_errno("cannot write profile '%s'", file->path);
    header->incomplete = 0;
    if (write_all(file, header, sizeof(*header), 0))
        return -1;
    if (fsync(file->fd))
        return fail_errno("cannot write profile '%s'", file->path);
    if (check_old(file))
        return -1;
    if (renameat(file->directory, file->part, file->directory, file->base))
        return fail_errno("cannot write profile '%s'", file->path);
    file->part[0] = '\0';
    return 0;
}

int profile_write(const struct profile *profile, struct profile_file *file)
{
    struct profile_header header = {.schema = PROFILE_SCHEMA_VERSION, .incomplete = 1};
    int status;

    memcpy(header.magic, PROFILE_MAGIC, sizeof(header.magic));
    status = write_sections(profile, file, &header);
    if (!status)
        status = finish(file, &header);
    profile_discard(file);
    return status;
}
