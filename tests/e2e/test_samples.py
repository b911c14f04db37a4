"""Mode sample: a timer finds the objects that threads wait for, and nothing is counted."""
import pytest

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

    assert all(found.values()), found
    # How the waiting is shared out depends on who gets in between; but there is little else to wait for.
    assert sum(found.values()) * 2 > report.json["metadata"]["sampling"]["ranked"]
    assert {row["field"] for row in report.ranked[:2]} <= {"global OFTEN", "global SELDOM", "local x"}
    assert report.ranked[0]["place"]["function"] == "work"


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


@pytest.mark.parametrize("arguments, sentence", [
    (("--mode", "guess"), "unknown mode 'guess'"),
    (("-F", "0"), "not a number of samples a second"),
    (("-F", "fast"), "not a number of samples a second"),
    (("--mode", "sample", "--increments", "*"), "--increments is for --mode exact"),
])
def test_misused(hotref, arguments, sentence):
    status, stdout, stderr = hotref("record", *arguments, "--", "true")

    assert (status, stdout) == (2, "")
    assert sentence in stderr
