"""What each entry of user/profile/remedies.json speaks of, and the same after its advice.

A case is named like its entry. Two threads run it together, --iterations times each, so that what it shares takes so
many references from each of them, or a multiple. With --remedied they run what the case becomes when a user follows
the advice: the same object contends no more, nor does any other instead. There may be several of these, one for each
piece of advice, some of them good from a release on. --case selects one; else all run, one after the other. Classes
and strings have names of their own, so that rows tell the cases apart.
"""
import argparse
import builtins
import collections
import copy
import ctypes
import dataclasses
import datetime
import functools
import json
import logging
import re
import sys
import threading
import time
import types

from together import run_together

CASES, REMEDIED = {}, {}


def case(function):
    CASES[function.__name__] = [function]
    return function


def remedied(function, since=(3, 13)):
    """CASE_remedied, CASE_remedied_in_some_way: another piece of advice of the same entry."""
    name = function.__name__.partition("_remedied")[0]
    REMEDIED.setdefault(name, []).extend([function] if sys.version_info >= since else [])
    return function


def remedied_since(*release):
    return lambda function: remedied(function, release)


def takes(value):
    """A call that does nothing with what it is passed."""


def computed(text):
    """A string that is no constant: it is mortal."""
    return "".join(list(text))


def function_in(namespace):
    """A function that defines another one in each iteration, in that namespace."""
    exec("def define(iterations):\n for _ in range(iterations):\n  def inner(): pass\n", namespace)
    return namespace["define"]


# Functions that are defined in a loop.

plain_globals = function_in({"__name__": "plain_globals"})
module_globals = function_in(vars(types.ModuleType("module_globals")))
copied_builtins = function_in({"__name__": "copied_builtins", "__builtins__": dict(vars(builtins))})
own_builtins = function_in(vars(types.ModuleType("own_builtins")))
computed_name = function_in(vars(types.ModuleType(computed("computed name"))))
interned_name = function_in(vars(types.ModuleType(sys.intern(computed("computed name")))))


@case
def plain_dict_globals(iterations):
    plain_globals(iterations)


@remedied
def plain_dict_globals_remedied(iterations):
    module_globals(iterations)


@case
def builtins_copy(iterations):
    copied_builtins(iterations)


@remedied
def builtins_copy_remedied(iterations):
    own_builtins(iterations)


@case
def nested_function_module(iterations):
    computed_name(iterations)


@remedied
def nested_function_module_remedied(iterations):
    interned_name(iterations)


@case
def nested_function_doc(iterations):
    for _ in range(iterations):
        def inner():
            "a docstring of several words"


@remedied
def nested_function_doc_remedied(iterations):
    for _ in range(iterations):
        def inner():
            pass


def outer():
    captured = 1

    def contended(iterations):
        for _ in range(iterations):
            def inner():
                return captured

    def remedied(iterations):
        for _ in range(iterations):
            def inner(captured=captured):
                return captured

    return contended, remedied


nested_function_closure, nested_function_closure_remedied = outer()
CASES["nested_function_closure"] = [nested_function_closure]
REMEDIED["nested_function_closure"] = [nested_function_closure_remedied]


# Functions that are called.

def closure():
    captured = 1

    def called():
        return captured

    return called


called_closure = closure()


def called_function(captured=1):
    return captured


@case
def closure_call(iterations):
    for _ in range(iterations):
        called_closure()


@remedied
def closure_call_remedied(iterations):
    for _ in range(iterations):
        called_function()


def class_in_function():
    class Nested:
        def method(self):
            pass
    return Nested


NestedClass = class_in_function()


class LevelClass:
    def method(self):
        pass


@case
def nested_class_method(iterations):
    nested = NestedClass()
    for _ in range(iterations):
        nested.method()


@remedied
def nested_class_method_remedied(iterations):
    level = LevelClass()
    for _ in range(iterations):
        level.method()


@dataclasses.dataclass
class Generated:
    value: int


@dataclasses.dataclass
class Written:
    value: int

    def __init__(self, value):
        self.value = value


@case
def dataclass_method(iterations):
    for _ in range(iterations):
        Generated(value=1)


@remedied
def dataclass_method_remedied(iterations):
    for _ in range(iterations):
        Written(value=1)


