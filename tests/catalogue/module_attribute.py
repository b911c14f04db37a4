"""An attribute of a module.

3.13, 3.14.0a0, 3.14+: float | attribute .RATE | float 2.5 | 1
3.14.0a0: dict | module.md_dict or in _PyObject_GenericGetAttrWithDict() | globals of settings | 1
"""
import types
from case import contend

settings = types.ModuleType("settings")
settings.RATE = float("2.5")


def work(iterations):
    for _ in range(iterations):
        settings.RATE


contend(work)
