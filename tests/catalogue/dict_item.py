"""An item of a shared dict.

3.13, 3.14.0a0, 3.14+: float | subscript CACHE['key'] | float 2.5 | 1
3.13, 3.14.0a0, 3.14: dict | global CACHE | dict* | 1
"""
from case import contend

CACHE = {"key": float("2.5")}


def work(iterations):
    for _ in range(iterations):
        CACHE["key"]


contend(work)
