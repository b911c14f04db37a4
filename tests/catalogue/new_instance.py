"""gh-122417: instances of one class.

3.13 mortal: type | Point.ob_type | type __main__.Point | 1
3.14+ debug: type | in _Py_Dealloc() | type __main__.Point | 1
3.13 mortal: type | global Point | type __main__.Point | 1
3.13 immortal, 3.14.0a0, 3.14+: nothing
"""
from case import contend


class Point:
    pass


def work(iterations):
    for _ in range(iterations):
        Point()


contend(work)
