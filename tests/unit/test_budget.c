/* What a budget says, and that whatever it says otherwise is refused. */
#include "profile_sample.h"

#include "profile/budget.h"

static void is_bound(const char *text, enum bound_kind kind, uint64_t amount)
{
    struct bound bound;

    assert_int_equal(bound_parse(text, &bound), 0);
    assert_int_equal(bound.kind, kind);
    assert_int_equal(bound.amount, amount);
}

static void bounds_are_read(void **state)
{
    (void)state;
    is_bound("0", BOUND_ABSOLUTE, 0);
    is_bound("1000", BOUND_ABSOLUTE, 1000);
    is_bound("1_000_000", BOUND_ABSOLUTE, 1000000);
    is_bound("18446744073709551615", BOUND_ABSOLUTE, UINT64_MAX);
    is_bound("+100", BOUND_PLUS, 100);
    is_bound("+5%", BOUND_TIMES, 1050000);
    is_bound("+0.5%", BOUND_TIMES, 1005000);
    is_bound("1.15x", BOUND_TIMES, 1150000);
    is_bound("0.9x", BOUND_TIMES, 900000);
    is_bound("0.000001/unit", BOUND_PER_UNIT, 1);
    is_bound("12/unit", BOUND_PER_UNIT, 12000000);
}

static void what_is_no_bound_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        " 1",
                                        "1 ",
                                        "-1",
                                        "0x10",
                                        "1e3",
                                        "1,000",
                                        "1.5",
                                        "_1",
                                        "1_",
                                        "1__0",
                                        "x",
                                        "+",
                                        "+x",
                                        "+1x",
                                        "1%",
                                        "+5%%",
                                        "1.05X",
                                        "1.0000001x",
                                        "1.x",
                                        ".5x",
                                        "5/units",
                                        "nan",
                                        "18446744073709551616",
                                        "99999999999999999999x",
                                        "+-5",
                                        "1.05x1"};
    struct bound bound;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(bound_parse(texts[i], &bound), -1);
        assert_non_null(strstr(last_failure(), texts[i]));
    }
}

static struct budget *parsed(const char *text)
{
    struct budget *budget = budget_new();

    if (budget_parse(budget, text, strlen(text), "b.yml"))
        fail_msg("%s", last_failure());
    return budget;
}

static void refused(const char *text, const char *sentence)
{
    struct budget *budget = budget_new();

    assert_int_equal(budget_parse(budget, text, strlen(text), "b.yml"), -1);
    assert_string_equal(last_failure(), sentence);
    budget_free(budget);
}

static void a_file_has_limits_and_exceptions(void **state)
{
    struct budget *budget = parsed("# ours\n"
                                   "version: 1\n"
                                   "limits:\n"
                                   "  - name: no nested functions\n"
                                   "    type: dict\n"
                                   "    field: 'function.*'\n"
                                   "    decrefs: 1_000\n"
                                   "    handoffs: +5%\n"
                                   "  - rest: true\n"
                                   "    all: true\n"
                                   "    decrefs: 0.5/unit\n"
                                   "exceptions:\n"
                                   "  - object: \"str 'a: b'\"\n"
                                   "    reason: known\n"
                                   "    expires: 2028-02-29\n"
                                   "    decrefs: 7\n");
    const struct limit *limits = budget->limits;

    (void)state;
    assert_int_equal(arrlen(limits), 4);
    assert_string_equal(limits[0].name, "no nested functions");
    assert_string_equal(limits[0].selector.patterns[0], "dict");
    assert_string_equal(limits[0].selector.patterns[1], "function.*");
    assert_null(limits[0].selector.patterns[2]);
    assert_string_equal(limits[0].metric->key, "decrefs");
    assert_int_equal(limits[0].bound.amount, 1000);
    assert_int_equal(limits[0].line, 7);
    assert_int_equal(limits[0].exception, -1);
    assert_string_equal(limits[1].metric->key, "handoffs");
    assert_string_equal(limits[1].selector.patterns[1], "function.*");
    assert_int_equal(limits[1].bound.kind, BOUND_TIMES);
    assert_true(limits[2].rest && limits[2].all && !limits[0].rest && !limits[0].all);
    assert_int_equal(limits[3].exception, 0);
    assert_int_equal(limits[3].bound.amount, 7);
    assert_int_equal(arrlen(budget->exceptions), 1);
    assert_string_equal(budget->exceptions[0].reason, "known");
    assert_string_equal(budget->exceptions[0].expires, "2028-02-29");
    assert_string_equal(budget->exceptions[0].selector.patterns[2], "str 'a: b'");
    budget_free(budget);
}

