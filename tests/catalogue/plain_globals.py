"""Nested functions whose globals are a plain dict, as exec() makes them, with builtins of its own.

3.13, 3.14.0a0, 3.14+: dict | function.func_globals | globals of plain | 1
3.13, 3.14.0a0, 3.14+: dict | function.func_builtins | builtins | 1
3.13, 3.14.0a0, 3.14+: dict | global __builtins__ | builtins | 1
3.14.0a0: code | function.func_code | code work.<locals>.inner (<string>:3) | 1
3.13, 3.14.0a0, 3.14+: dict | function.func_globals | globals of plain | +
"""
import builtins
from case import contend

namespace = {"__name__": "plain", "__builtins__": dict(vars(builtins))}
exec("def work(iterations):\n for _ in range(iterations):\n  def inner(): pass\n", namespace)

contend(namespace["work"])
