"""A process that does what its standard input says, line by line, and answers each line with one of its own.

    work N      two threads read shared_config's objects N times each; answers "done". Known counts as there.
    busy        starts two threads that do so for ever; answers "busy"
    load DIR    imports the extension module that counting.c became in DIR; answers "loaded"
    count N     does counting_work.py's work with it; answers "done"
    fork N      does "work N" in a child and waits for it; answers "done"
    exec CMD..  becomes CMD
    exit N      ends with that status

It begins with "ready" and, at the end of its input, ends with status 0.
"""
import os
import sys
import threading

import counting_work as counting
from shared_config import read
from together import run_together


loaded = []


def work(iterations):
    run_together((read, iterations), (read, iterations))


def read_for_ever():
    while True:
        read(1_000)


def fork_and_work(iterations):
    child = os.fork()
    if child == 0:
        work(iterations)
        os._exit(0)
    os.waitpid(child, 0)


def obey(command, *arguments):
    if command == "work":
        work(int(arguments[0]))
        return "done"
    if command == "busy":
        for number in 1, 2:
            threading.Thread(target=read_for_ever, name=f"busy {number}", daemon=True).start()
        return "busy"
    if command == "load":
        loaded.append(counting.load(arguments[0]))
        return "loaded"
    if command == "count":
        counting.count(loaded[-1], int(arguments[0]))
        return "done"
    if command == "fork":
        fork_and_work(int(arguments[0]))
        return "done"
    if command == "exec":
        os.execv(arguments[0], arguments)
    if command == "exit":
        sys.exit(int(arguments[0]))
    return f"unknown: {command}"


def main():
    print("ready", flush=True)
    for line in sys.stdin:
        print(obey(*line.split()), flush=True)


if __name__ == "__main__":
    main()
