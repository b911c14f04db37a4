"""Containers that two threads fill with one shared object and drop, over and over: the reference is dropped through
the container's field.

Known counts: with --iterations N each thread drops N references to what the case shares, through the field that its
docstring names. --case selects one.
"""
import argparse
import functools
import types

from together import run_together


class Shared:
    def method(self):
        pass

    def __call__(self):
        pass


class Plain:
    pass


shared = Shared()


def in_tuple(iterations):
    """tuple item"""
    mine = shared
    for number in range(iterations):
        (mine, number)


def in_list(iterations):
    """list item"""
    mine = shared
    for _ in range(iterations):
        [mine]


def in_set(iterations):
    """set item"""
    mine = shared
    for _ in range(iterations):
        {mine}


def in_dict(iterations):
    """dict entry"""
    mine = shared
    for _ in range(iterations):
        {"key": mine}


def in_attribute(iterations):
    """Plain attribute"""
    mine = shared
    for _ in range(iterations):
        plain = Plain()
        plain.attribute = mine
        del plain


def in_bound_method(iterations):
    """method.im_self"""
    mine = shared
    for _ in range(iterations):
        mine.method


def keep(value):
    def inner():
        return value


def in_cell(iterations):
    """cell.ob_ref"""
    mine = shared
    for _ in range(iterations):
        keep(mine)


def in_partial(iterations):
    """partial.fn"""
    partial, mine = functools.partial, shared
    for _ in range(iterations):
        partial(mine)


def in_module_of_function(iterations):
    """function.func_module: of a str, the module's name"""
    module = types.ModuleType("made here")
    exec("def define(iterations):\n for _ in range(iterations):\n  def inner(): pass\n", vars(module))
    return module.define, iterations


CASES = {case.__name__: case for case in (in_tuple, in_list, in_set, in_dict, in_attribute, in_bound_method, in_cell,
                                           in_partial)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--iterations", type=int, default=5_000)
    parser.add_argument("--case", choices=[*CASES, "in_module_of_function"], required=True)
    options = parser.parse_args()
    if options.case == "in_module_of_function":
        call = in_module_of_function(options.iterations)
    else:
        call = CASES[options.case], options.iterations
    run_together(call, call)


if __name__ == "__main__":
    main()
