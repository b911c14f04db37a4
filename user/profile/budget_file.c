/*
 * The budget that people keep in their repository, in YAML: it has comments, people know it from their CI,
 * and JSON is part of it. libyaml's document keeps the line of each node. Scalars are taken as they are
 * written: 'no' and '010' mean themselves here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "profile/budget.h"
#include "util/array.h"
#include "util/error.h"

#define LARGEST (4u << 20) /* more is no budget */

/* What a mapping of the file may be about. */
struct entry {
    struct limit *limits; /* stb_ds: one for each metric, of which only metric and bound count */
    struct selector selector;
    char *name, *reason, *expires;
    bool all, rest;
};

struct file {
    struct budget *budget;
    const char *path;
    yaml_document_t *document;
};

/* Fails with the line before the sentence that was kept, or that is given. */
static int wrong(struct file *file, const yaml_node_t *node, const char *sentence)
{
    char copy[1024];

    snprintf(copy, sizeof(copy), "%s", sentence ? sentence : last_failure());
    file->budget->bad_line = (unsigned)node->start_mark.line + 1;
    return fail("'%s' line %u: %s", file->path, file->budget->bad_line, copy);
}

static int wrong_key(struct file *file, const yaml_node_t *node, const char *what, const char *key)
{
    char sentence[512];

    snprintf(sentence, sizeof(sentence), "%s '%s'", what, key);
    return wrong(file, node, sentence);
}

static yaml_node_t *node_at(struct file *file, int index)
{
    return yaml_document_get_node(file->document, index);
}

/* The text of a scalar; NULL with a failure. NUL is in no text. */
static const char *scalar(struct file *file, const yaml_node_t *node, const char *what)
{
    const char *text = node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;

    if (text && strlen(text) == node->data.scalar.length && *text)
        return text;
    wrong_key(file, node, "a text is needed for", what);
    return NULL;
}

static int keep(struct file *file, const yaml_node_t *node, const char *key, char **place)
{
    const char *text = scalar(file, node, key);

    if (!text)
        return -1;
    *place = strdup(text);
    return *place ? 0 : wrong(file, node, "out of memory");
}

static int keep_flag(struct file *file, const yaml_node_t *node, const char *key, bool *flag)
{
    const char *text = scalar(file, node, key);

    if (!text)
        return -1;
    *flag = strcmp(text, "true") == 0;
    if (!*flag && strcmp(text, "false") != 0)
        return wrong_key(file, node, "true or false is needed for", key);
    return 0;
}

static int keep_metric(struct file *file, const yaml_node_t *node, const struct metric *metric,
                       struct entry *entry)
{
    const char *text = scalar(file, node, metric->key);
    struct limit limit = {.metric = metric, .line = (unsigned)node->start_mark.line + 1};

    if (!text)
        return -1;
    if (metric_gated(metric) || bound_parse(text, &limit.bound))
        return wrong(file, node, NULL);
    arrput(entry->limits, limit);
    return 0;
}

static int keep_date(struct file *file, const yaml_node_t *node, struct entry *entry)
{
    if (keep(file, node, "expires", &entry->expires))
        return -1;
    return is_date(entry->expires) ? 0
                                   : wrong_key(file, node, "no date, such as 2027-03-31, is", entry->expires);
}

/* One KEY: VALUE of a limit or an exception. */
static int read_member(struct file *file, const char *key, const yaml_node_t *key_node,
                       const yaml_node_t *value, bool is_exception, struct entry *entry)
{
    const struct metric *metric = metric_find(key);

    for (size_t i = 0; i < naming_count; i++) {
        if (strcmp(namings[i].key, key) == 0)
            return keep(file, value, key, &entry->selector.patterns[i]);
    }
    if (metric)
        return keep_metric(file, value, metric, entry);
    if (!is_exception && strcmp(key, "name") == 0)
        return keep(file, value, key, &entry->name);
    if (!is_exception && strcmp(key, "all") == 0)
        return keep_flag(file, value, key, &entry->all);
    if (!is_exception && strcmp(key, "rest") == 0)
        return keep_flag(file, value, key, &entry->rest);
    if (is_exception && strcmp(key, "reason") == 0)
        return keep(file, value, key, &entry->reason);
    if (is_exception && strcmp(key, "expires") == 0)
        return keep_date(file, value, entry);
    return wrong_key(file, key_node, "unknown key", key);
}

