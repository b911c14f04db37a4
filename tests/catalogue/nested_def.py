"""gh-124218: a function defined inside another one.

3.13 mortal, 3.14.0a0: dict | function.func_globals | globals of __main__ | 1
3.13 mortal, 3.14.0a0: dict | function.func_builtins | builtins | 1
3.13 mortal, 3.14.0a0: module | global __builtins__ | module builtins | 1
3.13 mortal, 3.14.0a0: code | function.func_code | code work.<locals>.square (nested_def.py:*) | 1
3.13 mortal: code | frame.f_executable | code work.<locals>.square (nested_def.py:*) | 1
3.13 mortal: code | constant * | code work.<locals>.square (nested_def.py:*) | 1
3.13 immortal, 3.14+: nothing
"""
from case import contend


def work(iterations):
    for _ in range(iterations):
        def square(number):
            return number * number
        square(3)


contend(work)
