"""A string that was made at run time.

3.13, 3.14.0a0, 3.14+: str | global TEXT | str 'made here' | 1
3.14.0a0: method_descriptor | attribute .isascii | method_descriptor str.isascii | 1
"""
from case import contend

TEXT = "".join(["made", " here"])


def work(iterations):
    for _ in range(iterations):
        TEXT.isascii()


contend(work)
