"""Many processes in one recording: what is forked, what is executed, and all that there is."""
import collections
import contextlib
import csv
import os
import pathlib
import re
import subprocess
import time
import uuid

import pytest

import machine
from conftest import interpreters
from recording import ENVIRONMENT, HOTREF, Report, matching, workload
from targets import Target

READS = 2_000
CONFIG = re.compile(r"(^|\.)Config$")
MOST = 512  # ABI_TARGETS of include/abi.h


def record(hotref, *command, options=()):
    recording = hotref.record("--subprocesses", *options, "--", *command)
    assert recording.status == 0, recording.stderr
    return recording


def report_of(hotref, recording):
    """Without the rows of one thread only, which are many."""
    status, stdout, stderr = hotref("report", "-i", recording.profile, "-f", "json", "--by-object")
    assert (status, stderr) == (0, "")
    return Report(stdout)


def reads_by_process(report):
    """Decrements of the instance of Config by several threads, of each process that did any."""
    reads = collections.Counter()
    for row in matching(report.ranked, type=CONFIG):
        reads[row["pid"]] += row["decrefs"]
    return dict(reads)


def assert_whole(report):
    assert report.json["complete"] and report.json["lost"] == 0
    probes = report.json["metadata"]["probes"]
    assert probes["live"] == probes["armed"]


def test_forked_processes_are_counted_from_their_first_instruction_on(hotref, python313):
    recording = record(hotref, python313.path, workload("forks.py"), 3, 2, READS)
    report = report_of(hotref, recording)

    assert_whole(report)
    assert sorted(reads_by_process(report).values()) == [2 * READS] * 3
    targets = report.json["metadata"]["targets"]
    assert len(targets) == 4
    assert {(target["ended"]["how"], target["ended"]["status"]) for target in targets} == {("exit", 0)}
    assert "not recorded" not in recording.stderr


def test_a_child_that_is_forked_while_threads_count(hotref, plain_python):
    recording = record(hotref, plain_python.path, workload("forks.py"), "busy", 4, READS)

    report = report_of(hotref, recording)
    assert_whole(report)
    assert sorted(reads_by_process(report).values()) == [2 * READS] * 5


def test_64_processes_of_32_threads(hotref, plain_python):
    """Each decrement of each object is in the sums: what they are without the recorder's help is known."""
    reads = 4
    recording = record(hotref, plain_python.path, workload("forks.py"), 64, 32, reads)
    report = report_of(hotref, recording)

    assert_whole(report)
    assert len(report.json["metadata"]["targets"]) == 65
    # Of five objects, three of which are taken, too: some operations in a thousand may be of a row that was not looked at in
    # time, and so not known to be of what the other threads fight over. But all of them are there.
    wanted = 8 * 64 * 32 * reads
    cold = report.json["cold_ops"]
    assert 0.995 * wanted <= report.json["ranked_ops"] + cold + report.json["single_thread"]["elsewhere_ops"]
    assert report.json["ranked_ops"] <= wanted <= report.json["total_ops"]
    if not report.json["lost_names"]:
        _, rows, _ = hotref("report", "-i", recording.profile, "-f", "csv", "--all", "-n", 0)
        found = sum(int(row["decrefs"]) for row in csv.DictReader(rows.splitlines()) if CONFIG.search(row["type"]))
        assert 64 * 32 * reads - cold <= found <= 64 * 32 * reads + 4  # the main threads have a few


def test_more_processes_than_there_is_room_for(hotref, plain_python):
    recording = record(hotref, plain_python.path, workload("forks.py"), "idle", MOST + 8)
    report = report_of(hotref, recording)

    assert len(report.json["metadata"]["targets"]) == MOST
    assert report.json["metadata"]["processes_left_out"] == 9  # one was the parent
    assert not report.json["complete"] and report.json["lost"] == 0
    assert "9 processes are not recorded" in recording.stderr
    assert "9 processes were left out" in report.json["verdict"]


def test_modules_that_a_child_or_its_parent_loads_after_the_fork(hotref, plain_python):
    recording = record(hotref, plain_python.path, workload("forks.py"), "modules", READS)
    report = report_of(hotref, recording)

    assert_whole(report)
    assert list(reads_by_process(report).values()) == [2 * READS] * 2
    parent, child = ({pathlib.Path(module["path"]).name.split(".")[0] for module in target["modules"]}
                     for target in report.json["metadata"]["targets"])
    assert "array" in parent - child and "_ctypes" in child - parent
    assert all(module["late_ns"] == 0 and not module["failed"]
               for target in report.json["metadata"]["targets"] for module in target["modules"])


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_multiprocessing(hotref, plain_python, how):
    recording = record(hotref, plain_python.path, workload("forks.py"), "pool", how, READS)

    report = report_of(hotref, recording)
    assert_whole(report)
    assert sorted(reads_by_process(report).values()) == [2 * READS] * 2


