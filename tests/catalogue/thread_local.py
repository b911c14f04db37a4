"""Objects of each thread's own.

3.13, 3.14.0a0, 3.14+: nothing
"""
from case import each_its_own


class Config:
    def __init__(self):
        self.timeout = float("2.5")
        self.limits = {"memory": float("0.75")}
        self.steps = [float("3.5")]


def work(iterations, config):
    for _ in range(iterations):
        config.timeout
        config.limits["memory"]
        config.steps[0]


each_its_own(Config, work)
