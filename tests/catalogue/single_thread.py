"""Control: everything in the main thread.

3.13, 3.14.0a0, 3.14+: nothing
"""
from case import ITERATIONS

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
        def nested():
            return RATE
        nested()
        CACHE["key"]
        CONFIG.read()


work(ITERATIONS)
