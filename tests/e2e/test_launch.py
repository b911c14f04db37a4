"""`record -- CMD`: CMD runs as it would without, is followed from its first instruction, and has the last word."""
import os
import pwd
import re
import signal
import subprocess
import time

import pytest

import machine
from conftest import interpreter_named
from modules import compile_c
from recording import ENVIRONMENT, HOTREF, WORKLOADS, matching, workload

READS = 5_000
CONFIG = re.compile(r"(^|\.)Config$")


def assert_workload_was_counted(report):
    assert sum(row["decrefs"] for row in matching(report.ranked, type=CONFIG)) == 2 * READS


def test_the_status_is_that_of_the_command(hotref, plain_python):
    recording = hotref.record("--", plain_python.path, "-c", "import sys; sys.exit(7)")

    assert recording.status == 7
    ended = hotref.report(recording.profile).only_target["ended"]
    assert (ended["how"], ended["status"]) == ("exit", 7)


def test_the_command_has_the_priority_that_it_would_have_without(hotref, plain_python):
    recording = hotref.record("--", plain_python.path, "-c", "import os; print(os.nice(0))")

    assert int(recording.stdout) == os.nice(0)


def test_the_status_tells_the_signal_that_ended_the_command(hotref, plain_python):
    recording = hotref.record("--", plain_python.path, "-c", "import os; os.kill(os.getpid(), 15)")

    assert recording.status == 128 + signal.SIGTERM
    ended = hotref.report(recording.profile).only_target["ended"]
    assert (ended["how"], ended["status"]) == ("signal", signal.SIGTERM)


ODD_ARGUMENTS = ["a b", "", "it's", '"', "$HOME `x` \\ !", "two\nlines\t", "größe 鍵", b"caf\xe9", "\u202e", "\x1b[1m7", "--a=b"]


def typed_at_a_shell(command):
    """The words that bash makes of a command line."""
    out = subprocess.run(["bash", "-c", f"printf '%s\\0' {command}"], check=True, capture_output=True).stdout
    return out.split(b"\0")[:-1]


def test_the_profile_has_the_command_as_one_would_type_it(hotref, plain_python):
    script = "import sys\nsys.exit(0)"
    arguments = [*map(os.fsencode, ODD_ARGUMENTS)]
    recording = hotref.record("--", plain_python.path, "-c", script, *map(os.fsdecode, arguments))

    command = hotref.report(recording.profile).json["metadata"]["command"]
    assert typed_at_a_shell(command) == [plain_python.path.encode(), b"-c", script.encode(), *arguments]
    assert not re.search(r"[\x00-\x1f\u202e]", command)


def test_the_command_keeps_its_input_and_output(hotref, plain_python):
    recording = hotref.record("--", plain_python.path, "-c", "print(input()[::-1])", input="drawer\n")

    assert (recording.status, recording.stdout) == (0, "reward\n")


def test_a_command_that_is_found_on_the_path(hotref, plain_python):
    folder, name = os.path.split(plain_python.path)
    environment = {**ENVIRONMENT, "PATH": f"{folder}:{ENVIRONMENT['PATH']}"}
    status, _, stderr = hotref("record", "-o", hotref.new_profile(), "--", name, "-c", "pass", env=environment)
    assert status == 0, stderr


@pytest.mark.parametrize("wrapper", [
    ["env", "GREETING=hello"],
    ["sh", "-c", 'exec "$@"', "sh"],
    ["nice", "-n", "1"],
], ids=lambda wrapper: wrapper[0])
def test_an_interpreter_behind_a_wrapper_is_found(hotref, plain_python, wrapper):
    recording = hotref.record("--", *wrapper, plain_python.path, workload("shared_config.py"), "--iterations", READS)

    assert recording.status == 0, recording.stderr
    assert_workload_was_counted(hotref.report(recording.profile))


def test_a_script_with_a_shebang_is_followed(hotref, plain_python, tmp_path):
    script = tmp_path / "script"
    script.write_text(f"#!{plain_python.path}\n"
                      f"import sys; sys.path.insert(0, {str(WORKLOADS)!r})\n"
                      "from shared_config import main; main()\n")
    script.chmod(0o755)
    recording = hotref.record("--", script, "--iterations", READS)

    assert recording.status == 0, recording.stderr
    assert_workload_was_counted(hotref.report(recording.profile))


