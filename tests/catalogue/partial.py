"""A functools.partial that all threads call.

3.13, 3.14.0a0, 3.14: functools.partial | global floor_of_shared | instance of functools.partial | 1
3.15+: builtin_function_or_method | partial.fn | function math.floor | 1
3.15+: tuple | partial.args | instance of tuple | 1
3.15+: dict | partial.kw | dict | 1
"""
import functools
import math
from case import contend

floor_of_shared = functools.partial(math.floor, float("2.5"))


def work(iterations):
    for _ in range(iterations):
        floor_of_shared()


contend(work)
