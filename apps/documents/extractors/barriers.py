"""What the reading process takes from itself before it looks at a hostile byte.

Resource limits hold on every Unix. The system call filter (Linux, x86-64 and ARM64) leaves a process that can read and
write what it has open and use memory, and nothing else: no file, no network, no program. Where the kernel refuses the
filter, an audit hook still stops Python code from opening sockets, files and programs; it cannot stop native code.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from apps.documents.schemas import Limits

OPEN_FILES = 64

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2

_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000 | 1
"""The call fails with EPERM; the process goes on and can say what happened."""
_KILL = 0x80000000

# read write close fstat lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn mremap madvise
# sched_yield getpid exit getrusage sigaltstack gettid futex clock_gettime exit_group tgkill prlimit64 getrandom
# membarrier rseq, and what the C library may use in their place.
_NEEDED = {
    "x86_64": (
        0xC000003E,
        (0, 1, 3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 17, 19, 20, 24, 25, 28, 39, 60, 96, 97, 98, 131, 186, 202, 228, 229,
         231, 234, 302, 318, 324, 334),
    ),
    "aarch64": (
        0xC00000B7,
        (57, 62, 63, 64, 65, 66, 67, 80, 93, 94, 98, 113, 114, 124, 131, 132, 134, 135, 139, 163, 165, 169, 172, 178,
         214, 215, 216, 222, 226, 233, 261, 278, 283, 293),
    ),
}  # fmt: skip
# With OCR a program is started, so only these are refused: sockets, tracing, other processes' memory, name spaces,
# mounts, kernel keys, io_uring (which could do the former in their place).
_REFUSED_WITH_OCR = {
    "x86_64": (41, 42, 43, 49, 50, 53, 101, 155, 161, 165, 166, 246, 248, 249, 250, 272, 298, 304, 308, 310, 311, 321,
               323, 425),
    "aarch64": (39, 40, 41, 51, 97, 104, 117, 198, 199, 200, 201, 202, 203, 217, 218, 219, 241, 265, 268, 270, 271,
                280, 282, 425),
}  # fmt: skip


def limit_resources(limits: Limits, *, programs: bool) -> None:
    """`programs`: whether the process may start one (OCR)."""
    with suppress(OSError):
        # Where the machine runs out of memory this process goes first, not the worker.
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_AS, limits.memory_bytes)
    _lower(resource.RLIMIT_CPU, limits.cpu_s, spare=2)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NOFILE, OPEN_FILES)
    if not programs:
        # Counts per user and not for root: where it works, no thread and no process can be made.
        _lower(resource.RLIMIT_NPROC, 0)
    with suppress(OSError):
        os.nice(5)
    _die_with_the_parent()
    # Whoever started this process kills it at the wall clock limit; this is for a parent that is frozen.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(limits.wall_s + 5)


def close_off(*, programs: bool) -> bool:
    """Files, network and programs are out of reach from here on. Says whether the kernel enforces it."""
    filtered = _filter_system_calls(programs=programs)
    sys.addaudithook(_refuse_with_ocr if programs else _refuse)
    return filtered


def _lower(kind: int, value: int, *, spare: int = 0) -> None:
    _, hard = resource.getrlimit(kind)
    most = value + spare if hard == resource.RLIM_INFINITY else min(value + spare, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(kind, (min(value, most), most))


def _prctl(option: int, *values: Any) -> int:
    if not sys.platform.startswith("linux"):
        return -1
    rest = [*values, *[ctypes.c_ulong(0)] * (4 - len(values))]
    return int(ctypes.CDLL(None, use_errno=True).prctl(ctypes.c_int(option), *rest))


def _die_with_the_parent() -> None:
    parent = os.getppid()
    _prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    _prctl(_PR_SET_DUMPABLE, ctypes.c_ulong(0))
    if os.getppid() != parent:
        os._exit(1)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def _filter_system_calls(*, programs: bool) -> bool:
    machine = platform.machine()
    if not sys.platform.startswith("linux") or machine not in _NEEDED:
        return False
    architecture, needed = _NEEDED[machine]
    code = (
        _bpf(architecture, _REFUSED_WITH_OCR[machine], listed=_REFUSE, others=_ALLOW)
        if programs
        else _bpf(architecture, needed, listed=_ALLOW, others=_REFUSE)
    )
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(buffer))
    if _prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1)) != 0:
        return False
    return _prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), ctypes.byref(program)) == 0


def _bpf(architecture: int, numbers: tuple[int, ...], *, listed: int, others: int) -> bytes:
    """A classic BPF program: kill on a foreign architecture, then one comparison for each listed call."""
    load, equal, give = 0x20, 0x15, 0x06
    lines = [
        (load, 0, 0, 4),
        (equal, 1, 0, architecture),
        (give, 0, 0, _KILL),
        (load, 0, 0, 0),
        *((equal, len(numbers) - place, 0, number) for place, number in enumerate(numbers)),
        (give, 0, 0, others),
        (give, 0, 0, listed),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


_NEVER = ("socket.", "ctypes.dlopen", "os.exec", "os.system", "os.putenv", "shutil.", "ftplib.", "urllib.", "smtplib.")
_WITHOUT_PROGRAMS = ("open", "subprocess.", "os.", "pty.", "tempfile.", "glob.", "webbrowser.")


def _refuse(event: str, _: tuple[Any, ...]) -> None:
    if event.startswith((*_NEVER, *_WITHOUT_PROGRAMS)):
        raise PermissionError(f"{event} is refused here")


def _refuse_with_ocr(event: str, _: tuple[Any, ...]) -> None:
    if event.startswith(_NEVER) and event != "os.exec":
        raise PermissionError(f"{event} is refused here")
