"""What docs/ci.md shows is what hotref takes, and action.yml's steps do what they say: run here as the runner runs them."""
import json
import os
import re
import subprocess

import jsonschema
import pytest
import yaml

from recording import ENVIRONMENT, HOTREF, ROOT, workload

DOCUMENT = (ROOT / "docs/ci.md").read_text()
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.M | re.S)


def shellcheck(script, shell):
    checked = subprocess.run(["shellcheck", "-s", shell, "-"], input=script, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout) == (0, "")


@pytest.mark.parametrize("script", blocks("sh"))
def test_scripts_of_the_document(script):
    shellcheck(script, "sh")


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_scripts_of_the_action(step):
    assert "${{" not in step["run"]  # inputs come as variables: what they hold is not run
    shellcheck(step["run"], "bash")


def test_the_budget_of_the_document(hotref, budget_profile, tmp_path):
    text, = (block for block in blocks("yaml") if block.startswith("version:"))
    jsonschema.validate(yaml.load(text, yaml.BaseLoader) | {"version": 1},
                        relaxed(json.loads((ROOT / "docs/budget.schema.json").read_text())))
    file = tmp_path / "budget.yml"
    file.write_text(text)
    status, stdout, stderr = hotref("gate", "-i", budget_profile, "--config", file, "--work", 1)
    assert (status, stderr) == (1, "")
    assert "nested functions stay away from what threads share" in stdout


def relaxed(schema):
    """BaseLoader gives texts only, as libyaml has them: of 'true' and of dates, too."""
    schema["$defs"]["limit"]["properties"]["rest"] = {"const": "true"}
    return schema


def test_the_workflow_of_the_document_uses_what_the_action_has():
    workflow, = (yaml.safe_load(block) for block in blocks("yaml") if "runs-on" in block)
    step, = (step for step in workflow["jobs"]["gate"]["steps"] if "hotref@" in step.get("uses", ""))
    assert set(step["with"]) <= set(ACTION["inputs"])
    assert {name for name, given in ACTION["inputs"].items() if given.get("required")} <= set(step["with"])


def test_the_gitlab_job_of_the_document_parses():
    job, = (yaml.safe_load(block)["contention"] for block in blocks("yaml") if "artifacts" in block and "script" in block)
    assert [line for line in job["script"] if " gate " in line]
    assert "||" not in "".join(job["script"])


@pytest.fixture(scope="module")
def budget_profile(tmp_path_factory, plain_python):
    profile = tmp_path_factory.mktemp("ci") / "nested.prof"
    subprocess.run([HOTREF, "record", "-o", profile, "--", plain_python.path, workload("nested.py"),
                    "--suppress-immortalization", "--iterations", "1000"], check=True, capture_output=True,
                   env=ENVIRONMENT)
    return profile


class Runner:
    """Runs the action's steps as GitHub's runner does: with its shell, its variables and its files; sudo is a stand-in,
    as the tests are root already."""

    def __init__(self, processes, folder, **inputs):
        self._processes, self._folder = processes, folder
        self._inputs = {name: given.get("default", "") for name, given in ACTION["inputs"].items()} | inputs
        self._outputs = {}
        self.log = ""
        sudo = folder / "bin/sudo"
        sudo.parent.mkdir()
        sudo.write_text('#!/bin/sh\n[ "$1" != -E ] || shift\nexec "$@"\n')
        sudo.chmod(0o755)

    def _value(self, expression):
        def value(found):
            scope, _, rest = found[1].partition(".")
            if scope == "inputs":
                return self._inputs[rest]
            if scope == "steps":
                step, _, name = rest.partition(".outputs.")
                return self._outputs[step][name]
            assert found[1] == "github.action_path"
            return str(ROOT)
        return re.sub(r"\$\{\{ (.*?) \}\}", value, expression)

    def _run_step(self, step):
        output, summary = self._folder / "output", self._folder / "summary.md"
        output.write_text("")
        env = {**ENVIRONMENT, "PATH": f"{self._folder / 'bin'}:{os.environ['PATH']}", "GITHUB_ACTIONS": "true",
               "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_WORKSPACE": str(ROOT),
               **{name: self._value(value) for name, value in step.get("env", {}).items()}}
        script = self._folder / "step.sh"
        script.write_text(step["run"])
        status, stdout, stderr = self._processes.run("bash", "--noprofile", "--norc", "-eo", "pipefail", script,
                                                     env=env, cwd=self._folder)
        self.log += stdout + stderr
        lines = (line.partition("=") for line in output.read_text().splitlines())
        self._outputs[step.get("id")] = {name: value for name, _, value in lines}
        return status

    def run(self):
        """(name of the step that failed, its status); (None, 0) if none did."""
        for step in ACTION["runs"]["steps"]:
            status = self._run_step(step)
            if status:
                return step["name"], status
        return None, 0


@pytest.fixture
def action(processes, tmp_path, plain_python):
    def run(options="", **inputs):
        command = f"{plain_python.path} {workload('nested.py')} --iterations 500 {options}"
        runner = Runner(processes, tmp_path, **{"command": command, **inputs})
        return *runner.run(), runner.log
    return run


def test_the_action_passes(action, tmp_path):
    step, status, log = action(max="field=function.func_globals,decrefs=400\n", junit="gate.xml")
    assert (step, status) == (None, 0), log
    assert "gate passed: 1 limit kept" in log and "::error" not in log
    assert (tmp_path / "hotref.prof").exists() and (tmp_path / "gate.xml").exists()
    assert "hotref gate" in (tmp_path / "summary.md").read_text()


def test_the_action_fails_where_a_limit_is_exceeded(action):
    step, status, log = action("--suppress-immortalization", max="type=list,decrefs=9\nfield=function.func_globals,decrefs=400")
    assert (step, status) == ("Gate", 1), log
    assert "::error file=tests/workloads/nested.py,line=" in log


def test_the_action_tells_a_command_that_fails_from_the_gate(action, tmp_path):
    (tmp_path / "hotref.prof").write_text("from an earlier run")
    step, status, log = action("--no-such-option", max="decrefs=1")
    assert (step, status) == ("Record", 2), log
    assert "::error title=the recorded command failed::it ended with status 2" in log


def test_the_action_fails_where_nothing_was_recorded(action, tmp_path):
    (tmp_path / "hotref.prof").write_text("from an earlier run")
    step, status, log = action(command="true", max="decrefs=1")
    assert (step, status) == ("Record", 125), log
    assert "::error title=hotref record::nothing could be recorded" in log
    assert not (tmp_path / "hotref.prof").exists()


def test_the_action_does_not_run_what_its_inputs_hold(action, tmp_path):
    step, status, log = action(max='decrefs=1"; touch gotcha; $(touch gotcha)', **{"gate-options": "$(touch gotcha)"})
    assert (step, status) == ("Gate", 2), log
    assert not (tmp_path / "gotcha").exists()
