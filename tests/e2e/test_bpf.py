"""What kernels before 6.13 refuse, and newer ones, which these tests run on, do not notice: programs whose functions take
more than 512 bytes of stack on any way down."""
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
MOST_STACK = 512
ROUNDED_TO = 32
PROGRAMS = {"on_operation", "on_sample", "on_exit", "on_exec", "on_fork"}


def functions():
    """Each function's own stack and what it calls, from clang's assembly."""
    assembly = subprocess.run(["clang", "-g", "-O2", "-target", "bpf", "-mcpu=v3", "-D__TARGET_ARCH_x86", "-Iinclude",
                               "-S", "-o", "-", "bpf/hotref.bpf.c"], cwd=ROOT, check=True, capture_output=True,
                              text=True).stdout
    stack, callees, name = {}, {}, None
    for line in assembly.splitlines():
        if label := re.match(r"([a-z_0-9]+):", line):
            name = label[1]
            stack[name], callees[name] = 0, set()
        elif name:
            for offset in re.findall(r"r10 [+-] (\d+)", line):
                stack[name] = max(stack[name], int(offset))
            # Functions that bpf_loop() calls are loaded by address.
            callees[name] |= {called or loaded for called, loaded in re.findall(r"\bcall (\w+)|= (\w+) ll", line)}
    return stack, callees


def test_no_way_through_the_programs_takes_more_stack_than_old_kernels_give():
    stack, callees = functions()

    def deepest(name):
        own = -(-max(stack[name], 1) // ROUNDED_TO) * ROUNDED_TO
        return own + max((deepest(callee) for callee in callees[name] if callee in stack), default=0)

    assert PROGRAMS <= stack.keys()
    assert {"find_row", "look_closer"} <= callees["on_operation"] and "visit_state" in callees["walk_states"]
    assert {name: deepest(name) for name in PROGRAMS if deepest(name) > MOST_STACK} == {}
