"""A tuple that is spread out as arguments.

3.13, 3.14.0a0, 3.14+: float | local first | float 2.5 | 1
3.13, 3.14.0a0, 3.14+: float | local second | float 3.5 | 1
3.13, 3.14.0a0, 3.14+: tuple | global ARGUMENTS | instance of tuple | 1
"""
from case import contend

ARGUMENTS = float("2.5"), float("3.5")


def take(first, second):
    pass


def work(iterations):
    for _ in range(iterations):
        take(*ARGUMENTS)


contend(work)
