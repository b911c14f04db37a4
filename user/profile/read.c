/* Reading a profile. The file is hostile input: nothing in it is used before it was checked. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "profile/format.h"
#include "profile/utf8.h"
#include "util/array.h"
#include "util/error.h"

/* A file in memory, and what to call it. */
struct image {
    const char *path;
    char *bytes;
    size_t size;
};

static int damaged(const struct image *image, const char *what)
{
    return fail("profile '%s' is damaged: %s", image->path, what);
}

static int truncated(const struct image *image, uint64_t expected)
{
    return fail("profile '%s' is truncated: %zu of %llu bytes", image->path, image->size,
                (unsigned long long)expected);
}

static int fill_image(struct image *image, int fd)
{
    size_t got = 0;

    while (got < image->size) {
        ssize_t part = read(fd, image->bytes + got, image->size - got);

        if (part < 0 && errno == EINTR)
            continue;
        if (part < 0)
            return fail_errno("cannot read profile '%s'", image->path);
        if (part == 0)
            break;
        got += (size_t)part;
    }
    image->size = got;
    return 0;
}

static int load_fd(struct image *image, int fd)
{
    struct stat status;

    if (fstat(fd, &status))
        return fail_errno("cannot read profile '%s'", image->path);
    if (!S_ISREG(status.st_mode))
        return fail("cannot read profile '%s': not a regular file", image->path);
    if ((uint64_t)status.st_size > PROFILE_FILE_MAX)
        return fail("'%s' is not a hotref profile: none is larger than 1 GiB", image->path);
    image->size = (size_t)status.st_size;
    image->bytes = malloc(image->size + 1);
    if (!image->bytes)
        return fail("cannot read profile '%s': out of memory", image->path);
    return fill_image(image, fd);
}

/* Opened without blocking: a FIFO is refused rather than waited for. */
static int load(struct image *image)
{
    int fd = open(image->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), status;

    if (fd < 0)
        return fail_errno("cannot open profile '%s'", image->path);
    status = load_fd(image, fd);
    close(fd);
    return status;
}

static int check_header(const struct image *image, struct profile_header *header)
{
    size_t magic = image->size < sizeof(header->magic) ? image->size : sizeof(header->magic);

    if (memcmp(image->bytes, PROFILE_MAGIC, magic) != 0)
        return fail("'%s' is not a hotref profile", image->path);
    if (image->size < sizeof(*header))
        return truncated(image, sizeof(*header));
    memcpy(header, image->bytes, sizeof(*header));
    if (header->schema > PROFILE_SCHEMA_VERSION)
        return fail(
            "profile '%s' has schema version %u, and this hotref knows none above %u: use a newer hotref",
            image->path, header->schema, PROFILE_SCHEMA_VERSION);
    if (header->incomplete)
        return fail("profile '%s' is unfinished: its recording was cut off before the end", image->path);
    if (image->size < header->size)
        return truncated(image, header->size);
    if (header->schema == 0 || image->size > header->size)
        return damaged(image, "the header does not fit the file");
    return 0;
}

static const struct profile_section *section_table(const struct image *image,
                                                   const struct profile_header *header)
{
    size_t size = header->sections * sizeof(struct profile_section);
    const char *table = image->bytes + sizeof(*header);

    if (header->sections > PROFILE_SECTIONS_MAX || size > image->size - sizeof(*header) ||
        crc32(0, (const Bytef *)table, (uInt)size) != header->table_crc) {
        damaged(image, "the section table is not what was written");
        return NULL;
    }
    return (const struct profile_section *)table;
}

static int check_section(const struct image *image, const struct profile_section *section,
                         const struct profile_section_kind *kind)
{
    if (section->offset > image->size || section->size > image->size - section->offset)
        return fail("profile '%s' is damaged: section %s lies outside the file", image->path, kind->tag);
    if (section->record_size < kind->least || section->count == 0 || (kind->single && section->count != 1) ||
        section->size != (uint64_t)section->count * section->record_size)
        return fail("profile '%s' is damaged: section %s has an impossible size", image->path, kind->tag);
    if (crc32(0, (const Bytef *)image->bytes + section->offset, (uInt)section->size) != section->crc)
        return fail("profile '%s' is damaged: section %s is not what was written", image->path, kind->tag);
    return 0;
}

