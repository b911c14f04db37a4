"""Nested functions of an imported module: each takes its module's name along.

3.13, 3.14.0a0, 3.14+: str | function.func_module | str 'made here' | 1
3.14.0a0: dict | function.func_builtins | builtins | 1
3.14.0a0: dict | function.func_globals | globals of made here | 1
3.14.0a0: dict | global __builtins__ | builtins | 1
3.14.0a0: code | function.func_code | code work.<locals>.inner (<string>:3) | 1
3.13, 3.14.0a0, 3.14+: str | global __name__ | str 'made here' | +
"""
import types
from case import contend

module = types.ModuleType("".join(["made", " here"]))
exec("def work(iterations):\n for _ in range(iterations):\n  def inner(): pass\n", vars(module))

contend(module.work)
