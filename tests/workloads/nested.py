"""Nested functions as in CPython's issue 124218: each iteration defines one and calls it.

What an iteration drops, once each and never as the owner: the function's func_globals, func_builtins and
func_code. So with --threads T and --iterations N each of the three takes T * N decrements, provided that the
interpreter counts references to that object at all:

- 3.13 makes module globals, builtins and code immortal when the first thread starts. With
  --suppress-immortalization it does not, and all three contend.
- 3.14 and later count references to module globals, builtins and code in each thread for itself. With
  --plain-globals the functions live in a plain dict with a builtins dict of their own, which have no such
  counts: func_globals and func_builtins contend, func_code does not.
"""
import argparse
import builtins
import sys
import time

from together import run_together


def func(iterations):
    for _ in range(iterations):
        def square(number):
            return number * number
        square(3)


def func_more(iterations):
    """The same with one nested function more."""
    for _ in range(iterations):
        def square(number):
            return number * number
        def cube(number):
            return number * number * number
        square(3)
        cube(3)


def suppress_immortalization():
    import _testinternalcapi
    if not hasattr(_testinternalcapi, "suppress_immortalization"):
        sys.exit(f"nested.py: Python {sys.version.split()[0]} has no immortalization to suppress")
    _testinternalcapi.suppress_immortalization(True)


def namespace_of_plain_dicts():
    """This file's own functions, with a plain dict for globals and another one for builtins."""
    namespace = {"__name__": "plain", "__builtins__": dict(vars(builtins))}
    with open(__file__) as source:
        exec(compile(source.read(), __file__, "exec"), namespace)
    return namespace


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--iterations", type=int, default=20_000)
    parser.add_argument("--suppress-immortalization", action="store_true")
    parser.add_argument("--plain-globals", action="store_true")
    parser.add_argument("--more", action="store_true", help="define and call two functions in each iteration")
    parser.add_argument("--seconds", action="store_true", help="print how long the threads took")
    options = parser.parse_args()

    if options.suppress_immortalization:
        suppress_immortalization()
    namespace = namespace_of_plain_dicts() if options.plain_globals else globals()
    started = time.perf_counter()
    work = namespace["func_more" if options.more else "func"]
    run_together(*[(work, options.iterations)] * options.threads)
    if options.seconds:
        print(time.perf_counter() - started)


if __name__ == "__main__":
    main()
