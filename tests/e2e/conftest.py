"""The fixtures. Tests that ask for `python` run over every free-threaded interpreter of this machine, those that ask
for `python313` over the four variants of 3.13, those that ask for `symbols` over all that are not stripped."""
import dataclasses
import functools
import os
import pathlib
import signal
import subprocess
import tempfile

import pytest

pytest.register_assert_rewrite("machine", "modules", "recording", "refusals", "targets")

import machine
from recording import ENVIRONMENT, Recorder

ROOT = pathlib.Path(__file__).resolve().parents[2]
VARIANTS = {f"3.13-{variant}" for variant in ("gcc", "lto", "clang", "stripped")}


@dataclasses.dataclass(frozen=True)
class Interpreter:
    path: str
    version: str

    @property
    def name(self):
        """Of those in the cache the folder's, "3.13-lto"; else the version."""
        folder = pathlib.Path(self.path).parents[1]
        return folder.name if folder.parent.name == "pythons" else self.version

    @property
    def prefix(self):
        return str(pathlib.Path(self.path).parents[1])

    @functools.cached_property
    def code_file(self):
        """The file that holds the interpreter's code: libpython where there is one, else the executable."""
        for line in machine.output_of("ldd", self.path).splitlines():
            if "libpython" in line:
                return os.path.realpath(line.split()[2])
        return os.path.realpath(self.path)

    @functools.cached_property
    def is_debug(self):
        return machine.output_of(self.path, "-c", "import sys; print(hasattr(sys, 'gettotalrefcount'))") == "True\n"

    @functools.cached_property
    def slow_path(self):
        """The function that holds the out-of-line decrement."""
        for name in "_Py_DecRefShared", "_Py_DecRefSharedDebug":
            if machine.holds_compare_exchange(self.code_file, name):
                return name
        raise AssertionError(f"no out-of-line decrement in {self.code_file}")


@functools.lru_cache(maxsize=None)
def interpreters():
    listed = subprocess.run([ROOT / "tests/interpreters/find"], capture_output=True, text=True)
    if listed.returncode != 0:
        raise pytest.UsageError(listed.stderr.strip())
    lines = [line.split("\t") for line in listed.stdout.splitlines()]
    return [Interpreter(path, version) for version, path in lines]


def pytest_configure():
    # Whoever ends the tests early ends what they have started, too: the fixtures clean up.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", 128 + signal.SIGTERM))
    missing = VARIANTS - {python.name for python in interpreters()}
    if missing:
        raise pytest.UsageError(f"interpreters are missing: {', '.join(sorted(missing))}"
                                " (sudo make check builds them, make python one)")


def pytest_generate_tests(metafunc):
    chosen = {
        "python": lambda python: True,
        "symbols": lambda python: python.name != "3.13-stripped",
        "symbols313": lambda python: python.name in VARIANTS - {"3.13-stripped"},
        "python313": lambda python: python.name in VARIANTS,
    }
    for fixture, wanted in chosen.items():
        if fixture in metafunc.fixturenames:
            pythons = [python for python in interpreters() if wanted(python)]
            metafunc.parametrize(fixture, pythons, ids=[python.name for python in pythons])


def interpreter_named(name):
    return next(python for python in interpreters() if python.name == name)


@pytest.fixture(scope="session")
def plain_python():
    """One interpreter, for tests that are not about builds."""
    return interpreter_named("3.13-gcc")


@pytest.fixture(scope="session")
def other_build():
    return interpreter_named("3.13-clang")


@pytest.fixture
def processes():
    processes = machine.Processes()
    yield processes
    processes.end_all()


@pytest.fixture
def hotref(processes, tmp_path):
    return Recorder(processes, tmp_path)


@pytest.fixture
def public_folder():
    """A folder that every user may enter, as pytest's own is not."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield folder


@pytest.fixture
def entry_count(processes):
    return functools.partial(machine.EntryCount, processes)


@pytest.fixture(scope="session", autouse=True)
def a_cache_of_its_own(tmp_path_factory):
    """What hotref remembers of interpreters is of this session: never of another hotref's."""
    ENVIRONMENT["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session", autouse=True)
def nothing_stays_in_the_kernel():
    """Whatever hotref loads has gone when the tests are over. The kernel frees it some time after the exit."""
    before = machine.bpf_objects_of_hotref()
    yield
    machine.wait_for(lambda: machine.bpf_objects_of_hotref() <= before, "hotref's BPF objects to go")