def test_commands_in_the_background_of_a_shell(hotref, plain_python, other_build):
    script = ' "$0" "$2" --iterations 1000 & "$1" "$2" --iterations 2000; true; wait'
    recording = record(hotref, "bash", "-c", script, plain_python.path, other_build.path, workload("shared_config.py"))
    report = report_of(hotref, recording)

    assert_whole(report)
    assert sorted(reads_by_process(report).values()) == [2_000, 4_000]
    assert {target["exe"] for target in report.json["metadata"]["targets"]} == {plain_python.path, other_build.path}


def another_version(python):
    """One of another version where there is one, else another build."""
    return next((other for other in interpreters() if other.version != python.version),
                next(other for other in interpreters() if other.path != python.path))


def test_a_program_that_is_run_by_a_program(hotref, plain_python):
    other = another_version(plain_python)
    recording = record(hotref, plain_python.path, workload("forks.py"), "run",
                       other.path, workload("shared_config.py"), "--iterations", READS)
    report = report_of(hotref, recording)

    assert_whole(report)
    targets = {target["pid"]: target["version"] for target in report.json["metadata"]["targets"]}
    assert sorted(targets.values()) == sorted([plain_python.version, other.version])
    reads = reads_by_process(report)
    assert [reads[pid] for pid, version in targets.items()][0] == 4_000
    if other.version == plain_python.version:
        assert sorted(reads.values()) == [4_000, 2 * READS]


def test_what_is_no_python_is_passed_over(hotref, plain_python):
    recording = record(hotref, plain_python.path, workload("forks.py"), "run", "sh", "-c", "ls / > /dev/null; true")
    report = report_of(hotref, recording)

    assert_whole(report)
    assert report.only_target["ended"]["how"] == "exit"
    assert list(reads_by_process(report).values()) == [4_000]


def test_samples_of_forked_processes(hotref, plain_python):
    recording = record(hotref, plain_python.path, workload("forks.py"), 2, 2, 400_000, options=("--mode", "sample"))
    report = report_of(hotref, recording)

    assert len(report.json["metadata"]["targets"]) == 3
    assert len({row["pid"] for row in report.ranked}) == 2
    # What a forked process has not touched is not there when a sample looks: its types have their names nevertheless.
    assert "object" not in {row["type"] for row in report.ranked}


def test_attached_to_what_forks(hotref, processes, plain_python):
    target = Target(processes, plain_python)
    attached = hotref.attach(target, options=("--subprocesses", "--mode", "exact"))
    assert target.ask(f"fork {READS}") == "done"
    assert target.ask(f"work {READS}") == "done"
    recording = attached.interrupt()

    assert recording.status == 0, recording.stderr
    report = report_of(hotref, recording)
    assert_whole(report)
    reads = reads_by_process(report)
    assert reads.pop(target.pid) == 2 * READS
    assert list(reads.values()) == [2 * READS]
    machine.wait_for(lambda: not target.breakpoints(), "the kernel to take the breakpoints away")


def test_attached_to_the_parent_of_a_python(hotref, processes, plain_python):
    """A shell is none, but what it has started and starts is."""
    target = Target(processes, plain_python, "sh", "-c", '"$@"; true', "sh")
    attached = hotref.attach(target, options=("--subprocesses", "--mode", "exact"))
    assert target.ask(f"work {READS}") == "done"
    recording = attached.interrupt()

    assert recording.status == 0, recording.stderr
    child = machine.only_child(target.pid)
    assert reads_by_process(report_of(hotref, recording)) == {child: 2 * READS}


def test_all_of_the_machine(hotref, processes, plain_python, other_build):
    before = Target(processes, plain_python)
    attached = hotref.attach(options=("-a", "-v", "--mode", "exact"))
    after = Target(processes, other_build)
    attached.wait_for(f"records process {after.pid} too")
    for target in before, after:
        assert target.ask(f"work {READS}") == "done"
    assert before.ask(f"fork {READS}") == "done"
    recording = attached.interrupt()

    assert recording.status == 0, recording.stderr
    report = report_of(hotref, recording)
    reads = reads_by_process(report)
    assert reads[before.pid] == reads[after.pid] == 2 * READS
    child, = (target["pid"] for target in report.json["metadata"]["targets"]
              if target["pid"] not in (before.pid, after.pid) and reads.get(target["pid"]) == 2 * READS)
    assert f"process {child}" not in recording.stderr
    assert "CPython with the GIL" in recording.stderr  # this one, at least