class StaticMethods:
    @staticmethod
    def call():
        pass


def level_function():
    pass


@case
def function_call(iterations):
    for _ in range(iterations):
        StaticMethods.call()


@remedied
def function_call_remedied(iterations):
    for _ in range(iterations):
        level_function()


# Methods and descriptors.

class ClassMethods:
    @classmethod
    def make(cls):
        pass


@case
def bound_method_class(iterations):
    for _ in range(iterations):
        ClassMethods.make()


@remedied_since(3, 14, 4)
def bound_method_class_remedied_by_an_instance(iterations):
    mine = ClassMethods()
    for _ in range(iterations):
        mine.make()


@remedied
def bound_method_class_remedied(iterations):
    make = ClassMethods.make
    for _ in range(iterations):
        make()


class BoundMethods:
    def method(self):
        pass


bound = BoundMethods()


@case
def bound_method_instance(iterations):
    for _ in range(iterations):
        takes(bound.method)


@remedied
def bound_method_instance_remedied(iterations):
    method = bound.method
    for _ in range(iterations):
        takes(method)


@remedied_since(3, 14)
def bound_method_instance_remedied_by_a_call(iterations):
    mine = bound
    for _ in range(iterations):
        takes(mine.method())


class BuiltinMethods(list):
    pass


builtin_bound = BuiltinMethods()


@case
def bound_builtin_method(iterations):
    for _ in range(iterations):
        builtin_bound.append


@remedied
def bound_builtin_method_remedied(iterations):
    append = builtin_bound.append
    for _ in range(iterations):
        append


class Properties:
    @property
    def value(self):
        pass


properties = Properties()


@case
def property_(iterations):
    for _ in range(iterations):
        getattr(properties, "value")


@remedied
def property__remedied(iterations):
    value = getattr(properties, "value")
    for _ in range(iterations):
        value


class DataDescriptor:
    def __get__(self, instance, owner):
        pass

    def __set__(self, instance, value):
        pass


class Described:
    value = DataDescriptor()


@case
def data_descriptor(iterations):
    described = Described()
    for _ in range(iterations):
        described.value


@remedied
def data_descriptor_remedied(iterations):
    value = Described().value
    for _ in range(iterations):
        value


NamedTuple = collections.namedtuple("NamedTuple", "value")


@case
def namedtuple_new(iterations):
    for _ in range(iterations):
        NamedTuple(value=1)


@remedied
def namedtuple_new_remedied(iterations):
    for _ in range(iterations):
        (1,)


class BuiltinNew:
    def __new__(cls):
        return object.__new__(cls)


class BuiltinInit:
    def __init__(self):
        pass


@case
def builtin_new(iterations):
    for _ in range(iterations):
        BuiltinNew()


@remedied
def builtin_new_remedied(iterations):
    for _ in range(iterations):
        BuiltinInit()


class Base:
    def method(self):
        pass


class Derived(Base):
    def method(self):
        super().method()


class Explicit(Base):
    def method(self):
        Base.method(self)


@case
def super_call(iterations):
    derived = Derived()
    for _ in range(iterations):
        derived.method()


@remedied
def super_call_remedied(iterations):
    explicit = Explicit()
    for _ in range(iterations):
        explicit.method()


@case
def special_method(iterations):
    for number in range(iterations):
        format("x", ">3")


@remedied
def special_method_remedied(iterations):
    for number in range(iterations):
        "x".rjust(3)


# The standard library.

@case
def import_in_function(iterations):
    for _ in range(iterations):
        import colorsys


@remedied
def import_in_function_remedied(iterations):
    for _ in range(iterations):
        types


@case
def imported_module(iterations):
    import colorsys
    for _ in range(iterations):
        colorsys.rgb_to_hsv


@remedied
def imported_module_remedied(iterations):
    for _ in range(iterations):
        types.ModuleType


thread_locals = threading.local()


@case
def thread_local(iterations):
    thread_locals.present = None
    for _ in range(iterations):
        thread_locals.present


@remedied
def thread_local_remedied(iterations):
    thread_locals.present = None
    present = thread_locals.present
    for _ in range(iterations):
        present


@case
def thread_local_missing(iterations):
    for _ in range(iterations):
        getattr(thread_locals, "missing", None)


