"""Classes that come and go: each takes the place of the one before it, and so do its instances. Two threads drop
references to one instance of each, --iterations times each thread."""
import argparse
import gc

from together import run_together


def drop(holder, iterations):
    for _ in range(iterations):
        holder[0]


def one(name, iterations):
    instance = type(name, (), {"__module__": "kinds"})()
    run_together(*[(drop, [instance], iterations)] * 2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--classes", type=int, default=4)
    parser.add_argument("--iterations", type=int, default=2_000)
    options = parser.parse_args()
    for number in range(options.classes):
        one(f"Kind{number}", options.iterations)
        gc.collect()


if __name__ == "__main__":
    main()
