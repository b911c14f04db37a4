"""Messages from one thread to another: very many objects, each of them cold.

Known counts: every message is dropped last by the thread that did not make it, which hands it over to its
owner: one decrement that is a hand-off for each of --messages N objects of type Message, and not one more.
"""
import argparse
from queue import SimpleQueue

from together import run_together


class Message:
    __slots__ = ()


def produce(queue, messages):
    for _ in range(messages):
        queue.put(Message())
    queue.put(None)


def consume(queue):
    while queue.get() is not None:
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=200_000)
    messages = parser.parse_args().messages
    queue = SimpleQueue()
    run_together((produce, queue, messages), (consume, queue))


if __name__ == "__main__":
    main()