class LocalsWithDefaults(threading.local):
    def __init__(self):
        self.missing = None


locals_with_defaults = LocalsWithDefaults()


@remedied_since(3, 14)
def thread_local_missing_remedied_by_a_subclass(iterations):
    for _ in range(iterations):
        getattr(locals_with_defaults, "missing", None)


@remedied
def thread_local_missing_remedied(iterations):
    thread_locals.missing = None
    missing = getattr(thread_locals, "missing", None)
    for _ in range(iterations):
        missing


class SharedError(Exception):
    pass


shared_error = SharedError()


@case
def raised_exception(iterations):
    for _ in range(iterations):
        try:
            raise shared_error
        except SharedError:
            pass


@remedied
def raised_exception_remedied(iterations):
    for _ in range(iterations):
        try:
            raise SharedError()
        except SharedError:
            pass


class RaisedError(Exception):
    pass


@case
def raised_class(iterations):
    for _ in range(iterations):
        try:
            raise RaisedError
        except RaisedError:
            pass


@remedied
def raised_class_remedied(iterations):
    for _ in range(iterations):
        try:
            raise KeyError
        except KeyError:
            pass


class Iterated(list):
    pass


iterated = Iterated([None])


@case
def shared_iteration(iterations):
    for _ in range(iterations):
        for item in iterated:
            pass


@remedied
def shared_iteration_remedied(iterations):
    mine = tuple(iterated)
    for _ in range(iterations):
        for item in mine:
            pass


@functools.lru_cache
def bounded(number):
    return number


@functools.cache
def unbounded(number):
    return number


bounded(1), unbounded(1)


@case
def lru_cache_link(iterations):
    for _ in range(iterations):
        bounded(1)


@remedied_since(3, 15)
def lru_cache_link_remedied_by_cache(iterations):
    for _ in range(iterations):
        unbounded(1)


@remedied
def lru_cache_link_remedied(iterations):
    mine = {1: bounded(1)}
    for _ in range(iterations):
        mine[1]


@case
def lru_cache_wrapper(iterations):
    for _ in range(iterations):
        unbounded(1)


@remedied
def lru_cache_wrapper_remedied(iterations):
    value = unbounded(1)
    for _ in range(iterations):
        value


def target_of_partial():
    pass


partial = functools.partial(target_of_partial)


@case
def partial_call(iterations):
    for _ in range(iterations):
        partial()


@remedied
def partial_call_remedied(iterations):
    for _ in range(iterations):
        target_of_partial()


shared_pattern = re.compile("a+")


@case
def regex_match(iterations):
    for _ in range(iterations):
        shared_pattern.match("aaa")


@remedied
def regex_match_remedied(iterations):
    pattern = re.compile(f"a+(?#{threading.get_ident()})")
    for _ in range(iterations):
        pattern.match("aaa")


@case
def json_encoder(iterations):
    for _ in range(iterations):
        json.dumps({"a": 1})


@remedied
def json_encoder_remedied(iterations):
    encoder = json.JSONEncoder()
    for _ in range(iterations):
        encoder.encode({"a": 1})


log = logging.getLogger("remedies")


@case
def logger(iterations):
    for _ in range(iterations):
        log.debug("nothing")


@remedied
def logger_remedied(iterations):
    verbose = log.isEnabledFor(logging.DEBUG)
    for _ in range(iterations):
        if verbose:
            log.debug("nothing")


@case
def deepcopy(iterations):
    mine = [[None]]
    for _ in range(iterations):
        copy.deepcopy(mine)


@remedied
def deepcopy_remedied(iterations):
    mine = [[None]]
    for _ in range(iterations):
        [list(row) for row in mine]


@case
def c_type_instances(iterations):
    for _ in range(iterations):
        collections.deque()


@remedied
def c_type_instances_remedied(iterations):
    mine = collections.deque()
    for _ in range(iterations):
        mine.clear()


# Values that threads share.

class Contained:
    pass


contained = Contained()


@case
def short_lived_container(iterations):
    mine = contained
    for number in range(iterations):
        (mine, number)


@remedied
def short_lived_container_remedied(iterations):
    mine = Contained()
    for number in range(iterations):
        (mine, number)