def test_the_table_tells_what_processes_share_once(hotref, plain_python):
    """Ends that are many are summed up, and the interpreter's coverage is that of one."""
    recording = record(hotref, plain_python.path, workload("forks.py"), "fail", 10)
    report = hotref.report(recording.profile)
    status, table, _ = hotref("report", "-i", recording.profile)

    targets = report.json["metadata"]["targets"]
    tries = targets[0]["coverage"]["try_increments_armed"]
    assert len(targets) == 11
    assert status == 0
    assert table.count("exited with status 3") == 8
    assert "and 2 processes more" in table
    assert re.search(rf"at {tries:,} of [\d,]+ places, {tries:,} of them compare-exchanges", table)


def test_probes_for_all_processes_are_in_nobody_elses_view_of_the_file(hotref, processes, plain_python):
    """Their breakpoints are put into each private mapping of the file, whosever it is."""
    status, undisturbed, _ = hotref("scan", plain_python.path)
    assert status == 0

    target = Target(processes, plain_python)
    attached = hotref.attach(target, options=("--subprocesses",))
    assert target.breakpoints()
    assert hotref("scan", plain_python.path) == (0, undisturbed, "")
    attached.interrupt()


def all_processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def is_held(pid, mark):
    """Whether that is a stopped process with mark in its environment."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state == "T" and mark.encode() in pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


def test_a_recorder_that_is_killed_while_it_holds_a_child_lets_it_go(hotref, processes, plain_python, tmp_path):
    """The child execs an interpreter that has never been scanned, and so is held for long."""
    cache, mark = tmp_path / "cache", f"HOTREF_TEST={uuid.uuid4().hex}"
    cache.mkdir()
    recorder = processes.start(HOTREF, "record", "--subprocesses", "-o", str(hotref.new_profile()), "--", "sh", "-c",
                               f'env {mark} "$0" -c "print(1 + 1, flush=True)"; true', plain_python.path,
                               env={**ENVIRONMENT, "XDG_CACHE_HOME": str(cache)},
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    machine.wait_for(lambda: any(is_held(pid, mark) for pid in all_processes()), "the child to be held")
    time.sleep(0.2)  # it is being scanned by now, and the guard has been told
    recorder.kill()
    recorder.wait()

    assert recorder.stdout.readline() == "2\n"


@contextlib.contextmanager
def cgroup():
    """A new one, as the path from the root of the hierarchy and as a folder."""
    mounts = [line.split() for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()]
    roots = [words[4] for words in mounts if "cgroup2" in words[words.index("-"):]]
    if not roots:
        pytest.skip("no cgroup v2 hierarchy is mounted here")
    folder = pathlib.Path(roots[0]) / f"hotref-test-{uuid.uuid4().hex}"
    try:
        folder.mkdir()
    except OSError as refused:
        pytest.skip(f"cgroups cannot be made here: {refused}")
    try:
        yield f"/{folder.name}", folder
    finally:
        machine.wait_for(lambda: not (folder / "cgroup.procs").read_text(), "the cgroup's processes to end")
        folder.rmdir()


def test_all_of_a_cgroup(hotref, processes, plain_python):
    with cgroup() as (path, folder):
        inside, outside = Target(processes, plain_python), Target(processes, plain_python)
        (folder / "cgroup.procs").write_text(str(inside.pid))
        attached = hotref.attach(options=("-a", "-G", path, "--mode", "exact"))
        for target in inside, outside:
            assert target.ask(f"work {READS}") == "done"
        recording = attached.interrupt()
        inside.process.communicate()

        assert recording.status == 0, recording.stderr
        assert reads_by_process(report_of(hotref, recording)) == {inside.pid: 2 * READS}


@pytest.mark.parametrize("arguments, sentence", [
    (("-a", "-p", "1"), "either -a or -p, not both"),
    (("-a", "--", "true"), "either -a or a command, not both"),
    (("-p", "1", "-G", "system.slice"), "-G is for -a"),
])
def test_misused(hotref, arguments, sentence):
    status, stdout, stderr = hotref("record", *arguments)

    assert (status, stdout) == (2, "")
    assert sentence in stderr


def test_no_such_cgroup(hotref):
    status, _, stderr = hotref("record", "-a", "-G", "no/such/group")

    assert status == 125 or status == 1
    assert "cgroup" in stderr
