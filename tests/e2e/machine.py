"""The machine below the tests: processes, their memory, what BPF objects there are, an independent count."""
import functools
import json
import os
import pathlib
import re
import signal
import subprocess
import time

# Longer than anything takes on a slow machine: a test that waits so long has failed.
SAFETY = 300


def wait_for(condition, what):
    """The first true value of condition()."""
    deadline = time.monotonic() + SAFETY
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}")


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=SAFETY).stdout


class Processes:
    """Starts processes, and ends those that are still there when the test is over, however it ended."""

    def __init__(self):
        self._started = []

    def start(self, *command, **options):
        process = subprocess.Popen(command, text=True, start_new_session=True, **options)
        self._started.append(process)
        return process

    def run(self, *command, input="", **options):
        """Runs a command to its end; returns (status, stdout, stderr)."""
        pipes = {stream: subprocess.PIPE for stream in ("stdin", "stdout", "stderr")}
        process = self.start(*command, **{**pipes, **options})
        stdout, stderr = process.communicate(input, timeout=SAFETY)
        return process.returncode, stdout, stderr

    def end_all(self):
        for process in reversed(self._started):
            end(process)


def end(process):
    """Kills the session that process leads: itself, and what it started and did not end."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait(SAFETY)
    for stream in process.stdin, process.stdout, process.stderr:
        if stream and not stream.closed:
            try:
                stream.close()
            except BrokenPipeError:
                pass


def only_child(pid):
    """The pid of the one process that pid has started."""
    listed = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    children = wait_for(lambda: listed.read_text().split(), f"a child of {pid}")
    assert len(children) == 1
    return int(children[0])


def executable_mappings(pid, path):
    """(start, end, offset) of each executable mapping of the file that pid knows as path."""
    with open(f"/proc/{pid}/maps") as maps:
        for line in maps:
            addresses, permissions, offset, _, _, *name = line.split(maxsplit=5)
            if "x" in permissions and name and name[0].rstrip("\n") == path:
                start, end = (int(address, 16) for address in addresses.split("-"))
                yield start, end, int(offset, 16)


def breakpoints(pid, path):
    """The addresses in pid's code that differ from the file that it was mapped from."""
    changed = []
    for start, end_, offset in executable_mappings(pid, path):
        with open(f"/proc/{pid}/root{path}", "rb") as file:
            file.seek(offset)
            clean = file.read(end_ - start)
        with open(f"/proc/{pid}/mem", "rb") as memory:
            memory.seek(start)
            live = memory.read(len(clean))
        if live != clean:
            changed += [start + at for at in range(len(clean)) if live[at] != clean[at]]
    return changed


def bpf_objects_of_hotref():
    """Its maps of constants and variables in the kernel, the programs that use them, and those programs' links."""
    maps = {each["id"] for each in bpftool("map") if each.get("name", "").startswith("hotref_b")}
    programs = {each["id"] for each in bpftool("prog") if maps & set(each.get("map_ids", []))}
    links = {each["id"] for each in bpftool("link") if each.get("prog_id") in programs}
    return {(kind, number) for kind, numbers in (("map", maps), ("program", programs), ("link", links))
            for number in numbers}


def bpftool(kind):
    # Not on every user's PATH; and a list is not whole where an object went while it was being made.
    def listed():
        shown = subprocess.run(["bpftool", "-j", kind, "show"], capture_output=True, text=True, timeout=SAFETY,
                               env={"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
        return shown.returncode == 0 and shown.stdout
    return json.loads(wait_for(listed, f"bpftool's list of {kind}s"))


@functools.lru_cache(maxsize=None)
def symbol(path, name):
    """(address, size) of a dynamic symbol, which stripped files have too; None where there is none."""
    for line in output_of("readelf", "--dyn-syms", "--wide", path).splitlines():
        match = re.match(rf"\s*\d+: ([0-9a-f]+)\s+(\d+) .* {name}(@.*)?$", line)
        if match and int(match[1], 16):
            return int(match[1], 16), int(match[2])
    return None


@functools.lru_cache(maxsize=None)
def holds_compare_exchange(path, name):
    start, size = symbol(path, name)
    code = output_of("objdump", "-d", f"--start-address={start}", f"--stop-address={start + size}", path)
    return "lock cmpxchg" in code


class EntryCount:
    """bpftrace, counting the entries of an interpreter's slow path, by process or by another of its keys."""

    def __init__(self, processes, python, by="pid"):
        self._processes = processes
        self._python = python
        self._by = by

    def __enter__(self):
        program = f"uprobe:{self._python.code_file}:{self._python.slow_path} {{ @[{self._by}] = count(); }}"
        self._bpftrace = self._processes.start("bpftrace", "-e", program, stdout=subprocess.PIPE,
                                               stderr=subprocess.PIPE)
        self._wait_until_attached()
        return self

    def _wait_until_attached(self):
        """bpftrace has no word for "attached", but a process of the same file shows its breakpoint."""
        witness = self._processes.start(self._python.path, "-c", "input()", stdin=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: breakpoints(witness.pid, self._python.code_file), "bpftrace's breakpoint")
        end(witness)

    def __exit__(self, *_):
        self._bpftrace.send_signal(signal.SIGINT)
        stdout, _ = self._bpftrace.communicate(timeout=SAFETY)
        self._counts = {int(key): int(count) for key, count in re.findall(r"@\[(\d+)\]: (\d+)", stdout)}

    def of(self, key):
        return self._counts[key]