static void json_is_a_budget_too(void **state)
{
    struct budget *budget = parsed("{\"version\": 1, \"limits\": [{\"field\": \"*\", \"decrefs\": 3}]}\n");

    (void)state;
    assert_int_equal(arrlen(budget->limits), 1);
    assert_string_equal(budget->limits[0].selector.patterns[1], "*");
    budget_free(budget);
}

#define HEAD "version: 1\nlimits:\n"

static void what_is_no_budget_is_refused_with_its_line(void **state)
{
    (void)state;
    refused("", "'b.yml' is empty");
    refused("# nothing\n", "'b.yml' is empty");
    refused("- 1\n", "'b.yml' line 1: a budget has the keys version, limits and exceptions");
    refused("limits: []\n", "'b.yml' line 1: 'version: 1' is missing");
    refused("version: 2\n", "'b.yml' line 1: version 1 is the one there is, not '2'");
    refused("version: 1\nlimit: []\n", "'b.yml' line 2: unknown key 'limit'");
    refused("version: 1\nversion: 1\n", "'b.yml' line 2: there twice: 'version'");
    refused("version: 1\nlimits: 3\n",
            "'b.yml' line 2: a list is needed here, each of its entries behind '- '");
    refused(HEAD "  - 3\n",
            "'b.yml' line 3: a list of keys and values is needed here, such as 'field: function.*'");
    refused(HEAD "  - field: a\n",
            "'b.yml' line 3: this limits nothing: it needs a metric, such as 'decrefs: 1000'");
    refused(HEAD "  - decref: 3\n", "'b.yml' line 3: unknown key 'decref'");
    refused(HEAD "  - decrefs: 3\n    decrefs: 4\n", "'b.yml' line 4: there twice: 'decrefs'");
    refused(HEAD "  - decrefs: [3]\n", "'b.yml' line 3: a text is needed for 'decrefs'");
    refused(HEAD "  - decrefs:\n", "'b.yml' line 3: a text is needed for 'decrefs'");
    refused(HEAD "  - field: {a: b}\n    decrefs: 1\n", "'b.yml' line 3: a text is needed for 'field'");
    refused(HEAD "  - field: \"a\\0b\"\n    decrefs: 1\n", "'b.yml' line 3: a text is needed for 'field'");
    refused(HEAD "  - ops: 3\n", "'b.yml' line 3: 'ops' differs from run to run and cannot be limited: "
                                 "decrefs, threads and handoffs can");
    refused(HEAD "  - bounces: 3\n", "'b.yml' line 3: 'bounces' differs from run to run and cannot be "
                                     "limited: decrefs, threads and handoffs can");
    refused(HEAD "  - rest: maybe\n    decrefs: 3\n", "'b.yml' line 3: true or false is needed for 'rest'");
    refused(HEAD "  - reason: none\n    decrefs: 3\n", "'b.yml' line 3: unknown key 'reason'");
    refused(HEAD "  - decrefs: many\n",
            "'b.yml' line 3: 'many' is no maximum: there are 1000, 0.5/unit, and of the "
            "baseline 1.05x, +5% and +100");
    refused(HEAD "  - field: a\n  decrefs: 3\n", "'b.yml' line 4: did not find expected '-' indicator");
    refused(HEAD "  - field: *a\n    decrefs: 1\n",
            "'b.yml' line 3: found undefined alias: put patterns that begin with "
            "'*' between quotes");
    refused("version: 1\n---\nversion: 1\n", "'b.yml' holds more than one document");
    refused("version: 1\nlimits: [{decrefs: 1}]\n\xff\n", "'b.yml' line 1: invalid leading UTF-8 octet");
}

