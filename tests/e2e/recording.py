"""hotref as its users call it: record a command or a process, then read the report."""
import dataclasses
import functools
import json
import os
import pathlib
import re
import signal
import subprocess

import jsonschema

import machine

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOTREF = str(ROOT / "build/hotref")
WORKLOADS = ROOT / "tests/workloads"

# The tests leave no byte code of root's in the tree, and are root's also where sudo has started them.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("SUDO_")}
ENVIRONMENT["PYTHONDONTWRITEBYTECODE"] = "1"


@functools.lru_cache(maxsize=None)
def schema():
    return json.loads((ROOT / "docs/profile.schema.json").read_text())


def workload(name):
    return str(WORKLOADS / name)


def line_of(name, text):
    """The number of the first line of a workload that contains text."""
    lines = (WORKLOADS / name).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


class Report:
    """The JSON of a profile, checked against the schema."""

    def __init__(self, text):
        self.json = json.loads(text)
        jsonschema.validate(self.json, schema())

    @property
    def ranked(self):
        return self.json["rows"]

    @property
    def single(self):
        """The rows of one thread only."""
        return self.json["single_thread_rows"]

    @property
    def all_rows(self):
        return self.ranked + self.single

    @property
    def only_target(self):
        target, = self.json["metadata"]["targets"]
        return target

    def row(self, **wanted):
        """The one ranked row with these members; a pattern matches as re.search() does."""
        found = matching(self.ranked, **wanted)
        assert len(found) == 1, f"{len(found)} rows with {wanted} among {brief(self.ranked)}"
        return found[0]

    def ops_in(self, function):
        """Operations whose atomic stands in that C function."""
        return sum(site["ops"] for row in self.all_rows for site in row["sites"] if site["operation"] == function)


def matching(rows, **wanted):
    def matches(row):
        return all(value.search(row[key]) if isinstance(value, re.Pattern) else row[key] == value
                   for key, value in wanted.items())
    return [row for row in rows if matches(row)]


def brief(rows):
    return [(row["type"], row["field"], row["object"], row["ops"]) for row in rows[:12]]


@dataclasses.dataclass
class Recording:
    status: int
    stdout: str
    stderr: str
    profile: pathlib.Path


class Recorder:
    """Runs hotref; every recording gets a profile of its own below the test's folder."""

    def __init__(self, processes, folder):
        self._processes = processes
        self._folder = folder
        self._recorded = 0

    def __call__(self, *arguments, **options):
        """Runs `hotref ARGUMENTS`; returns (status, stdout, stderr)."""
        return self._processes.run(HOTREF, *map(str, arguments), **{"env": ENVIRONMENT, **options})

    def new_profile(self):
        self._recorded += 1
        return self._folder / f"recording-{self._recorded}.prof"

    def record(self, *arguments, **options):
        """`hotref record -o PROFILE ARGUMENTS`, to its end."""
        profile = self.new_profile()
        return Recording(*self("record", "-o", profile, *arguments, **options), profile)

    def record_workload(self, python, name, *arguments):
        recording = self.record("--", python.path, workload(name), *arguments)
        assert recording.status == 0, recording.stderr
        return self.report(recording.profile)

    def report(self, profile, *options):
        status, stdout, stderr = self("report", "-i", profile, "-f", "json", "--all", *options)
        assert (status, stderr) == (0, "")
        return Report(stdout)

    def attach(self, *targets, options=()):
        """Starts `hotref record -p PID...` and waits until it counts."""
        attached = Attached(self, self._processes, targets, options)
        attached.wait_until_counting()
        return attached


class Attached:
    """A recorder at work on running processes, in mode exact unless told otherwise. Its stderr is a terminal: there it says when it begins to count."""

    def __init__(self, hotref, processes, targets, options=()):
        self.profile = hotref.new_profile()
        self._said = ""
        if "--mode" not in options and "--increments" not in options:
            options = ("--mode", "exact", *options)
        pids = [argument for target in targets for argument in ("-p", str(target.pid))]
        self._terminal, stderr = os.openpty()
        try:
            self.process = processes.start(HOTREF, "record", "-o", str(self.profile), *pids, *map(str, options),
                                           env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                           stderr=stderr)
        finally:
            os.close(stderr)

    def _listen(self):
        """Takes what it has said since; False when it has closed its stderr for good."""
        try:
            heard = os.read(self._terminal, 4096)
        except OSError:
            return False
        self._said += heard.decode().replace("\r\n", "\n")
        return True

    def wait_for(self, words):
        while words not in self._said:
            assert self._listen(), self._said

    def wait_until_counting(self):
        self.wait_for("recording;")

    def interrupt(self):
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        return self.finish()

    def finish(self):
        """Waits for the end of the recording."""
        while self._listen():
            pass
        os.close(self._terminal)
        stdout, _ = self.process.communicate(timeout=machine.SAFETY)
        return Recording(self.process.returncode, stdout, self._said, self.profile)