global_number = float(computed("1234.5"))


@case
def global_value(iterations):
    for _ in range(iterations):
        global_number


@remedied
def global_value_remedied(iterations):
    for _ in range(iterations):
        1234.5


@remedied
def global_value_remedied_by_a_copy(iterations):
    mine = float(repr(global_number))
    for _ in range(iterations):
        takes(mine)


@remedied_since(3, 14)
def global_value_remedied_by_a_local_variable(iterations):
    mine = global_number
    for _ in range(iterations):
        takes(mine)


global_string = computed("a global string")
interned_string = sys.intern(computed("a global string"))


@case
def computed_string(iterations):
    for number in range(iterations):
        takes((global_string, number))


@remedied
def computed_string_remedied(iterations):
    for number in range(iterations):
        takes((interned_string, number))


sentinel_object = object()


class SentinelClass:
    pass


@case
def sentinel(iterations):
    for _ in range(iterations):
        takes(sentinel_object)


@remedied
def sentinel_remedied(iterations):
    for _ in range(iterations):
        takes(SentinelClass)


@remedied
def sentinel_remedied_by_ellipsis(iterations):
    for _ in range(iterations):
        takes(...)


release_date = datetime.date(2024, 10, 7)
untracked_numbers = (global_number * 2,)
tracked_numbers = [1234.5]


@case
def global_uncounted(iterations):
    for _ in range(iterations):
        release_date; untracked_numbers


@remedied
def global_uncounted_remedied(iterations):
    mine = datetime.date(2024, 10, 7)
    for _ in range(iterations):
        mine; (1234.5,)


@remedied_since(3, 15)
def global_uncounted_remedied_by_a_list(iterations):
    for _ in range(iterations):
        tracked_numbers


@case
def string_constant(iterations):
    for _ in range(iterations):
        value = "a constant string"


@remedied
def string_constant_remedied(iterations):
    for _ in range(iterations):
        value = "a_constant_string"


class GlobalObject:
    value = None


global_instance = GlobalObject()


@case
def global_object(iterations):
    for _ in range(iterations):
        global_instance


@remedied_since(3, 14)
def global_object_remedied_by_a_local_variable(iterations):
    mine = global_instance
    for _ in range(iterations):
        takes(mine); takes(mine.value)


@remedied
def global_object_remedied(iterations):
    mine = GlobalObject()
    for _ in range(iterations):
        mine


class Holder:
    pass


class Held:
    __slots__ = ()


holder = Holder()
holder.held = Held()


@case
def attribute_value(iterations):
    for _ in range(iterations):
        holder.held


@remedied_since(3, 14)
def attribute_value_remedied_by_a_local_variable(iterations):
    mine = holder.held
    for _ in range(iterations):
        takes(mine)


@remedied
def attribute_value_remedied(iterations):
    mine = copy.copy(holder)
    mine.held = copy.copy(holder.held)
    for _ in range(iterations):
        mine.held


class Item:
    __slots__ = ()


items = [Item()]


@case
def container_item(iterations):
    for _ in range(iterations):
        items[0]


@remedied_since(3, 14)
def container_item_remedied_by_a_local_variable(iterations):
    mine = items[0]
    for _ in range(iterations):
        takes(mine)


@remedied
def container_item_remedied(iterations):
    mine = [copy.copy(item) for item in items]
    for _ in range(iterations):
        mine[0]


class Value:
    __slots__ = ()


table = {"key": Value()}


@case
def dict_lookup(iterations):
    for _ in range(iterations):
        table.get("key")


@remedied
def dict_lookup_remedied(iterations):
    mine = {key: copy.copy(value) for key, value in table.items()}
    for _ in range(iterations):
        mine.get("key")


container = [None]


@case
def shared_container(iterations):
    for _ in range(iterations):
        slice(container, None)


@remedied
def shared_container_remedied(iterations):
    mine = list(container)
    for _ in range(iterations):
        slice(mine, None)


sliced_number = float(computed("2345.5"))


@case
def shared_value(iterations):
    for _ in range(iterations):
        slice(sliced_number)


@remedied
def shared_value_remedied(iterations):
    mine = float(repr(sliced_number))
    for _ in range(iterations):
        slice(mine)


append_to_shared = [].append