static bool is_repeated(struct file *file, const yaml_node_t *map, const yaml_node_pair_t *pair,
                        const char *key)
{
    for (yaml_node_pair_t *earlier = map->data.mapping.pairs.start; earlier < pair; earlier++) {
        const yaml_node_t *node = node_at(file, earlier->key);

        if (node->type == YAML_SCALAR_NODE && strcmp((const char *)node->data.scalar.value, key) == 0)
            return true;
    }
    return false;
}

/* The key of a pair, which must not have been there before; NULL with a failure. */
static const char *key_of(struct file *file, const yaml_node_t *map, const yaml_node_pair_t *pair)
{
    const yaml_node_t *node = node_at(file, pair->key);
    const char *key = scalar(file, node, "a key");

    if (key && is_repeated(file, map, pair, key)) {
        wrong_key(file, node, "there twice:", key);
        return NULL;
    }
    return key;
}

static int read_members(struct file *file, const yaml_node_t *map, bool is_exception, struct entry *entry)
{
    if (map->type != YAML_MAPPING_NODE)
        return wrong(file, map, "a list of keys and values is needed here, such as 'field: function.*'");
    for (yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++) {
        const char *key = key_of(file, map, pair);

        if (!key ||
            read_member(file, key, node_at(file, pair->key), node_at(file, pair->value), is_exception, entry))
            return -1;
    }
    return 0;
}

static int copy_selector(const struct selector *from, struct selector *to)
{
    for (size_t i = 0; i < NAMINGS; i++) {
        to->patterns[i] = from->patterns[i] ? strdup(from->patterns[i]) : NULL;
        if (from->patterns[i] && !to->patterns[i])
            return fail("cannot keep a budget: out of memory");
    }
    return 0;
}

/* A limit of its own for each metric of the entry. */
static int add_limits(struct file *file, const struct entry *entry, int exception)
{
    for (size_t i = 0; i < arrlenu(entry->limits); i++) {
        struct limit limit = entry->limits[i];
        int status;

        limit.exception = exception;
        limit.all = entry->all;
        limit.rest = entry->rest;
        limit.name = entry->name ? strdup(entry->name) : NULL;
        status = copy_selector(&entry->selector, &limit.selector);
        arrput(file->budget->limits, limit);
        if (status || (entry->name && !limit.name))
            return -1;
    }
    return 0;
}

static int add_limit(struct file *file, const yaml_node_t *node, const struct entry *entry)
{
    if (!entry->limits)
        return wrong(file, node, "this limits nothing: it needs a metric, such as 'decrefs: 1000'");
    return add_limits(file, entry, -1);
}

static int add_exception(struct file *file, const yaml_node_t *node, struct entry *entry)
{
    struct exception exception = {
        .reason = entry->reason, .expires = entry->expires, .line = (unsigned)node->start_mark.line + 1};
    int status;

    if (selector_is_empty(&entry->selector))
        return wrong(file, node,
                     "an exception needs a pattern, such as 'object: ...': this one would be all rows");
    if (!entry->reason)
        return wrong(file, node, "an exception needs a 'reason'");
    entry->reason = entry->expires = NULL;
    status = copy_selector(&entry->selector, &exception.selector);
    arrput(file->budget->exceptions, exception);
    return status ? status : add_limits(file, entry, (int)arrlen(file->budget->exceptions) - 1);
}

static int read_entry(struct file *file, const yaml_node_t *node, bool is_exception)
{
    struct entry entry = {0};
    int status = read_members(file, node, is_exception, &entry);

    if (!status)
        status = is_exception ? add_exception(file, node, &entry) : add_limit(file, node, &entry);
    for (size_t i = 0; i < NAMINGS; i++)
        free(entry.selector.patterns[i]);
    free(entry.name);
    free(entry.reason);
    free(entry.expires);
    arrfree(entry.limits);
    return status;
}

