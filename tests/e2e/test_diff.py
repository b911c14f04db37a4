"""`diff` says what changed between two recordings: all of it, nothing else, and nothing where that cannot be told."""
import csv
import functools
import json
import re
import struct

import jsonschema
import pytest

from machine import Processes
from profile_file import add_contended, packed, set_version, unpacked
from recording import ROOT, Recorder, workload
from refusals import MISUSED, assert_one_sentence

ITERATIONS, THREADS = 3_000, 2
NESTED = ["--threads", THREADS, "--iterations", ITERATIONS]
# By offset in META and TARG (docs/profile.md).
MODE, COMPLETE, LIVE, LOST = 0, 4, 28, 48
INCREMENTS_ARMED = 48


@functools.lru_cache(maxsize=None)
def schema():
    return json.loads((ROOT / "docs/diff.schema.json").read_text())


class Comparison:
    """The JSON of a comparison, checked against the schema."""

    def __init__(self, hotref, *arguments):
        status, stdout, stderr = hotref("diff", "-f", "json", *arguments)
        assert (status, stderr) == (0, "")
        self.json = json.loads(stdout)
        jsonschema.Draft202012Validator(schema()).validate(self.json)
        self.rows = self.json["rows"]

    def in_state(self, *states):
        return {(row["field"], row["object"]): row for row in self.rows if row["state"] in states}

    @property
    def changed(self):
        return self.in_state("gone", "new", "more", "less")


def recorded(folder, python, name, *arguments):
    processes = Processes()
    try:
        recording = Recorder(processes, folder).record("--", python.path, workload(name), *arguments)
    finally:
        processes.end_all()
    assert recording.status == 0, recording.stderr
    return recording.profile


@pytest.fixture(scope="module")
def profiles(tmp_path_factory, plain_python):
    """Recordings of the nested-function workload, each made when it is asked for."""
    @functools.lru_cache(maxsize=None)
    def profile(*options):
        return recorded(tmp_path_factory.mktemp("diff"), plain_python, "nested.py", *NESTED, *options)
    return profile


@pytest.fixture
def before(profiles):
    return profiles("--suppress-immortalization")


@pytest.fixture
def altered(tmp_path):
    """A profile with other bytes: alter(sections) changes them."""
    def write(profile, alter, name="altered.prof"):
        magic, version, sections = unpacked(profile.read_bytes())
        alter(sections)
        file = tmp_path / name
        file.write_bytes(packed(magic, version, sections))
        return file
    return write


def refused(hotref, *arguments):
    status, stdout, stderr = hotref("diff", *arguments)
    assert (status, stdout) == (MISUSED, "")
    assert_one_sentence(stderr)
    return stderr


def test_the_same_work_twice_has_not_changed(hotref, tmp_path, python):
    one, two = (recorded(tmp_path / name, python, "shared_config.py", "--iterations", ITERATIONS)
                for name in "ab" if not (tmp_path / name).mkdir())
    comparison = Comparison(hotref, one, two)
    contended = {key: row for key, row in comparison.in_state("same").items() if row["before"]["value"] >= ITERATIONS}

    assert comparison.json["verdict"].startswith(("nothing changed", "small changes only"))
    assert {row["type"] for row in contended.values()} >= {"float", "__main__.Config"}
    # What threads do at their start and end may differ by a few, what the program does may not.
    assert all(abs(row["difference"]) < 100 for row in comparison.changed.values())


def test_what_2a_took_away_is_gone(hotref, profiles, before):
    """3.13 as it comes makes immortal what --suppress-immortalization leaves to contend."""
    comparison = Comparison(hotref, before, profiles())
    gone = comparison.in_state("gone")

    for field, name in [("function.func_globals", "globals of __main__"), ("function.func_builtins", "builtins")]:
        row = gone[field, name]
        assert THREADS * ITERATIONS <= row["before"]["decrefs"] < THREADS * ITERATIONS + 200
        assert row["after"] is None and row["ratio"] in (None, 0)
        assert row["difference"] == -row["before"]["decrefs"]
    assert any(field == "function.func_code" for field, _ in gone)
    assert re.match(r"gone: \S+ .*; [\d,]+ -> [\d,]+ contended decrements \(.*-99", comparison.json["verdict"])
    changes = [abs(row["difference"]) for row in comparison.rows]
    assert changes == sorted(changes, reverse=True)


def test_turned_around_what_was_gone_is_new(hotref, profiles, before):
    there, back = Comparison(hotref, before, profiles()), Comparison(hotref, profiles(), before)

    assert there.in_state("gone").keys() == back.in_state("new").keys() != set()
    for key, row in there.changed.items():
        assert back.changed[key]["difference"] == -row["difference"]
    assert back.json["verdict"].startswith("new: ")


