"""A service that never stays the same: each round has threads of its own, which run code that was compiled for it and drop
references to objects of a class that was made for it, --drops times each; and to the one object that is always there.

    churn.py [--rounds N] [--drops N]
"""
import argparse

from together import run_together

SOURCE = """
class Made{0}:
    pass

def work{0}(shared, always, drops):
    def use(value):
        return value
    for _ in range(drops):
        for each in shared:
            each.__class__
        use(always)
"""


class Always:
    pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=2_000)
    parser.add_argument("--drops", type=int, default=10)
    options = parser.parse_args()
    always = Always()
    for number in range(options.rounds):
        names = {}
        exec(compile(SOURCE.format(number), f"round{number}.py", "exec"), names)
        shared = [names[f"Made{number}"]() for _ in range(4)]
        run_together(*[(names[f"work{number}"], shared, always, options.drops)] * 2)


if __name__ == "__main__":
    main()
