"""An item of a shared dict.

3.13, 3.14.0a0, 3.14+: float | subscript CACHE['key'] | float 2.5 | 1
3.13, 3.14.0a0, 3.14: dict | global CACHE | dict (module global __main__.CACHE) | 1
3.13, 3.14+: open: fields from bytecode
"""
from case import contend

CACHE = {"key": float("2.5")}


def work(iterations):
    for _ in range(iterations):
        CACHE["key"]


contend(work)
