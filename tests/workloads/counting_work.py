"""Two threads drop references to one object in an extension module that was built from counting.c: each of them
--iterations times in take(), as often in keep(), which drops what a holder of the thread's own held, and in try_take(),
where the module has that.

    counting_work.py FOLDER [--iterations N]     FOLDER holds the module
"""
import argparse
import sys

from together import run_together


class Config:
    """Shared, and made by the main thread."""


def work(counting, shared, iterations):
    counting.take(iterations, shared)
    counting.keep(counting.Holder(), iterations, shared)
    if hasattr(counting, "try_take"):
        counting.try_take(iterations, shared)


def load(folder):
    sys.path.insert(0, folder)
    import counting
    return counting


def count(counting, iterations):
    shared = Config()
    run_together(*[(work, counting, shared, iterations)] * 2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--iterations", type=int, default=20_000)
    options = parser.parse_args()
    count(load(options.folder), options.iterations)


if __name__ == "__main__":
    main()
