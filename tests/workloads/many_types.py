"""The main thread makes --types classes and an object of each; two threads take --drops references to each object and drop
them. Then one thread drops --messages objects of one more class, Message, which the main thread has made: each of them
for good. At the end two threads do with an object of class Last what they did with the first ones."""
import argparse
import time

from together import run_together


class Message:
    pass


class Last:
    pass


def read(shared, drops):
    for number, each in enumerate(shared):
        if number % 50 == 49:
            time.sleep(0.01)  # what is new takes hotref much longer than it takes us
        for _ in range(drops):
            each.__class__


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--types", type=int, default=6_000)
    parser.add_argument("--drops", type=int, default=5)
    parser.add_argument("--messages", type=int, default=50_000)
    options = parser.parse_args()
    shared = [type(f"Made{number}", (), {})() for number in range(options.types)]
    run_together(*[(read, shared, options.drops)] * 2)
    messages = [Message() for _ in range(options.messages)]
    run_together((messages.clear,))
    run_together(*[(read, [Last()], 1_000)] * 2)


if __name__ == "__main__":
    main()
