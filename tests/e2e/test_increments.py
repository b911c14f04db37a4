"""Increments: those by compare-exchange always, inlined ones where they are asked for, and never the owner's."""
import pytest

from recording import matching, workload
from refusals import MISUSED, RECORD_FAILED
from targets import Target

ITERATIONS = 10_000
THREADS = 2
EXPECTED = THREADS * ITERATIONS
WORKLOAD = ("increments.py", "--threads", THREADS, "--iterations", ITERATIONS)
ITEM, GLOBAL = "float 2.5", "float 0.75"
NESTED = ("nested.py", "--threads", THREADS, "--iterations", ITERATIONS, "--plain-globals")


def record(hotref, python, *options):
    name, *arguments = WORKLOAD
    recording = hotref.record(*options, "--", python.path, workload(name), *arguments)
    assert recording.status == 0, recording.stderr
    return recording, hotref.report(recording.profile)


def sums(report, object_name):
    """(increfs, decrefs) of an object, through whatever field."""
    rows = [row for row in matching(report.all_rows, type="float") if row["object"].startswith(object_name)]
    return sum(row["increfs"] for row in rows), sum(row["decrefs"] for row in rows)


def owner_increfs(report):
    return report.json["metadata"]["owner_increfs"]


def test_increments_by_compare_exchange_are_always_counted(hotref, python):
    _, report = record(hotref, python)

    assert sums(report, GLOBAL) == (EXPECTED, EXPECTED)
    assert sums(report, ITEM) == (0, EXPECTED)
    coverage = report.only_target["coverage"]
    assert coverage["increments_armed"] == 0 < coverage["increments"]
    assert report.json["metadata"]["increfs_partial"]


def test_all_inlined_increments_at_once(hotref, python):
    recording, report = record(hotref, python, "--increments", "*")

    assert sums(report, GLOBAL) == sums(report, ITEM) == (EXPECTED, EXPECTED)
    assert report.json["complete"] and report.json["lost"] == report.json["cold_ops"] == 0
    coverage, probes = report.only_target["coverage"], report.json["metadata"]["probes"]
    assert coverage["increments"] - coverage["increments_armed"] <= coverage["increments"] / 40
    # What --increments can arm is what `hotref scan` says.
    assert f"counts {coverage['increments_armed']} of {coverage['increments']} inlined increments" in recording.stderr
    assert probes["live"] == probes["armed"] >= sum(
        coverage[member] for member in ("armed", "increments_armed", "try_increments_armed"))
    assert owner_increfs(report) >= ITERATIONS


@pytest.mark.parametrize("build", ("plain_python", "other_build"))
def test_increments_of_chosen_functions(hotref, request, build):
    python = request.getfixturevalue(build)
    recording, report = record(hotref, python, "--increments", "itemgetter_*,cycle_next", "--increments", "islice_reduce")

    row = report.row(type="float", field="tuple item", object=ITEM)
    assert (row["increfs"], row["decrefs"], row["ops"], row["threads"]) == (EXPECTED, 0, EXPECTED, THREADS)
    assert (row["field_source"], row["function"]) == ("slot", "itemgetter_call_impl")
    assert sums(report, ITEM) == sums(report, GLOBAL) == (EXPECTED, EXPECTED)
    # Each probe that owners pass is one of those functions', which nothing else calls here.
    assert owner_increfs(report) == ITERATIONS
    assert 0 < report.only_target["coverage"]["increments_armed"] < 10
    assert "increments are counted in part" in recording.stderr
    assert "owners incremented 10,000 times" in recording.stderr


def test_a_function_that_increments_nothing(hotref, plain_python):
    recording = hotref.record("--increments", "itemgetter_*,no_such_function", "--", plain_python.path, "-c", "")

    # It could have been one of a module that comes late.
    assert recording.status == 0
    said, = [line for line in recording.stderr.splitlines() if "no_such_function" in line]
    assert "hotref scan --all" in said
    assert "itemgetter" not in said


def test_no_function_at_all_in_a_process(hotref, processes, plain_python):
    target = Target(processes, plain_python)
    status, _, stderr = hotref("record", "-o", hotref.new_profile(), "-p", target.pid, "--increments", "no_such_function")

    # At once: the target does not end by itself.
    assert status == RECORD_FAILED
    assert "no_such_function" in stderr and "hotref scan --all" in stderr
    assert target.ask("work 10") == "done"


def test_no_function_at_all_in_a_command(hotref, plain_python):
    recording = hotref.record("--increments", "no_such_function,nor_this", "--", plain_python.path, "-c", "print('ran')")

    # It ran, and its decrements were counted; but what was asked for was not.
    assert (recording.status, recording.stdout) == (RECORD_FAILED, "ran\n")
    assert "a module that comes later" in recording.stderr
    assert "no_such_function" in recording.stderr and "hotref scan --all" in recording.stderr
    assert hotref.report(recording.profile).all_rows


def test_a_list_with_a_gap(hotref, plain_python):
    recording = hotref.record("--increments", "itemgetter_*,", "--", plain_python.path, "-c", "")

    assert recording.status == MISUSED
    assert "itemgetter_*," in recording.stderr


def test_objects_without_a_per_thread_id_are_told(hotref, python):
    report = hotref.record_workload(python, *NESTED)
    row = report.row(type="dict", field="function.func_globals", object="globals of plain")
    counted_alone = {site["operation"] for row in report.ranked for site in row["sites"]}

    if python.version.startswith("3.13"):
        assert {row["per_thread_id"] for row in report.all_rows} == {None}
        return
    assert row["per_thread_id"] is False
    # The slow path of counting in each thread: it goes to the object itself for want of an id.
    taken = [row for row in matching(report.ranked, type="dict", object="globals of plain") if row["increfs"]]
    assert "_PyObject_ThreadIncrefSlow" in counted_alone
    assert sum(row["increfs"] for row in taken) == EXPECTED
    assert {row["per_thread_id"] for row in taken} == {False}