def test_a_command_that_becomes_another_program_is_recorded_up_to_there(hotref, plain_python):
    recording = hotref.record("--", plain_python.path, workload("serve.py"),
                              input=f"work {READS}\nexec /bin/false\n")

    assert recording.status == 1, recording.stderr
    assert recording.stdout.split() == ["ready", "done"]
    report = hotref.report(recording.profile)
    assert_workload_was_counted(report)
    assert report.only_target["ended"]["how"] == "exec"
    assert report.json["complete"]


def test_interrupting_the_recording_leaves_a_whole_profile(hotref, processes, plain_python):
    profile = hotref.new_profile()
    recorder = processes.start(HOTREF, "record", "-o", str(profile), "--", plain_python.path,
                               workload("serve.py"), env=ENVIRONMENT,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert recorder.stdout.readline() == "ready\n"
    recorder.stdin.write(f"work {READS}\n")
    recorder.stdin.flush()
    assert recorder.stdout.readline() == "done\n"
    # As a terminal does it: to everybody in the foreground.
    os.killpg(recorder.pid, signal.SIGINT)
    recorder.communicate()

    assert recorder.returncode == 128 + signal.SIGINT
    assert_workload_was_counted(hotref.report(profile))


def test_under_sudo_the_command_and_the_files_are_the_invoking_users(hotref, processes, plain_python, public_folder):
    user = pwd.getpwnam("nobody")
    python_folder, home = f"{public_folder}/python", f"{public_folder}/home"
    for folder in python_folder, home:
        os.mkdir(folder)
    os.chown(home, user.pw_uid, user.pw_gid)
    profile = f"{home}/hotref.prof"
    environment = {**ENVIRONMENT, "SUDO_USER": user.pw_name, "SUDO_UID": str(user.pw_uid),
                   "SUDO_GID": str(user.pw_gid), "XDG_CACHE_HOME": home}
    # The interpreter may lie where that user cannot go: a mount that ends with this command shows it elsewhere.
    python = f"{python_folder}/bin/{os.path.basename(plain_python.path)}"
    status, stdout, stderr = processes.run(
        "unshare", "--mount", "sh", "-ec", f'mount --bind "$1" {python_folder}; shift; exec "$@"', "sh",
        plain_python.prefix, HOTREF, "record", "-o", profile, "--", python, "-B", "-c",
        "import os; print('I am', os.getuid(), os.getgid(), os.getgroups())", env=environment, cwd="/")

    assert status == 0, stderr
    assert f"I am {user.pw_uid} {user.pw_gid} [{user.pw_gid}]" in stdout
    for folder, _, files in os.walk(home):
        for file in files:
            assert os.stat(os.path.join(folder, file)).st_uid == user.pw_uid, file
    assert os.path.exists(profile)


def assert_each_was_counted(report, targets):
    """Each of the targets read the workload's float, which contends in every version; their rows have one name and are
    one."""
    assert len(report.json["metadata"]["targets"]) == targets
    floats = [row for row in matching(report.ranked, type="float") if "2.5" in row["object"]]
    assert sum(row["decrefs"] for row in floats) == targets * 2 * READS


def converse(hotref, processes, python, *commands):
    """Records serve.py and has it do one thing after the other: it may become another program on the way, which must
    not find that its input was read already. Returns (status, report)."""
    profile = hotref.new_profile()
    recorder = processes.start(HOTREF, "record", "-o", str(profile), "--", python.path, workload("serve.py"),
                               env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert recorder.stdout.readline() == "ready\n"
    for command in commands:
        recorder.stdin.write(command + "\n")
        recorder.stdin.flush()
        if not command.startswith("exit"):
            assert recorder.stdout.readline() in ("done\n", "ready\n")
    recorder.communicate(timeout=machine.SAFETY)
    return recorder.returncode, hotref.report(profile)


def test_a_command_that_becomes_the_same_interpreter_again(hotref, processes, plain_python):
    status, report = converse(hotref, processes, plain_python, f"work {READS}",
                              f"exec {plain_python.path} {workload('serve.py')}", f"work {READS}", "exit 5")

    assert status == 5
    assert_each_was_counted(report, 2)
    assert report.json["complete"]
    first, second = report.json["metadata"]["targets"]
    assert first["pid"] == second["pid"]
    assert (first["ended"]["how"], second["ended"]["how"], second["ended"]["status"]) == ("exec", "exit", 5)
    probes = report.json["metadata"]["probes"]
    assert probes["armed"] == probes["live"]


def test_a_command_that_becomes_another_interpreter(hotref, processes, plain_python, python):
    """Another build, or another version where there is one."""
    status, report = converse(hotref, processes, plain_python, f"work {READS}",
                              f"exec {python.path} {workload('serve.py')}", f"work {READS}", "exit 0")

    assert status == 0
    assert_each_was_counted(report, 2)
    assert [target["version"] for target in report.json["metadata"]["targets"]] == [plain_python.version, python.version]


def test_an_interpreter_with_the_gil_in_front(hotref, plain_python):
    command = [plain_python.path, workload("shared_config.py"), "--iterations", str(READS)]
    script = f"import os; os.execv({plain_python.path!r}, {command!r})"
    recording = hotref.record("--", "/usr/bin/python3", "-c", script)

    assert recording.status == 0, recording.stderr
    assert_each_was_counted(hotref.report(recording.profile), 1)


def test_an_interpreter_that_a_program_loads(hotref, tmp_path):
    python = interpreter_named("3.13-lto")
    program = compile_c("embed.c", tmp_path / "embed")
    recording = hotref.record("--", program, python.code_file, python.prefix, workload("shared_config.py"),
                              "--iterations", READS)

    assert recording.status == 0, recording.stderr
    report = hotref.report(recording.profile)
    assert_each_was_counted(report, 1)
    assert report.only_target["exe"] == str(program)


def has_ended(pid):
    """Or waits only to be reaped, by whoever does that for orphans."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return [int(child) for child in children.read().split()]


def test_a_recorder_that_is_killed_lets_the_command_go(hotref, processes, plain_python):
    """Wherever the command was held just then."""
    for pause in 0, 0.1, 0.2, 0.4:
        recorder = processes.start(HOTREF, "record", "-o", str(hotref.new_profile()), "--", plain_python.path, "-c",
                                   "import decimal, json, struct", env=ENVIRONMENT, stdin=subprocess.DEVNULL)
        child = machine.wait_for(lambda: children_of(recorder.pid), "the command")[0]
        time.sleep(pause)
        recorder.kill()
        recorder.wait()
        machine.wait_for(lambda: has_ended(child), "the command's end")


def test_a_recorder_without_input_and_output(hotref, processes, plain_python):
    profile = hotref.new_profile()
    status, _, _ = processes.run("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", HOTREF, "record", "-o", profile, "--",
                                 plain_python.path, "-c", "import sys; sys.exit(5)", env=ENVIRONMENT)

    assert status == 5
    assert hotref.report(profile).only_target["ended"]["status"] == 5


COUNTS_CONTINUES = """
import signal, sys, time
continues = []
signal.signal(signal.SIGCONT, lambda *_: continues.append(1))
print("ready", flush=True)
sys.stdin.readline()
until = time.monotonic() + 1.5
while time.monotonic() < until:
    time.sleep(0.05)
print(len(continues), flush=True)
"""


def test_a_command_that_is_not_held_is_sent_no_signal_when_the_recorder_is_killed(hotref, processes, plain_python):
    recorder = processes.start(HOTREF, "record", "-o", str(hotref.new_profile()), "--", plain_python.path, "-c",
                               COUNTS_CONTINUES, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert recorder.stdout.readline() == "ready\n"
    recorder.kill()
    recorder.wait()
    recorder.stdin.write("\n")
    recorder.stdin.flush()

    assert recorder.stdout.readline() == "0\n"


def state_of(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0]


@pytest.mark.parametrize("group", [False, True], ids=["", "as another group"])
def test_a_recorder_that_is_killed_while_it_holds_the_command_lets_it_go(hotref, processes, plain_python, tmp_path, group):
    """The kernel's own signal of a parent's death does not reach who has changed identity by exec."""
    python, cache = plain_python.path, tmp_path / "cache"
    cache.mkdir()  # where nothing has been scanned: the command is held for long
    if group:
        python = str(tmp_path / "python3")
        subprocess.run(["cp", plain_python.path, python], check=True)
        os.chown(python, 0, pwd.getpwnam("nobody").pw_gid)
        os.chmod(python, 0o2755)
    recorder = processes.start(HOTREF, "record", "-o", str(hotref.new_profile()), "--", python, "-c",
                               "import os; print('went on', os.getegid())",
                               env={**ENVIRONMENT, "XDG_CACHE_HOME": str(cache), "PYTHONHOME": plain_python.prefix},
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    command = machine.wait_for(lambda: next((pid for pid in children_of(recorder.pid) if state_of(pid) == "T"), None),
                               "the command to be held")
    recorder.kill()

    recorder.wait()
    assert recorder.stdout.readline() == f"went on {pwd.getpwnam('nobody').pw_gid if group else 0}\n"
    machine.wait_for(lambda: not os.path.exists(f"/proc/{command}") or state_of(command) == "Z", "the command's end")
