"""One plain configuration object that every thread reads, as services do.

Known counts, with --threads T and --iterations N: the instance of Config takes T * N decrements and so does the
float in its attribute "timeout"; the dict LIMITS takes T * N and so does its float.
"""
import argparse

from together import run_together


class Config:
    def __init__(self):
        self.timeout = float("2.5")


CONFIG = Config()
LIMITS = {"memory": float("0.75")}


def read(iterations):
    for _ in range(iterations):
        CONFIG.timeout
        LIMITS["memory"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--iterations", type=int, default=20_000)
    options = parser.parse_args()
    run_together(*[(read, options.iterations)] * options.threads)


if __name__ == "__main__":
    main()
