"""Increments of known number, by threads that own the object and by others.

With --threads T and --iterations N:

- The float 2.5 in the tuple ITEMS is read N times by the main thread, which made it, and by T others T * N times, with
  operator.itemgetter, whose C code increments inline. So it takes T * N inlined increments and T * N decrements that
  are no owner's.
- The float 0.75 in the global variable RATE is read T * N times by the others. Looking it up increments by
  compare-exchange.
"""
import argparse
import operator

from together import run_together

ITEMS = (float("2.5"),)
RATE = float("0.75")


def take_item(iterations):
    item, items = operator.itemgetter(0), ITEMS
    for _ in range(iterations):
        item(items)


def read_global(iterations):
    for _ in range(iterations):
        RATE


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--iterations", type=int, default=10_000)
    options = parser.parse_args()
    take_item(options.iterations)
    run_together(*[(take_item, options.iterations)] * options.threads)
    run_together(*[(read_global, options.iterations)] * options.threads)


if __name__ == "__main__":
    main()