/* Records of another minor version are longer or shorter: what is known is taken, what is missing is 0. */
static void copy_records(char *to, size_t to_size, const char *from, const struct profile_section *section)
{
    size_t known = section->record_size < to_size ? section->record_size : to_size;

    if (section->record_size == to_size) {
        memcpy(to, from, section->size);
        return;
    }
    memset(to, 0, section->count * to_size);
    for (uint32_t i = 0; i < section->count; i++)
        memcpy(to + i * to_size, from + (size_t)i * section->record_size, known);
}

/* A stb_ds array of so many elements of unknown type. */
static void *array_of(size_t count, size_t element_size)
{
    void *array = stbds_arrgrowf(NULL, element_size, count, 0);

    stbds_header(array)->length = count;
    return array;
}

/* What stands for a section that is not there. */
static void *none_of(size_t element_size)
{
    void *array = array_of(1, element_size);

    memset(array, 0, element_size);
    return array;
}

static int read_section(const struct image *image, struct profile *profile,
                        const struct profile_section *section, const struct profile_section_kind *kind)
{
    void *member = (char *)profile + kind->member;
    const char *from = image->bytes + section->offset;

    if (check_section(image, section, kind))
        return -1;
    if (!kind->single) {
        void **array = member;

        if (*array)
            return fail("profile '%s' is damaged: section %s is there twice", image->path, kind->tag);
        member = *array = array_of(section->count, kind->record_size);
    }
    copy_records(member, kind->record_size, from, section);
    return 0;
}

static const struct profile_section *find_section(const struct profile_section *table, uint32_t sections,
                                                  uint32_t tag)
{
    for (uint32_t i = 0; i < sections; i++) {
        if (table[i].tag == tag)
            return &table[i];
    }
    return NULL;
}

/* Sections that this version does not know are skipped. */
static int read_sections(const struct image *image, struct profile *profile)
{
    const struct profile_section *table, *section;
    struct profile_header header = {0}; /* gcc 14 does not see that a failure of check_header() leaves */
    uint64_t total = 0;

    if (check_header(image, &header))
        return -1;
    table = section_table(image, &header);
    if (!table)
        return -1;
    for (size_t i = 0; i < PROFILE_KINDS; i++) {
        const struct profile_section_kind *kind = &profile_section_kinds[i];

        section = find_section(table, header.sections, profile_tag(kind->tag));
        if (!section && kind->optional) {
            *(void **)((char *)profile + kind->member) = none_of(kind->record_size);
            continue;
        }
        if (!section)
            return fail("profile '%s' is damaged: section %s is missing", image->path, kind->tag);
        total += section->size;
        if (read_section(image, profile, section, kind))
            return -1;
        if (total > image->size)
            return damaged(image, "its sections overlap");
    }
    return 0;
}

static int check_text(const struct image *image, const struct profile *profile)
{
    size_t length = arrlenu(profile->text);

    if (length > PROFILE_TEXT_MAX)
        return damaged(image, "its string table is too large");
    if (profile->text[0] != '\0' || profile->text[length - 1] != '\0')
        return damaged(image, "its string table does not end with NUL");
    if (!utf8_valid(profile->text, length))
        return damaged(image, "its string table is not UTF-8");
    return 0;
}

/* An id must point to the start of a string: an end of one could begin in the middle of a character. */
static bool is_text(const struct profile *profile, text_id id)
{
    return id == 0 || (id < arrlenu(profile->text) && profile->text[id - 1] == '\0');
}

static bool targets_valid(const struct profile *p)
{
    for (size_t i = 0; i < arrlenu(p->targets); i++) {
        const struct profile_target *target = &p->targets[i];

        if (!is_text(p, target->exe) || !is_text(p, target->version) || !is_text(p, target->build) ||
            !is_text(p, target->build_id))
            return false;
    }
    return is_text(p, p->meta.hotref_version) && is_text(p, p->meta.command) && is_text(p, p->meta.kernel);
}

