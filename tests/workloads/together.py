"""Threads that work together and do everything else one after the other.

What a thread drops at its start and at its end depends on what other threads do just then, and how often it looks
names up in types depends on where those names happen to lie in memory. threading.Thread does much of both. Here
only the work itself runs in several threads at once, and the threads call nothing else than locks, so that all
counts are the same in every run.
"""
import _thread


def _run(begun, may_work, work, arguments, finished, may_leave):
    begun()
    may_work()
    work(*arguments)
    finished()
    may_leave()


class _Worker:
    """A thread with four gates: it opens two of them, and whoever directs it the other two."""

    def __init__(self, work, arguments):
        begun, self._may_work, self._finished, self._may_leave = (_closed() for _ in range(4))
        self._thread = _thread.start_joinable_thread(_bind(
            _run, begun.release, self._may_work.acquire, work, arguments,
            self._finished.release, self._may_leave.acquire))
        begun.acquire()

    def work(self):
        self._may_work.release()

    def finish(self):
        self._finished.acquire()

    def leave(self):
        self._may_leave.release()
        self._thread.join()


def _closed():
    lock = _thread.allocate_lock()
    lock.acquire()
    return lock


def _bind(function, *arguments):
    return lambda: function(*arguments)


def run_together(*calls):
    """Runs each (work, argument, ...) in a thread of its own and waits for all of them."""
    workers = [_Worker(work, arguments) for work, *arguments in calls]
    for step in _Worker.work, _Worker.finish, _Worker.leave:
        for worker in workers:
            step(worker)