def test_one_more_nested_function_is_seen(hotref, profiles, before):
    """It has its own code, and adds to what both need."""
    comparison = Comparison(hotref, before, profiles("--suppress-immortalization", "--more"))
    more, new = comparison.in_state("more"), comparison.in_state("new")
    builtins = more["function.func_builtins", "builtins"]

    assert builtins["difference"] == THREADS * ITERATIONS
    assert builtins["ratio"] == pytest.approx(2, rel=0.05)
    assert any(field == "function.func_code" and row["difference"] == THREADS * ITERATIONS
               for (field, _), row in new.items())


def test_work_evens_out_unequal_runs(hotref, tmp_path, plain_python, before):
    longer = recorded(tmp_path, plain_python, "nested.py", "--threads", THREADS, "--iterations", 2 * ITERATIONS,
                      "--suppress-immortalization")
    plain = Comparison(hotref, before, longer)
    evened = Comparison(hotref, before, longer, "--work", f"{ITERATIONS},{2 * ITERATIONS}")
    key = "function.func_globals", "globals of __main__"

    assert plain.in_state("more")[key]["difference"] == THREADS * ITERATIONS
    assert evened.in_state("same")[key]["after"]["value"] == pytest.approx(THREADS, rel=0.01)
    assert (evened.json["before"]["work"], evened.json["after"]["work"]) == (ITERATIONS, 2 * ITERATIONS)


@pytest.mark.parametrize("option, name", [("--normalize", "total"), ("--normalize=total", "total"),
                                          ("--normalize=time", "time")])
def test_values_are_normalized(hotref, before, option, name):
    comparison = Comparison(hotref, before, before, option)
    side = comparison.json["before"]
    divisor = side["total"] / 100 if name == "total" else side["duration_ns"] / 1e9

    assert comparison.json["normalized_by"] == name
    assert not comparison.changed
    for row in comparison.rows:
        assert row["before"]["value"] == pytest.approx(row["before"]["decrefs"] / divisor)


def test_the_table_is_plain_at_a_glance(hotref, profiles, before):
    status, stdout, stderr = hotref("diff", before, profiles())
    lines = stdout.splitlines()

    assert (status, stderr) == (0, "")
    assert lines[0].startswith("gone: ")
    assert lines[1].startswith(f"before: {before}, CPython 3.13")
    assert lines[5].split() == ["BEFORE", "AFTER", "CHANGE", "RATIO", "TYPE", "FIELD", "OBJECT"]
    assert re.match(r"gone +6,\d+ +0 +-6,\d+ ", lines[6])
    assert "\x1b" not in stdout


def test_another_version_is_stated_and_compared(hotref, altered, before):
    other = altered(before, lambda sections: set_version(sections, "3.14.7"))

    assert Comparison(hotref, before, other).json["notes"] == ["another interpreter: CPython 3.13.5 before, 3.14.7 after"]


def put(section, offset, layout, value):
    def alter(sections):
        record, data = sections[section]
        struct.pack_into(layout, data, offset + (record if section == b"TARG" else 0), value)
    return alter


@pytest.mark.parametrize("alter, arguments, reason", [
    (put(b"META", MODE, "<I", 2), [], "mode exact and .* in mode sample"),
    (put(b"META", COMPLETE, "<I", 0), [], "incomplete"),
    (put(b"META", LOST, "<Q", 7), [], "lost 7 operations"),
    (put(b"META", LIVE, "<I", 1), [], r"only 1 of \d+ probes are proven live"),
    (put(b"TARG", INCREMENTS_ARMED, "<I", 5), ["-k", "ops"], "same increments"),
], ids=["mode", "incomplete", "lost", "not live", "increments"])
def test_what_cannot_be_compared_is_refused_unless_forced(hotref, altered, before, alter, arguments, reason):
    other = altered(before, alter)

    for pair in (before, other), (other, before):
        stderr = refused(hotref, *pair, *arguments)
        assert re.search("cannot be compared: .*" + (reason if pair[0] == before else ""), stderr)
    status, stdout, stderr = hotref("diff", "--force", before, other, *arguments)
    assert (status, stderr) == (0, "")
    assert re.match(f"doubtful: .*{reason}", stdout)
    assert Comparison(hotref, "--force", before, other, *arguments).json["doubts"]


