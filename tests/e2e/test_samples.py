"""Mode sample: a timer finds the objects that threads wait for, and nothing is counted."""
import pytest

import machine
from recording import workload
from targets import Target

ITERATIONS = 600_000


def sampled(hotref, python, *options):
    recording = hotref.record("--mode", "sample", *options, "--", python.path, workload("two_globals.py"), ITERATIONS)
    assert recording.status == 0, recording.stderr
    return hotref.report(recording.profile)


def samples_of(report, name):
    return sum(row["samples"] for row in report.all_rows if row["object"].endswith(f"(module global __main__.{name})"))


def test_the_objects_that_threads_wait_for_are_named(hotref, python):
    report = sampled(hotref, python)
    found = {name: samples_of(report, name) for name in ("OFTEN", "SELDOM")}

    # Who waits for which of them depends on who gets in between, and on a busy machine few wait at all.
    assert any(found.values()), found
    ours = [row for row in report.ranked if "Thing" in row["type"]]
    assert {row["field"] for row in ours} & {"global OFTEN", "global SELDOM", "local x"}
    assert ours[0]["place"]["function"] == "work"


def test_what_was_not_measured_is_null(hotref, plain_python):
    report = sampled(hotref, plain_python)
    metadata = report.json["metadata"]

    assert metadata["mode"] == "sample"
    assert metadata["probes"] == {"armed": 0, "live": 0}
    assert report.json["total_ops"] is None
    assert 0 < metadata["sampling"]["ranked"] <= metadata["sampling"]["samples"]
    for row in report.ranked:
        assert all(row[key] is None for key in ("ops", "decrefs", "increfs", "retries", "bounces", "handoffs"))
        assert row["stall_low"] <= row["stall_share"] <= row["stall_high"]
        assert row["stall_ns"] == row["samples"] * metadata["sampling"]["sample_ns"]
        assert row["threads"] == 2


def test_a_tenth_of_the_frequency_takes_a_tenth_of_the_samples(hotref, plain_python):
    report = sampled(hotref, plain_python, "-F", "99")
    sampling = report.json["metadata"]["sampling"]

    assert sampling["sample_ns"] == 1_000_000_000 // 99
    # One a period on each of the CPUs, and one more where a period has begun.
    periods = report.json["metadata"]["duration_ns"] // sampling["sample_ns"] + 1
    assert sampling["samples"] <= periods * report.json["metadata"]["cpus"]


def test_attached(hotref, processes, plain_python):
    target = Target(processes, plain_python)
    attached = hotref.attach(target, options=("--mode", "sample"))
    assert target.breakpoints() == []
    recording = attached.interrupt()

    assert recording.status == 0
    assert hotref.report(recording.profile).json["metadata"]["mode"] == "sample"


class Busy:
    """A process that reads shared objects until it is ended."""

    def __init__(self, processes, python):
        self.process = processes.start(python.path, workload("two_globals.py"), "1000000000")
        self.pid = self.process.pid


def test_auto_is_what_a_process_gets(hotref, processes, plain_python):
    target = Busy(processes, plain_python)
    recording = hotref.record("-p", target.pid, "-d", 6, "--overhead", 20)
    report = hotref.report(recording.profile)
    bursts = report.json["metadata"]["bursts"]

    assert recording.status == 0, recording.stderr
    assert report.json["metadata"]["mode"] == "auto"
    assert bursts["count"] > 0 and bursts["hits"] > 1000
    assert bursts["cost_ns"] <= 0.2 * bursts["cpu_ns"]
    assert samples_of(report, "OFTEN") > 0 and samples_of(report, "SELDOM") > 0
    often, seldom = (sum(row["rate_low"] for row in report.ranked if row["object"].endswith(f"__main__.{name})"))
                     for name in ("OFTEN", "SELDOM"))
    assert 2 < often / seldom < 4
    assert machine.breakpoints(target.pid, plain_python.code_file) == []


ONE_CHILD_AFTER_ANOTHER = """
import os, time
for _ in range(4):
    if not os.fork():
        while time.process_time() < 0.6:
            pass
        os._exit(0)
    os.wait()
"""


def test_cpu_time_of_processes_that_have_ended_stays(hotref, plain_python):
    recording = hotref.record("--mode", "auto", "--subprocesses", "--", plain_python.path, "-c", ONE_CHILD_AFTER_ANOTHER)

    bursts = hotref.report(recording.profile).json["metadata"]["bursts"]
    # Of 2.4 s; what each had since it was last looked at is not known. A single one has 0.6 s.
    assert 1.2e9 < bursts["cpu_ns"] < 3e9


def test_without_a_budget_there_are_no_bursts(hotref, processes, plain_python):
    target = Busy(processes, plain_python)
    recording = hotref.record("-p", target.pid, "-d", 2, "--overhead", 0)
    report = hotref.report(recording.profile)

    assert report.json["metadata"]["bursts"]["count"] == 0
    assert {row["rate"] for row in report.ranked} == {None}
    assert "no burst: a budget of 0 %" in recording.stderr


def test_an_idle_process_is_left_alone(hotref, processes, plain_python):
    target = Target(processes, plain_python)
    recording = hotref.record("-p", target.pid, "-d", 2)

    assert hotref.report(recording.profile).json["metadata"]["bursts"]["count"] == 0


@pytest.mark.parametrize("arguments, sentence", [
    (("--overhead", "5"), "--overhead is for --mode auto"),
    (("--mode", "auto", "--overhead", "much"), "not a percentage from 0 to 100"),
    (("--mode", "guess"), "unknown mode 'guess'"),
    (("-F", "0"), "not a number of samples a second"),
    (("-F", "fast"), "not a number of samples a second"),
    (("--mode", "sample", "--increments", "*"), "--increments is for --mode exact"),
])
def test_misused(hotref, arguments, sentence):
    status, stdout, stderr = hotref("record", *arguments, "--", "true")

    assert (status, stdout) == (2, "")
    assert sentence in stderr
