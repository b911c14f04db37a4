"""Control: objects that have no count.

3.13, 3.14.0a0, 3.14+: nothing
3.14.0a0: open: there the threads share the functions that start them
"""
from case import contend


def work(iterations):
    for _ in range(iterations):
        None, True, 7, "identifier", (), b"", int, ..., 2.5


contend(work)
