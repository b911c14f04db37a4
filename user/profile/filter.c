/* Which rows a report shows, -I and -X, and which a limit holds for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/rows.h"
#include "util/array.h"
#include "util/glob.h"

/* The naming that pattern asks for by "KEY=", and where the pattern proper begins; NULL: it asks for any. */
static const struct naming *naming_of(const char **pattern)
{
    for (size_t i = 0; i < naming_count; i++) {
        size_t length = strlen(namings[i].key);

        if (strncmp(*pattern, namings[i].key, length) == 0 && (*pattern)[length] == '=') {
            *pattern += length + 1;
            return &namings[i];
        }
    }
    return NULL;
}

bool filter_key(const char *pattern, char *key, size_t size)
{
    size_t length = strspn(pattern, "abcdefghijklmnopqrstuvwxyz_-");

    if (!length || pattern[length] != '=' || naming_of(&pattern))
        return true;
    snprintf(key, size, "%.*s", (int)length, pattern);
    return false;
}

bool naming_matches(const struct naming *naming, const char *pattern, const struct row *row)
{
    return glob_matches(pattern, naming->of(row));
}

static bool matches(const struct row *row, const char *pattern)
{
    const struct naming *naming = naming_of(&pattern);

    if (naming)
        return naming_matches(naming, pattern, row);
    for (size_t i = 0; i < naming_count; i++) {
        if (naming_matches(&namings[i], pattern, row))
            return true;
    }
    return false;
}

bool filter_keeps(const struct row *row, const struct rows_filter *filters, size_t count)
{
    bool wanted = false, included = false;

    for (size_t i = 0; i < count; i++) {
        bool match = matches(row, filters[i].pattern);

        if (filters[i].exclude && match)
            return false;
        wanted = wanted || !filters[i].exclude;
        included = included || (!filters[i].exclude && match);
    }
    return included || !wanted;
}

static void filter_list(struct rows *rows, struct row *list, const struct rows_filter *filters, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < arrlenu(list); i++) {
        if (filter_keeps(&list[i], filters, count)) {
            list[kept++] = list[i];
            continue;
        }
        rows->left_out_rows++;
        rows->left_out_ops += row_weight(&list[i]);
    }
    if (list)
        arrsetlen(list, kept);
}

void rows_filter(struct rows *rows, const struct rows_filter *filters, size_t count)
{
    if (!count)
        return;
    filter_list(rows, rows->ranked, filters, count);
    filter_list(rows, rows->single, filters, count);
}

static void list_patterns(FILE *out, const struct rows_filter *filters, size_t count, bool exclude)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        if (filters[i].exclude == exclude)
            fprintf(out, "%s'%s'", found++ ? " or " : "", filters[i].pattern);
    }
}

static bool has_patterns(const struct rows_filter *filters, size_t count, bool exclude)
{
    for (size_t i = 0; i < count; i++) {
        if (filters[i].exclude == exclude)
            return true;
    }
    return false;
}

/* The naming has to be like a pattern as a whole, which not everybody expects. */
static bool all_are_whole(const struct rows_filter *filters, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strpbrk(filters[i].pattern, "*?"))
            return false;
    }
    return true;
}

char *filter_told(const struct rows *rows, const struct rows_filter *filters, size_t count)
{
    bool included = has_patterns(filters, count, false), excluded = has_patterns(filters, count, true);
    char *sentence = NULL;
    size_t size;
    FILE *out = arrlenu(rows->ranked) || !rows->left_out_rows ? NULL : open_memstream(&sentence, &size);

    if (!out)
        return NULL;
    fputs(included ? "no contended row is like " : "every contended row is like ", out);
    list_patterns(out, filters, count, !included);
    if (included && excluded) {
        fputs(" and not like ", out);
        list_patterns(out, filters, count, true);
    }
    if (arrlenu(rows->single))
        fputs("; of those that one thread alone has touched some are left (--all)", out);
    else if (included && all_are_whole(filters, count))
        fputs("; '*' stands for any text: '*NAME*' is like all that holds NAME", out);
    fclose(out);
    return sentence;
}
