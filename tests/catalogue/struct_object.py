"""A struct.Struct.

3.13, 3.14.0a0, 3.14: _struct.Struct | global HEADER | instance of _struct.Struct | 1
3.14.0a0: method_descriptor | class attribute .pack | method_descriptor _struct.Struct.pack | 1
3.15+: nothing
"""
import struct
from case import contend

HEADER = struct.Struct("<H")


def work(iterations):
    for _ in range(iterations):
        HEADER.pack(1)


contend(work)
