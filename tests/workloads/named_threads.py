"""Threads of threading.Thread, called "reader 1" and "reader 2", that come and go.

Known counts: the object SHARED takes 2 * N decrements, N in each thread.
"""
import argparse
import threading

SHARED = object()


def read(gate, iterations):
    with gate:
        pass
    for _ in range(iterations):
        SHARED


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--iterations", type=int, default=20_000)
    iterations = parser.parse_args().iterations
    gate = threading.Lock()
    readers = [threading.Thread(target=read, name=f"reader {number}", args=(gate, iterations)) for number in (1, 2)]
    with gate:
        for reader in readers:
            reader.start()
    for reader in readers:
        reader.join()


if __name__ == "__main__":
    main()
