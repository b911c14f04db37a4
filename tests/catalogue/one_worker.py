"""Control: objects of the main thread in one other thread only.

3.13, 3.14.0a0, 3.14+: nothing
"""
from case import alone

RATE = float("2.5")
CACHE = {"key": RATE}


class Config:
    def __init__(self):
        self.timeout = RATE

    def read(self):
        return self.timeout


CONFIG = Config()


def work(iterations):
    for _ in range(iterations):
        RATE
        CACHE["key"]
        CONFIG.read()


alone(work)
