"""functools.lru_cache: hits on one entry.

3.14+: float | result of call rate | float 2.5 | 1
3.13, 3.14.0a0: float | result of call rate or dict entry or in _PyDict_GetItem_KnownHash() | float 2.5 | 2
3.13, 3.14.0a0, 3.14: functools._lru_cache_wrapper | global rate | instance of functools._lru_cache_wrapper | 1
"""
import functools
from case import contend


@functools.lru_cache(maxsize=None)
def rate(name):
    return float("2.5")


rate("key")


def work(iterations):
    for _ in range(iterations):
        rate("key")


contend(work)
