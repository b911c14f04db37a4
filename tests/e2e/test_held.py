"""By what an object is held, as a part of its name; and which objects lie in one cache line."""
import pytest

from recording import brief, matching
from targets import Target

READS = 200
EXPECTED = 2 * READS
HELD = {
    "global": "instance of __main__.Config (module global __main__.CONFIG)",
    "list": "instance of list (module global __main__.POOL)",
    "list item": "instance of __main__.Config (item of module global __main__.POOL)",
    "dict": "dict (module global __main__.TABLE)",
    "dict item": "instance of __main__.Config (item 'db' of module global __main__.TABLE)",
    "tuple item": "instance of __main__.Config (item of module global __main__.PAIR)",
    "set item": "instance of __main__.Config (item of module global __main__.NAMES)",
    "named tuple": "instance of __main__.Point (module global __main__.POINT)",
    "lambda": "function __main__.make_key.<locals>.<lambda> (module global __main__.KEY)",
    "lock": "instance of _thread.lock (module global __main__.LOCK)",
    "class attribute": "instance of __main__.Config (class attribute __main__.Service.limits)",
    "attribute": "instance of __main__.Config (attribute __main__.Service.config)",
    "attribute dict": "dict (attribute __main__.Service.cache)",
    "item of attribute": "instance of __main__.Config (item of attribute __main__.Service.pool)",
    "slot": "instance of __main__.Config (attribute __main__.Slotted.inner)",
    "closure": "instance of __main__.Config (closure state of __main__.make)",
    "cell": "instance of cell (closure state of __main__.make)",
    "default": "instance of __main__.Config (item of func_defaults of function __main__.with_default)",
    "local": "instance of __main__.Config (local local of __main__.main)",
    "two names": "instance of __main__.Twice",
    "hidden": "instance of __main__.Hidden",
}


@pytest.fixture
def record(hotref, processes):
    """Has cases run one after the other while they are recorded; the process lives on until that is over."""
    def record(python, *cases):
        target = Target(processes, python, workload_name="held.py")
        attached = hotref.attach(target)
        for case in cases:
            assert target.ask(f"{case} {READS}") == "done"
        recording = attached.interrupt()
        assert recording.status == 0, recording.stderr
        return hotref.report(recording.profile)
    return record


def test_objects_are_named_by_what_holds_them(record, python):
    report = record(python, *HELD)
    dropped = matching(report.ranked, field="tuple item", ops=EXPECTED)

    assert sorted(row["object"] for row in dropped) == sorted(HELD.values())


def test_who_comes_to_a_dead_objects_address_does_not_inherit_its_name(record, python):
    report = record(python, "gone", "again")

    for kind in "__main__.Gone", "__main__.Again":
        rows = matching(report.ranked, type=kind, field="tuple item")
        assert sum(row["ops"] for row in rows) == 2 * EXPECTED, brief(report.ranked)
        for row in rows:
            held = row["object"] != f"instance of {kind}"
            assert not held or row["ops"] == EXPECTED, row


def test_a_thread_that_ended_is_not_taken_for_another(record, python):
    row = record(python, "ended").row(type="__main__.Made", field="tuple item")

    assert row["object"] == "instance of __main__.Made (module global __main__.made)"
    assert row["owner"] not in row["thread_names"]


def test_objects_of_one_cache_line_are_marked(record, python):
    report = record(python, "left", "right", "global")
    if not matching(report.ranked, type="object"):
        pytest.skip("this build gives out no two objects in one line")
    left = report.row(object="instance of object (module global __main__.LEFT)", field="tuple item")
    right = report.row(object="instance of object (module global __main__.RIGHT)", field="tuple item")

    assert left["line"] == right["line"] is not None
    assert report.row(object=HELD["global"], field="tuple item")["line"] is None
