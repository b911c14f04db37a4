"""hotref doctor: what it says of this machine, of who may do what, and where it looks for interpreters; progress."""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOTREF = ROOT / "build/hotref"
NOBODY = 65534


def doctor(before=(), **environment):
    done = subprocess.run([*before, HOTREF, "doctor"], capture_output=True, text=True, cwd="/",
                          env={"PATH": "/nowhere", "XDG_CACHE_HOME": "/nowhere", **environment})
    lines = [re.fullmatch(r"(ok|no|--) +(\w+) +(\S.*)", line) for line in done.stdout.splitlines()]
    assert all(lines) and done.stderr == "", done
    return done.returncode, [line.groups() for line in lines]


def said(lines, what):
    return [(verdict, text) for verdict, subject, text in lines if subject == what]


def test_this_machine_can_record():
    status, lines = doctor()

    assert status == 0
    assert {"privileges", "kernel", "btf", "bpf", "uprobes", "memory", "timer", "lockdown", "libbpf",
            "namespace"} <= {what for verdict, what, _ in lines if verdict == "ok"}


def test_interpreters_are_told_with_version_build_and_coverage(python):
    status, lines = doctor(HOTREF_PYTHON=python.path)

    assert status == 0
    verdict, text = said(lines, "interpreter")[0]
    assert verdict == "ok"
    found = re.search(r"CPython (\S+), (gcc|clang) .*: (/\S+), (\d+) of (\d+) decrements can be counted", text)
    assert found and found[1].startswith(python.version.split()[0]) and found[3] == os.path.realpath(python.path)
    assert 0 < int(found[4]) <= int(found[5])


def test_no_interpreter_is_no_fault_of_the_machine():
    status, lines = doctor()

    assert status == 0
    assert said(lines, "interpreter") and all(verdict != "no" for verdict, _ in said(lines, "interpreter"))


@pytest.mark.parametrize("named", ["/nowhere/python3.13t", "/bin/true"])
def test_a_named_interpreter_has_to_be_one(named):
    status, lines = doctor(HOTREF_PYTHON=named)

    assert status == 1
    assert said(lines, "interpreter")[0][0] == "no" and named in said(lines, "interpreter")[0][1]


def test_an_ordinary_user_is_told_what_is_missing():
    status, lines = doctor(["/usr/bin/setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"])

    assert status == 1
    for what in "privileges", "bpf", "uprobes", "memory":
        assert said(lines, what)[0][0] == "no" and "run hotref as root" in said(lines, what)[0][1]
    assert said(lines, "kernel")[0][0] == "ok"


def test_under_sudo_the_invoking_users_path_counts(plain_python, tmp_path):
    """As sudo does: a process with the user's environment starts the command with another one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python3.13t").symlink_to(plain_python.path)
    sudo = ["/bin/sh", "-c", 'env -i PATH=/nowhere SUDO_UID=65534 SUDO_GID=65534 SUDO_USER=nobody "$@"; exit $?', "sh",
            HOTREF, "doctor"]
    done = subprocess.run(sudo, capture_output=True, text=True, cwd="/",
                          env={"PATH": f"{folder}:/usr/bin:/bin", "HOME": "/nowhere"})

    assert done.returncode == 0, done
    assert os.path.realpath(plain_python.path) in done.stdout


def on_terminal(*command, **environment):
    """What a command writes on a terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, cwd="/",
                               env={"PATH": os.environ["PATH"], "TERM": "xterm", **environment})
    os.close(slave)
    text = b""
    while True:
        try:
            if not select.select([master], [], [], 300)[0]:
                raise AssertionError("nothing came")
            text += os.read(master, 65536)
        except OSError: # its other end is closed
            break
    os.close(master)
    return process.wait(), text.decode()


CLEAR = "\r\x1b[K"


def test_progress_on_terminals_goes_again(plain_python, processes, tmp_path):
    script = tmp_path / "wait.py"
    script.write_text("import time\nprint('ready', flush=True)\ntime.sleep(300)\n")
    target = processes.start(plain_python.path, str(script), stdout=subprocess.PIPE)
    assert target.stdout.readline() == "ready\n"
    record = [HOTREF, "record", "-p", str(target.pid), "-d", "2", "-o", str(tmp_path / "p")]

    status, text = on_terminal(*record, XDG_CACHE_HOME=str(tmp_path / "cache"))
    quiet = subprocess.run(record, capture_output=True, text=True)

    assert status == quiet.returncode == 0
    lines = text.split(CLEAR)
    assert any(line.startswith("looking at") for line in lines)
    assert any(re.match(r"recording: [12] of 2 seconds left", line) for line in lines)
    for line in lines:
        assert not re.match(r"(looking at|recording: ).*\n", line), "something was written behind a line of progress"
    assert "looking at" not in quiet.stderr and "\x1b" not in quiet.stderr


def test_a_dumb_terminal_is_shown_no_progress():
    _, text = on_terminal(HOTREF, "doctor", TERM="dumb", XDG_CACHE_HOME="/nowhere")

    assert "\x1b" not in text
