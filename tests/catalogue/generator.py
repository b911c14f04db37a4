"""Generators of one generator function.

3.13 mortal: code | generator.gi_iframe.f_executable | code count (generator.py:*) | 1
3.13 mortal: function | frame.f_funcobj or generator.gi_iframe.f_funcobj | function __main__.count | 1
3.13 immortal, 3.14.0a0, 3.14+: nothing
3.13 mortal: function | global count | function __main__.count | +
"""
from case import contend


def count():
    yield 1


def work(iterations):
    for _ in range(iterations):
        for _ in count():
            pass


contend(work)
