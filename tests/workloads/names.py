"""Shared objects that two threads get hold of in every way that bytecode has, one object of a class of its own for each.

Known counts: each of the two threads runs each case --iterations N times, and drops N references to the case's object,
under the name that the case says: 2 x N decrements on an instance of the class that the case is called. --case selects
one.
"""
import argparse
import sys
import time

from together import run_together


class Value:
    pass


def value_of(name):
    return type(name, (Value,), {})()


class Holder:
    pass


class Slotted:
    __slots__ = ("item",)


CASES, FIELDS = {}, {}


def case(field):
    """A case's object is of a class that is called like it."""
    def add(function):
        CASES[function.__name__], FIELDS[function.__name__] = function, field
        return function
    return add


RATE = value_of("read_global")


@case("global RATE")
def read_global(iterations):
    for _ in range(iterations):
        RATE


LIMIT = value_of("compare_global")


@case("global LIMIT")
def compare_global(iterations):
    for _ in range(iterations):
        LIMIT == 1


SERVICE = value_of("pass_global")


@case("global SERVICE")
def pass_global(iterations):
    for _ in range(iterations):
        id(SERVICE)


STREAM = value_of("read_global_in_generator")


@case("global STREAM")
def read_global_in_generator(iterations):
    def generate():
        for _ in range(iterations):
            yield
            STREAM

    for _ in generate():
        pass


ELEMENT = value_of("read_global_in_comprehension")


@case("global ELEMENT")
def read_global_in_comprehension(iterations):
    [ELEMENT is None for _ in range(iterations)]


MEMBER = value_of("read_name_in_class_body")


@case("name MEMBER")
def read_name_in_class_body(iterations):
    class Body:
        for _ in range(iterations):
            MEMBER


holder = Holder()
holder.item, holder.second = value_of("read_attribute"), value_of("pass_attribute")


@case("attribute .item")
def read_attribute(iterations):
    for _ in range(iterations):
        holder.item


@case("attribute .second")
def pass_attribute(iterations):
    for _ in range(iterations):
        id(holder.second)


slotted = Slotted()
slotted.item = value_of("read_attribute_in_slot")


@case("attribute .item")
def read_attribute_in_slot(iterations):
    for _ in range(iterations):
        slotted.item


CACHE = {"a b": value_of("read_subscript")}


@case("subscript CACHE['a b']")
def read_subscript(iterations):
    for _ in range(iterations):
        CACHE["a b"]


numbered = [None, value_of("read_subscript_number")]


@case("subscript numbered[1]")
def read_subscript_number(iterations):
    for _ in range(iterations):
        numbered[1]


pair = value_of("unpack"), None


@case("local first")
def unpack(iterations):
    for _ in range(iterations):
        first, second = pair
        first = None


items = [value_of("iterate")]


@case("local item")
def iterate(iterations):
    for _ in range(iterations):
        for item in items:
            pass
        item = None


captured = value_of("read_closure")


@case("closure content")
def read_closure(iterations):
    content = captured

    def inner():
        for _ in range(iterations):
            content

    inner()


made = value_of("drop_result")


class Factory:
    @staticmethod
    def make():
        return made


@case("result of call Factory.make")
def drop_result(iterations):
    for _ in range(iterations):
        Factory.make()


kept = value_of("overwrite_local")


@case("local mine")
def overwrite_local(iterations):
    for _ in range(iterations):
        mine = kept
        mine = None


removed = value_of("delete_local")


@case("local mine")
def delete_local(iterations):
    for _ in range(iterations):
        mine = removed
        del mine


TRACED = value_of("read_global_traced")


@case("global TRACED")
def read_global_traced(iterations):
    def traced():
        for _ in range(iterations):
            TRACED

    sys.settrace(lambda *_: None)
    traced()
    sys.settrace(None)


error = type("catch", (Exception,), {})()


@case("exception")
def catch(iterations):
    """Two references: the stack's, and that of the thread's exception state."""
    for _ in range(iterations):
        try:
            raise error
        except Exception:
            pass


def define_read_long():
    """Its names and constants have numbers above 255."""
    lines = ["def read_long(iterations):", "    if iterations < 0:"]
    lines += [f"        name_{number}, {number}.5" for number in range(300)]
    lines += ["    for _ in range(iterations):", "        LAST"]
    exec("\n".join(lines), globals())
    return case("global LAST")(read_long)


LAST = value_of("read_long")
define_read_long()


@case("constant 'no identifier'")
def pass_constant(iterations):
    for _ in range(iterations):
        id("no identifier")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--iterations", type=int, default=500)
    parser.add_argument("--case", choices=CASES, action="append")
    parser.add_argument("--linger", type=float, default=0.5, metavar="SECONDS",
                        help="stay so long, as a service does, for who looks from outside")
    options = parser.parse_args()

    def run():
        for name in options.case or CASES:
            CASES[name](options.iterations)

    run_together((run,), (run,))
    time.sleep(options.linger)


if __name__ == "__main__":
    main()
