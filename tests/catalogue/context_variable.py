"""The default of a context variable.

3.13, 3.14.0a0, 3.14+: float | result of call RATE.get | float 2.5 | 1
3.13, 3.14.0a0, 3.14+: _contextvars.ContextVar | global RATE | instance of _contextvars.ContextVar | 1
3.14.0a0: method_descriptor | attribute .get | method_descriptor _contextvars.ContextVar.get | 1
"""
import contextvars
from case import contend

RATE = contextvars.ContextVar("RATE", default=float("2.5"))


def work(iterations):
    for _ in range(iterations):
        RATE.get()


contend(work)
