"""Functions, classes and modules, whose counts are deferred or immortal, only read.

3.14.0a0: builtin_function_or_method | attribute .floor | function math.floor | 1
3.13, 3.14+: nothing
3.14.0a0: dict | module.md_dict or in _PyObject_GenericGetAttrWithDict() | globals of math | 1
"""
import math
from case import contend


class Service:
    pass


def handle():
    pass


def work(iterations):
    for _ in range(iterations):
        math
        math.floor
        Service
        handle
        len


contend(work)
