"""A lock.

3.13: _thread.lock | builtin_function_or_method.m_self | instance of _thread.lock | 2
3.13: _thread.lock | global LOCK | instance of _thread.lock | 1
3.14.0a0, 3.14: _thread.lock | global LOCK | instance of _thread.lock | 2
3.14.0a0: method_descriptor | class attribute .__enter__ | method_descriptor _thread.lock.__enter__ | 1
3.14.0a0: method_descriptor | class attribute .__exit__ | method_descriptor _thread.lock.__exit__ | 1
3.15+: nothing
"""
import threading
from case import contend

LOCK = threading.Lock()


def work(iterations):
    for _ in range(iterations):
        with LOCK:
            pass


contend(work)
