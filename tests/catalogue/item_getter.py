"""An operator.itemgetter.

3.13, 3.14.0a0, 3.14: operator.itemgetter | global first | instance of operator.itemgetter | 1
3.15+: nothing
"""
import operator
from case import contend

first = operator.itemgetter(0)


def work(iterations):
    mine = (1, 2)
    for _ in range(iterations):
        first(mine)


contend(work)
