"""A weak reference that all threads follow.

3.13, 3.14.0a0, 3.14+: __main__.Node | result of call REFERENCE | instance of __main__.Node | 1
3.13, 3.14.0a0, 3.14: weakref.ReferenceType | global REFERENCE | instance of weakref.ReferenceType | 1
3.13, 3.14.0a0, 3.14+: __main__.Node | ReferenceType.wr_object | instance of __main__.Node | +
"""
import weakref
from case import contend


class Node:
    pass


NODE = Node()
REFERENCE = weakref.ref(NODE)


def work(iterations):
    for _ in range(iterations):
        REFERENCE()


contend(work)
