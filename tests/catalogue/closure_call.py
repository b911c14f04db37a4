"""A closure that all threads call: each call takes a reference to the cells of its variables.

3.13, 3.14.0a0, 3.14+: float | result of call read | float 2.5 | 1
3.13, 3.14.0a0, 3.14+: cell | cell rate | instance of cell | 1
3.13, 3.14.0a0, 3.14+: function | frame.f_funcobj or closure read | function __main__.make.<locals>.read | 1
3.13, 3.14.0a0, 3.14+: float | closure rate or cell.ob_ref | float 2.5 | +
3.14+ debug: function | cell.ob_ref | function __main__.make.<locals>.read | +
"""
from case import contend


def make():
    rate = float("2.5")

    def read():
        return rate

    def work(iterations):
        for _ in range(iterations):
            read()
    return work


contend(make())
