#include "profile/remedy.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "profile/release.h"
#include "util/array.h"
#include "util/error.h"
#include "util/glob.h"

/* What an entry looks at, each by a pattern or a choice of patterns. */
enum part { TYPE, FIELD, OBJECT, FUNCTION, PARTS };

static const char *const part_names[PARTS] = {"type", "field", "object", "function"};

struct match {
    const char **patterns[PARTS]; /* stb_ds arrays; NULL: whatever it is */
};

struct entry {
    struct remedy remedy;
    struct match *matches;        /* stb_ds array: one has to */
    const char **advice, **fixed; /* stb_ds arrays, which remedy points to */
    uint32_t since;               /* release; 0: all */
    uint32_t *fixed_releases;     /* stb_ds array */
};

struct remedies {
    json_t *root; /* owns all texts */
    struct entry *entries;
};

/* One text, or an array of them. */
static int take_texts(const json_t *value, const char ***texts)
{
    size_t i;
    json_t *each;

    if (json_is_string(value))
        arrput(*texts, json_string_value(value));
    else if (!json_is_array(value))
        return -1;
    json_array_foreach(value, i, each)
    {
        if (!json_is_string(each))
            return -1;
        arrput(*texts, json_string_value(each));
    }
    return arrlenu(*texts) > 0 ? 0 : -1;
}

static int take_match(struct entry *entry, const json_t *object)
{
    struct match match = {0};
    size_t taken = 0;
    int status = 0;

    for (size_t part = 0; part < PARTS; part++) {
        const json_t *value = json_object_get(object, part_names[part]);

        if (value && take_texts(value, &match.patterns[part]))
            status = -1;
        taken += value != NULL;
    }
    arrput(entry->matches, match);
    return json_is_object(object) && taken == json_object_size(object) ? status : -1;
}

/* One match, or an array of them. */
static int take_matches(struct entry *entry, const json_t *value)
{
    size_t i;
    json_t *each;

    if (!json_is_array(value))
        return take_match(entry, value);
    json_array_foreach(value, i, each)
    {
        if (take_match(entry, each))
            return -1;
    }
    return arrlenu(entry->matches) > 0 ? 0 : -1;
}

static int take_releases(struct entry *entry, const json_t *object)
{
    const json_t *since = json_object_get(object, "since"), *fixed = json_object_get(object, "fixed_in");

    if (since && !(entry->since = release_parse(json_string_value(since) ?: "")))
        return -1;
    if (fixed && take_texts(fixed, &entry->fixed))
        return -1;
    for (size_t i = 0; i < arrlenu(entry->fixed); i++) {
        uint32_t release = release_parse(entry->fixed[i]);

        if (!release)
            return -1;
        arrput(entry->fixed_releases, release);
    }
    return 0;
}

static int take_entry(struct entry *entry, const json_t *object)
{
    struct remedy *remedy = &entry->remedy;

    remedy->id = json_string_value(json_object_get(object, "id"));
    remedy->summary = json_string_value(json_object_get(object, "summary"));
    remedy->what = json_string_value(json_object_get(object, "what"));
    remedy->fixed_for = json_string_value(json_object_get(object, "fixed_for"));
    remedy->issue = (unsigned)json_integer_value(json_object_get(object, "issue"));
    if (!remedy->id || !remedy->summary || !remedy->what ||
        take_matches(entry, json_object_get(object, "match")) || take_releases(entry, object) ||
        take_texts(json_object_get(object, "advice"), &entry->advice))
        return -1;
    remedy->advice = entry->advice;
    remedy->advice_count = arrlenu(entry->advice);
    remedy->fixed = entry->fixed;
    remedy->fixed_count = arrlenu(entry->fixed);
    return 0;
}

struct remedies *remedies_parse(const char *text, size_t size)
{
    json_error_t error;
    struct remedies *remedies = calloc(1, sizeof(*remedies));
    size_t i;
    json_t *each;

    if (!remedies)
        return NULL;
    remedies->root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (!remedies->root)
        fail("the table of remedies is no JSON: line %d: %s", error.line, error.text);
    json_array_foreach(json_object_get(remedies->root, "remedies"), i, each)
    {
        arrput(remedies->entries, (struct entry){0});
        if (take_entry(&arrlast(remedies->entries), each)) {
            fail("the table of remedies is damaged: entry %zu", i + 1);
            break;
        }
    }
    if (remedies->root && arrlenu(remedies->entries) > 0 && i == arrlenu(remedies->entries))
        return remedies;
    if (remedies->root && !remedies->entries)
        fail("the table of remedies is empty");
    remedies_free(remedies);
    return NULL;
}

