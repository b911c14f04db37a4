"""An item of a shared tuple.

3.13, 3.14.0a0, 3.14+: float | subscript RATES[1] | float 3.5 | 1
3.13, 3.14.0a0, 3.14+: tuple | global RATES | instance of tuple | 1
"""
from case import contend

RATES = float("2.5"), float("3.5")


def work(iterations):
    for _ in range(iterations):
        RATES[1]


contend(work)
