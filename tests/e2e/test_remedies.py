"""The table of remedies: each entry is what a report says of a workload that does what the entry speaks of, and who
follows the advice is rid of the contention."""
import functools
import json
import re
import typing

import jsonschema
import pytest

from machine import Processes
from profile_file import add_contended, packed, set_version, unpacked
from recording import ROOT, Recorder, matching, workload

ITERATIONS = 500
TABLE = json.loads((ROOT / "user/profile/remedies.json").read_text())
ENTRIES = {entry["id"]: entry for entry in TABLE["remedies"]}


class Case(typing.NamedTuple):
    """What contends in a case of tests/workloads/remedies.py."""
    type: str
    object: str
    fields: tuple = ()  # where the object contends through others in any case
    since: str = "3.0.0"  # where before it is immortal, or another entry comes first
    until: str = "4.0.0"  # where the entry speaks of more than this
    nameless: frozenset = frozenset()  # entries that speak of it where it was not told in time what the bytecode did


# Each is named like the entry.
INSTANCE = "instance of __main__."
CASES = {
    "plain-dict-globals": Case("dict", "globals of plain_globals", since="3.14.0"),
    "builtins-copy": Case("dict", "builtins"),
    "nested-function-module": Case("str", "str 'computed name'"),
    "nested-function-doc": Case("str", "str 'a docstring of several words'"),
    "nested-function-closure": Case("cell", "instance of cell"),
    "closure-call": Case("cell", "instance of cell"),
    "nested-function-call": Case("function", "function __main__.closure.<locals>.called"),
    "nested-class-method": Case("function", "function __main__.class_in_function.<locals>.Nested.method"),
    "dataclass-method": Case("function", "function __main__.Generated.__init__"),
    "function-call": Case("function", "function __main__.StaticMethods.call", since="3.14.0"),
    "bound-method-class": Case("type", "type __main__.ClassMethods", since="3.14.0"),
    "bound-method-function": Case("function", "function __main__.ClassMethods.make", since="3.14.0"),
    "class-method": Case("classmethod", "instance of classmethod"),
    "bound-method-instance": Case("__main__.BoundMethods", INSTANCE + "BoundMethods"),
    "bound-builtin-method": Case("__main__.BuiltinMethods", INSTANCE + "BuiltinMethods"),
    "property": Case("property", "instance of property"),
    "data-descriptor": Case("__main__.DataDescriptor", INSTANCE + "DataDescriptor"),
    "namedtuple-new": Case("function", "function namedtuple_NamedTuple.NamedTuple.__new__", since="3.14.0"),
    "super-mro": Case("tuple", "instance of tuple", fields=("type.tp_mro", "in do_super_lookup()")),
    "super-call": Case("type", "type __main__.Derived", since="3.14.0"),
    "special-method": Case("method_descriptor", "method_descriptor str.__format__", since="3.14.0"),
    "import-in-function": Case("_frozen_importlib.ModuleSpec", "instance of _frozen_importlib.ModuleSpec"),
    "imported-module": Case("module", "module colorsys", since="3.14.0"),
    "thread-local": Case("_thread._local", "instance of _thread._local"),
    "thread-local-missing": Case("_thread._local", "instance of _thread._local"),
    "raised-exception": Case("__main__.SharedError", INSTANCE + "SharedError",
                             nameless={"shared-instance", "global-object"}),
    "raised-class": Case("type", "type __main__.RaisedError", since="3.14.0"),
    "shared-iteration": Case("__main__.Iterated", INSTANCE + "Iterated"),
    "lru-cache-link": Case("functools._lru_list_elem", "instance of functools._lru_list_elem"),
    "lru-cache-wrapper": Case("functools._lru_cache_wrapper", "instance of functools._lru_cache_wrapper"),
    "regex-match": Case("re.Pattern", "instance of re.Pattern"),
    "json-encoder": Case("json.encoder.JSONEncoder", "instance of json.encoder.JSONEncoder"),
    "logger": Case("logging.Logger", "instance of logging.Logger"),
    "c-type-instances": Case("type", "type collections.deque"),
    "type-read": Case("type", "type collections.deque"),
    "partial-call": Case("function", "function __main__.target_of_partial", since="3.15.0a1"),
    "class-method-through-class": Case("classmethod", "instance of classmethod", since="3.14.4"),
    "local-variable": Case("__main__.Argument", INSTANCE + "Argument", until="3.15.0a1"),
    "shared-container": Case("list", "instance of list", fields=("slice.start",)),
    "shared-instance": Case("datetime.timezone", "instance of datetime.timezone"),
    "computed-string": Case("str", "str 'a global string'"),
    "sentinel": Case("object", "instance of object"),
    "global-uncounted": Case("datetime.date", "instance of datetime.date", since="3.15.0a6"),
    "global-value": Case("float", "float 1234.5", nameless={"shared-value"}),
    "global-object": Case("__main__.GlobalObject", INSTANCE + "GlobalObject",
                          nameless={"shared-instance", "dict-lookup"}),
    "attribute-value": Case("__main__.Held", INSTANCE + "Held", nameless={"shared-instance"}),
    "container-item": Case("__main__.Item", INSTANCE + "Item"),
    "closure-function": Case("type", "type collections.deque", fields=("closure value",)),
    "builtin-new": Case("builtin_function_or_method", "function type.__new__"),
    "deepcopy": Case("function", "function copy._deepcopy_list", since="3.14.0"),
    "dict-lookup": Case("__main__.Value", INSTANCE + "Value"),
    "shared-value": Case("float", "float 2345.5", fields=("slice.stop",)),
    "shared-object": Case("builtin_function_or_method", "function list.append", fields=("slice.stop",)),
    "closure-value": Case("__main__.Captured", INSTANCE + "Captured", nameless={"shared-instance"}),
    "string-constant": Case("str", "str 'a constant string'", nameless={"computed-string"}),
    "short-lived-container": Case("__main__.Contained", INSTANCE + "Contained"),
}
# Likewise where immortalisation is suppressed, which 3.13 can.
SUPPRESSED = {
    "nested-function-code": ("code", "function.func_code"),
    "nested-function-globals": ("dict", "function.func_globals"),
    "nested-function-builtins": ("dict", "function.func_builtins"),
    "nested-function-builtins-module": ("module", None),
    "code-constant": ("code", None),
    "frame-code": ("code", "frame.f_executable"),
    "instance-type": ("type", "Made.ob_type"),
}