static int read_list(struct file *file, const yaml_node_t *list, bool is_exception)
{
    if (list->type != YAML_SEQUENCE_NODE)
        return wrong(file, list, "a list is needed here, each of its entries behind '- '");
    for (yaml_node_item_t *item = list->data.sequence.items.start; item < list->data.sequence.items.top;
         item++) {
        if (read_entry(file, node_at(file, *item), is_exception))
            return -1;
    }
    return 0;
}

static int check_version(struct file *file, const yaml_node_t *node)
{
    const char *text = scalar(file, node, "version");

    if (!text)
        return -1;
    return strcmp(text, "1") == 0 ? 0 : wrong_key(file, node, "version 1 is the one there is, not", text);
}

static int read_root(struct file *file, const yaml_node_t *root)
{
    bool has_version = false;

    if (root->type != YAML_MAPPING_NODE)
        return wrong(file, root, "a budget has the keys version, limits and exceptions");
    for (yaml_node_pair_t *pair = root->data.mapping.pairs.start; pair < root->data.mapping.pairs.top;
         pair++) {
        const char *key = key_of(file, root, pair);
        const yaml_node_t *value = node_at(file, pair->value);
        int status;

        if (!key)
            return -1;
        has_version = has_version || strcmp(key, "version") == 0;
        if (strcmp(key, "version") == 0)
            status = check_version(file, value);
        else if (strcmp(key, "limits") == 0 || strcmp(key, "exceptions") == 0)
            status = read_list(file, value, *key == 'e');
        else
            status = wrong_key(file, node_at(file, pair->key), "unknown key", key);
        if (status)
            return status;
    }
    return has_version ? 0 : wrong(file, root, "'version: 1' is missing");
}

/* A '*' or '&' that begins a pattern without quotes is YAML's own. */
static int wrong_syntax(struct file *file, const yaml_parser_t *parser)
{
    const char *problem = parser->problem ? parser->problem : "not YAML";
    bool alias = strstr(problem, "alias") || strstr(problem, "anchor");

    file->budget->bad_line = (unsigned)parser->problem_mark.line + 1;
    return fail("'%s' line %u: %s%s", file->path, file->budget->bad_line, problem,
                alias ? ": put patterns that begin with '*' between quotes" : "");
}

static int read_document(struct file *file, yaml_parser_t *parser)
{
    yaml_document_t document;
    const yaml_node_t *root;
    int status;

    if (!yaml_parser_load(parser, &document))
        return wrong_syntax(file, parser);
    file->document = &document;
    root = yaml_document_get_root_node(&document);
    status = root ? read_root(file, root) : fail("'%s' is empty", file->path);
    yaml_document_delete(&document);
    return status;
}

/* Of several documents the second would be ignored. */
static int check_end(struct file *file, yaml_parser_t *parser)
{
    yaml_document_t document;
    bool more;

    if (!yaml_parser_load(parser, &document))
        return wrong_syntax(file, parser);
    more = yaml_document_get_root_node(&document);
    yaml_document_delete(&document);
    return more ? fail("'%s' holds more than one document", file->path) : 0;
}

int budget_parse(struct budget *budget, const char *text, size_t size, const char *path)
{
    struct file file = {.budget = budget, .path = path};
    yaml_parser_t parser;
    int status;

    budget->path = strdup(path);
    if (!budget->path || !yaml_parser_initialize(&parser))
        return fail("cannot read '%s': out of memory", path);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    status = read_document(&file, &parser);
    if (!status)
        status = check_end(&file, &parser);
    yaml_parser_delete(&parser);
    return status;
}

int budget_read(struct budget *budget, const char *path)
{
    FILE *in = fopen(path, "re");
    char *text = in ? malloc(LARGEST + 1) : NULL;
    size_t size = text ? fread(text, 1, LARGEST + 1, in) : 0;
    int status;

    if (!text || ferror(in))
        status = fail_errno("cannot read '%s'", path);
    else if (size > LARGEST)
        status = fail("'%s' is too large for a budget", path);
    else
        status = budget_parse(budget, text, size, path);
    free(text);
    if (in)
        fclose(in);
    return status;
}