static bool modules_valid(const struct profile *p)
{
    for (size_t i = 0; i < arrlenu(p->modules); i++) {
        const struct profile_module *module = &p->modules[i];

        if (module->target >= arrlenu(p->targets) || !is_text(p, module->path) || !is_text(p, module->build_id))
            return false;
    }
    return true;
}

static bool threads_valid(const struct profile *p)
{
    for (size_t i = 0; i < arrlenu(p->threads); i++) {
        if (p->threads[i].target >= arrlenu(p->targets) || !is_text(p, p->threads[i].name))
            return false;
    }
    return true;
}

static bool objects_valid(const struct profile *p)
{
    for (size_t i = 0; i < arrlenu(p->objects); i++) {
        const struct profile_object *object = &p->objects[i];

        if (object->target >= arrlenu(p->targets) || !is_text(p, object->type) || !is_text(p, object->name) ||
            !is_text(p, object->owner))
            return false;
    }
    return true;
}

static bool sites_valid(const struct profile *p)
{
    for (size_t i = 0; i < arrlenu(p->sites); i++) {
        const struct profile_site *site = &p->sites[i];

        if (!is_text(p, site->function) || !is_text(p, site->operation) || !is_text(p, site->binary))
            return false;
    }
    return true;
}

static bool counts_valid(const struct profile *p)
{
    for (size_t i = 0; i < arrlenu(p->counts); i++) {
        const struct profile_count *count = &p->counts[i];

        if (count->object >= arrlenu(p->objects) || count->site >= arrlenu(p->sites) ||
            count->thread >= arrlenu(p->threads) || !is_text(p, count->field))
            return false;
    }
    return true;
}

/* Parents have lower numbers, so that no walk to the root is endless; nor is one long. */
static bool nodes_valid(const struct profile *p)
{
    size_t count = arrlenu(p->nodes);
    uint16_t *depth = calloc(count, sizeof(*depth));
    bool valid = depth && p->nodes[0].parent == 0;

    for (size_t i = 0; valid && i < count; i++) {
        const struct profile_node *node = &p->nodes[i];

        valid = node->frame < arrlenu(p->frames) && (i == 0 || node->parent < i);
        if (valid && i > 0)
            valid = (depth[i] = depth[node->parent] + 1) <= PROFILE_STACK_MAX;
    }
    free(depth);
    return valid;
}

static bool stacks_valid(const struct profile *p)
{
    for (size_t i = 0; i < arrlenu(p->frames); i++) {
        if (!is_text(p, p->frames[i].qualname) || !is_text(p, p->frames[i].file))
            return false;
    }
    for (size_t i = 0; i < arrlenu(p->stacks); i++) {
        const struct profile_stack *stack = &p->stacks[i];

        if (stack->object >= arrlenu(p->objects) || stack->site >= arrlenu(p->sites) ||
            stack->node >= arrlenu(p->nodes) || !is_text(p, stack->field))
            return false;
    }
    return true;
}

static int check_references(const struct image *image, const struct profile *profile)
{
    if (check_text(image, profile))
        return -1;
    if (!targets_valid(profile) || !modules_valid(profile) || !threads_valid(profile) || !objects_valid(profile) ||
        !sites_valid(profile) || !counts_valid(profile) || !nodes_valid(profile) ||
        !stacks_valid(profile))
        return damaged(image, "a record refers to what is not there");
    return 0;
}

struct profile *profile_read(const char *path)
{
    struct image image = {.path = path};
    struct profile *profile = calloc(1, sizeof(*profile));
    int status = profile ? load(&image) : fail("cannot read profile '%s': out of memory", path);

    if (!status)
        status = read_sections(&image, profile);
    if (!status)
        status = check_references(&image, profile);
    free(image.bytes);
    if (!status)
        return profile;
    profile_free(profile);
    return NULL;
}
