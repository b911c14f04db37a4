"""Two threads read two objects that the main thread made."""
import sys
import threading


class Thing:
    pass


OFTEN = Thing()
SELDOM = Thing()


def work(iterations):
    for _ in range(iterations):
        x = OFTEN
        x = OFTEN
        x = OFTEN
        x = SELDOM
    return x


threads = [threading.Thread(target=work, args=[int(sys.argv[1])]) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
