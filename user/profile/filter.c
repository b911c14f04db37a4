/* Which rows a report shows: -I and -X. */
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

static bool matches(const struct row *row, const char *pattern)
{
    const struct naming *naming = naming_of(&pattern);

    if (naming)
        return glob_matches(pattern, naming->of(row));
    for (size_t i = 0; i < naming_count; i++) {
        if (glob_matches(pattern, namings[i].of(row)))
            return true;
    }
    return false;
}

static bool stays(const struct row *row, const struct rows_filter *filters, size_t count)
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
        if (stays(&list[i], filters, count)) {
            list[kept++] = list[i];
            continue;
        }
        rows->left_out_rows++;
        rows->left_out_ops += row_ops(&list[i]);
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
