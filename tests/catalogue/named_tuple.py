"""A field of a shared named tuple.

3.13, 3.14.0a0, 3.14+: float | attribute .y | float 3.5 | 1
3.13, 3.14.0a0, 3.14: __main__.Point | global ORIGIN | instance of __main__.Point | 1
3.13, 3.14.0a0, 3.14: collections._tuplegetter | class attribute .y | instance of collections._tuplegetter | 1
"""
import collections
from case import contend

Point = collections.namedtuple("Point", "x y")
ORIGIN = Point(float("2.5"), float("3.5"))


def work(iterations):
    for _ in range(iterations):
        ORIGIN.y


contend(work)
