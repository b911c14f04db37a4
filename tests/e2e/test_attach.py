"""Attaching to what already runs: it goes on undisturbed, and the profile says how the recording ended."""
import re
import signal

import pytest

import machine
from conftest import interpreters
from recording import Report, matching
from targets import IsolatedTarget, Target

READS = 5_000
EXPECTED = 2 * READS
CONFIG = re.compile(r"(^|\.)Config$")


def assert_counted_to_the_last_read(report):
    config = matching(report.ranked, type=CONFIG)
    assert sum(row["decrefs"] for row in config) == EXPECTED, config


def names_at_work(report):
    return {name for row in matching(report.ranked, type=CONFIG) for name in row["thread_names"]}


def assert_ended(report, how, status=None):
    ended = report.only_target["ended"]
    assert ended["how"] == how
    if status is not None:
        assert ended["status"] == status
    assert report.json["complete"] and report.json["lost"] == 0


@pytest.fixture
def target(processes, plain_python):
    return Target(processes, plain_python)


def assert_no_breakpoints(target):
    """They go with the recorder's links. Who lists the machine's links just then (bpftool does) holds each for a moment,
    and so may be the last to close one."""
    machine.wait_for(lambda: not target.breakpoints(), "the kernel to take the breakpoints away")


def test_attach_counts_and_leaves_no_breakpoint_behind(hotref, processes, python):
    target = Target(processes, python)
    attached = hotref.attach(target)
    armed = len(target.breakpoints())
    assert target.ask(f"work {READS}") == "done"
    recording = attached.interrupt()

    assert recording.status == 0, recording.stderr
    assert_no_breakpoints(target)
    assert target.ask("work 10") == "done"
    report = hotref.report(recording.profile)
    assert report.json["metadata"]["probes"]["live"] == armed
    assert_counted_to_the_last_read(report)
    assert_ended(report, "detach")


def test_attach_ends_by_itself_when_its_time_is_up(hotref, target):
    attached = hotref.attach(target, options=["-d", 2])
    assert target.ask("busy") == "busy"
    recording = attached.finish()

    assert recording.status == 0, recording.stderr
    assert_no_breakpoints(target)
    report = hotref.report(recording.profile)
    assert names_at_work(report) == {"busy 1", "busy 2"}
    assert_ended(report, "detach")


def test_a_delay_leaves_out_what_happens_before_it_is_over(hotref, target):
    attached = hotref.attach(target, options=["--delay", 1, "-d", 1])
    recording = attached.finish()

    assert recording.status == 0, recording.stderr
    assert_ended(hotref.report(recording.profile), "detach")


def test_two_processes_at_once_are_told_apart(hotref, processes, plain_python):
    targets = [Target(processes, plain_python) for _ in range(2)]
    attached = hotref.attach(*targets)
    for target in targets:
        assert target.ask(f"work {READS}") == "done"
    recording = attached.interrupt()

    assert recording.status == 0, recording.stderr
    report = hotref.report(recording.profile)
    assert {each["pid"] for each in report.json["metadata"]["targets"]} == {target.pid for target in targets}
    assert sum(row["decrefs"] for row in matching(report.ranked, type=CONFIG)) == 2 * EXPECTED
    for target in targets:
        assert_no_breakpoints(target)
    assert_threads_do_not_add_up(hotref, recording.profile, {target.pid for target in targets})


def assert_threads_do_not_add_up(hotref, profile, pids):
    """Two threads in each process: they meet nobody else."""
    report = hotref.report(profile)
    assert report.json["verdict"].startswith("2 threads in each of 2 processes fight over ")
    config, = (row for row in matching(report.ranked, type=CONFIG) if row["processes"] == 2)
    assert (config["threads"], config["pid"]) == (2, None)
    status, stdout, _ = hotref("report", "-i", profile, "-f", "json", "--by-object", "--per-thread")
    assert status == 0
    rows = matching(Report(stdout).ranked, type=CONFIG)
    assert {row["pid"] for row in rows} == pids
    for row in rows:
        assert (row["threads"], row["processes"], {thread["pid"] for thread in row["by_thread"]}) == (2, 1, {row["pid"]})
    status, stdout, _ = hotref("report", "-i", profile, "--by-object", "--per-thread")
    for pid in pids:
        assert re.search(rf"Config.* @0x[0-9a-f]+ \(pid {pid}\)", stdout)
        assert re.search(rf"by .* \(pid {pid}, tid \d+\)", stdout)


def test_two_processes_of_different_builds_at_once(hotref, processes, plain_python, other_build):
    targets = [Target(processes, plain_python), Target(processes, other_build)]
    attached = hotref.attach(*targets)
    for target in targets:
        assert target.ask(f"work {READS}") == "done"
    recording = attached.interrupt()

    assert recording.status == 0, recording.stderr
    report = hotref.report(recording.profile)
    assert len({each["build_id"] for each in report.json["metadata"]["targets"]}) == 2
    assert sum(row["decrefs"] for row in matching(report.ranked, type=CONFIG)) == 2 * EXPECTED


