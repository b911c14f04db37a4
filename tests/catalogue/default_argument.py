"""The default of an argument.

3.13, 3.14.0a0, 3.14+: float | local value | float 2.5 | 1
"""
from case import contend


def rate(value=float("2.5")):
    pass


def work(iterations):
    for _ in range(iterations):
        rate()


contend(work)
