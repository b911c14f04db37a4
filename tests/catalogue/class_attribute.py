"""An attribute of a class.

3.13, 3.14.0a0, 3.14+: float | attribute .timeout | float 2.5 | 1
"""
from case import contend


class Config:
    timeout = float("2.5")


def work(iterations):
    for _ in range(iterations):
        Config.timeout


contend(work)