def test_two_interpreters_of_different_versions_at_once(hotref, processes):
    """Each is read by its own layout: names and counts are as if it had been alone."""
    pythons = {python.version: python for python in interpreters()}
    if len(pythons) < 2:
        pytest.skip("there is but one version of the interpreter (HOTREF_PYTHON names another one)")
    targets = {version: Target(processes, python) for version, python in pythons.items()}
    attached = hotref.attach(*targets.values())
    for target in targets.values():
        assert target.ask(f"work {READS}") == "done"
    recording = attached.interrupt()

    assert recording.status == 0, recording.stderr
    report = hotref.report(recording.profile)
    listed = {each["version"]: each["pid"] for each in report.json["metadata"]["targets"]}
    assert listed == {version: target.pid for version, target in targets.items()}
    assert report.json["complete"]
    # It contends in every version, and bytecode has other numbers in each; two threads at each of the objects of that name.
    shared = report.row(type="float", field="subscript LIMITS['memory']", object="float 0.75")
    assert (shared["decrefs"], shared["threads"]) == (len(targets) * 2 * READS, 2)


def test_a_process_in_other_mount_and_pid_namespaces(hotref, processes, plain_python, tmp_path):
    target = IsolatedTarget(processes, plain_python, tmp_path / "private")
    attached = hotref.attach(target)
    assert target.ask(f"work {READS}") == "done"
    recording = attached.interrupt()

    assert recording.status == 0, recording.stderr
    report = hotref.report(recording.profile)
    assert report.only_target["pid"] == target.pid
    assert_counted_to_the_last_read(report)
    assert_no_breakpoints(target)


def test_threads_in_another_pid_namespace_go_by_their_names(hotref, processes, plain_python, tmp_path):
    target = IsolatedTarget(processes, plain_python, tmp_path / "private")
    attached = hotref.attach(target, options=["-d", 1])
    assert target.ask("busy") == "busy"
    recording = attached.finish()

    names = names_at_work(hotref.report(recording.profile))
    assert names == {"busy 1", "busy 2"}


def test_a_process_beside_the_target_is_not_counted(hotref, processes, plain_python, target):
    neighbour = Target(processes, plain_python)
    attached = hotref.attach(target)
    assert target.ask(f"work {READS}") == "done"
    assert neighbour.ask(f"work {READS}") == "done"
    recording = attached.interrupt()

    assert_counted_to_the_last_read(hotref.report(recording.profile))


def test_a_target_that_exits(hotref, target):
    attached = hotref.attach(target)
    assert target.ask(f"work {READS}") == "done"
    target.tell("exit 7")
    recording = attached.finish()

    assert recording.status == 0, recording.stderr
    report = hotref.report(recording.profile)
    assert_counted_to_the_last_read(report)
    assert_ended(report, "exit", 7)


def test_a_target_that_is_killed_in_the_middle(hotref, target):
    attached = hotref.attach(target)
    assert target.ask(f"work {READS}") == "done"
    assert target.ask("busy") == "busy"
    target.process.send_signal(signal.SIGKILL)
    recording = attached.finish()

    assert recording.status == 0, recording.stderr
    report = hotref.report(recording.profile)
    assert sum(row["decrefs"] for row in matching(report.ranked, type=CONFIG)) >= EXPECTED
    assert_ended(report, "signal", signal.SIGKILL)


def test_a_target_that_becomes_another_program(hotref, target):
    attached = hotref.attach(target)
    assert target.ask(f"work {READS}") == "done"
    target.tell("exec /bin/sleep 1000")
    recording = attached.finish()

    assert recording.status == 0, recording.stderr
    report = hotref.report(recording.profile)
    assert_counted_to_the_last_read(report)
    assert_ended(report, "exec")
    assert target.process.poll() is None


def test_a_child_of_the_target_is_not_counted_and_not_harmed(hotref, target):
    attached = hotref.attach(target)
    assert target.ask(f"work {READS}") == "done"
    assert target.ask(f"fork {READS}") == "done"
    recording = attached.interrupt()

    assert_counted_to_the_last_read(hotref.report(recording.profile))


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda ending: ending.name)
def test_the_target_goes_on_without_breakpoints_however_hotref_ends(hotref, target, ending):
    attached = hotref.attach(target)
    attached.process.send_signal(ending)
    attached.process.wait()

    machine.wait_for(lambda: not target.breakpoints(), "the kernel to take the breakpoints away")
    assert target.ask("work 10") == "done"
