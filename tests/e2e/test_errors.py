"""What goes wrong ends with a defined status and one sentence on stderr, and leaves nothing behind."""
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys

import pytest

import machine
from recording import ENVIRONMENT, HOTREF, ROOT, workload
from refusals import FAILED, MISUSED, NOT_FOUND, RECORD_FAILED, assert_one_sentence
from targets import Target

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def assert_nothing_was_written(recording):
    assert os.listdir(recording.profile.parent) == []


@pytest.fixture(autouse=True)
def nothing_stays_in_the_kernel_after_a_failure():
    before = machine.bpf_objects_of_hotref()
    yield
    machine.wait_for(lambda: machine.bpf_objects_of_hotref() <= before, "hotref's BPF objects to go")


@pytest.fixture
def sleeper(processes):
    return processes.start("sleep", "1000")


def test_no_such_process(hotref):
    pid = int(pathlib.Path("/proc/sys/kernel/pid_max").read_text()) + 1
    recording = hotref.record("-p", pid)

    assert recording.status == RECORD_FAILED
    assert_one_sentence(recording.stderr, f"no such process: '{pid}'")
    assert_nothing_was_written(recording)


def test_attaching_to_what_is_not_python(hotref, sleeper):
    recording = hotref.record("-p", sleeper.pid)

    assert recording.status == RECORD_FAILED
    assert_one_sentence(recording.stderr, f"{sleeper.pid}", "Python")
    assert_nothing_was_written(recording)
    assert sleeper.poll() is None


def test_launching_what_is_not_python(hotref):
    recording = hotref.record("--", "sleep", "0")

    assert recording.status == RECORD_FAILED
    assert_one_sentence(recording.stderr, "Python")
    assert_nothing_was_written(recording)


SYSTEM_PYTHON = "/usr/bin/python3"


def system_version():
    return machine.output_of(SYSTEM_PYTHON, "-c", "import platform; print(platform.python_version())").strip()


def test_launching_a_python_with_the_gil(hotref):
    recording = hotref.record("--", SYSTEM_PYTHON, "-c", "pass")

    assert recording.status == RECORD_FAILED
    series = system_version().rpartition(".")[0]
    assert_one_sentence(recording.stderr, re.escape(series), "GIL", "nothing can contend")
    assert_nothing_was_written(recording)


def test_attaching_to_a_python_with_the_gil(hotref, processes):
    python = processes.start(SYSTEM_PYTHON, "-c", "print(); input()", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    python.stdout.readline()
    recording = hotref.record("-p", python.pid)

    assert recording.status == RECORD_FAILED
    series = system_version().rpartition(".")[0]
    assert_one_sentence(recording.stderr, re.escape(series), "GIL", "nothing can contend")
    assert_nothing_was_written(recording)


@pytest.fixture
def python_of_the_future(plain_python, public_folder):
    """A copy of an interpreter that says it is 3.99, in the table at the start of _PyRuntime."""
    copy = os.path.join(public_folder, "python")
    shutil.copy(plain_python.path, copy)
    section = re.search(r"\.PyRuntime\s+PROGBITS\s+\w+\s+(\w+)", machine.output_of("readelf", "-SW", copy))
    with open(copy, "r+b") as file:
        file.seek(int(section[1], 16))
        assert file.read(8) == b"xdebugpy"
        file.write(struct.pack("<Q", 0x036300F0))
    return copy


def test_a_version_whose_layout_is_unknown(hotref, plain_python, python_of_the_future):
    recording = hotref.record("--", "env", f"PYTHONHOME={plain_python.prefix}", python_of_the_future, "-c", "pass")

    assert recording.status == RECORD_FAILED
    assert_one_sentence(recording.stderr, r"3\.99", r"3\.13")
    assert_nothing_was_written(recording)


def test_scanning_a_version_whose_layout_is_unknown(hotref, python_of_the_future):
    status, stdout, stderr = hotref("scan", python_of_the_future)

    assert (status, stdout) == (FAILED, "")
    assert_one_sentence(stderr, r"3\.99", r"3\.13")


def test_scanning_a_file_of_another_architecture(hotref, plain_python, tmp_path):
    aarch64 = 183
    copy = tmp_path / "python"
    content = bytearray(pathlib.Path(plain_python.path).read_bytes())
    struct.pack_into("<H", content, 18, aarch64)
    copy.write_bytes(content)
    status, stdout, stderr = hotref("scan", copy)

    assert (status, stdout) == (FAILED, "")
    assert_one_sentence(stderr, "x86-64")


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF" + bytes(60)],
                         ids=["empty", "script", "cut short", "all zeroes"])
def test_scanning_what_is_no_executable(hotref, tmp_path, content):
    file = tmp_path / "file"
    file.write_bytes(content)
    status, stdout, stderr = hotref("scan", file)

    assert (status, stdout) == (FAILED, "")
    assert_one_sentence(stderr, re.escape(str(file)))


