#include "emit/budget.h"

#include <stdlib.h>
#include <string.h>

#include "emit/text.h"
#include "profile/budget.h"
#include "profile/gate.h"
#include "profile/number.h"
#include "profile/utf8.h"
#include "util/array.h"
#include "util/error.h"

#define LIMITS 20       /* rows that get a limit of their own, at most ... */
#define NOTABLE 100     /* ... and only with one in so many of the ranked decrements */
#define ROOM 10         /* a tenth is added, ... */
#define ROOM_LEAST 100  /* ... or this, */
#define REST_LEAST 1000 /* for all rows together that have no limit of their own */

/* One limit to be: what it selects, and what that is in the profile. */
struct proposal {
    struct selector selector;
    uint64_t decrefs;
};

/* What is to be told of objects too cold to be named cannot be limited by object. */
static bool has_fold(const struct row *list, const struct row *row)
{
    for (size_t i = 0; i < arrlenu(list); i++) {
        const struct row *other = &list[i];

        if (other->fold && other->decrefs > GATE_COLD && strcmp(other->type, row->type) == 0 &&
            strcmp(other->field, row->field) == 0)
            return true;
    }
    return false;
}

/* "code f (app.py:*)" of "code f (app.py:4)": lines move. NULL without memory. */
static char *object_pattern(const char *object)
{
    size_t length = strlen(object), digits = length;
    char *pattern;

    if (!length || object[length - 1] != ')')
        return strdup(object);
    for (digits = length - 1; digits > 0 && object[digits - 1] >= '0' && object[digits - 1] <= '9';)
        digits--;
    if (digits == length - 1 || !digits || object[digits - 1] != ':')
        return strdup(object);
    return asprintf(&pattern, "%.*s*)", (int)digits, object) < 0 ? NULL : pattern;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool is_proposed(const struct proposal *proposals, const struct selector *selector)
{
    for (size_t i = 0; i < arrlenu(proposals); i++) {
        size_t same = 0;

        while (same < naming_count &&
               same_text(proposals[i].selector.patterns[same], selector->patterns[same]))
            same++;
        if (same == naming_count)
            return true;
    }
    return false;
}

static void free_proposal(struct proposal *proposal)
{
    for (size_t i = 0; i < NAMINGS; i++)
        free(proposal->selector.patterns[i]);
}

/* Names themselves are patterns, too: those with a '*' or '?' in them match a bit more. */
static struct proposal proposal_for(const struct rows *rows, const struct row *row)
{
    struct proposal proposal = {0};
    bool by_object = !row->fold && !has_fold(rows->ranked, row) && !has_fold(rows->cold, row);

    for (size_t i = 0; i < naming_count; i++) {
        const char *name = namings[i].of(row);

        if (strcmp(namings[i].key, "function") == 0 || !*name)
            continue;
        if (strcmp(namings[i].key, "object") != 0)
            proposal.selector.patterns[i] = strdup(name);
        else if (by_object)
            proposal.selector.patterns[i] = object_pattern(name);
    }
    return proposal;
}

static uint64_t decrefs_of(const struct row *list, const struct selector *selector)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < arrlenu(list); i++) {
        if (selector_matches(selector, &list[i]) && __builtin_add_overflow(sum, list[i].decrefs, &sum))
            return UINT64_MAX;
    }
    return sum;
}

static struct proposal *proposals_of(const struct rows *rows)
{
    static const struct selector all = {0};
    uint64_t notable = decrefs_of(rows->ranked, &all) / NOTABLE;
    struct proposal *proposals = NULL;

    for (size_t i = 0; i < arrlenu(rows->ranked) && arrlenu(proposals) < LIMITS; i++) {
        const struct row *row = &rows->ranked[i];
        struct proposal proposal;

        if (row->decrefs <= notable || row->decrefs <= GATE_COLD)
            continue;
        proposal = proposal_for(rows, row);
        if (is_proposed(proposals, &proposal.selector)) {
            free_proposal(&proposal);
            continue;
        }
        proposal.decrefs =
            decrefs_of(rows->ranked, &proposal.selector) + decrefs_of(rows->cold, &proposal.selector);
        arrput(proposals, proposal);
    }
    return proposals;
}

static uint64_t rest_of(const struct row *list, const struct proposal *proposals)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < arrlenu(list); i++) {
        size_t p = 0;

        while (p < arrlenu(proposals) && !selector_matches(&proposals[p].selector, &list[i]))
            p++;
        if (p == arrlenu(proposals) && __builtin_add_overflow(sum, list[i].decrefs, &sum))
            return UINT64_MAX;
    }
    return sum;
}

