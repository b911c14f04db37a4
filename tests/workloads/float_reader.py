"""A float that the main thread made and one other thread reads: shared, but nobody fights over it.

Known counts: --iterations N decrements of the float 2.718281828, by that thread alone.
"""
import argparse

from together import run_together

VALUE = float("2.718281828")


def read(iterations):
    for _ in range(iterations):
        VALUE


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--iterations", type=int, default=20_000)
    run_together((read, parser.parse_args().iterations))


if __name__ == "__main__":
    main()
