"""A list that all threads iterate over.

3.13, 3.14.0a0, 3.14+: float | local rate | float 2.5 | 1
3.13, 3.14.0a0, 3.14: list | global RATES | instance of list | 1
3.13, 3.14.0a0, 3.14: list | list_iterator.it_seq | instance of list | 1
3.13, 3.14.0a0, 3.14+: float | list item or item of RATES | float 2.5 | +
"""
from case import contend

RATES = [float("2.5")]


def work(iterations):
    for _ in range(iterations):
        for rate in RATES:
            pass


contend(work)
