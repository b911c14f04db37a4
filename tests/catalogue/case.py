"""What the cases share: two threads that do the same work, so that all counts repeat.

A case ends with contend(work) or, where it is a control, with one of the others. Each thread calls work(ITERATIONS).
What a case must show stands in its head, as tests/e2e/catalogue.py reads it. With --mortal 3.13 does not make immortal what its reference counts could be deferred of.
"""
import pathlib
import sys
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "workloads"))

from together import run_together

ITERATIONS = 2_000


def _begin():
    if "--mortal" in sys.argv:
        import _testinternalcapi
        _testinternalcapi.suppress_immortalization(True)


def _number():
    """A thread's own: not even how often it works is another one's too."""
    return int(str(ITERATIONS))


def _run(*calls):
    _begin()
    run_together(*calls)
    time.sleep(0.1)  # names are still to be read: what they are read from must not be gone by then


def contend(work):
    _run((work, _number()), (work, _number()))


def alone(work):
    """In one extra thread only."""
    _run((work, _number()))


def each_its_own(make, work):
    """Each thread calls work(ITERATIONS, make()) with what it made itself."""
    def own(iterations):
        work(iterations, make())
    contend(own)
