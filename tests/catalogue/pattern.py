"""A compiled regular expression.

3.13, 3.14.0a0, 3.14: re.Pattern | global WORD | instance of re.Pattern | 1
3.13, 3.14.0a0, 3.14+: re.Pattern | Match.pattern | instance of re.Pattern | 1
3.13, 3.14.0a0, 3.14+: type | Match.ob_type or called by * or in match_dealloc() or in _PyEval_EvalFrameDefault() | type re.Match | 1
3.14+ debug: type | in _Py_Dealloc() | type re.Match | 1
3.14.0a0: method_descriptor | class attribute .match | method_descriptor re.Pattern.match | 1
"""
import re
from case import contend

WORD = re.compile("[a-z]+")


def work(iterations):
    for _ in range(iterations):
        WORD.match("word")


contend(work)
