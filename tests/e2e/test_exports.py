"""Exports, as others' readers of each format take them in: what they read is what the profile has."""
import base64
import os

import pytest

from browser import Page, start
from exports import Pprof, Speedscope, exported, openmetrics, prometheus, speedscope
from machine import Processes
from recording import Recorder, workload
from refusals import FAILED, assert_one_sentence
from test_odd_names import DROPS, is_called, only, recorded

ITERATIONS = 5_000
KEYS = ["ops", "decrefs", "increfs", "retries", "bounces", "handoffs"]
TIME_SERIES = {"openmetrics": openmetrics, "prometheus": prometheus}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("exports")


@pytest.fixture(scope="module")
def recorder(folder):
    processes = Processes()
    yield Recorder(processes, folder)
    processes.end_all()


def profile_of(recorder, python, *arguments, options=()):
    recording = recorder.record(*options, "--", python.path, workload("nested.py"), *arguments, "--suppress-immortalization")
    assert recording.status == 0, recording.stderr
    return recording.profile


@pytest.fixture(scope="module")
def nested(recorder, plain_python):
    return profile_of(recorder, plain_python, "--iterations", ITERATIONS)


@pytest.fixture(scope="module")
def sampled(recorder, plain_python):
    return profile_of(recorder, plain_python, "--iterations", 100_000, options=("--mode", "sample"))


@pytest.fixture(scope="module")
def report(recorder, nested):
    return recorder.report(nested)


def called(row):
    """How many objects a fold stands for is no part of what it is called."""
    return "others" if row["fold"] else row["object"]


def leaf(row):
    named = called(row).removeprefix("instance of ").split(" ")[0] == row["type"]
    return f"{row['field']} ({'' if named else row['type'] + ' '}{called(row)})"


def sums_of(pairs):
    sums = {}
    for key, value in pairs:
        sums[key] = sums.get(key, 0) + value
    return sums


# speedscope.

def test_speedscope_has_each_metric_with_the_rows_sums(recorder, nested, report):
    scope = Speedscope(exported(recorder, nested, "speedscope"))

    for key in KEYS:
        wanted = sums_of((leaf(row), row[key]) for row in report.ranked if row[key])
        if wanted or key == "ops":
            assert sums_of((stack[-1]["name"], weight) for stack, weight in scope.stacks(key)) == wanted
            assert scope.profiles[key]["endValue"] == sum(wanted.values()) and scope.profiles[key]["unit"] == "none"
    assert set(scope.profiles) <= set(KEYS)
    by_handoffs = Speedscope(exported(recorder, nested, "speedscope", "-k", "handoffs", "--all")).json
    assert by_handoffs["profiles"][by_handoffs["activeProfileIndex"]]["name"] == "handoffs"


def test_speedscope_frames_have_file_and_line(recorder, nested, report):
    scope = Speedscope(exported(recorder, nested, "speedscope"))
    row = report.ranked[0]

    stack = next(stack for stack, _ in scope.stacks("ops") if stack[-1]["name"] == leaf(row))
    place = row["place"]
    assert stack[-3] == {"name": place["function"], "file": place["file"], "line": place["line"]}
    assert stack[-2] == {"name": row["function"], "file": report.only_target["exe"]}


def test_speedscope_of_samples_is_in_time(recorder, sampled):
    scope = Speedscope(exported(recorder, sampled, "speedscope", "--all"))
    rows = recorder.report(sampled).all_rows

    assert list(scope.profiles) == ["stall"] and scope.profiles["stall"]["unit"] == "nanoseconds"
    assert scope.profiles["stall"]["endValue"] == sum(row["stall_ns"] for row in rows)


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    driver = start(tmp_path_factory.mktemp("browser"))
    yield driver
    driver.quit()


