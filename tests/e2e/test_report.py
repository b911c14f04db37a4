"""`report` reads what record wrote, needs no privilege for it, and refuses everything else in one sentence."""
import re
import struct

import pytest

from machine import Processes
from recording import Recorder, Report, workload
from refusals import FAILED, MISUSED, assert_one_sentence


@pytest.fixture(scope="module")
def profile(tmp_path_factory, plain_python):
    """A recording that all of these tests read."""
    processes = Processes()
    try:
        recording = Recorder(processes, tmp_path_factory.mktemp("report")).record(
            "--", plain_python.path, workload("shared_config.py"), "--iterations", 2_000)
    finally:
        processes.end_all()
    assert recording.status == 0, recording.stderr
    return recording.profile


def refused(hotref, file, *patterns):
    status, stdout, stderr = hotref("report", "-i", file)
    assert (status, stdout) == (FAILED, "")
    assert_one_sentence(stderr, re.escape(str(file)), *patterns)


def test_a_profile_that_is_not_there(hotref, tmp_path):
    refused(hotref, tmp_path / "missing", "No such file or directory")


@pytest.mark.parametrize("share", [0, 0.02, 0.25, 0.5, 0.75, 0.999])
def test_a_truncated_profile(hotref, profile, tmp_path, share):
    content = profile.read_bytes()
    cut = tmp_path / "cut"
    cut.write_bytes(content[:int(len(content) * share)])
    refused(hotref, cut, "truncated")


@pytest.mark.parametrize("content", [b"{}\n" + bytes(100), b"\x7fELF" + bytes(1000), bytes(1000),
                                     b"\x89hotref\r\n" + bytes(1000)],
                         ids=["json", "elf", "zeroes", "converted"])
def test_a_foreign_file(hotref, tmp_path, content):
    foreign = tmp_path / "foreign"
    foreign.write_bytes(content)
    refused(hotref, foreign, "not a hotref profile")


def test_a_folder(hotref, tmp_path):
    refused(hotref, tmp_path)


def test_a_profile_of_a_newer_hotref(hotref, profile, tmp_path):
    content = bytearray(profile.read_bytes())
    schema, = struct.unpack_from("<I", content, 8)
    struct.pack_into("<I", content, 8, schema + 1)
    newer = tmp_path / "newer"
    newer.write_bytes(content)
    refused(hotref, newer, "newer")


def test_a_profile_with_a_flipped_bit(hotref, profile, tmp_path):
    content = bytearray(profile.read_bytes())
    content[len(content) // 2] ^= 4
    damaged = tmp_path / "damaged"
    damaged.write_bytes(content)
    refused(hotref, damaged, "damaged")


def test_an_unfinished_profile(hotref, profile, tmp_path):
    content = bytearray(profile.read_bytes())
    struct.pack_into("<I", content, 12, 1)
    unfinished = tmp_path / "unfinished"
    unfinished.write_bytes(content)
    refused(hotref, unfinished, "unfinished")


@pytest.mark.parametrize("format", ["table", "json"])
def test_output_that_no_disk_takes(hotref, profile, format):
    with open("/dev/full", "w") as full:
        status, _, stderr = hotref("report", "-i", profile, "-f", format, stdout=full)

    assert status == FAILED
    assert_one_sentence(stderr, "No space left on device")


def test_output_into_a_file(hotref, profile, tmp_path):
    file = tmp_path / "report.json"
    status, stdout, stderr = hotref("report", "-i", profile, "-f", "json", "-o", file)

    assert (status, stdout, stderr) == (0, "", "")
    assert Report(file.read_text()).ranked


def test_the_table_shows_the_hottest_rows_first(hotref, profile):
    status, stdout, stderr = hotref("report", "-i", profile)

    assert (status, stderr) == (0, "")
    first = hotref.report(profile).ranked[0]
    assert first["type"] in stdout and first["field"] in stdout


def test_the_number_of_rows_can_be_limited(hotref, profile):
    status, stdout, _ = hotref("report", "-i", profile, "-f", "json", "-n", 2)

    assert status == 0
    assert Report(stdout).ranked == hotref.report(profile).ranked[:2]


def test_rows_are_sorted_by_the_key_that_is_asked_for(hotref, profile):
    for key in "ops", "handoffs", "threads":
        status, stdout, _ = hotref("report", "-i", profile, "-f", "json", "-k", key)
        values = [row[key] for row in Report(stdout).ranked]
        assert status == 0
        assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("arguments", [["-f", "no-such-format"], ["-k", "no-such-key"], ["-n", "many"], ["surplus"]],
                         ids=lambda arguments: " ".join(arguments))
def test_wrong_arguments_to_report(hotref, profile, arguments):
    status, stdout, stderr = hotref("report", "-i", profile, *arguments)

    assert (status, stdout) == (MISUSED, "")
    assert_one_sentence(stderr, re.escape(arguments[-1]))


def test_rows_hold_together(hotref, profile):
    report = hotref.report(profile)
    for row in report.all_rows:
        assert row["ops"] == row["decrefs"] + (row["increfs"] or 0)
        assert row["handoffs"] <= row["decrefs"]
        assert sum(site["ops"] for site in row["sites"]) == row["ops"]
        assert row["threads"] >= 1
    ranked, single = ([row["ops"] for row in rows] for rows in (report.ranked, report.single))
    assert ranked == sorted(ranked, reverse=True)
    json = report.json
    assert sum(ranked) == json["ranked_ops"]
    assert sum(single) == json["single_thread"]["ops"]
    assert json["total_ops"] == sum(ranked) + sum(single) + json["cold_ops"]
