/* Patterns, releases, and the table of remedies that is built in. */
#include "profile_sample.h"

#include <jansson.h>

#include "profile/release.h"
#include "profile/remedy.h"
#include "util/glob.h"

static void patterns_match_whole_names(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "two\nlines", true},
        {"function.func_globals", "function.func_globals", true},
        {"function.func_globals", "function.func_globals2", false},
        {"function.*", "function.func_code", true},
        {"function.*", "dict.function.x", false},
        {"*.__init__", "app.C.__init__", true},
        {"*.__init__", "app.C.__init__.x", false},
        {"*<locals>.*.*", "function f.<locals>.C.m", true},
        {"*<locals>.*.*", "function f.<locals>.g", false},
        {"a*b*c", "a-b-b-c", true},
        {"a*b*c", "a-b-b-", false},
        {"list[?]", "list[0]", true},
        {"list[?]", "list0", false},
        {"gr??e", "größe", true},
        {"?", "鍵", true},
        {"??", "鍵", false},
        {"a**b", "ab", true},
        {"\\*", "\\x", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (glob_matches(cases[i].pattern, cases[i].text) != cases[i].matches)
            fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].text);
    }
}

static void releases_are_in_order(void **state)
{
    static const char *const ordered[] = {"3.13.0",   "3.13.5",    "3.13.10",  "3.14.0a1",
                                          "3.14.0a2", "3.14.0a10", "3.14.0b1", "3.14.0rc3",
                                          "3.14.0",   "3.14.1",    "3.15.0a8", "3.16.0a0"};
    static const char *const none[] = {"",         "3",       "3.14",   "3.14.",    "3.14.x",
                                       "3.14.0rc", "3.999.0", "-3.1.1", "3.14.0a99"};

    (void)state;
    for (size_t i = 0; i + 1 < sizeof(ordered) / sizeof(ordered[0]); i++)
        assert_true(release_parse(ordered[i]) < release_parse(ordered[i + 1]));
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_int_equal(release_parse(none[i]), 0);
    assert_int_equal(release_parse("3.14.0a2"), 0x030e00a2);
    assert_int_equal(release_parse("3.13.5+"), 0x030d05f0);
}

static void releases_are_spoken_shortly(void **state)
{
    char text[RELEASE_SIZE];

    (void)state;
    assert_string_equal(release_spoken(release_parse("3.14.0a2"), text), "3.14");
    assert_string_equal(release_spoken(release_parse("3.14.0"), text), "3.14");
    assert_string_equal(release_spoken(release_parse("3.14.4"), text), "3.14.4");
}

static const char *found(const struct remedies *remedies, struct row row)
{
    const struct remedy *remedy = remedies_find(remedies, &row);

    return remedy ? remedy->id : "none";
}

#define ENTRY(id, match, more)                                                                               \
    "{\"id\": \"" id "\", \"match\": {" match "}, " more                                                     \
    "\"summary\": \"s\", \"what\": \"w\", \"advice\": [\"a\"]}"

static struct remedies *table(const char *entries)
{
    char *text;
    struct remedies *remedies;
    int size = asprintf(&text, "{\"remedies\": [%s]}", entries);

    remedies = remedies_parse(text, (size_t)size);
    free(text);
    if (!remedies)
        fail_msg("%s", last_failure());
    return remedies;
}

static struct row row(const char *type, const char *field, const char *version)
{
    return (struct row){.type = type, .field = field, .object = "o", .function = "f", .version = version};
}

static void the_first_entry_that_matches_wins(void **state)
{
    struct remedies *remedies =
        table(ENTRY("exact", "\"type\": \"dict\", \"field\": \"function.func_globals\"",
                    "") "," ENTRY("either", "\"field\": [\"function.*\", \"cell.ob_ref\"]",
                                  "") "," ENTRY("any", "\"type\": \"*\"", ""));

    (void)state;
    assert_int_equal(remedies_count(remedies), 3);
    assert_string_equal(found(remedies, row("dict", "function.func_globals", "3.13.5")), "exact");
    assert_string_equal(found(remedies, row("list", "function.func_globals", "3.13.5")), "either");
    assert_string_equal(found(remedies, row("list", "cell.ob_ref", "3.13.5")), "either");
    assert_string_equal(found(remedies, row("list", "list item", "3.13.5")), "any");
    remedies_free(remedies);
}

static void one_of_several_matches_is_enough(void **state)
{
    struct remedies *remedies = table("{\"id\": \"a\", \"match\": [{\"type\": \"dict\", \"field\": \"x\"}, "
                                      "{\"type\": \"list\", \"field\": \"y\"}], "
                                      "\"summary\": \"s\", \"what\": \"w\", \"advice\": [\"a\"]}");

    (void)state;
    assert_string_equal(found(remedies, row("dict", "x", "3.13.5")), "a");
    assert_string_equal(found(remedies, row("list", "y", "3.13.5")), "a");
    assert_string_equal(found(remedies, row("dict", "y", "3.13.5")), "none");
    remedies_free(remedies);
}

