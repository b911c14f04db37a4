"""A shared object that is handed to a function.

3.13, 3.14.0a0, 3.14+: float | local value | float 2.5 | 1
3.13, 3.14.0a0, 3.14+: float | global SHARED | float 2.5 | +
"""
from case import contend

SHARED = float("2.5")


def take(value):
    pass


def work(iterations):
    for _ in range(iterations):
        take(SHARED)


contend(work)
