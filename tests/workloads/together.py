"""Threads that start their work together, at the price of a handful of shared references."""
import threading


def _enter(gate, work, arguments):
    # One lock, taken once by each thread: the thread that gets it lets the next one in.
    with gate:
        pass
    work(*arguments)


def run_together(*calls):
    """Runs each (work, argument, ...) in a thread "worker 1", "worker 2", ... and waits for all of them."""
    gate = threading.Lock()
    gate.acquire()
    threads = [
        threading.Thread(target=_enter, name=f"worker {number}", args=(gate, work, arguments))
        for number, (work, *arguments) in enumerate(calls, 1)
    ]
    for thread in threads:
        thread.start()
    gate.release()
    for thread in threads:
        thread.join()
