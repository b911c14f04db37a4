"""A set of constants.

3.13, 3.14.0a0, 3.14+: nothing
"""
from case import contend


def work(iterations):
    for number in range(iterations):
        number in {-1, -2, -3}


contend(work)