@case
def shared_object(iterations):
    for _ in range(iterations):
        slice(append_to_shared)


@remedied
def shared_object_remedied(iterations):
    mine = [].append
    for _ in range(iterations):
        slice(mine)


zone = datetime.timezone(datetime.timedelta(hours=1))


@case
def shared_instance(iterations):
    for _ in range(iterations):
        datetime.datetime(2000, 1, 1, tzinfo=zone)


@remedied
def shared_instance_remedied(iterations):
    mine = datetime.timezone(datetime.timedelta(hours=1))
    for _ in range(iterations):
        datetime.datetime(2000, 1, 1, tzinfo=mine)


@case
def type_read(iterations):
    for _ in range(iterations):
        collections.OrderedDict, collections.deque


class Subclass(collections.deque):
    __slots__ = ()


@remedied
def type_read_remedied_by_a_subclass(iterations):
    for _ in range(iterations):
        Subclass; isinstance(None, Subclass)


@remedied_since(3, 14)
def type_read_remedied_by_a_local_variable(iterations):
    mine = collections.deque
    for _ in range(iterations):
        takes(mine)


@remedied
def type_read_remedied(iterations):
    for _ in range(iterations):
        dict, list


class Argument:
    def method(self):
        pass


def deferred(shared):
    """As C code would have it, since 3.14.0a2."""
    if hasattr(ctypes.pythonapi, "PyUnstable_Object_EnableDeferredRefcount"):
        assert ctypes.pythonapi.PyUnstable_Object_EnableDeferredRefcount(ctypes.py_object(shared)) == 1
    return shared


argument, deferred_argument = Argument(), deferred(Argument())


def passes_on(shared, iterations):
    for _ in range(iterations):
        takes(shared.method())


@remedied_since(3, 14)
def local_variable_remedied_by_a_longer_call(iterations):
    passes_on(argument, iterations)


@remedied_since(3, 15)
def local_variable_remedied_by_a_global_variable(iterations):
    for _ in range(iterations):
        argument.method(); takes(argument)


@remedied_since(3, 14)
def local_variable_remedied_by_deferral(iterations):
    mine = deferred_argument
    for _ in range(iterations):
        deferred_argument.method(); takes(mine); mine.method()


@case
def local_variable(iterations):
    for _ in range(iterations):
        argument.method()


@remedied
def local_variable_remedied(iterations):
    mine = Argument()
    for _ in range(iterations):
        mine.method()


class Captured:
    pass


def reader_of(value):
    def read(iterations):
        for _ in range(iterations):
            value
    return read


closure_value = reader_of(Captured())
CASES["closure_value"] = [closure_value]


@remedied
def closure_value_remedied(iterations):
    reader_of(Captured())(iterations)


captured_type, captured_level_type = reader_of(collections.deque), reader_of(Captured)


@case
def closure_function(iterations):
    captured_type(iterations)


@remedied
def closure_function_remedied(iterations):
    captured_level_type(iterations)


class Made:
    pass


def suppressed(iterations):
    """For 3.13 with --suppress-immortalization: what is immortal there otherwise."""
    for _ in range(iterations):
        def inner():
            pass
        inner()
        Made()


def suppressed_remedied(iterations):
    mine = Made()
    for _ in range(iterations):
        level_function()
        mine


def suppress_immortalization():
    import _testinternalcapi
    _testinternalcapi.suppress_immortalization(True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--iterations", type=int, default=1_000)
    parser.add_argument("--case", choices=[*CASES, "suppressed"])
    parser.add_argument("--suppress-immortalization", action="store_true")
    parser.add_argument("--remedied", action="store_true")
    options = parser.parse_args()
    if options.suppress_immortalization:
        suppress_immortalization()
    cases = REMEDIED if options.remedied else CASES
    if options.case == "suppressed":
        work = suppressed_remedied if options.remedied else suppressed
        run_together(*[(work, options.iterations)] * 2)
        return
    for name in [options.case] if options.case else cases:
        for work in cases[name]:
            run_together(*[(work, options.iterations)] * 2)


if __name__ == "__main__":
    assert CASES.keys() == REMEDIED.keys()
    main()
    time.sleep(0.2)  # the names of what the last ones did are still to be read: it must not be gone by then
