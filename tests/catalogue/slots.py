"""An attribute in a slot of a shared instance.

3.13, 3.14.0a0, 3.14+: float | attribute .timeout | float 2.5 | 1
3.13, 3.14.0a0, 3.14: __main__.Config | global CONFIG | instance of __main__.Config | 1
3.14.0a0: member_descriptor | class attribute .timeout | member_descriptor Config.timeout | 1
3.15+: member_descriptor | class attribute .timeout | member_descriptor Config.timeout | +
"""
from case import contend


class Config:
    __slots__ = "timeout",

    def __init__(self):
        self.timeout = float("2.5")


CONFIG = Config()


def work(iterations):
    for _ in range(iterations):
        CONFIG.timeout


contend(work)
