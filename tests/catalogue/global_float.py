"""A global that holds a float.

3.13, 3.14.0a0, 3.14+: float | global RATE | float 2.5 | 1
"""
from case import contend

RATE = float("2.5")


def work(iterations):
    for _ in range(iterations):
        RATE


contend(work)
