"""A process that holds objects in all kinds of ways, and lets two threads read one of them when its standard input
says so, by the name of the case; it answers "done", and ends with its input.

Known counts: with "CASE N" each thread drops N references to the case's object as a tuple item; "gone", "again" and
"ended" say themselves what they do.
"""
import collections
import itertools
import sys
import threading

from together import run_together

IN_A_LINE = 64
SHARED_COUNT = 16  # offset in an object


class Config:
    pass


class Hidden(Config):
    pass


class Twice(Config):
    pass


class Gone(Config):
    pass


class Again(Config):
    pass


class Made(Config):
    pass


class Slotted:
    __slots__ = ("inner",)


class Service:
    limits = Config()

    def __init__(self):
        self.config = Config()
        self.cache = {}
        self.pool = [Config()]


def make():
    state = Config()

    def read():
        return state
    return read


def make_key():
    return lambda: None


def with_default(config=Config()):
    return config


def two_in_a_line():
    """Two objects whose shared counts lie in the same cache line; None where memory is not given out so."""
    found = {}
    for _ in range(1_000):
        one = object()
        line = (id(one) + SHARED_COUNT) // IN_A_LINE
        if line in found:
            return one, found[line]
        found[line] = one
    return None, None


CONFIG = Config()
POOL = [Config() for _ in range(3)]
TABLE = {"db": Config(), "web": Config()}
PAIR = (Config(), 1)
NAMES = {Config()}
KEY = make_key()
POINT = collections.namedtuple("Point", "x y")(Config(), 1)
LOCK = threading.Lock()
service = Service()
slotted = Slotted()
slotted.inner = Config()
read_state = make()
FIRST_NAME = SECOND_NAME = Twice()
HIDDEN = itertools.repeat(Hidden())  # holds it where nobody looks
LEFT, RIGHT = two_in_a_line()
gone = again = made = None

CASES = {
    "global": lambda: CONFIG,
    "list": lambda: POOL,
    "list item": lambda: POOL[1],
    "dict": lambda: TABLE,
    "dict item": lambda: TABLE["db"],
    "tuple item": lambda: PAIR[0],
    "set item": lambda: next(iter(NAMES)),
    "named tuple": lambda: POINT,
    "lambda": lambda: KEY,
    "lock": lambda: LOCK,
    "class attribute": lambda: Service.limits,
    "attribute": lambda: service.config,
    "attribute dict": lambda: service.cache,
    "item of attribute": lambda: service.pool[0],
    "slot": lambda: slotted.inner,
    "closure": read_state,
    "cell": lambda: read_state.__closure__[0],
    "default": lambda: with_default.__defaults__[0],
    "two names": lambda: FIRST_NAME,
    "hidden": lambda: next(HIDDEN),
    "left": lambda: LEFT,
    "right": lambda: RIGHT,
}


def read(get, iterations):
    for _ in range(iterations):
        (get(),)


def read_by_two(get, iterations):
    run_together((read, get, iterations), (read, get, iterations))


def warm_up(kind):
    """Memory that the first objects of a class were in is not used again so soon."""
    [kind() for _ in range(1_000)]


def at_address(kind, address):
    """A new object at the address of one that has gone."""
    others = []
    for _ in range(100_000):
        one = kind()
        if id(one) == address:
            return one
        others.append(one)
    raise AssertionError("the address is not used again")


def gone_and_another_came(iterations):
    """Two threads read a global; it goes, another one comes to stand at its address, and other threads read that."""
    global gone, HIDDEN_GONE
    warm_up(Gone)
    gone = Gone()
    address = id(gone)
    read_by_two(lambda: gone, iterations)
    gone = None
    HIDDEN_GONE = itertools.repeat(at_address(Gone, address))
    read_by_two(lambda: next(HIDDEN_GONE), iterations)


def again_by_the_same_threads(iterations):
    """The same, but by the same threads from the same place."""
    global again, HIDDEN_AGAIN
    gate = threading.Barrier(3)

    def work():
        for _ in range(2):
            gate.wait()
            read(lambda: next(HIDDEN_AGAIN), iterations)
            gate.wait()

    warm_up(Again)
    again = Again()
    address = id(again)
    HIDDEN_AGAIN = itertools.repeat(again)
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    gate.wait()
    gate.wait()
    again = HIDDEN_AGAIN = None
    HIDDEN_AGAIN = itertools.repeat(at_address(Again, address))
    gate.wait()
    gate.wait()
    for thread in threads:
        thread.join()


def made_by_a_thread_that_ended(iterations):
    """Three threads read what another one, "maker", made before they were there. One of them may come to have its
    thread pointer, and so to own what it made."""
    gate = threading.Barrier(3)

    def make_it():
        global made
        made = Made()

    def read_it():
        gate.wait()
        read(lambda: made, iterations)
        gate.wait()

    maker = threading.Thread(target=make_it, name="maker")
    maker.start()
    maker.join()
    readers = [threading.Thread(target=read_it, name=f"reader {number}") for number in (1, 2, 3)]
    for thread in readers:
        thread.start()
    for thread in readers:
        thread.join()


def main():
    local = Config()
    CASES["local"] = lambda: local
    print("ready", flush=True)
    for line in sys.stdin:
        case, number = line.rsplit(maxsplit=1)
        if case == "gone":
            gone_and_another_came(int(number))
        elif case == "again":
            again_by_the_same_threads(int(number))
        elif case == "ended":
            made_by_a_thread_that_ended(int(number))
        else:
            read_by_two(CASES[case], int(number))
        print("done", flush=True)


if __name__ == "__main__":
    main()
