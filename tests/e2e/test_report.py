"""`report` reads what record wrote, needs no privilege for it, and refuses everything else in one sentence."""
import csv
import json
import re
import struct

import jsonschema
import pytest

from machine import Processes
from profile_file import add_contended, packed, unpacked
from recording import ROOT, Recorder, Report, schema, workload
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


@pytest.mark.parametrize("format", ["table", "explain", "json", "csv"])
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


@pytest.mark.parametrize("arguments", [["-f", "no-such-format"], ["-k", "no-such-key"], ["-n", "many"], ["surplus"],
                                       ["--explain=0"], ["--explain", "1x"], ["-I", "bogus=*"],
                                       ["-X", "lines=app.py:*"]],
                         ids=lambda arguments: " ".join(arguments))
def test_wrong_arguments_to_report(hotref, profile, arguments):
    status, stdout, stderr = hotref("report", "-i", profile, *arguments)

    assert (status, stdout) == (MISUSED, "")
    assert_one_sentence(stderr, re.escape(arguments[-1].removeprefix("--explain=")))


def test_rows_hold_together(hotref, profile):
    report = hotref.report(profile)
    for row in report.all_rows:
        assert row["ops"] == row["decrefs"] + (row["increfs"] or 0)
        assert row["handoffs"] <= row["decrefs"]
        assert sum(site["ops"] for site in row["sites"]) == row["ops"]
        assert row["threads"] >= 1
    heat = [(max(row["decrefs"], row["increfs"] or 0), row["ops"]) for row in report.ranked]
    assert heat == sorted(heat, reverse=True)
    ranked, single = ([row["ops"] for row in rows] for rows in (report.ranked, report.single))
    json = report.json
    assert sum(ranked) == json["ranked_ops"]
    assert sum(single) == json["single_thread"]["ops"]
    assert json["total_ops"] == sum(ranked) + sum(single) + json["cold_ops"]


def csv_of(hotref, profile, *arguments):
    file = hotref.new_profile().with_suffix(".csv")
    assert hotref("report", "-i", profile, "-f", "csv", "-o", file, *arguments) == (0, "", "")
    with open(file, newline="") as lines:
        return list(csv.DictReader(lines, strict=True))


def report_of(hotref, profile, *arguments):
    status, stdout, stderr = hotref("report", "-i", profile, "-f", "json", "--all", *arguments)
    assert (status, stderr) == (0, "")
    return Report(stdout)


def test_csv_has_the_rows_of_the_json(hotref, profile):
    report = hotref.report(profile)
    rows = csv_of(hotref, profile, "--all")

    assert [row["ranked"] for row in rows] == ["true"] * len(report.ranked) + ["false"] * len(report.single)
    for row, other in zip(rows, report.all_rows, strict=True):
        for key in "type", "field", "object", "function":
            assert row[key] == other[key]
        for key in "ops", "decrefs", "threads", "handoffs", "retries", "bounces", "objects":
            assert int(row[key]) == other[key]
        assert row["address"] == (other["address"] or "")
        assert row["remedy"] == (other["remedy"]["id"] if other["remedy"] else "")


def test_the_schema_is_built_in(hotref):
    status, stdout, stderr = hotref("report", "--json-schema")

    assert (status, stderr) == (0, "")
    assert json.loads(stdout) == schema()
    jsonschema.validators.validator_for(schema()).check_schema(schema())
    assert schema()["$schema"]


@pytest.mark.parametrize("arguments", [["--by-object", "--per-thread"], ["-I", "type=float", "--per-thread", "-n", 1],
                                       ["-I", "nobody", "--all"], ["-X", "*", "--by-object"]], ids=lambda arguments: " ".join(map(str, arguments)))
def test_every_json_keeps_to_the_schema(hotref, profile, odd_profile, arguments):
    for file in profile, odd_profile:
        status, stdout, _ = hotref("report", "-i", file, "-f", "json", *arguments)
        assert status == 0
        assert Report(stdout).json["schema_version"] == 1


def test_filters_choose_rows_and_leave_the_sums(hotref, profile):
    whole = hotref.report(profile)
    kept = report_of(hotref, profile, "-I", "type=float", "-I", "type=list", "-X", "field=in *")

    assert kept.all_rows == [row for row in whole.all_rows
                             if row["type"] in ("float", "list") and not row["field"].startswith("in ")]
    assert kept.json["left_out"]["rows"] == len(whole.all_rows) - len(kept.all_rows)
    for key in "verdict", "total_ops", "ranked_ops", "single_thread", "cold_ops":
        assert kept.json[key] == whole.json[key]


