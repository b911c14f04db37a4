"""Classes, functions, modules and files with names that are hard on every format: two threads read each one's object.

Prints the names as JSON. Known counts, with --iterations N: the instance of each class takes 2 * N decrements.
"""
import argparse
import json
import types

from together import run_together

NAMES = ["a;b c", "'single' \"double\" `back`", "two\nlines\r\nand\ttab", "größe 鍵 🔥", "=1+1", ",", " edges ",
         "\x1b[31mred\x07\x9b", "back\\slash \\n", "\u202eturned\u2066", "e\u0301\u200b", "<b>&amp;</b>", "%s%n${x}",
         "x" * 10_000, "鍵" * 10_000]


def read_held(iterations):
    for _ in range(iterations):
        HELD  # of the globals that each copy of this function has


def make(number, name):
    """A function of that name, in a module and a file of that name, that reads an instance of a class of that name."""
    held = type(name, (), {"__module__": f"{number}{name}", "__slots__": ()})()
    code = read_held.__code__.replace(co_name=name, co_qualname=name, co_filename=f"/srv/{number}{name}")
    module = types.ModuleType(f"{number}{name}")
    vars(module).update(HELD=held)
    return types.FunctionType(code, vars(module), name)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--iterations", type=int, default=2_000)
    options = parser.parse_args()
    for number, name in enumerate(NAMES):
        function = make(number, name)
        run_together(*[(function, options.iterations)] * 2)
    print(json.dumps(NAMES))


if __name__ == "__main__":
    main()
