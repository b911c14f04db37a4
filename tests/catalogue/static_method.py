"""gh-145779: a staticmethod.

3.13, 3.14.0a0, 3.14: staticmethod | class attribute .ping | instance of staticmethod | 1
3.14.0a0, 3.14+: function | frame.f_funcobj or attribute .ping | function __main__.Service.ping | 1
"""
from case import contend


class Service:
    @staticmethod
    def ping():
        pass


def work(iterations):
    for _ in range(iterations):
        Service.ping()


contend(work)
