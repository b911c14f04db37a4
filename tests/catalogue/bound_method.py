"""A bound method that all threads call.

3.13, 3.14.0a0, 3.14+: __main__.Service | local self | instance of __main__.Service | 1
3.13, 3.14.0a0, 3.14: method | global ping | method __main__.Service.ping | 1
"""
from case import contend


class Service:
    def ping(self):
        pass


ping = Service().ping


def work(iterations):
    for _ in range(iterations):
        ping()


contend(work)
