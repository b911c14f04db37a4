"""The catalogue of known contention cases: what the heads of the files in tests/catalogue say, and whether a report
agrees with them.

The docstring of a case is a sentence, an empty line, and one line for each row that it must show:

    WHERE: TYPE | FIELD | OBJECT | TIMES

WHERE lists versions: "3.14" is that series, "3.14+" that and the later ones, "3.14.0a0" 3.14 as it was just before
gh-124218, "3.13" as it comes and, where the case names either, "3.13 mortal" with its immortalization suppressed and
"3.13 immortal" without; "3.14 debug" is a build with Py_DEBUG. OBJECT and FIELD are patterns as of a shell; " or "
separates fields of which the compiler chooses one. TIMES is how many references each iteration of each thread drops, or
"+" for a row of what only takes references, which may be there; where those have no field but a C function, the object
is enough. An object's holder may follow its name. "WHERE: nothing" instead is a version that must not contend, and a
case speaks of every version. "WHERE: open: REASON" is one that hotref does not get right yet; there WHERE may name a
variant, "3.13-lto".
"""
import ast
import dataclasses
import fnmatch
import functools
import pathlib
import re

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "catalogue"
THREADS = 2
NOISE = 0.01


@dataclasses.dataclass(frozen=True)
class Build:
    """What a line's WHERE speaks of."""
    version: str
    mortal: bool = False
    variant: str = ""  # "3.13-lto"
    debug: bool = False

    @property
    def series(self):
        return tuple(int(number) for number in self.version.split(".")[:2])

    def is_in(self, where):
        return any(self._is(each.strip()) for each in where.split(","))

    def _is(self, where):
        version, _, mode = where.partition(" ")
        assert mode in ("", "mortal", "immortal", "debug"), where
        if mode == "debug":
            return self.debug and self._is(version)
        if "-" in version:
            return version == self.variant and (not mode or self.mortal == (mode == "mortal"))
        if mode and self.mortal != (mode == "mortal"):
            return False
        if "a0" in version:
            return self.version.startswith(version)
        if self.version.startswith("3.14.0a0"):
            return False
        series = tuple(map(int, version.rstrip("+").split(".")))
        return self.series >= series if version.endswith("+") else self.series == series


@dataclasses.dataclass(frozen=True)
class Expected:
    where: str
    type: str
    field: str
    object: str
    times: int         # 0: takes references only

    def fits(self, row):
        return (self._is_object_of(row) and (self.times > 0 or takes_only(row))
                and any(fits(row["field"], field) for field in self.field.split(" or ")))

    def speaks_of(self, row):
        """Whether the row may be there: what only takes references has the one that drops them beside it."""
        return self.fits(row) or (self._is_object_of(row) and takes_only(row) and row["field_source"] == "site")

    def _is_object_of(self, row):
        return row["type"] == self.type and any(
            fits(row["object"], name) for name in (self.object, f"{self.object} (*)"))


def takes_only(row):
    """Before its code is specialized, a thread may drop some that it never does again."""
    return row["decrefs"] <= 0.05 * THREADS * iterations()


def dropped_by_workers(row):
    """What the program does in its main thread before and after is not the case's."""
    return sum(thread["decrefs"] for thread in row["by_thread"] if thread["tid"] != thread["pid"])


def fits(text, pattern):
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    title: str
    expected: tuple
    nothing: tuple     # of WHERE
    open: tuple        # of (WHERE, reason)

    @property
    def path(self):
        return FOLDER / f"{self.name}.py"

    def builds(self, version, variant="", debug=False):
        """Those of an interpreter that the case is for."""
        has_modes = version.startswith("3.13.") and self.is_about_code
        return [Build(version, mortal, variant, debug) for mortal in (False, True)[:1 + has_modes]]

    def expected_of(self, build):
        return [each for each in self.expected if build.is_in(each.where)]

    def is_silent_about(self, build):
        return not self.expected_of(build) and not any(build.is_in(where) for where in self.nothing)

    def contradicts_itself_about(self, build):
        return bool(self.expected_of(build)) and any(build.is_in(where) for where in self.nothing)

    def open_reason(self, build):
        return next((reason for where, reason in self.open if build.is_in(where)), None)

    @property
    def is_about_code(self):
        """Of functions, classes and modules: what is contended where 3.13 makes nothing immortal."""
        return any("3.13 mortal" in where for where in [*self.nothing, *(each.where for each in self.expected)])

    @property
    def is_control(self):
        return self.title.startswith("Control:")


def parse(name, docstring):
    title, _, lines = docstring.partition("\n\n")
    expected, nothing, still_open = [], [], []
    for line in lines.strip().splitlines():
        where, said = line.split(": ", 1)
        if said == "nothing":
            nothing.append(where)
        elif said.startswith("open: "):
            still_open.append((where, said.removeprefix("open: ")))
        else:
            type_, field, object_, times = said.split(" | ")
            expected.append(Expected(where, type_, field, object_, 0 if times == "+" else int(times)))
    return Case(name, title, tuple(expected), tuple(nothing), tuple(still_open))


@functools.lru_cache(maxsize=None)
def cases():
    paths = [path for path in sorted(FOLDER.glob("*.py")) if path.name != "case.py"]
    return [parse(path.stem, ast.get_docstring(ast.parse(path.read_text()))) for path in paths]


@functools.lru_cache(maxsize=None)
def iterations():
    return int(re.search(r"^ITERATIONS = ([\d_]+)$", (FOLDER / "case.py").read_text(), re.M)[1])


@dataclasses.dataclass
class Judgement:
    """How the ranked rows of a recording compare with what a case says of a build."""
    expected: list
    named: list        # of the expected ones, those that a row shows as they should be
    unexpected: list   # rows that nothing speaks of
    ops: int           # in ranked rows
    told: int          # of these, with a field from slot or bytecode

    @property
    def missing(self):
        return [each for each in self.expected if each not in self.named]


def judge(case, build, rows):
    spoken_of = case.expected_of(build)
    expected = [one for one in spoken_of if one.times]
    each = THREADS * iterations()
    ops = sum(row["ops"] for row in rows)
    noise = 0 if case.is_control else NOISE * max(ops, each)
    return Judgement(
        expected, [one for one in expected if has_count(one, rows, each)],
        [row for row in rows if row["ops"] > noise and not any(one.speaks_of(row) for one in spoken_of)],
        ops, sum(row["ops"] for row in rows if row["field_source"] in ("slot", "bytecode")))


def has_count(expected, rows, each):
    """Whether the rows that fit have so many decrements by the threads that do the work: what they do first, before
    their code is specialized, may differ."""
    found = sum(dropped_by_workers(row) for row in rows if expected.fits(row))
    return 0.98 <= found / (each * expected.times) <= 1.02
