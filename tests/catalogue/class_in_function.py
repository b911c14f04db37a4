"""gh-127274: a method of a class that was made in a function.

3.13, 3.14.0a0: function | frame.f_funcobj or attribute .method | function __main__.make.<locals>.Local.method | 1
3.14+: nothing
"""
from case import contend


def make():
    class Local:
        def method(self):
            pass
    return Local


Local = make()


def work(iterations):
    mine = Local()
    for _ in range(iterations):
        mine.method()


contend(work)