static void free_entry(struct entry *entry)
{
    for (size_t i = 0; i < arrlenu(entry->matches); i++) {
        for (size_t part = 0; part < PARTS; part++)
            arrfree(entry->matches[i].patterns[part]);
    }
    arrfree(entry->matches);
    arrfree(entry->advice);
    arrfree(entry->fixed);
    arrfree(entry->fixed_releases);
}

void remedies_free(struct remedies *remedies)
{
    if (!remedies)
        return;
    for (size_t i = 0; i < arrlenu(remedies->entries); i++)
        free_entry(&remedies->entries[i]);
    arrfree(remedies->entries);
    json_decref(remedies->root);
    free(remedies);
}

size_t remedies_count(const struct remedies *remedies)
{
    return arrlenu(remedies->entries);
}

const struct remedy *remedies_at(const struct remedies *remedies, size_t index)
{
    return &remedies->entries[index].remedy;
}

/* A fix is in its own series from that release on, and in each series that is newer than all that have one.
 */
static bool is_fixed(const struct entry *entry, uint32_t release)
{
    uint32_t newest = 0;

    for (size_t i = 0; i < arrlenu(entry->fixed_releases); i++) {
        uint32_t fixed = entry->fixed_releases[i];

        if (release_series(release) == release_series(fixed))
            return release >= fixed;
        newest = fixed > newest ? fixed : newest;
    }
    return newest && release > newest;
}

/* Nobody knows what an unknown release has. */
static bool speaks_of_release(const struct entry *entry, uint32_t release)
{
    if (!release)
        return !entry->since && !entry->fixed;
    return release >= entry->since && !is_fixed(entry, release);
}

static bool matches_any(const char *const *patterns, const char *text)
{
    for (size_t i = 0; i < arrlenu(patterns); i++) {
        if (glob_matches(patterns[i], text))
            return true;
    }
    return !patterns;
}

static bool matches_all(const struct match *match, const char *const texts[PARTS])
{
    for (size_t part = 0; part < PARTS; part++) {
        if (!matches_any(match->patterns[part], texts[part]))
            return false;
    }
    return true;
}

static bool speaks_of(const struct entry *entry, const char *const texts[PARTS], uint32_t release)
{
    for (size_t i = 0; i < arrlenu(entry->matches); i++) {
        if (matches_all(&entry->matches[i], texts))
            return speaks_of_release(entry, release);
    }
    return false;
}

const struct remedy *remedies_find(const struct remedies *remedies, const struct row *row)
{
    const char *const texts[PARTS] = {row->type, row->field, row->object, row->function};
    uint32_t release = release_parse(row->version);

    for (size_t i = 0; i < arrlenu(remedies->entries); i++) {
        if (speaks_of(&remedies->entries[i], texts, release))
            return &remedies->entries[i].remedy;
    }
    return NULL;
}

bool remedy_alike(const struct remedy *a, const struct remedy *b)
{
    if (a->issue != b->issue || a->fixed_count != b->fixed_count || strcmp(a->summary, b->summary) != 0)
        return false;
    for (size_t i = 0; i < a->fixed_count; i++) {
        if (release_series(release_parse(a->fixed[i])) != release_series(release_parse(b->fixed[i])))
            return false;
    }
    return true;
}

/* The file, as the assembler takes it in: builds run in the root of the tree. */
__asm__(".section .rodata\n"
        ".type remedies_text, @object\n"
        "remedies_text:\n"
        ".incbin \"user/profile/remedies.json\"\n"
        "remedies_text_end:\n"
        ".byte 0\n"
        ".size remedies_text, . - remedies_text\n"
        ".previous\n");
extern const char remedies_text[], remedies_text_end[];

/* Parsed once, and kept until the end. */
const struct remedies *remedies_builtin(void)
{
    static struct remedies *builtin;

    if (!builtin)
        builtin = remedies_parse(remedies_text, (size_t)(remedies_text_end - remedies_text));
    return builtin;
}

const struct remedy *remedy_of(const struct row *row)
{
    const struct remedies *remedies = remedies_builtin();

    return remedies ? remedies_find(remedies, row) : NULL;
}
