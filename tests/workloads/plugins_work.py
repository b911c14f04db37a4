"""Loads libraries that were built from plugin.c, one after the other, and unloads them: in each, two threads drop references
to one object --iterations times. Prints where each one was loaded.

    plugins_work.py FOLDER [--iterations N] [--keep] PATH:FUNCTION...

FOLDER holds the module "plugins"; with --keep nothing is ever loaded where something was before.
"""
import argparse
import sys

from together import run_together


class Config:
    """Shared, and made by the main thread."""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--iterations", type=int, default=20_000)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("libraries", nargs="+")
    options = parser.parse_args()
    sys.path.insert(0, options.folder)
    import plugins
    shared = Config()
    for library in options.libraries:
        path, name = library.split(":")
        opened, function, where = plugins.open(path, name)
        print(where)
        run_together(*[(plugins.call, function, shared, options.iterations)] * 2)
        plugins.close(opened, where, options.keep)


if __name__ == "__main__":
    main()
