"""gh-118527: a function of a C module.

3.13 mortal, 3.14.0a0: builtin_function_or_method | attribute .floor or call math.floor | function math.floor | 1
3.13 mortal: module | global math | module math | 1
3.13 mortal, 3.14.0a0: dict | module.md_dict or in _PyObject_GenericGetAttrWithDict() | globals of math | 1
3.13 immortal, 3.14+: nothing
"""
import math
from case import contend


def work(iterations):
    for _ in range(iterations):
        math.floor(2.5)


contend(work)
