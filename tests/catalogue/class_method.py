"""gh-145779: a classmethod.

3.13, 3.14.0a0, 3.14: classmethod | class attribute .ping | instance of classmethod | 1
3.13 mortal, 3.14.0a0, 3.14+: function | method.im_func | function __main__.Service.ping | 1
3.13 mortal, 3.14.0a0, 3.14+: type | method.im_self | type __main__.Service | 1
3.13 mortal: type | local cls | type __main__.Service | 1
3.13 mortal: type | global Service | type __main__.Service | 1
3.13 mortal: code | frame.f_executable | code Service.ping (class_method.py:*) | 1
3.13 mortal: function | frame.f_funcobj or attribute .ping | function __main__.Service.ping | 1
"""
from case import contend


class Service:
    @classmethod
    def ping(cls):
        pass


def work(iterations):
    for _ in range(iterations):
        Service.ping()


contend(work)
