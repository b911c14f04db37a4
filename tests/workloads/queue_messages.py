"""Messages from one thread to another: very many objects, each of them cold.

Known counts: the thread that did not make a message drops it and so hands it over to its owner: one hand-off for
each of --messages N objects of type Message, and not one more. An owner that takes a message back before it has
let go of it itself drops it by one more decrement, which is none; how often that happens is a matter of luck.
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
