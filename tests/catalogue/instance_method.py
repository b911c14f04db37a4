"""gh-123619: one instance whose method all threads call.

3.13, 3.14.0a0, 3.14: __main__.Service | local self or global SERVICE | instance of __main__.Service | 1
3.14.0a0: function | frame.f_funcobj or attribute .ping | function __main__.Service.ping | 1
3.15+: nothing
"""
from case import contend


class Service:
    def ping(self):
        pass


SERVICE = Service()


def work(iterations):
    for _ in range(iterations):
        SERVICE.ping()


contend(work)