static void an_exception_has_a_pattern_and_a_reason(void **state)
{
    (void)state;
    refused("version: 1\nexceptions:\n  - object: a\n", "'b.yml' line 3: an exception needs a 'reason'");
    refused(
        "version: 1\nexceptions:\n  - reason: a\n",
        "'b.yml' line 3: an exception needs a pattern, such as 'object: ...': this one would be all rows");
    refused("version: 1\nexceptions:\n  - object: a\n    reason: b\n    rest: true\n",
            "'b.yml' line 5: unknown key 'rest'");
    refused("version: 1\nexceptions:\n  - object: a\n    reason: b\n    expires: 2027-02-29\n",
            "'b.yml' line 5: no date, such as 2027-03-31, is '2027-02-29'");
    refused("version: 1\nexceptions:\n  - object: a\n    reason: b\n    expires: 2027-2-9\n",
            "'b.yml' line 5: no date, such as 2027-03-31, is '2027-2-9'");
}

static void deep_and_cyclic_files_are_refused(void **state)
{
    size_t depth = 100000;
    char *text = malloc(depth + 1);
    struct budget *budget = budget_new();

    (void)state;
    memset(text, '[', depth);
    assert_int_equal(budget_parse(budget, text, depth, "b.yml"), -1);
    budget_free(budget);
    free(text);
    refused("&a [*a]\n", "'b.yml' line 1: a budget has the keys version, limits and exceptions");
    refused("version: 1\nlimits: &a [*a]\n",
            "'b.yml' line 2: a list of keys and values is needed here, such as 'field: function.*'");
}

static void limits_of_the_command_line(void **state)
{
    struct budget *budget = budget_new();
    const struct limit *limit;

    (void)state;
    assert_int_equal(budget_add(budget, "type=dict, field=subscript D['a,b'],decrefs=1000"), 0);
    limit = &budget->limits[0];
    assert_string_equal(limit->selector.patterns[0], "dict");
    assert_string_equal(limit->selector.patterns[1], "subscript D['a,b']");
    assert_int_equal(limit->bound.amount, 1000);
    assert_int_equal(limit->line, 0);
    assert_int_equal(budget_add(budget, "threads=3"), 0);
    assert_true(selector_is_empty(&budget->limits[1].selector));
    budget_free(budget);
}

static void limits_that_are_none(void **state)
{
    static const char *const texts[] = {"",
                                        "decrefs",
                                        "decrefs=",
                                        "=3",
                                        "typ=a",
                                        "type=a",
                                        "type=,decrefs=1",
                                        "type=a,typ=b,decrefs=1",
                                        "ops=3",
                                        "decrefs=1,ops=3",
                                        "decrefs=1,decrefs=2",
                                        "type=a,type=b,decrefs=1",
                                        "decrefs=1,",
                                        "decrefs=1 ",
                                        "decrefs=1,threads=2",
                                        "Decrefs=1",
                                        "decrefs=1,nonsense",
                                        "decrefs=+",
                                        "\xff=1",
                                        "field=\xff,decrefs=1"};
    struct budget *budget = budget_new();

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(budget_add(budget, texts[i]), -1);
    assert_int_equal(arrlen(budget->limits), 0);
    budget_free(budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_read),
        cmocka_unit_test(what_is_no_bound_is_refused),
        cmocka_unit_test(a_file_has_limits_and_exceptions),
        cmocka_unit_test(json_is_a_budget_too),
        cmocka_unit_test(what_is_no_budget_is_refused_with_its_line),
        cmocka_unit_test(an_exception_has_a_pattern_and_a_reason),
        cmocka_unit_test(deep_and_cyclic_files_are_refused),
        cmocka_unit_test(limits_of_the_command_line),
        cmocka_unit_test(limits_that_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
