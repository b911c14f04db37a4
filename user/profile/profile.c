#include "profile/profile.h"

#include <stdlib.h>
#include <string.h>

#include "profile/utf8.h"
#include "util/array.h"

const char *profile_mode_name(uint32_t mode)
{
    static const char *const names[] = {[MODE_EXACT] = "exact", [MODE_SAMPLE] = "sample", [MODE_AUTO] = "auto"};

    return mode < sizeof(names) / sizeof(*names) && names[mode] ? names[mode] : "unknown";
}

struct interned {
    char *key;
    text_id value;
};

struct profile *profile_new(void)
{
    struct profile *profile = calloc(1, sizeof(*profile));

    if (!profile)
        return NULL;
    arrput(profile->text, '\0');
    arrput(profile->targets, (struct profile_target){0});
    arrput(profile->modules, (struct profile_module){0});
    arrput(profile->threads, (struct profile_thread){0});
    arrput(profile->objects, (struct profile_object){0});
    arrput(profile->sites, (struct profile_site){0});
    arrput(profile->counts, (struct profile_count){0});
    arrput(profile->frames, (struct profile_frame){0});
    arrput(profile->nodes, (struct profile_node){0});
    arrput(profile->stacks, (struct profile_stack){0});
    return profile;
}

void profile_free(struct profile *profile)
{
    if (!profile)
        return;
    struct interned *seen = profile->interned;

    shfree(seen);
    arrfree(profile->text);
    arrfree(profile->targets);
    arrfree(profile->modules);
    arrfree(profile->threads);
    arrfree(profile->objects);
    arrfree(profile->sites);
    arrfree(profile->counts);
    arrfree(profile->frames);
    arrfree(profile->nodes);
    arrfree(profile->stacks);
    free(profile);
}

/* Keys are copies: the string table moves as it grows. A profile that was read is indexed on first use. */
static struct interned *index_of(struct profile *profile)
{
    struct interned *seen = profile->interned;

    if (seen)
        return seen;
    sh_new_arena(seen);
    for (size_t at = 0; at < arrlenu(profile->text); at += strlen(profile->text + at) + 1)
        shput(seen, profile->text + at, (text_id)at);
    profile->interned = seen;
    return seen;
}

static text_id intern(struct profile *profile, const char *string)
{
    struct interned *seen = index_of(profile);
    struct interned *known = shgetp_null(seen, string);
    size_t size = strlen(string) + 1, at = arrlenu(profile->text);

    if (known)
        return known->value;
    if (at + size > PROFILE_TEXT_MAX) {
        profile->meta.lost_names++;
        return 0;
    }
    memcpy(arraddnptr(profile->text, size), string, size);
    shput(seen, string, (text_id)at);
    profile->interned = seen;
    return (text_id)at;
}

text_id profile_text(struct profile *profile, const char *string)
{
    char *repaired;
    text_id id;

    if (!string || !*string)
        return 0;
    if (utf8_valid(string, strlen(string)))
        return intern(profile, string);
    repaired = utf8_repair(string);
    id = intern(profile, repaired ? repaired : "");
    free(repaired);
    return id;
}

const char *profile_string(const struct profile *profile, text_id id)
{
    return id < arrlenu(profile->text) ? profile->text + id : "";
}
