"""Names that are hard on a format, from a real program to each format's own reader."""
import json
import re

import pytest

from machine import Processes
from recording import Recorder, Report, workload
from test_report import csv_of

ITERATIONS = 500
KEPT = 20 # characters of a long name that hotref keeps in any case
DROPS = 2 * ITERATIONS


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, plain_python):
    """(profile, names)."""
    processes = Processes()
    try:
        recording = Recorder(processes, tmp_path_factory.mktemp("odd")).record(
            "--", plain_python.path, workload("odd_names.py"), "--iterations", ITERATIONS)
    finally:
        processes.end_all()
    assert recording.status == 0, recording.stderr
    return recording.profile, json.loads(recording.stdout)


def is_called(found, name):
    """As it is; or, where it is longer than what hotref keeps of a name, by its beginning and an ellipsis."""
    return found == name or (len(name) > 1_000 and found.endswith("…") and found[:KEPT] == name[:KEPT])


def only(rows, number, name):
    found = [row for row in rows if row["field"] == "global HELD" and is_called(row["type"], f"{number}{name}.{name}")]
    assert len(found) == 1, (name, [row["type"] for row in rows])
    return found[0]


def test_they_are_in_json_as_the_program_has_them(hotref, recorded):
    profile, names = recorded
    report = hotref.report(profile)
    for number, name in enumerate(names):
        row = only(report.ranked, number, name)
        assert (row["decrefs"], row["threads"]) == (DROPS, 2)
        assert is_called(row["object"], f"instance of {number}{name}.{name}")
        assert is_called(row["place"]["function"], name)
        assert is_called(row["place"]["file"], f"/srv/{number}{name}")
        assert is_called(row["stacks"][0]["frames"][0]["function"], name)


def test_they_are_in_csv_as_in_json(hotref, recorded):
    profile, names = recorded
    ranked = hotref.report(profile).ranked
    rows = csv_of(hotref, profile)
    for number, name in enumerate(names):
        wanted, row = only(ranked, number, name), only(rows, number, name)
        assert (row["object"], int(row["decrefs"])) == (wanted["object"], DROPS)
    assert len(rows) == len(ranked)


def test_they_take_a_line_each_in_the_table(hotref, recorded):
    profile, names = recorded
    for format in "table", "explain":
        status, stdout, stderr = hotref("report", "-i", profile, "-f", format, "-n", 0)
        assert (status, stderr) == (0, "")
        assert not set(re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2066]", stdout))
    status, stdout, _ = hotref("report", "-i", profile)
    lines = [line for line in stdout.splitlines() if re.match(r" *\d+ +[\d,]+ +\d+ ", line) and " global HELD " in line]
    assert len(lines) == len(names)
    for shown in "two\\nlines\\r\\nand\\ttab", "\\x1b[31mred\\a\\x9b", "\\u202eturned\\u2066", "größe 鍵 🔥", "x" * KEPT:
        assert sum(shown in line for line in lines) == 1


def test_filters_find_them(hotref, recorded):
    profile, names = recorded
    for number, name in enumerate(names):
        if len(name) > 1_000:
            continue
        pattern = re.sub(r"[*?]", "?", f"{number}{name}.{name}")
        status, stdout, stderr = hotref("report", "-i", profile, "-f", "json", "-I", f"type={pattern}")
        assert (status, stderr) == (0, "")
        assert only(Report(stdout).ranked, number, name)


def test_they_fold_into_one_line_a_stack(hotref, recorded):
    """A space and a number behind the last frame, and frames between ';', is all that flamegraph.pl and speedscope know."""
    profile, names = recorded
    status, stdout, stderr = hotref("report", "-i", profile, "-f", "folded")
    assert (status, stderr) == (0, "")
    lines = stdout.split("\n")[:-1]
    assert all(re.fullmatch(r"[^\x00-\x1f]+ \d+", line) for line in lines)
    leaves = [line for line in lines if ";global HELD" in line]
    assert len(leaves) >= len(names)
    assert sum(int(line.rpartition(" ")[2]) for line in lines) == hotref.report(profile).json["ranked_ops"]
