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


@pytest.mark.parametrize("workload", [
    ("nested.py", "--suppress-immortalization", "--iterations", 5_000),
    ("shared_config.py", "--iterations", 5_000),
    ("property_getattr.py", "--iterations", 5_000),
], ids=lambda workload: workload[0])
@pytest.mark.usefixtures("loaded_machine")
def test_twenty_runs_on_a_loaded_machine_count_the_same(hotref, plain_python, workload):
    first = ranked(hotref.record_workload(plain_python, *workload))

    for _ in range(RUNS - 1):
        assert ranked(hotref.record_workload(plain_python, *workload)) == first
