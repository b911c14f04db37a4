"""Each known contention case gets its names: type, field and object of what must contend, and nothing else."""
import concurrent.futures
import dataclasses

import pytest

import catalogue
import machine
from catalogue import Build
from conftest import Interpreter, interpreters
from recording import Recorder


@dataclasses.dataclass(frozen=True)
class Run:
    """A case, by one interpreter, in one mode."""
    python: Interpreter
    case: catalogue.Case
    build: Build

    @property
    def name(self):
        return f"{self.case.name}-{self.python.name}" + ("-mortal" if self.build.mortal else "")

    def record(self, processes, folder):
        folder.mkdir()
        hotref = Recorder(processes, folder)
        recording = hotref.record("--", self.python.path, self.case.path, *["--mortal"][:self.build.mortal])
        assert recording.status == 0, recording.stderr
        return catalogue.judge(self.case, self.build, hotref.report(recording.profile, "--per-thread").ranked)


PARTLY = "3.13-stripped"


def runs():
    """All of them. The stripped variant lacks nothing but symbols, and has a part of the cases."""
    return [Run(python, case, build) for python in interpreters() for case in catalogue.cases()
            if python.name != PARTLY or case.is_about_code
            for build in case.builds(python.version, python.name, python.is_debug)]


def runs_of(python):
    return [run for run in runs() if run.python == python]


def as_parameter(run):
    reason = run.case.open_reason(run.build)
    marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
    return pytest.param(run, id=run.name, marks=marks)


class Runner:
    """Records what has been chosen, two at a time, and keeps what came out."""

    def __init__(self, chosen, folder):
        self._processes = machine.Processes()
        self._threads = concurrent.futures.ThreadPoolExecutor(2)
        self._judgements = {run: self._threads.submit(run.record, self._processes, folder / run.name)
                            for run in chosen}

    def has(self, run):
        return run in self._judgements

    def judgement(self, run):
        return self._judgements[run].result()

    def end(self):
        self._threads.shutdown(cancel_futures=True)
        self._processes.end_all()

    def by_interpreter(self):
        """{interpreter: judgements} of the recordings that came to an end."""
        judged = {}
        for run, future in self._judgements.items():
            if future.done() and not future.cancelled() and not future.exception():
                judged.setdefault(run.python.name, []).append(future.result())
        return judged


@pytest.fixture(scope="module")
def runner(request, tmp_path_factory):
    chosen = [item.callspec.params["run"] for item in request.session.items
              if item.path == request.path and "run" in item.fixturenames]
    runner = Runner(chosen, tmp_path_factory.mktemp("catalogue"))
    yield runner
    runner.end()
    print_summary(request.config, runner.by_interpreter())


def print_summary(config, judged):
    terminal = config.pluginmanager.getplugin("terminalreporter")
    with config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        terminal.write_line("")
        for name, judgements in judged.items():
            terminal.write_line(summary(name, judgements))


def summary(name, judgements):
    named, expected, unexpected, told, ops = (
        sum(len(each.named) for each in judgements), sum(len(each.expected) for each in judgements),
        sum(len(each.unexpected) for each in judgements), sum(each.told for each in judgements),
        sum(each.ops for each in judgements))
    return (f"{name}: named / contended: {named} / {expected}, rows that nothing speaks of: {unexpected},"
            f" operations with a field from slot or bytecode: {told / max(ops, 1):.1%}")


@pytest.mark.parametrize("run", [as_parameter(run) for run in runs()])
def test_what_must_contend_is_named_and_nothing_else_ranks(runner, run):
    judgement = runner.judgement(run)

    shown = "\n".join(f"shown: {row['type']} | {row['field']} | {row['object']} | {row['decrefs']}"
                      for row in judgement.unexpected)
    wanted = "\n".join(f"missing: {each.type} | {each.field} | {each.object} | {each.times}"
                       for each in judgement.missing)
    assert not (judgement.missing or judgement.unexpected), f"\n{wanted}\n{shown}"


@pytest.mark.parametrize("interpreter", [each for each in interpreters() if each.name != PARTLY],
                         ids=lambda each: each.name)
def test_nearly_all_operations_have_a_field_from_slot_or_bytecode(runner, interpreter):
    chosen = [run for run in runs_of(interpreter) if runner.has(run)]
    if len(chosen) < len(runs_of(interpreter)):
        pytest.skip("of all cases together")
    judgements = [runner.judgement(run) for run in chosen]

    assert sum(each.told for each in judgements) >= 0.95 * sum(each.ops for each in judgements)


@pytest.mark.parametrize("case", catalogue.cases(), ids=lambda case: case.name)
def test_a_case_speaks_of_every_version(case):
    versions = ["3.13.5", "3.14.0a0", "3.14.7", "3.15.0rc1", "3.16.0a0"]
    builds = [build for version in versions for build in case.builds(version)]

    assert not [build for build in builds if case.is_silent_about(build)]
    assert not [build for build in builds if case.contradicts_itself_about(build)]


def row(type_, field, name, decrefs, increfs=0, source="bytecode", main=0):
    return {"type": type_, "field": field, "object": name, "decrefs": decrefs, "increfs": increfs,
            "ops": decrefs + increfs, "field_source": source,
            "by_thread": [{"pid": 1, "tid": 2, "decrefs": decrefs}, {"pid": 1, "tid": 1, "decrefs": main}]}


def judged(lines, *rows, version="3.14.7"):
    return catalogue.judge(catalogue.parse("case", f"A case.\n\n{lines}"), Build(version), list(rows))


ALL = catalogue.THREADS * catalogue.iterations()
RATE = "3.14+: float | global RATE | float 2.5 | 1"


@pytest.mark.parametrize("wrong", [
    row("float", "global RATES", "float 2.5", ALL), row("int", "global RATE", "float 2.5", ALL),
    row("float", "global RATE", "float 2.25", ALL), row("float", "in f()", "float 2.5", ALL, source="site")])
def test_a_wrong_name_is_seen(wrong):
    judgement = judged(RATE, wrong)

    assert (len(judgement.missing), judgement.unexpected) == (1, [wrong])


def test_a_count_that_is_too_small_or_too_large_is_seen():
    assert judged(RATE, row("float", "global RATE", "float 2.5", ALL // 2)).missing
    assert judged(RATE, row("float", "global RATE", "float 2.5", 2 * ALL)).missing
    assert not judged(RATE, row("float", "global RATE", "float 2.5", ALL, ALL)).missing
    assert not judged(RATE, row("float", "global RATE", "float 2.5", ALL, main=ALL)).missing
    assert judged(RATE, row("float", "global RATE", "float 2.5", ALL // 2, main=ALL // 2)).missing


def test_what_must_not_contend_is_seen():
    assert judged("3.14+: nothing", row("float", "global RATE", "float 2.5", ALL)).unexpected
    assert judged("3.13: float | global RATE | float 2.5 | 1\n3.14+: nothing",
                  row("float", "global RATE", "float 2.5", ALL)).unexpected


def test_an_object_may_be_followed_by_its_holder_and_its_increments_by_a_function():
    taken = row("float", "in f()", "float 2.5 (module global app.RATE)", 0, ALL, source="site")
    judgement = judged(RATE, row("float", "global RATE", "float 2.5 (module global app.RATE)", ALL), taken)

    assert (judgement.missing, judgement.unexpected) == ([], [])
    assert judged(RATE, dict(taken, field="global RATES", field_source="bytecode")).unexpected
