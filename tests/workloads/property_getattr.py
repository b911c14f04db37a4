"""A property that two threads read through getattr(): decrements in the clones that object.c has inlined.

Known counts: each of 2 * N reads takes and drops one reference to the property itself, 2 * N in all, in the
look-up's own copy of the decrement loop where the compiler made one.
"""
import argparse

from together import run_together


class Thermometer:
    @property
    def degrees(self):
        return 20


SHARED = Thermometer()


def read(iterations):
    for _ in range(iterations):
        getattr(SHARED, "degrees")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--iterations", type=int, default=20_000)
    iterations = parser.parse_args().iterations
    # Both threads find the property in the type cache from the first read on.
    read(1)
    run_together((read, iterations), (read, iterations))


if __name__ == "__main__":
    main()
