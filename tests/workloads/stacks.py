"""One shared object that two threads put into a list and drop with it, under a Python stack that the case builds.

Known counts: with --iterations N each thread drops N references to the object through a list's item, all of them in
the line marked DROP of `drop`, below the lines marked with the case's name: the last of them calls drop.
"""
import argparse
import asyncio
import concurrent.futures

from together import run_together

DEPTH = 300


class Shared:
    pass


SHARED = Shared()


def drop():
    mine = SHARED
    [mine]  # DROP


def inner(iterations):
    for _ in range(iterations):
        drop()  # nested


def middle(iterations):
    (lambda: inner(iterations))()  # nested: twice in one line


class Service:
    def handle(self, iterations):
        middle(iterations)  # nested


def nested(iterations):
    Service().handle(iterations)  # nested


def numbers(iterations):
    for number in range(iterations):
        drop()  # generator
        yield number


def delegating(iterations):
    yield from numbers(iterations)  # generator


def generator(iterations):
    sum(delegating(iterations))  # generator


async def request(iterations):
    for _ in range(iterations):
        drop()  # coroutine


async def session(iterations):
    await asyncio.sleep(0)
    await request(iterations)  # coroutine


def coroutine(iterations):
    asyncio.run(session(iterations))  # coroutine


def recursion(iterations, depth=DEPTH):
    if depth > 0:
        recursion(iterations, depth - 1)  # recursion
    else:
        inner(iterations)


class Made:
    def __init__(self, iterations):
        for _ in range(iterations):
            drop()  # instance


def instance(iterations):
    Made(iterations)  # instance


def task(iterations):
    for _ in range(iterations):
        drop()  # pool


def pool(iterations):
    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        list(executor.map(task, [iterations // 50] * 100))


CASES = {case.__name__: case for case in (nested, generator, coroutine, recursion, instance)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--iterations", type=int, default=5_000)
    parser.add_argument("--case", choices=[*CASES, "pool"], required=True)
    options = parser.parse_args()
    if options.case == "pool":
        pool(options.iterations)
    else:
        run_together(*[(CASES[options.case], options.iterations)] * 2)


if __name__ == "__main__":
    main()