@pytest.mark.parametrize("name, shown", [("nested", "global __builtins__ (module builtins)"), ("odd", "größe 鍵 🔥")])
def test_speedscope_itself_reads_it(driver, recorder, folder, nested, recorded, name, shown):
    profile = nested if name == "nested" else recorded[0]
    content = exported(recorder, profile, "speedscope", "-k", "decrefs")
    report = recorder.report(profile)
    script = folder / f"{name}.js"
    script.write_text(f"speedscope.loadFileFromBase64('{name}.json', '{base64.b64encode(content).decode()}')")
    page = Page(driver, speedscope("index.html"), f"#localProfilePath={script}")

    page.wait_for(lambda: page.driver.title == f"{report.json['metadata']['command']} - speedscope", "speedscope to read it")
    page.run("[...document.querySelectorAll('div')].find(found => found.textContent === '🥪Sandwich').click()")
    page.wait_for(lambda: any(shown in text for text in page.texts("td")), "speedscope's list of frames")
    messages, _ = page.said_and_asked()
    assert any("Importing as speedscope json file" in message for message in messages)
    cells = page.texts("td")
    for key in "ops", "decrefs":
        assert cells[cells.index(key) + 1] == f"{sum(row[key] for row in report.ranked):,}"


# pprof.

def test_pprof_has_the_rows_with_their_stacks_from_the_leaf(recorder, nested, report):
    pprof = Pprof(exported(recorder, nested, "pprof"))
    samples = list(pprof.samples())
    row = report.ranked[0]

    assert pprof.types == [("contentions", "count")] + [(key, "count") for key in KEYS[1:]]
    assert pprof.default == "contentions"
    for key, type_ in zip(KEYS, [type_ for type_, _ in pprof.types]):
        assert sums_of(((labels["type"], labels["field"], labels["object"]), values[type_]) for _, values, labels in samples) == {
            (row["type"], row["field"], called(row)): row[key] for row in report.ranked}
    stack, _, labels = next(sample for sample in samples if sample[0][0][0] == leaf(row))
    place = row["place"]
    assert stack[1] == (row["function"], report.only_target["exe"], 0, report.only_target["exe"])
    assert stack[2] == (place["function"], place["file"], place["line"], "")
    assert labels["threads"] == row["threads"]
    assert Pprof(exported(recorder, nested, "pprof", "-k", "decrefs")).default == "decrefs"


def test_pprof_by_thread_has_what_each_did_to_each_object(recorder, nested):
    ranked = recorder.report(nested, "--per-thread").ranked
    pprof = Pprof(exported(recorder, nested, "pprof", "--per-thread"))

    found = {(labels["field"], labels["object"], labels["thread"], labels["tid"], labels["pid"], values["decrefs"])
             for stack, values, labels in pprof.samples() if len(stack) == 1}
    assert found == {(row["field"], called(row), part["name"], part["tid"], part["pid"], part["decrefs"])
                     for row in ranked for part in row["by_thread"]}


def test_pprof_of_samples_has_delays(recorder, sampled):
    pprof = Pprof(exported(recorder, sampled, "pprof", "--all"))
    rows = recorder.report(sampled).all_rows

    assert pprof.types == [("samples", "count"), ("delay", "nanoseconds")] and pprof.default == "delay"
    assert sum(values["delay"] for _, values, _ in pprof.samples()) == sum(row["stall_ns"] for row in rows)


def test_pprof_is_nothing_for_a_terminal(recorder, nested):
    ours, theirs = os.openpty()
    status, _, stderr = recorder("report", "-i", nested, "-f", "pprof", stdout=theirs)
    os.close(theirs)
    os.close(ours)
    assert status == FAILED
    assert_one_sentence(stderr, "terminal")


# Time series.

@pytest.mark.parametrize("format", TIME_SERIES)
def test_time_series_have_the_rows(recorder, nested, report, format):
    found = TIME_SERIES[format](exported(recorder, nested, format))

    for key in KEYS:
        assert {(labels["type"], labels["field"], labels["object"]): value for labels, value in found[f"hotref_{key}_total"]} == {
            (row["type"], row["field"], called(row)): row[key] for row in report.ranked}
    target = report.only_target
    (labels, value), = found["hotref_target_info"]
    assert value == 1 and labels["pid"] == str(target["pid"]) and labels["version"] == target["version"]
    assert labels["command"] == report.json["metadata"]["command"]
    assert found["hotref_rest_rows"] == [({}, 0)]
    assert ({"rows": "ranked"}, report.json["ranked_ops"]) in found["hotref_all_ops"]


