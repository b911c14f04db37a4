"""record --prometheus: a file that tells of a recording while it goes on."""
import threading

import pytest

import machine
from exports import exported, prometheus
from refusals import MISUSED, RECORD_FAILED, assert_one_sentence
from targets import Target

READS = 5_000


@pytest.fixture
def target(processes, plain_python):
    return Target(processes, plain_python)


def config_decrefs(series):
    return sum(value for labels, value in series.get("hotref_decrefs_total", []) if labels["type"].endswith("Config"))


def series_of(path):
    return prometheus(path.read_bytes()) if path.exists() else {}


def test_it_has_every_operation_up_to_then_while_the_recording_goes_on(hotref, target, tmp_path):
    path = tmp_path / "hotref.prom"
    attached = hotref.attach(target, options=("--mode", "exact", "--prometheus", path, "--every", "0.05"))
    for round in 1, 2, 3:
        assert target.ask(f"work {READS}") == "done"
        machine.wait_for(lambda: config_decrefs(series_of(path)) == 2 * READS * round, "the file to have it all")
    recording = attached.interrupt()

    assert recording.status == 0, recording.stderr
    report = hotref.report(recording.profile)
    assert report.json["complete"]
    assert sum(row["decrefs"] for row in report.ranked if row["type"].endswith("Config")) == 6 * READS
    assert path.read_bytes() == exported(hotref, recording.profile, "prometheus")
    assert [found.name for found in tmp_path.iterdir() if found.name.startswith(".")] == []


def test_readers_find_it_whole_and_what_it_counts_never_falls(hotref, target, tmp_path):
    path, seen, ended = tmp_path / "hotref.prom", [], threading.Event()
    attached = hotref.attach(target, options=("--mode", "exact", "--prometheus", path, "--every", "0.01"))

    def read_on():
        while not ended.is_set():
            content = path.read_bytes() if path.exists() else None
            if content is not None and (not seen or content != seen[-1]):
                seen.append(content)

    reader = threading.Thread(target=read_on)
    reader.start()
    try:
        for _ in range(5):
            assert target.ask(f"work {READS}") == "done"
        machine.wait_for(lambda: config_decrefs(series_of(path)) == 10 * READS, "the file to have it all")
    finally:
        ended.set()
        reader.join()
    assert attached.interrupt().status == 0
    counts = [config_decrefs(prometheus(content)) for content in seen]
    assert counts == sorted(counts) and counts[-1] == 10 * READS
    assert all(content.endswith(b"\n") and b"hotref_rest_rows " in content for content in seen)


def test_samples_and_bursts_have_theirs(hotref, target, tmp_path):
    path = tmp_path / "hotref.prom"
    attached = hotref.attach(target, options=("--mode", "auto", "--prometheus", path, "--every", "0.05"))
    assert target.ask("busy") == "busy"
    machine.wait_for(lambda: sum(value for _, value in series_of(path).get("hotref_cpu_seconds_total", [])) > 0.1,
                     "samples to be there")
    recording = attached.interrupt()
    assert recording.status == 0, recording.stderr
    assert path.read_bytes() == exported(hotref, recording.profile, "prometheus")


def test_a_link_is_replaced_and_not_followed(hotref, target, tmp_path):
    path, other = tmp_path / "hotref.prom", tmp_path / "other"
    other.write_text("mine")
    path.symlink_to(other)
    attached = hotref.attach(target, options=("--mode", "exact", "--prometheus", path))
    assert attached.interrupt().status == 0
    assert not path.is_symlink() and series_of(path)
    assert other.read_text() == "mine"


def test_a_folder_that_is_not_there_shows_before_the_recording(hotref, target, tmp_path):
    status, _, stderr = hotref("record", "-o", tmp_path / "profile", "-p", target.pid, "--prometheus", tmp_path / "none/hotref.prom")
    assert status == RECORD_FAILED
    assert_one_sentence(stderr, "none/hotref.prom")
    assert not (tmp_path / "profile").exists()


def test_a_file_that_cannot_be_written_any_more_costs_no_recording(hotref, target, tmp_path):
    folder = tmp_path / "metrics"
    folder.mkdir()
    attached = hotref.attach(target, options=("--mode", "exact", "--prometheus", folder / "hotref.prom", "--every", "0.02"))
    folder.rmdir()
    assert target.ask(f"work {READS}") == "done"
    attached.wait_for("the recording goes on")
    recording = attached.interrupt()
    assert recording.status == 0 and recording.stderr.count("the recording goes on") == 1
    assert hotref.report(recording.profile).json["complete"]


def test_every_needs_a_file(hotref):
    status, _, stderr = hotref("record", "--every", 5, "-p", 1)
    assert status == MISUSED and "--prometheus" in stderr
