"""A local variable of each thread, but of one shared object.

3.13, 3.14.0a0: float | local mine | float 2.5 | 1
3.14+: nothing
"""
from case import contend

SHARED = float("2.5")


def work(iterations):
    mine = SHARED
    for _ in range(iterations):
        mine


contend(work)
