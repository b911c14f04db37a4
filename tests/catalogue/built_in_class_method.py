"""A class method of a built-in type, bound to its class.

3.13, 3.14.0a0, 3.14: builtin_function_or_method | global MAKE | function dict.fromkeys | 1
3.15+: nothing
"""
from case import contend

MAKE = dict.fromkeys


def work(iterations):
    for _ in range(iterations):
        MAKE


contend(work)
