"""A tuple that each thread makes of one shared object and drops.

3.13, 3.14.0a0, 3.14+: float | tuple item | float 2.5 | 1
"""
from case import contend

SHARED = float("2.5")


def work(iterations):
    mine = SHARED
    for number in range(iterations):
        mine, number


contend(work)