/* Some room above value, in two digits that are easy to read. */
static uint64_t with_room(uint64_t value, uint64_t least)
{
    uint64_t room = value / ROOM > least ? value / ROOM : least, unit = 1;

    if (value > UINT64_MAX / 4)
        return UINT64_MAX;
    value += room;
    while (value / unit >= 100)
        unit *= 10;
    return (value + unit - 1) / unit * unit;
}

static bool is_escaped(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0xa0) || code == 0x061c || code == 0x200e ||
           code == 0x200f || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
           code == 0xfeff || code == 0xfffe || code == 0xffff;
}

/* Between double quotes YAML has an escape for everything, and nothing else of it a meaning. */
static void print_quoted(FILE *out, const char *text)
{
    size_t left = strlen(text), size;
    uint32_t code;

    fputc('"', out);
    for (; left; text += size, left -= size) {
        size = utf8_decode(text, left, &code);
        size = size ? size : 1;
        if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if (is_escaped(code))
            fprintf(out, code < 0x100 ? "\\x%02X" : "\\u%04X", code);
        else
            fwrite(text, 1, size, out);
    }
    fputc('"', out);
}

static void print_head(FILE *out, const struct profile *profile)
{
    struct text_locale locale = text_begin();

    fputs("# What the threads of this program may do to reference counts that they share. It is judged by\n"
          "#   hotref gate -i PROFILE --config THIS-FILE\n"
          "# and was made by 'hotref gate --write-budget' (" HOTREF_VERSION ") from a recording of:\n#   ",
          out);
    text_print(out, profile_string(profile, profile->meta.command), 200);
    fputs("\n#   CPython ", out);
    text_print(out, profile_string(profile, profile->targets[1].version), 40);
    fputs(", ", out);
    text_print(out, profile_string(profile, profile->targets[1].build), 80);
    fputs("\n"
          "# Each limit is what that counted and a tenth more, at least 100, rounded up. The counts of the "
          "same program on\n"
          "# the same interpreter repeat but for a few operations, so limits may be as near as you like. "
          "Lower them when the\n"
          "# program gets better. '*' stands for any text, '?' for one character. docs/ci.md tells more.\n"
          "version: 1\n"
          "limits:\n",
          out);
    text_end(&locale);
}

static void print_proposal(FILE *out, const struct proposal *proposal)
{
    const char *mark = "- ";
    char number[NUMBER_SIZE];

    for (size_t i = 0; i < naming_count; i++) {
        if (!proposal->selector.patterns[i])
            continue;
        fprintf(out, "  %s%s: ", mark, namings[i].key);
        print_quoted(out, proposal->selector.patterns[i]);
        fputc('\n', out);
        mark = "  ";
    }
    fprintf(out, "    decrefs: %llu  # counted: %s\n",
            (unsigned long long)with_room(proposal->decrefs, ROOM_LEAST),
            number_grouped(proposal->decrefs, number));
}

static void print_rest(FILE *out, uint64_t rest)
{
    char number[NUMBER_SIZE];

    fprintf(out,
            "  # All rows that have no limit above, together: here shows what is new. At least 1,000 of "
            "room, as what a\n"
            "  # program does once, at its start or end, is found here, too.\n"
            "  - rest: true\n"
            "    decrefs: %llu  # counted: %s\n"
            "# Rows that are known and are to stay for now, each with its reason:\n"
            "# exceptions:\n"
            "#   - object: \"instance of app.Config *\"\n"
            "#     reason: is replaced in the next release\n"
            "#     expires: 2027-12-31  # the last day; then the limits count it again\n"
            "#     decrefs: 50000       # and not more than this; may be left out\n",
            (unsigned long long)with_room(rest, REST_LEAST), number_grouped(rest, number));
}

int budget_emit(const struct profile *profile, FILE *out)
{
    struct rows_options by_decrefs = {.key = metric_find("decrefs")};
    struct rows *rows = rows_build(profile, &by_decrefs);
    struct proposal *proposals;

    if (!rows)
        return -1;
    proposals = proposals_of(rows);
    print_head(out, profile);
    for (size_t i = 0; i < arrlenu(proposals); i++)
        print_proposal(out, &proposals[i]);
    print_rest(out, rest_of(rows->ranked, proposals) + rest_of(rows->cold, proposals));
    for (size_t i = 0; i < arrlenu(proposals); i++)
        free_proposal(&proposals[i]);
    arrfree(proposals);
    rows_free(rows);
    return 0;
}
