"""An item of a shared list.

3.13, 3.14.0a0, 3.14+: float | subscript RATES[0] | float 2.5 | 1
3.13, 3.14.0a0, 3.14: list | global RATES | instance of list | 1
3.13, 3.14.0a0, 3.14+: float | list item | float 2.5 | +
"""
from case import contend

RATES = [float("2.5")]


def work(iterations):
    for _ in range(iterations):
        RATES[0]


contend(work)