def test_decrements_compare_where_other_increments_were_counted(hotref, altered, before):
    other = altered(before, put(b"TARG", INCREMENTS_ARMED, "<I", 5))
    comparison = Comparison(hotref, before, other)

    assert not comparison.changed
    assert any("other inlined increments" in note for note in comparison.json["notes"])


def test_files_that_are_no_profiles(hotref, tmp_path, before):
    cut, newer = tmp_path / "cut", tmp_path / "newer"
    cut.write_bytes(before.read_bytes()[:-1000])
    newer.write_bytes(before.read_bytes()[:8] + struct.pack("<I", 2) + before.read_bytes()[12:])

    assert "truncated" in refused(hotref, before, cut)
    assert "schema version 2" in refused(hotref, newer, before)
    assert "No such file" in refused(hotref, before, tmp_path / "missing")
    assert "truncated" in refused(hotref, before, cut, "--force")
    assert "cannot write" in refused(hotref, before, before, "-o", "/dev/full")


@pytest.mark.parametrize("arguments, word", [
    ([], "BEFORE AFTER"), (["a"], "BEFORE AFTER"), (["a", "b", "c"], "'c'"), (["a", "b", "-f", "xml"], "table, json, csv"),
    (["a", "b", "-k", "heat"], "decrefs"), (["a", "b", "--work", "0"], "amount of work"),
    (["a", "b", "--work", "5,"], "amount of work"), (["a", "b", "--work", "-5"], "amount of work"),
    (["a", "b", "--normalize=sum"], "total and time"), (["a", "b", "--work", "5", "--normalize"], "one way"),
    (["a", "b", "-k", "threads", "--normalize"], "sum up"), (["a", "b", "--bogus"], "--bogus"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_wrong_usage(hotref, arguments, word):
    assert word in refused(hotref, *arguments)


def test_the_schema_is_built_in(hotref):
    status, stdout, stderr = hotref("diff", "--json-schema")

    assert (status, stderr) == (0, "")
    assert json.loads(stdout) == schema()
    jsonschema.Draft202012Validator.check_schema(schema())


def csv_of(hotref, file, *arguments):
    assert hotref("diff", "-f", "csv", "-o", file, *arguments) == (0, "", "")
    with open(file, newline="") as lines:
        return list(csv.DictReader(lines, strict=True))


def test_csv_has_the_rows_of_the_json(hotref, tmp_path, profiles, before):
    comparison = Comparison(hotref, "--all", before, profiles())
    rows = csv_of(hotref, tmp_path / "diff.csv", "--all", before, profiles())

    assert comparison.json["single_thread_rows"]
    for line, row in zip(rows, comparison.rows + comparison.json["single_thread_rows"], strict=True):
        for key in "state", "type", "field", "object":
            assert line[key] == row[key]
        assert float(line["difference"]) == row["difference"]
        for side in "before", "after":
            assert line[f"{side}_decrefs"] == ("" if row[side] is None else str(row[side]["decrefs"]))
            assert float(line[side]) == (row[side]["value"] if row[side] else 0)


ODD_NAMES = ["a;b c", "'single' \"double\" `back`", "two\nlines\r\nand\ttab", "größe 鍵 🔥", "=1+1", ",", " edges ",
             "\x1b[31mred\x07", "back\\slash \\n", "\u202eturned", "x" * 10_000, "鍵" * 10_000]


def test_odd_names_survive_every_format(hotref, tmp_path, altered, before):
    def add(sections):
        for name in ODD_NAMES:
            add_contended(sections, name)
    odd = altered(before, add)

    for rows in Comparison(hotref, before, odd).rows, csv_of(hotref, tmp_path / "odd.csv", before, odd):
        assert set(ODD_NAMES) == {row["object"] for row in rows if row["state"] == "new"}
    status, stdout, _ = hotref("diff", before, odd)
    assert status == 0
    assert not set(re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", stdout))
    for shown in "two\\nlines\\r\\nand\\ttab", "\\x1b[31mred\\a", "\\u202eturned", "größe 鍵 🔥", "x" * 10_000:
        assert shown in stdout


def test_filters_and_limits(hotref, profiles, before):
    whole = Comparison(hotref, before, profiles())
    kept = Comparison(hotref, before, profiles(), "-I", "type=dict", "-X", "field=in *")
    first = Comparison(hotref, before, profiles(), "-n", 1)

    assert kept.rows == [row for row in whole.rows if row["type"] == "dict" and not row["field"].startswith("in ")]
    assert kept.json["left_out"] >= len(whole.rows) - len(kept.rows)
    assert kept.json["verdict"] == whole.json["verdict"]
    assert first.rows == whole.rows[:1]
