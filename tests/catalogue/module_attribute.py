"""An attribute of a module.

3.13, 3.14.0a0, 3.14+: float | attribute .RATE | float 2.5 | 1
3.13, 3.14+: open: fields from bytecode
"""
import types
from case import contend

settings = types.ModuleType("settings")
settings.RATE = float("2.5")


def work(iterations):
    for _ in range(iterations):
        settings.RATE


contend(work)
