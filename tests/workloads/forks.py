"""Processes that fork, each of which has threads that read shared_config's objects.

Known counts: each process that works has T threads that read N times; so its instance of Config takes T * N decrements.

    forks.py K T N        K children, one after the other, which all work at the same time
    forks.py busy K N     the same with two threads each, while two threads of the parent read N times too
    forks.py idle K       K children, one after the other, that do nothing
    forks.py fail K       the same, but that they end with status 3
    forks.py modules N    a child imports an extension module, and its parent another one; then two threads of both read
    forks.py pool HOW N   two processes that multiprocessing starts by HOW
    forks.py run CMD..    two threads read 1,000 times; then CMD is run; then they read once more
"""
import os
import sys
import threading

from shared_config import read
from together import run_together


def fork(*work):
    child = os.fork()
    if child == 0:
        if work:
            run_together(*work)
        os._exit(0)
    return child


def wait_for(children):
    for child in children:
        assert os.waitpid(child, 0)[1] == 0


def fork_while_threads_read(count, iterations):
    # Reading once more ends the threads only after all children have been forked.
    forked = threading.Event()

    def read_on():
        read(iterations - 1)
        forked.wait()
        read(1)
    readers = [threading.Thread(target=read_on) for _ in range(2)]
    for reader in readers:
        reader.start()
    children = [fork(*[(read, iterations)] * 2) for _ in range(count)]
    forked.set()
    for reader in readers:
        reader.join()
    wait_for(children)


def work(iterations):
    run_together(*[(read, iterations)] * 2)


def main(command, *arguments):
    if command == "busy":
        fork_while_threads_read(*map(int, arguments))
    elif command == "idle":
        for _ in range(int(arguments[0])):
            wait_for([fork()])
    elif command == "fail":
        for _ in range(int(arguments[0])):
            child = os.fork()
            if child == 0:
                os._exit(3)
            os.waitpid(child, 0)
    elif command == "modules":
        child = os.fork()
        if child == 0:
            import _ctypes
        else:
            import array
        work(int(arguments[0]))
        if child == 0:
            os._exit(0)
        wait_for([child])
    elif command == "pool":
        import multiprocessing
        context = multiprocessing.get_context(arguments[0])
        workers = [context.Process(target=work, args=(int(arguments[1]),)) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    elif command == "run":
        import subprocess
        work(1_000)
        subprocess.run(arguments, check=True)
        work(1_000)
    else:
        threads, iterations = map(int, arguments)
        wait_for([fork(*[(read, iterations)] * threads) for _ in range(int(command))])


if __name__ == "__main__":
    main(*sys.argv[1:])
