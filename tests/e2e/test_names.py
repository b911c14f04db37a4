"""By which name: one shared object for each way in which bytecode gets hold of a value. One recording has them all."""
import sys

import pytest

from recording import WORKLOADS, matching

sys.path.append(str(WORKLOADS))

import names

ITERATIONS = 500
DROPS = {case: 2 * ITERATIONS for case in names.CASES} | {"catch": 4 * ITERATIONS}
# Of the objects that a case reads from elsewhere before it drops them by the name that it is about.
READ_AS = {
    "iterate": "item of items",
    "drop_result": "global made",
    "overwrite_local": "global kept",
    "delete_local": "global removed",
    "catch": "global error",
}
# From 3.15 on instances that globals hold are counted by each thread for itself, and 3.14 has made constants immortal.
UNCONTENDED = {"3.14": {"pass_constant"},
               "3.15": {case for case, field in names.FIELDS.items() if field.startswith("global ")}
               - {"read_global_traced"} | {"pass_constant", "drop_result", "overwrite_local", "delete_local"}}
UNCONTENDED["3.16"] = UNCONTENDED["3.15"]

_reports = {}


@pytest.fixture
def report(hotref, python):
    if python.path not in _reports:
        _reports[python.path] = hotref.record_workload(python, "names.py", "--iterations", ITERATIONS)
    return _reports[python.path]


def rows_of(report, case):
    """The ranked rows of a case's object."""
    if case == "pass_constant":
        return matching(report.ranked, type="str", object="str 'no identifier'")
    return matching(report.ranked, type=f"__main__.{case}")


@pytest.mark.parametrize("case", names.CASES)
def test_a_value_has_the_name_that_bytecode_read_it_by(report, python, case):
    contended = case not in UNCONTENDED.get(".".join(python.version.split(".")[:2]), ())
    rows = matching(rows_of(report, case), field=names.FIELDS[case])

    assert [(row["decrefs"], row["threads"]) for row in rows] == ([(DROPS[case], 2)] if contended else [])
    assert all(row["field_source"] == "bytecode" for row in rows)


@pytest.mark.parametrize("case", names.CASES)
def test_and_no_other(report, case):
    named = {row["field"] for row in rows_of(report, case) if row["field_source"] == "bytecode"}

    assert named <= {names.FIELDS[case], READ_AS.get(case)}


def test_nearly_all_operations_have_a_field(report):
    named = sum(row["ops"] for row in report.ranked if row["field_source"] != "site")

    assert named >= 0.95 * sum(row["ops"] for row in report.ranked) > 0


def test_the_module_that_each_new_function_looks_up(hotref, python313):
    arguments = "--suppress-immortalization", "--iterations", ITERATIONS
    row = hotref.record_workload(python313, "nested.py", *arguments).row(type="module", object="module builtins")

    assert (row["field"], row["field_source"], row["decrefs"]) == ("global __builtins__", "bytecode", 2 * ITERATIONS)


def test_what_getattr_finds_in_a_class_is_its_attribute(hotref, python313):
    row = hotref.record_workload(python313, "property_getattr.py").row(type="property")

    assert (row["field"], row["field_source"]) == ("class attribute .degrees", "bytecode")
