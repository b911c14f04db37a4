#include "profile/budget.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "profile/utf8.h"
#include "util/array.h"
#include "util/error.h"

struct budget *budget_new(void)
{
    struct budget *budget = calloc(1, sizeof(*budget));

    if (!budget)
        fail("cannot keep a budget: out of memory");
    return budget;
}

static void free_selector(struct selector *selector)
{
    for (size_t i = 0; i < NAMINGS; i++)
        free(selector->patterns[i]);
}

void budget_free(struct budget *budget)
{
    if (!budget)
        return;
    for (size_t i = 0; i < arrlenu(budget->limits); i++) {
        free_selector(&budget->limits[i].selector);
        free(budget->limits[i].name);
    }
    for (size_t i = 0; i < arrlenu(budget->exceptions); i++) {
        free_selector(&budget->exceptions[i].selector);
        free(budget->exceptions[i].reason);
        free(budget->exceptions[i].expires);
    }
    arrfree(budget->limits);
    arrfree(budget->exceptions);
    free(budget->path);
    free(budget);
}

bool selector_matches(const struct selector *selector, const struct row *row)
{
    for (size_t i = 0; i < naming_count; i++) {
        if (selector->patterns[i] && !naming_matches(&namings[i], selector->patterns[i], row))
            return false;
    }
    return true;
}

bool selector_is_empty(const struct selector *selector)
{
    for (size_t i = 0; i < NAMINGS; i++) {
        if (selector->patterns[i])
            return false;
    }
    return true;
}

char *selector_text(const struct selector *selector)
{
    const char *between = "";
    char *text = NULL;
    size_t size;
    FILE *out;

    if (selector_is_empty(selector))
        return strdup("all rows");
    out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (size_t i = 0; i < naming_count; i++) {
        if (!selector->patterns[i])
            continue;
        fprintf(out, "%s%s=%s", between, namings[i].key, selector->patterns[i]);
        between = " ";
    }
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

bool is_date(const char *text)
{
    struct tm date = {0}, day;
    const char *end = strlen(text) == strlen("2027-03-31") ? strptime(text, "%Y-%m-%d", &date) : NULL;

    if (!end || *end)
        return false;
    day = date;
    return timegm(&day) != (time_t)-1 && day.tm_mday == date.tm_mday && day.tm_mon == date.tm_mon;
}

/* The limit of the command line that is being read. */
struct reading {
    const char *text; /* all of it, for failures */
    struct limit limit;
};

/* Length of what looks like a key with its '=' at text; 0: it does not. */
static size_t key_length(const char *text)
{
    size_t length = 0;

    while ((text[length] >= 'a' && text[length] <= 'z') || text[length] == '_' || text[length] == '-')
        length++;
    return length && text[length] == '=' ? length : 0;
}

/* The comma that ends the part at text, or the end: commas in names are followed by no KEY=. */
static const char *part_end(const char *text)
{
    for (; *text; text++) {
        if (*text == ',' && key_length(text + 1 + strspn(text + 1, " ")))
            return text;
    }
    return text;
}

static int set_metric(struct reading *reading, const char *key, const char *value)
{
    const struct metric *metric = metric_find(key);

    if (!metric)
        return fail("unknown key '%s' in '%s'", key, reading->text);
    if (reading->limit.metric)
        return fail("two metrics, '%s' and '%s', in '%s': give each a --max of its own",
                    reading->limit.metric->key, key, reading->text);
    reading->limit.metric = metric;
    return metric_gated(metric) || bound_parse(value, &reading->limit.bound) ? -1 : 0;
}

static int set_part(struct reading *reading, const char *key, const char *value)
{
    for (size_t i = 0; i < naming_count; i++) {
        char **pattern = &reading->limit.selector.patterns[i];

        if (strcmp(namings[i].key, key) != 0)
            continue;
        if (*pattern)
            return fail("'%s' is there twice in '%s'", key, reading->text);
        if (!*value)
            return fail("'%s' has no pattern in '%s'", key, reading->text);
        *pattern = strdup(value);
        return *pattern ? 0 : fail("cannot keep '%s': out of memory", reading->text);
    }
    return set_metric(reading, key, value);
}

static int read_part(struct reading *reading, const char *begin, const char *end)
{
    size_t length = key_length(begin);
    char *key = strndup(begin, length), *value = NULL;
    int status;

    if (!length) {
        free(key);
        return fail("'%s' is no limit: write 'type=GLOB,field=GLOB,METRIC=VALUE'", reading->text);
    }
    value = strndup(begin + length + 1, (size_t)(end - begin) - length - 1);
    status =
        key && value ? set_part(reading, key, value) : fail("cannot keep '%s': out of memory", reading->text);
    free(key);
    free(value);
    return status;
}

static int read_parts(struct reading *reading)
{
    const char *begin = reading->text, *end;

    do {
        begin += strspn(begin, " ");
        end = part_end(begin);
        if (read_part(reading, begin, end))
            return -1;
        begin = end + 1;
    } while (*end);
    if (!reading->limit.metric)
        return fail("'%s' limits nothing: it needs a metric, such as decrefs=1000", reading->text);
    return 0;
}

int budget_add(struct budget *budget, const char *text)
{
    struct reading reading = {.text = text, .limit.exception = -1};

    if (!utf8_valid(text, strlen(text)))
        return fail("a limit is not UTF-8: '%s'", text);
    if (read_parts(&reading)) {
        free_selector(&reading.limit.selector);
        return -1;
    }
    arrput(budget->limits, reading.limit);
    return 0;
}