def test_a_key_that_rows_do_not_have_is_named(hotref, profile):
    _, _, stderr = hotref("report", "-i", profile, "-I", "bogus=x")

    assert_one_sentence(stderr, "unknown key 'bogus'", "type, field, object, function")


@pytest.mark.parametrize("arguments, told", [
    (["-I", "nobody"], r"no contended row is like 'nobody'; '\*' stands for any text"),
    (["-I", "field=*=*", "-I", "object=x=?y*"], r"no contended row is like 'field=\*=\*' or 'object=x=\?y\*'$"),
    (["-X", "type=*"], r"every contended row is like 'type=\*'$"),
    (["-I", "type=*", "-X", "*"], r"no contended row is like 'type=\*' and not like '\*'$"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
@pytest.mark.parametrize("format", ["table", "json"])
def test_a_filter_that_leaves_nothing_says_so(hotref, profile, arguments, told, format):
    status, stdout, stderr = hotref("report", "-i", profile, "-f", format, *arguments)

    assert status == 0
    assert_one_sentence(stderr, told)
    assert format == "table" or Report(stdout).ranked == []


def test_rows_by_object_have_one_object_each(hotref, profile):
    whole, report = hotref.report(profile), report_of(hotref, profile, "--by-object")

    assert len(report.all_rows) > len(whole.all_rows)
    for row in report.all_rows:
        assert row["fold"] or (row["objects"] == 1 and row["address"])
    for key in "verdict", "total_ops", "ranked_ops", "cold_ops":
        assert report.json[key] == whole.json[key]


def test_threads_sum_to_their_row(hotref, profile):
    report = report_of(hotref, profile, "--per-thread")
    lines = csv_of(hotref, profile, "--per-thread", "--all")

    assert "by_thread" not in hotref.report(profile).ranked[0]
    assert len(lines) == sum(len(row["by_thread"]) for row in report.all_rows)
    for row in report.all_rows:
        for key in "ops", "decrefs", "handoffs", "retries", "bounces":
            assert sum(thread[key] for thread in row["by_thread"]) == row[key]
        known = [thread for thread in row["by_thread"] if thread["tid"]]
        assert len({(thread["pid"], thread["tid"]) for thread in known}) == len(known) <= row["threads"]
    status, stdout, _ = hotref("report", "-i", profile, "--per-thread", "-n", 1)
    assert (status, stdout.count(" by ")) == (0, len(report.ranked[0]["by_thread"]))


def test_one_row_is_explained(hotref, profile):
    row = hotref.report(profile).ranked[1]
    for arguments in ["--explain", 2], ["--explain=2"]:
        status, stdout, stderr = hotref("report", "-i", profile, *arguments)
        assert (status, stderr) == (0, "")
        assert f"\n2. {row['type']} {row['field']}: " in stdout
        assert row["remedy"]["what"] in stdout
        assert "\n1. " not in stdout
    status, stdout, stderr = hotref("report", "-i", profile, "--explain", 100_000)
    assert (status, stdout) == (FAILED, "")
    assert_one_sentence(stderr, "no row 100000")


ODD_NAMES = ["a;b c", "'single' \"double\" `back`", "two\nlines\r\nand\ttab", "größe 鍵 🔥", "=1+1", ",", " edges ",
             "\x1b[31mred\x07", "back\\slash \\n", "\u202eturned", "x" * 10_000, "鍵" * 10_000]


@pytest.fixture(scope="module")
def odd_profile(profile, tmp_path_factory):
    magic, version, sections = unpacked(profile.read_bytes())
    for name in ODD_NAMES:
        add_contended(sections, name)
    file = tmp_path_factory.mktemp("odd") / "odd.prof"
    file.write_bytes(packed(magic, version, sections))
    return file


def test_odd_names_survive_json_and_csv(hotref, odd_profile):
    for rows in hotref.report(odd_profile).ranked, csv_of(hotref, odd_profile):
        assert set(ODD_NAMES) <= {row["object"] for row in rows}


@pytest.mark.parametrize("format", ["table", "explain"])
def test_odd_names_cannot_act_on_a_terminal(hotref, odd_profile, format):
    status, stdout, _ = hotref("report", "-i", odd_profile, "-f", format, "-n", 0)

    assert status == 0
    assert not set(re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", stdout))
    for shown in "two\\nlines\\r\\nand\\ttab", "\\x1b[31mred\\a", "\\u202eturned", "größe 鍵 🔥", "x" * 10_000:
        assert shown in stdout
