"""The table of remedies: each entry is what a report says of a workload that does what the entry speaks of, and who
follows the advice is rid of the contention."""
import functools
import json
import re

import jsonschema
import pytest

from machine import Processes
from profile_file import add_contended, packed, set_version, unpacked
from recording import ROOT, Recorder, matching, workload

ITERATIONS = 500
TABLE = json.loads((ROOT / "user/profile/remedies.json").read_text())
ENTRIES = {entry["id"]: entry for entry in TABLE["remedies"]}

# What contends in each case of tests/workloads/remedies.py, which is named like the entry; then since when, where 3.13
# makes it immortal or another entry comes before; then from when on no more, where the entry speaks of more than it.
INSTANCE = "instance of __main__."
CASES = {
    "plain-dict-globals": ("dict", "globals of plain_globals", "3.14.0"),
    "builtins-copy": ("dict", "builtins"),
    "nested-function-module": ("str", "str 'computed name'"),
    "nested-function-doc": ("str", "str 'a docstring of several words'"),
    "nested-function-closure": ("cell", "instance of cell"),
    "closure-call": ("cell", "instance of cell"),
    "nested-function-call": ("function", "function __main__.closure.<locals>.called"),
    "nested-class-method": ("function", "function __main__.class_in_function.<locals>.Nested.method"),
    "dataclass-method": ("function", "function __main__.Generated.__init__"),
    "function-call": ("function", "function __main__.StaticMethods.call", "3.14.0"),
    "bound-method-class": ("type", "type __main__.ClassMethods", "3.14.0"),
    "bound-method-function": ("function", "function __main__.ClassMethods.make", "3.14.0"),
    "class-method": ("classmethod", "instance of classmethod"),
    "bound-method-instance": ("__main__.BoundMethods", INSTANCE + "BoundMethods"),
    "bound-builtin-method": ("__main__.BuiltinMethods", INSTANCE + "BuiltinMethods"),
    "property": ("property", "instance of property"),
    "data-descriptor": ("__main__.DataDescriptor", INSTANCE + "DataDescriptor"),
    "namedtuple-new": ("function", "function namedtuple_NamedTuple.NamedTuple.__new__", "3.14.0"),
    "super-mro": ("tuple", "instance of tuple (tp_mro of type __main__.Derived)"),
    "super-call": ("type", "type __main__.Derived", "3.14.0"),
    "special-method": ("method_descriptor", "method_descriptor str.__format__", "3.14.0"),
    "import-in-function": ("dict", "dict (module global sys.modules)"),
    "imported-module": ("module", "module colorsys", "3.14.0"),
    "thread-local": ("_thread._local", "instance of _thread._local"),
    "thread-local-missing": ("_thread._local", "instance of _thread._local"),
    "raised-exception": ("__main__.SharedError", INSTANCE + "SharedError"),
    "raised-class": ("type", "type __main__.RaisedError", "3.14.0"),
    "shared-iteration": ("__main__.Iterated", INSTANCE + "Iterated"),
    "lru-cache-link": ("functools._lru_list_elem", "instance of functools._lru_list_elem"),
    "lru-cache-wrapper": ("functools._lru_cache_wrapper", "instance of functools._lru_cache_wrapper"),
    "regex-match": ("re.Pattern", "instance of re.Pattern"),
    "json-encoder": ("json.encoder.JSONEncoder", "instance of json.encoder.JSONEncoder"),
    "logger": ("logging.Logger", "instance of logging.Logger"),
    "c-type-instances": ("type", "type collections.deque"),
    "type-read": ("type", "type collections.deque"),
    "partial-call": ("function", "function __main__.target_of_partial", "3.15.0a1"),
    "class-method-through-class": ("classmethod", "instance of classmethod", "3.14.4"),
    "deepcopy": ("list", "instance of list (item of func_defaults of function copy.deepcopy)", "3.13.0", "3.15.0a1"),
    "local-variable": ("__main__.Argument", INSTANCE + "Argument", "3.13.0", "3.15.0a1"),
    "container-item": ("__main__.Item", INSTANCE + "Item"),
    "dict-lookup": ("__main__.Value", INSTANCE + "Value"),
    "shared-container": ("list", "instance of list (module global __main__.container)"),
    "shared-instance": ("datetime.timezone", "instance of datetime.timezone"),
    "shared-value": ("float", "float 1234.5"),
    "short-lived-container": ("__main__.Contained", INSTANCE + "Contained"),
}
# Likewise for nested.py where immortalisation is suppressed, which 3.13 can.
SUPPRESSED = {
    "nested-function-code": ("code", "function.func_code"),
    "nested-function-globals": ("dict", "function.func_globals"),
    "nested-function-builtins": ("dict", "function.func_builtins"),
    "nested-function-builtins-module": ("module", None),
    "code-constant": ("code", None),
    "frame-code": ("code", "frame.f_executable"),
    "instance-type": ("type", "Made.ob_type"),
}

# Entries that know a C function by its name, in builds whose compiler has put that function into its caller.
INLINED = {("raised-exception", "3.13-clang"), ("raised-exception", "3.13-lto"), ("c-type-instances", "3.13-lto")}


def test_the_table_is_as_its_schema_says():
    schema = json.loads((ROOT / "docs/remedies.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(TABLE)


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
    type_name, name = CASES[case][:2]
    named = re.compile(re.escape(name) + r"( \(.*\))?$")
    return [row for row in matching(report.ranked, type=type_name, object=named) if row["ops"] >= 1.5 * ITERATIONS]


def remedies_of(rows):
    return {row["remedy"] and row["remedy"]["id"] for row in rows}


@pytest.mark.parametrize("case", CASES)
def test_a_row_is_given_the_remedy_of_its_case(recorded, symbols, case):
    entry = ENTRIES[case]
    since, until = (*CASES[case][2:], *("3.0.0", "4.0.0")[len(CASES[case]) - 2:])
    expected = (speaks_of(entry, symbols.version) and (case, symbols.name) not in INLINED
                and release(since) <= release(symbols.version) < release(until))
    rows = hot(recorded(symbols), case)

    assert (case in remedies_of(rows)) == expected, [(row["field"], row["function"], row["remedy"]) for row in rows]
    for row in rows:
        if row["remedy"] and row["remedy"]["id"] == case:
            assert row["remedy"] == {"fixed_in": [], "fixed_for": None, "issue": None,
                                     **{key: entry[key] for key in row["remedy"] if key in entry}}


@pytest.mark.parametrize("case", CASES)
def test_who_follows_the_advice_is_rid_of_it(recorded, python, case):
    assert not hot(recorded(python, "--remedied"), case)


@pytest.fixture(scope="module")
def suppressed(recorded):
    return lambda python: recorded(python, "--case", "suppressed", "--suppress-immortalization")


@pytest.mark.parametrize("case", SUPPRESSED)
def test_what_3_13_makes_immortal_has_its_remedies(suppressed, symbols313, case):
    type_name, field = SUPPRESSED[case]
    rows = [row for row in matching(suppressed(symbols313).ranked, type=type_name)
            if row["ops"] >= 1.5 * ITERATIONS and field in (None, row["field"])]

    assert case in remedies_of(rows)


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
