"""Counts depend on the program, not on the machine: twenty runs under load give the same ranked rows, and one verdict."""
import sys

import pytest

from recording import workload

RUNS = 20
BUSY_LOOPS = 2


@pytest.fixture
def loaded_machine(processes):
    for _ in range(BUSY_LOOPS):
        processes.start(sys.executable, "-c", "while True: pass")


def ranked(report):
    return {(row["type"], row["field"], row["object"]): (row["ops"], row["threads"], row["handoffs"])
            for row in report.ranked}


class Runs:
    """Recordings of one workload, and how a budget judges them that the first of them gave."""

    def __init__(self, hotref, python, *arguments):
        self._hotref, self._python, self._arguments = hotref, python, arguments
        self._budget = hotref.new_profile().with_suffix(".yml")
        self.first = self.record()
        assert hotref("gate", "-i", self.first, "--write-budget", "-o", self._budget) == (0, "", "")

    def record(self, *more):
        """The profile."""
        name, *arguments = self._arguments
        recording = self._hotref.record("--", self._python.path, workload(name), *arguments, *more)
        assert recording.status == 0, recording.stderr
        return recording.profile

    def judged(self, profile):
        """The exit status."""
        return self._hotref("gate", "-i", profile, "--config", self._budget)[0]


# No attribute is looked up while these run: how often a look-up misses the interpreter's type cache, and so takes
# references of its own, depends on where names happen to lie in memory.
@pytest.mark.parametrize("option", ["--suppress-immortalization", "--plain-globals"])
@pytest.mark.usefixtures("loaded_machine")
def test_twenty_runs_on_a_loaded_machine_count_the_same_and_are_judged_the_same(hotref, plain_python, option):
    runs = Runs(hotref, plain_python, "nested.py", option, "--iterations", 2_000)
    first = ranked(hotref.report(runs.first))
    assert runs.judged(runs.first) == 0

    for _ in range(RUNS - 1):
        profile = runs.record()
        assert ranked(hotref.report(profile)) == first
        assert runs.judged(profile) == 0
    assert runs.judged(runs.record("--more")) == 1