@pytest.fixture
def hotref_of_nobody(processes, public_folder):
    """Runs hotref as a user without any privilege, from and in a folder where that user may be."""
    binary = shutil.copy(HOTREF, public_folder)
    own = os.path.join(public_folder, "own")
    os.mkdir(own)
    os.chown(own, 65534, 65534)

    def run(*arguments):
        result = processes.run(*NOBODY, binary, *map(str, arguments), cwd=own, env=ENVIRONMENT)
        assert os.listdir(own) == []
        return result
    return run


def test_recording_without_being_root(hotref_of_nobody):
    status, _, stderr = hotref_of_nobody("record", "--", "true")

    assert status == RECORD_FAILED
    assert_one_sentence(stderr, "root")


def test_attaching_without_being_root(hotref_of_nobody, processes, plain_python):
    target = Target(processes, plain_python)
    status, _, stderr = hotref_of_nobody("record", "-p", target.pid)

    assert status == RECORD_FAILED
    assert_one_sentence(stderr, "root")
    assert target.ask("work 10") == "done"


def test_a_kernel_without_uprobe_multi(processes, plain_python, tmp_path):
    status, _, stderr = processes.run(
        sys.executable, str(ROOT / "tests/e2e/refuse_links.py"),
        HOTREF, "record", "-o", str(tmp_path / "profile"), "--", plain_python.path, "-c", "pass",
        env=ENVIRONMENT)

    assert status == RECORD_FAILED
    assert_one_sentence(stderr, "uprobe_multi", r"6\.6")
    assert os.listdir(tmp_path) == []


def test_a_command_that_is_not_there(hotref):
    recording = hotref.record("--", "no-such-command")

    assert recording.status == NOT_FOUND
    assert_one_sentence(recording.stderr, "'no-such-command'")
    assert_nothing_was_written(recording)


def test_a_command_that_may_not_be_executed(hotref):
    recording = hotref.record("--", "/etc/passwd")

    assert recording.status == RECORD_FAILED
    assert_one_sentence(recording.stderr, "'/etc/passwd'")
    assert_nothing_was_written(recording)


@pytest.mark.parametrize("arguments", [
    [], ["--no-such-option"], ["-p", "pid"], ["-p", "1", "--", "true"], ["-d", "-1", "-p", "1"],
], ids=lambda arguments: " ".join(arguments) or "nothing")
def test_wrong_arguments_to_record(hotref, arguments):
    status, stdout, stderr = hotref("record", *arguments)

    assert (status, stdout) == (MISUSED, "")
    assert_one_sentence(stderr, "--help")


@pytest.fixture
def small_disk(tmp_path):
    """Has room for a file's first page and no more."""
    folder = tmp_path / "small"
    folder.mkdir()
    machine.output_of("mount", "-t", "tmpfs", "-o", "size=4k", "hotref-small-disk", str(folder))
    yield folder
    machine.output_of("umount", str(folder))


def test_the_disk_is_full_when_the_profile_is_written(hotref, plain_python, small_disk):
    profile = small_disk / "profile"
    status, _, stderr = hotref("record", "-o", profile, "--", plain_python.path, workload("shared_config.py"))

    assert status == RECORD_FAILED
    assert_one_sentence(stderr, re.escape(str(profile)), "No space left on device")
    assert os.listdir(small_disk) == []


def test_the_profile_cannot_be_made(hotref, plain_python, tmp_path):
    witness = tmp_path / "ran"
    status, _, stderr = hotref("record", "-o", tmp_path / "nowhere/profile", "--", plain_python.path, "-c",
                               f"open({str(witness)!r}, 'w')")

    assert status == RECORD_FAILED
    assert_one_sentence(stderr, "nowhere/profile", "No such file or directory")
    assert not witness.exists()


def test_no_link_is_followed_to_write_the_profile(hotref, plain_python, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    link = tmp_path / "profile"
    link.symlink_to(precious)
    status, _, stderr = hotref("record", "-o", link, "--", plain_python.path, "-c", "pass")

    assert status == RECORD_FAILED
    assert_one_sentence(stderr, re.escape(str(link)), "link")
    assert precious.read_text() == "precious"


@pytest.mark.parametrize("arguments, said", [
    (["report", "--all=3"], "'--all=3' takes no value"),
    (["report", "-f"], "'-f' needs a value"),
    (["report", "--format"], "'--format' needs a value"),
    (["report", "-Z"], "unknown option '-Z'"),
    (["diff", "a", "b", "--bogus"], "unknown option '--bogus'"),
    (["gate", "-i"], "'-i' needs a value"),
    (["scan", "--bogus", "x"], "unknown option '--bogus'"),
    (["record", "--mode=", "--", "true"], "unknown mode '': there are exact, sample, auto"),
    (["help", "bogus"], "unknown command 'bogus'"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_an_option_that_there_is_not(hotref, arguments, said):
    """One parser for all commands, made of the table that --help is made of."""
    status, stdout, stderr = hotref(*arguments)

    assert (status, stdout) == (MISUSED, "")
    assert_one_sentence(stderr, re.escape(said), "--help")
