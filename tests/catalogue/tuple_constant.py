"""A tuple of constants, one of them a string that is no identifier.

3.13: tuple | constant tuple | instance of tuple | 1
3.14.0a0, 3.14+: nothing
"""
from case import contend


def work(iterations):
    for _ in range(iterations):
        len(("not an identifier", 2))


contend(work)
