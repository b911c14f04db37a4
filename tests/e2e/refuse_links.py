"""Runs a command as on a kernel that cannot make uprobe_multi links: bpf(BPF_LINK_CREATE) says EINVAL there."""
import ctypes
import errno
import os
import struct
import sys

BPF_SYSCALL, BPF_LINK_CREATE = 321, 28
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7fff0000, 0x00050000 | errno.EINVAL
# Offsets in struct seccomp_data: the system call's number, and the low half of its first argument.
NUMBER, FIRST_ARGUMENT = 0, 16

PROGRAM = [
    (LOAD, 0, 0, NUMBER),
    (JUMP_IF_EQUAL, 0, 3, BPF_SYSCALL),
    (LOAD, 0, 0, FIRST_ARGUMENT),
    (JUMP_IF_EQUAL, 0, 1, BPF_LINK_CREATE),
    (RETURN, 0, 0, REFUSE),
    (RETURN, 0, 0, ALLOW),
]


def main():
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *each) for each in PROGRAM))
    program = struct.pack("@HP", len(PROGRAM), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
    os.execvp(sys.argv[1], sys.argv[1:])


main()
