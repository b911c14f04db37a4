"""A property of a shared instance.

3.13, 3.14.0a0, 3.14: __main__.Thermometer | local self | instance of __main__.Thermometer | 1
3.13, 3.14.0a0: __main__.Thermometer | global SHARED | instance of __main__.Thermometer | 1
3.13, 3.14.0a0: property | class attribute .degrees | instance of property | 1
3.15+: nothing
3.14: __main__.Thermometer | global SHARED | instance of __main__.Thermometer | +
"""
from case import contend


class Thermometer:
    @property
    def degrees(self):
        return 20


SHARED = Thermometer()


def work(iterations):
    for _ in range(iterations):
        SHARED.degrees


contend(work)
