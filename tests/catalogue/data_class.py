"""A frozen dataclass whose instance is shared.

3.13, 3.14.0a0, 3.14+: float | attribute .x | float 2.5 | 1
3.13, 3.14.0a0, 3.14: __main__.Point | global ORIGIN | instance of __main__.Point | 1
3.13, 3.14.0a0, 3.14+: float | Point attribute | float 2.5 | +
"""
import dataclasses
from case import contend


@dataclasses.dataclass(frozen=True)
class Point:
    x: float


ORIGIN = Point(float("2.5"))


def work(iterations):
    for _ in range(iterations):
        ORIGIN.x


contend(work)
