"""One exception object that all threads raise.

3.13 mortal: type | global Refused | type __main__.Refused | 3
3.13 mortal: type | Refused.ob_type | type __main__.Refused | 1
3.14+ debug: type | in _Py_Dealloc() | type __main__.Refused | 1
3.14.0a0, 3.14+: type | global Refused or Refused.ob_type | type __main__.Refused | 2
3.13 immortal: nothing
"""
from case import contend


class Refused(Exception):
    pass


def work(iterations):
    for _ in range(iterations):
        try:
            raise Refused
        except Refused:
            pass


contend(work)