/* Fixed in a patch of 3.14 and before the first release of 3.15. */
static void an_entry_ends_where_it_is_fixed(void **state)
{
    static const struct {
        const char *version, *id;
    } cases[] = {
        {"3.13.0a1", "none"},  {"3.13.5", "fixed"},   {"3.13.99", "fixed"}, {"3.14.0a1", "fixed"},
        {"3.14.3", "fixed"},   {"3.14.4", "none"},    {"3.14.10", "none"},  {"3.15.0a7", "fixed"},
        {"3.15.0a8", "none"},  {"3.15.0rc1", "none"}, {"3.16.0a0", "none"}, {"", "none"},
        {"who knows", "none"},
    };
    struct remedies *remedies =
        table(ENTRY("fixed", "\"type\": \"dict\"",
                    "\"since\": \"3.13.0b1\", \"fixed_in\": [\"3.14.4\", \"3.15.0a8\"], "));

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (strcmp(found(remedies, row("dict", "", cases[i].version)), cases[i].id) != 0)
            fail_msg("%s is not %s", cases[i].version, cases[i].id);
    }
    remedies_free(remedies);
}

static void an_unknown_release_gets_only_what_holds_for_all(void **state)
{
    struct remedies *remedies =
        table(ENTRY("fixed", "\"type\": \"dict\"",
                    "\"fixed_in\": [\"3.14.4\"], ") "," ENTRY("ever", "\"type\": \"dict\"", ""));

    (void)state;
    assert_string_equal(found(remedies, row("dict", "", "")), "ever");
    remedies_free(remedies);
}

static void damaged_tables_are_refused(void **state)
{
    static const char *const tables[] = {
        "",
        "[]",
        "{\"remedies\": []}",
        "{\"remedies\": [3]}",
        "{\"remedies\": [" ENTRY("a", "", "\"since\": \"3.14\", ") "]}",
        "{\"remedies\": [" ENTRY("a", "", "\"fixed_in\": [\"3\"], ") "]}",
        "{\"remedies\": [" ENTRY("a", "", "\"fixed_in\": [], ") "]}",
        "{\"remedies\": [" ENTRY("a", "\"colour\": \"red\"", "") "]}",
        "{\"remedies\": [" ENTRY("a", "\"type\": [3]", "") "]}",
        "{\"remedies\": [{\"id\": \"a\", \"match\": {}, \"summary\": \"s\", \"what\": \"w\"}]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        if (remedies_parse(tables[i], strlen(tables[i])))
            fail_msg("taken: %s", tables[i]);
    }
}

static struct row example_row(const json_t *example)
{
    return (struct row){
        .type = json_string_value(json_object_get(example, "type")),
        .field = json_string_value(json_object_get(example, "field")),
        .object = json_string_value(json_object_get(example, "object")),
        .function = json_string_value(json_object_get(example, "function")),
        .version = json_string_value(json_object_get(example, "version")),
    };
}

/* No entry stands in the shadow of one before it, and each id is there once. */
static void each_entry_is_found_by_its_example(void **state)
{
    json_t *root = json_load_file("user/profile/remedies.json", 0, NULL), *entry;
    const struct remedies *remedies = remedies_builtin();
    size_t i;

    (void)state;
    assert_non_null(root);
    assert_non_null(remedies);
    assert_int_equal(remedies_count(remedies), json_array_size(json_object_get(root, "remedies")));
    json_array_foreach(json_object_get(root, "remedies"), i, entry)
    {
        struct row row = example_row(json_object_get(entry, "example"));
        const char *id = json_string_value(json_object_get(entry, "id"));

        if (strcmp(found(remedies, row), id) != 0)
            fail_msg("the example of %s finds %s", id, found(remedies, row));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(remedies_at(remedies, k)->id, id);
    }
    json_decref(root);
}

/* One recording of two interpreters: the one that did more decides. */
static void the_busiest_interpreter_decides(void **state)
{
    struct profile *p = sample_new();
    struct profile_target newer = p->targets[1];
    struct rows *rows;
    uint32_t old, new;

    (void)state;
    newer.version = profile_text(p, "3.14.7");
    arrput(p->targets, newer);
    for (uint32_t i = 1; i <= 2; i++)
        arrput(p->threads, ((struct profile_thread){2, 5000 + i, profile_text(p, "T")}));
    old = sample_object(p, "dict", "globals of __main__", 0x1000);
    new = sample_object(p, "dict", "globals of __main__", 0x2000);
    p->objects[new].target = 2;
    for (uint32_t i = 1; i <= 2; i++) {
        sample_count(p, old, "function.func_globals", i, 10);
        sample_count(p, new, "function.func_globals", 3 + i, 11);
    }
    rows = rows_build(p, NULL);
    assert_int_equal(arrlenu(rows->ranked), 1);
    assert_string_equal(rows->ranked[0].version, "3.14.7");
    assert_string_equal(remedy_of(&rows->ranked[0])->id, "plain-dict-globals");
    rows_free(rows);
    p->counts[1].decrefs = 100;
    rows = rows_build(p, NULL);
    assert_string_equal(remedy_of(&rows->ranked[0])->id, "nested-function-globals");
    rows_free(rows);
    profile_free(p);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_whole_names),
        cmocka_unit_test(releases_are_in_order),
        cmocka_unit_test(releases_are_spoken_shortly),
        cmocka_unit_test(the_first_entry_that_matches_wins),
        cmocka_unit_test(one_of_several_matches_is_enough),
        cmocka_unit_test(an_entry_ends_where_it_is_fixed),
        cmocka_unit_test(an_unknown_release_gets_only_what_holds_for_all),
        cmocka_unit_test(damaged_tables_are_refused),
        cmocka_unit_test(each_entry_is_found_by_its_example),
        cmocka_unit_test(the_busiest_interpreter_decides),
    };

    return cmocka_run_group_tests_name("remedy", tests, NULL, NULL);
}
