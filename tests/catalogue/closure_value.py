"""gh-123358: a variable of an enclosing function.

3.13, 3.14.0a0, 3.14+: float | closure rate | float 2.5 | 1
3.14+ debug: float | cell.ob_ref | float 2.5 | +
"""
from case import contend


def make():
    rate = float("2.5")

    def work(iterations):
        for _ in range(iterations):
            rate
    return work


contend(make())