@pytest.mark.parametrize("format", TIME_SERIES)
def test_time_series_are_as_many_as_wanted_and_the_rest_is_a_sum(recorder, nested, report, format):
    found = TIME_SERIES[format](exported(recorder, nested, format, "-n", 3))
    rest = report.ranked[3:]

    assert len(found["hotref_decrefs_total"]) == 3
    assert found["hotref_rest_rows"] == [({}, len(rest))]
    assert ({"metric": "decrefs"}, sum(row["decrefs"] for row in rest)) in found["hotref_rest"]


def test_time_series_of_everything_are_the_hottest_hundred_unless_more_are_asked_for(recorder, nested, report):
    found = openmetrics(exported(recorder, nested, "openmetrics", "--all", "--by-object"))
    every = openmetrics(exported(recorder, nested, "openmetrics", "--all", "--by-object", "-n", 0))

    assert len(report.all_rows) > 100 and len(found["hotref_ops_total"]) <= 100
    for series in found, every:
        rest = next(value for labels, value in series["hotref_rest"] if labels["metric"] == "ops")
        assert sum(value for _, value in series["hotref_ops_total"]) + rest == sum(row["ops"] for row in report.all_rows)
    assert every["hotref_rest_rows"] == [({}, 0)]


@pytest.mark.parametrize("format", TIME_SERIES)
def test_time_series_of_samples_have_the_stall(recorder, sampled, format):
    found = TIME_SERIES[format](exported(recorder, sampled, format, "--all", "-n", 0))
    report = recorder.report(sampled)

    stalls = sum(value for _, value in found["hotref_stall_seconds_total"])
    assert stalls == pytest.approx(sum(row["stall_ns"] for row in report.all_rows) * 1e-9)
    assert "hotref_ops_total" not in found and "hotref_decrefs_total" not in found
    (_, cpu), = found["hotref_cpu_seconds_total"]
    assert cpu == pytest.approx(report.json["metadata"]["sampling"]["samples"] / 999, rel=1e-3)


# Odd names.

def test_odd_names_survive_in_speedscope(recorder, recorded):
    profile, names = recorded
    frames = Speedscope(exported(recorder, profile, "speedscope")).frames
    for number, name in enumerate(names):
        assert [frame for frame in frames if is_called(frame["name"], name)
                and is_called(frame["file"], f"/srv/{number}{name}")], name


def test_odd_names_survive_in_pprof(recorder, recorded):
    profile, names = recorded
    pprof = Pprof(exported(recorder, profile, "pprof"))
    decrefs = sums_of(((labels["field"], labels["type"]), values["decrefs"]) for _, values, labels in pprof.samples())
    rows = [{"field": field, "type": type_, "decrefs": value} for (field, type_), value in decrefs.items()]
    for number, name in enumerate(names):
        assert only(rows, number, name)["decrefs"] == DROPS
        assert any(is_called(stack[2][0], name) and is_called(stack[2][1], f"/srv/{number}{name}")
                   for stack, _, _ in pprof.samples() if len(stack) > 2)


@pytest.mark.parametrize("format", TIME_SERIES)
def test_odd_names_survive_in_time_series(recorder, recorded, format):
    profile, names = recorded
    found = TIME_SERIES[format](exported(recorder, profile, format))
    rows = [{**labels, "decrefs": value} for labels, value in found["hotref_decrefs_total"]]
    for number, name in enumerate(names):
        row = only(rows, number, name)
        assert row["decrefs"] == DROPS and is_called(row["object"], f"instance of {number}{name}.{name}")
