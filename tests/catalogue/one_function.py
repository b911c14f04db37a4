"""gh-123923: one function that all threads call.

3.13 mortal: code | frame.f_executable | code handle (one_function.py:*) | 1
3.13 mortal: function | frame.f_funcobj or global handle | function __main__.handle | 1
3.13 immortal, 3.14.0a0, 3.14+: nothing
"""
from case import contend


def handle(number):
    return number


def work(iterations):
    for _ in range(iterations):
        handle(3)


contend(work)
