"""From which line: the Python stack of an operation, through calls, generators, coroutines and threads."""
import pytest

from recording import line_of, workload

ITERATIONS = 5_000
EXPECTED = 2 * ITERATIONS
PERIOD = 97
MOST_FRAMES = 128
DEPTH = 300

# Top frame first: the function, and what stands in its line.
BELOW = {
    "nested": [("inner", "drop()  # nested"), ("middle.<locals>.<lambda>", "twice in one line"),
               ("middle", "twice in one line"), ("Service.handle", "middle(iterations)  # nested"),
               ("nested", "Service().handle")],
    "generator": [("numbers", "drop()  # generator"), ("delegating", "yield from"), ("generator", "sum(")],
    "coroutine": [("request", "drop()  # coroutine"), ("session", "await request"),
                  ("Handle._run", None), ("BaseEventLoop._run_once", None)],
    "instance": [("Made.__init__", "drop()  # instance"), ("instance", "Made(iterations)  # instance")],
}


def record(hotref, python, case):
    report = hotref.record_workload(python, "stacks.py", "--case", case, "--iterations", ITERATIONS)
    row = report.row(type="__main__.Shared", field="list item")
    assert row["ops"] == EXPECTED
    return report, row


def frame(function, text):
    return {"function": function, "file": workload("stacks.py"), "line": line_of("stacks.py", text)}


def is_at(found, function, text):
    return found == frame(function, text) if text else found["function"] == function


DROP = frame("drop", "# DROP")


def hits(row):
    return sum(stack["hits"] for stack in row["stacks"])


@pytest.mark.parametrize("case", BELOW)
def test_every_frame_down_to_the_thread_has_its_function_file_and_line(hotref, python, case):
    report, row = record(hotref, python, case)

    for stack in row["stacks"]:
        assert stack["frames"][0] == DROP
        assert stack["function"] == row["function"]
        for found, wanted in zip(stack["frames"][1:], BELOW[case], strict=False):
            assert is_at(found, *wanted), stack["frames"]
        assert len(stack["frames"]) > len(BELOW[case])
        assert not {found["function"] for found in stack["frames"]} & {"[truncated]", "[unknown]"}
    assert row["place"] == DROP
    assert len(row["stacks"]) == 1
    stacks = report.json["metadata"]["stacks"]
    assert (stacks["period"], stacks["truncated"], stacks["failed"]) == (PERIOD, 0, 0)


def test_one_operation_in_so_many_is_looked_at(hotref, python):
    _, row = record(hotref, python, "nested")

    # At the fourth operation, and from then on. A row that BPF hands over meanwhile begins again, which adds one.
    each = 1 + (ITERATIONS - 4) // PERIOD
    assert 2 * each <= hits(row) <= 2 * each + 10


def test_a_stack_that_is_too_deep_is_cut_and_says_so(hotref, python):
    report, row = record(hotref, python, "recursion")

    stack, = row["stacks"]
    assert stack["frames"][0] == DROP
    assert stack["frames"][1]["function"] == "inner"
    assert {found["function"] for found in stack["frames"][3:-1]} == {"recursion"}
    assert {found["line"] for found in stack["frames"][3:-1]} == {line_of("stacks.py", "# recursion")}
    assert len(stack["frames"]) == MOST_FRAMES + 1
    assert stack["frames"][-1] == {"function": "[truncated]", "file": None, "line": None}
    assert report.json["metadata"]["stacks"]["truncated"] >= stack["hits"]


def test_threads_of_a_pool_are_one_stack(hotref, python):
    _, row = record(hotref, python, "pool")

    assert row["threads"] == 2
    assert row["place"] == DROP
    stack, = row["stacks"]
    assert stack["frames"][1] == frame("task", "# pool")
    assert "_worker" in [found["function"].split(".")[-1] for found in stack["frames"]]


def test_the_table_names_the_line_and_lists_stacks_where_asked(hotref, python313):
    recording = hotref.record("--", python313.path, workload("stacks.py"), "--case", "nested")
    _, plain, _ = hotref("report", "-i", recording.profile)
    _, stacks, _ = hotref("report", "-i", recording.profile, "--stacks", "1")
    status, _, complaint = hotref("report", "-i", recording.profile, "--stacks=0")

    place = f"stacks.py:{DROP['line']} in drop"
    assert any("Shared" in line and place in line for line in plain.splitlines())
    assert f"stacks.py:{line_of('stacks.py', 'middle(iterations)  # nested')} in Service.handle" in stacks
    assert "in <lambda>" in stacks and "in <lambda>" not in plain
    assert (status, "'0' is not a number of stacks" in complaint) == (2, True)
