"""Counts depend on the program, not on the machine: twenty runs under load give the same ranked rows."""
import sys

import pytest

RUNS = 20
BUSY_LOOPS = 2


@pytest.fixture
def loaded_machine(processes):
    for _ in range(BUSY_LOOPS):
        processes.start(sys.executable, "-c", "while True: pass")


def ranked(report):
    return {(row["type"], row["field"], row["object"]): (row["ops"], row["threads"], row["handoffs"])
            for row in report.ranked}


# No attribute is looked up while these run: how often a look-up misses the interpreter's type cache, and so takes
# references of its own, depends on where names happen to lie in memory.
@pytest.mark.parametrize("option", ["--suppress-immortalization", "--plain-globals"])
@pytest.mark.usefixtures("loaded_machine")
def test_twenty_runs_on_a_loaded_machine_count_the_same(hotref, plain_python, option):
    workload = "nested.py", option, "--iterations", 5_000
    first = ranked(hotref.record_workload(plain_python, *workload))

    for _ in range(RUNS - 1):
        assert ranked(hotref.record_workload(plain_python, *workload)) == first
