"""What is counted: every operation, on the right object, through the right field (gh-124218 as the model)."""
import re

import pytest

from recording import line_of, matching

ITERATIONS = 20_000
THREADS = 2
EXPECTED = THREADS * ITERATIONS
NESTED = ("nested.py", "--threads", THREADS, "--iterations", ITERATIONS)
FIELDS = ("function.func_globals", "function.func_builtins", "function.func_code")


def roughly_expected(row):
    return row["ops"] == pytest.approx(EXPECTED, rel=0.01)


def dropped(rows):
    """Those where references were dropped; where the same objects' were taken is another field."""
    return [row for row in rows if row["decrefs"]]


def assert_hot_rows_have_names(report):
    for row in report.all_rows:
        if row["ops"] > 1_000:
            for member in "type", "field", "object":
                assert row[member] and "unknown" not in row[member], row


def test_nested_functions_contend_on_globals_builtins_and_code(hotref, python313, entry_count):
    with entry_count(python313) as entries:
        report = hotref.record_workload(python313, *NESTED, "--suppress-immortalization")

    square = f"func.<locals>.square (nested.py:{line_of('nested.py', 'def square')})"
    for type_name, field, object_name in (
            ("dict", "function.func_globals", "globals of __main__"),
            ("dict", "function.func_builtins", "builtins"),
            ("code", "function.func_code", re.compile(re.escape(square)))):
        row = report.row(type=type_name, field=field, object=object_name)
        assert roughly_expected(row), row
        assert row["field_source"] == "slot"
        assert row["threads"] >= THREADS
    assert_hot_rows_have_names(report)
    assert report.json["complete"] and report.json["lost"] == report.json["cold_ops"] == 0
    assert report.ops_in(python313.slow_path) == entries.of(report.only_target["pid"])


def test_nested_functions_do_not_contend_as_the_interpreter_comes(hotref, python):
    report = hotref.record_workload(python, *NESTED)

    # What one thread alone does is no contention: from 3.14 on, finalization drops thousands of functions.
    for row in report.ranked:
        if row["field"] in FIELDS:
            assert row["ops"] <= EXPECTED / 100, row
    square = f"code func.<locals>.square (nested.py:{line_of('nested.py', 'def square')})"
    for row in matching(report.all_rows, object=square):
        assert row["ops"] <= EXPECTED / 100, row


def test_plain_globals_bring_back_globals_and_builtins_but_not_code(hotref, python):
    report = hotref.record_workload(python, *NESTED, "--plain-globals")

    assert roughly_expected(report.row(type="dict", field="function.func_globals", object="globals of plain"))
    builtins = report.row(type="dict", field="function.func_builtins")
    assert roughly_expected(builtins), builtins
    for row in matching(report.all_rows, field="function.func_code"):
        assert row["fold"] or row["ops"] <= EXPECTED / 100, row


def test_a_float_read_by_one_other_thread_is_shared_but_not_ranked(hotref, python):
    report = hotref.record_workload(python, "float_reader.py", "--iterations", ITERATIONS)

    assert not matching(report.ranked, type="float")
    row, = dropped(row for row in matching(report.single, type="float") if row["ops"] >= ITERATIONS)
    assert (row["decrefs"], row["threads"]) == (ITERATIONS, 1)
    assert row["owner"] == "MainThread"
    assert report.json["single_thread"]["ops"] >= ITERATIONS


def test_threads_go_by_the_names_that_the_program_gave_them(hotref, python):
    report = hotref.record_workload(python, "named_threads.py", "--iterations", 5 * ITERATIONS)

    row, = dropped(matching(report.ranked, type="object"))
    assert (row["decrefs"], row["thread_names"]) == (5 * EXPECTED, ["reader 1", "reader 2"])


def test_every_operation_of_inlined_clones_is_counted(hotref, python):
    report = hotref.record_workload(python, "property_getattr.py", "--iterations", ITERATIONS)

    properties = dropped(row for row in matching(report.ranked, type="property") if row["ops"] >= ITERATIONS)
    assert sum(row["decrefs"] for row in properties) == EXPECTED
    clones = {site["operation"] for row in properties for site in row["sites"]} - {python.slow_path}
    # With link-time optimization the compiler calls the slow path from everywhere.
    assert clones or python.slow_path == "_Py_DecRefSharedDebug"


def test_a_shared_configuration_is_counted_to_the_last_read(hotref, python):
    threads, reads = 3, 5_000
    report = hotref.record_workload(python, "shared_config.py", "--threads", threads, "--iterations", reads)

    config, = dropped(matching(report.ranked, type=re.compile(r"(^|\.)Config$")))
    limits = report.row(type="dict", field="global LIMITS") if config["field_source"] == "bytecode" else None
    for row in filter(None, (config, limits)):
        assert (row["decrefs"], row["threads"]) == (threads * reads, threads)
    floats = {row["object"]: row["decrefs"] for row in dropped(matching(report.ranked, type="float"))}
    assert {ops for name, ops in floats.items() if "2.5" in name or "0.75" in name} == {threads * reads}


def test_two_hundred_thousand_messages_fold_and_lose_nothing(hotref, python):
    messages = 200_000
    report = hotref.record_workload(python, "queue_messages.py", "--messages", messages)

    assert report.json["complete"] and report.json["lost"] == 0
    rows = matching(report.all_rows, type=re.compile(r"(^|\.)Message$"))
    cold = report.json["cold_ops"]  # where the recorder got no processor in time; counted, but by place alone
    assert messages - cold <= sum(row["handoffs"] for row in rows) <= messages
    assert sum(row["ops"] for row in rows) + cold >= messages
    assert any(row["fold"] and re.fullmatch(r"[\d,]+ others", row["object"]) for row in rows)


def test_the_profile_says_what_was_probed_and_that_it_was_live(hotref, python):
    report = hotref.record_workload(python, "shared_config.py", "--iterations", 10)

    target = report.only_target
    assert target["version"] == python.version
    coverage = target["coverage"]
    assert coverage["atomics"] >= coverage["classified"] >= coverage["decrements"] >= coverage["armed"] > 0
    assert coverage["increments"] >= 1_500 and coverage["increments_armed"] == 0
    assert coverage["try_increments"] == coverage["try_increments_armed"] > 0
    assert report.json["metadata"]["increfs_partial"]
    probes = report.json["metadata"]["probes"]
    assert probes["armed"] == probes["live"] >= coverage["armed"] + coverage["try_increments_armed"]
    assert report.json["metadata"]["mode"] == "exact"
