"""A member of an enum.

3.13, 3.14.0a0, 3.14: __main__.Color | attribute .RED | instance of __main__.Color | 1
3.15+: nothing
"""
import enum
from case import contend


class Color(enum.Enum):
    RED = 1


def work(iterations):
    for _ in range(iterations):
        Color.RED


contend(work)
