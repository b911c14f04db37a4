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
        return catalogue.judge(self.case, self.build, hotref.report(recording.profile).ranked)


def runs():
    return [Run(python, case, build) for python in interpreters() for case in catalogue.cases()
            for build in case.builds(python.version, python.name)]


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


@pytest.mark.parametrize("case", catalogue.cases(), ids=lambda case: case.name)
def test_a_case_speaks_of_every_version(case):
    versions = ["3.13.5", "3.14.0a0", "3.14.7", "3.15.0rc1", "3.16.0a0"]
    builds = [build for version in versions for build in case.builds(version)]

    assert not [build for build in builds if case.is_silent_about(build)]
    assert not [build for build in builds if case.contradicts_itself_about(build)]
