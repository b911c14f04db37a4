"""super() in a method of each thread's own instance.

3.13, 3.14.0a0, 3.14+: cell | cell __class__ | instance of cell | 1
3.13, 3.14.0a0: tuple | type.tp_mro or in do_super_lookup() or in python3.13t+* | instance of tuple | 1
3.14+: type | Derived.ob_type or closure __class__ | type __main__.Derived | 1
3.14+: function | frame.f_funcobj or attribute .ping or class attribute .ping | function __main__.Base.ping | 1
3.14.0a0: function | frame.f_funcobj or attribute .ping | function __main__.Derived.ping | 1
3.14.0a0: function | class attribute .ping | function __main__.Base.ping | 1
3.14.0a0: function | method.im_func | function __main__.Base.ping | 1
3.14.0a0: type | closure __class__ | type __main__.Derived | 1
3.14.0a0: type | super.obj_type | type __main__.Derived | 1
3.14.0a0: type | super.type | type __main__.Derived | 1
"""
from case import contend


class Base:
    def ping(self):
        pass


class Derived(Base):
    def ping(self):
        super().ping()


def work(iterations):
    mine = Derived()
    for _ in range(iterations):
        mine.ping()


contend(work)
