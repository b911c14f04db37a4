"""Running interpreters to attach to: tests/workloads/serve.py in various surroundings."""
import subprocess

import machine
from recording import ENVIRONMENT, workload


class Target:
    """A process running serve.py, or another workload that obeys as that does. It does nothing until it is asked, so that every count is known."""

    def __init__(self, processes, python, *wrapper, environment=None, workload_name="serve.py"):
        self._code_file = python.code_file
        self.process = processes.start(*wrapper, python.path, workload(workload_name), stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, env={**ENVIRONMENT, **(environment or {})})
        assert self.process.stdout.readline() == "ready\n"

    @property
    def pid(self):
        return self.process.pid

    def breakpoints(self):
        return machine.breakpoints(self.pid, self._code_file)

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def ask(self, command):
        self.tell(command)
        return self.process.stdout.readline().strip()


class IsolatedTarget(Target):
    """One in mount and pid namespaces of its own, whose interpreter lies on a mount that only it can see."""

    def __init__(self, processes, python, private):
        private.mkdir()
        copy = private / "python"
        script = f'mount -t tmpfs private {private} && cp "$1" {copy} && shift && exec {copy} "$@"'
        super().__init__(processes, python, "unshare", "--mount", "--pid", "--fork", "--mount-proc",
                         "sh", "-ec", script, "sh",
                         environment={"PYTHONHOME": python.prefix})
        self._code_file = str(copy)
        self._inside = machine.only_child(self.process.pid)

    @property
    def pid(self):
        return self._inside
