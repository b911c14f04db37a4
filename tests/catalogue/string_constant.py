"""gh-118527: a string constant that is no identifier.

3.13, 3.14.0a0: str | constant 'not an identifier' | str 'not an identifier' | 1
3.14+: nothing
"""
from case import contend


def work(iterations):
    for _ in range(iterations):
        len("not an identifier")


contend(work)