# What the advice leaves, as its entry says: (type, object).
LEFT = {
    ("type", "type re.Match"), ("type", "type _json.Encoder"), ("type", "type __main__.SharedError"),
    ("float", "float inf"), ("str", "str 'json.encoder'"), ("wrapper_descriptor", "wrapper_descriptor float.__repr__"),
    ("builtin_function_or_method", "function _json.encode_basestring_ascii"),
    ("function", "function json.encoder.JSONEncoder.default"),
}
# Entries that know a C function by its name, in builds whose compiler has put that function into its caller.
INLINED = {("c-type-instances", "3.13-lto")}


def test_the_table_is_as_its_schema_says():
    schema = json.loads((ROOT / "docs/remedies.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(TABLE)


def test_every_entry_has_its_workload():
    assert CASES.keys() | SUPPRESSED.keys() == ENTRIES.keys()
    assert not CASES.keys() & SUPPRESSED.keys()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """report(python, *arguments) of the workload; each is recorded once."""
    processes = Processes()
    hotref = Recorder(processes, tmp_path_factory.mktemp("remedies"))

    @functools.lru_cache(maxsize=None)
    def report(python, *arguments):
        return hotref.record_workload(python, "remedies.py", "--iterations", ITERATIONS, *arguments)

    yield report
    processes.end_all()


def release(version):
    """As a tuple that compares as releases do."""
    numbers = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(?:(a|b|rc)(\d+))?", version)
    return (*map(int, numbers.group(1, 2, 3)), numbers[4] or "z", int(numbers[5] or 0))


def speaks_of(entry, version):
    """Not yet fixed, and known to be there."""
    mine = release(version)
    fixed = [release(each) for each in entry.get("fixed_in", [])]
    in_series = [each for each in fixed if each[:2] == mine[:2]]
    return (mine >= release(entry.get("since", "3.0.0"))
            and not any(mine >= each for each in in_series)
            and not (fixed and not in_series and mine > max(fixed)))


def hot(report, case):
    """What the case shares, where it contends in every iteration or nearly so."""
    named = re.compile(re.escape(case.object) + r"( \(.*\))?$")
    return [row for row in matching(report.ranked, type=case.type, object=named)
            if row["ops"] >= 0.9 * ITERATIONS and (not case.fields or row["field"] in case.fields)]


def remedies_of(rows):
    return {row["remedy"] and row["remedy"]["id"] for row in rows}


@pytest.mark.parametrize("id", CASES)
def test_a_row_is_given_the_remedy_of_its_case(recorded, symbols, id):
    entry, case = ENTRIES[id], CASES[id]
    expected = (speaks_of(entry, symbols.version) and (id, symbols.name) not in INLINED
                and release(case.since) <= release(symbols.version) < release(case.until))
    rows = hot(recorded(symbols), case)

    assert bool({id, *case.nameless} & remedies_of(rows)) == expected, [(row["field"], row["function"], row["remedy"]) for row in rows]
    for row in rows:
        if row["remedy"] and row["remedy"]["id"] == id:
            assert row["remedy"] == {"fixed_in": [], "fixed_for": None, "issue": None,
                                     **{key: entry[key] for key in row["remedy"] if key in entry}}


@pytest.mark.parametrize("id", CASES)
def test_who_follows_the_advice_is_rid_of_it(recorded, python, id):
    assert not hot(recorded(python, "--remedied"), CASES[id])


def test_and_has_no_other_instead(recorded, symbols):
    others = {(row["type"], row["object"].partition(" (")[0]) for row in recorded(symbols, "--remedied").ranked
              if row["ops"] >= 0.9 * ITERATIONS and not row["object"].endswith(" others")}

    assert others <= LEFT


def suppressed(recorded, python, case, *arguments):
    """The case's hot rows where 3.13 makes nothing immortal. Later versions make nothing immortal anyhow."""
    type_name, field = SUPPRESSED[case]
    suppression = ["--suppress-immortalization"] if python.version.startswith("3.13.") else []
    report = recorded(python, "--case", "suppressed", *suppression, *arguments)
    return [row for row in matching(report.ranked, type=type_name)
            if row["ops"] >= 0.9 * ITERATIONS and field in (None, row["field"])]


@pytest.mark.parametrize("id", SUPPRESSED)
def test_what_3_13_makes_immortal_has_its_remedies(recorded, symbols, id):
    rows = suppressed(recorded, symbols, id)

    assert (id in remedies_of(rows)) == speaks_of(ENTRIES[id], symbols.version)


@pytest.mark.parametrize("id", SUPPRESSED.keys() - {"frame-code"})
def test_who_follows_that_advice_is_rid_of_it(recorded, symbols, id):
    assert id not in remedies_of(suppressed(recorded, symbols, id, "--remedied"))


def test_code_at_the_level_of_a_module_is_immortal(recorded, symbols):
    """What frame-code advises is what 3.13 makes immortal."""
    report = recorded(symbols, "--case", "suppressed", "--remedied")

    assert not [row for row in matching(report.ranked, type="code") if row["ops"] >= 0.9 * ITERATIONS]


def test_rows_as_in_the_examples_are_given_their_remedies(hotref, plain_python, tmp_path):
    """For interpreters that are not there, and names that no recording of this machine has."""
    recording = hotref.record("--", plain_python.path, workload("nested.py"), "--iterations", 10)
    file = tmp_path / "examples.prof"
    for version in sorted({entry["example"]["version"] for entry in ENTRIES.values()}):
        examples = {id: entry["example"] for id, entry in ENTRIES.items() if entry["example"]["version"] == version}
        magic, schema, sections = unpacked(recording.profile.read_bytes())
        set_version(sections, version)
        for id, example in examples.items():
            add_contended(sections, example["object"], type_name=example["type"],
                          field=example["field"], function=example["function"])
        file.write_bytes(packed(magic, schema, sections))
        report = hotref.report(file)
        for id, example in examples.items():
            row = report.row(**{key: example[key] for key in ("type", "field", "object", "function")})
            assert row["remedy"]["id"] == id
