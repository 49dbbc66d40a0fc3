"""Processes known by id *and* start time, so that a recycled id is never taken for ours, nor signalled."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Identity:
    """A process for good: its id and its start in clock ticks since boot (0 where /proc does not exist)."""

    pid: int
    started: int

    def alive(self) -> bool:
        """False also for a zombie: it holds no port, no file and no lock any more."""
        with contextlib.suppress(ChildProcessError, OSError):
            os.waitpid(self.pid, os.WNOHANG)
        found = identity(self.pid)
        return found is not None and found.started == self.started

    def wait(self, seconds: float) -> bool:
        """True once the process has ended."""
        deadline = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        return True

    def stop(self, *steps: tuple[signal.Signals, float]) -> None:
        """Each signal in turn with its patience in seconds, then SIGKILL to what is left of its own group."""
        for number, patience in steps:
            if not self.alive():
                break
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, number)
            if self.wait(patience):
                break
        self.kill_group()

    def kill_group(self) -> None:
        """Ends the process and whatever it left in the group it leads; a group led by another process is spared."""
        alive = self.alive()
        if not alive and identity(self.pid) is not None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if not alive or os.getpgid(self.pid) == self.pid:
                os.killpg(self.pid, signal.SIGKILL)
            else:
                os.kill(self.pid, signal.SIGKILL)
        self.wait(5)


def identity(pid: int) -> Identity | None:
    """The living process with this id; None when there is none (or only a zombie)."""
    if pid <= 0:
        return None
    if not _PROC.joinpath("self").exists():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            pass
        return Identity(pid, 0)
    try:
        # The name in brackets may hold blanks: fields are counted after the last bracket.
        fields = _PROC.joinpath(str(pid), "stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return None
    return None if fields[0] in {"Z", "X"} else Identity(pid, int(fields[19]))


def own_identity() -> Identity:
    return identity(os.getpid()) or Identity(os.getpid(), 0)


def command_line(pid: int) -> str:
    """The arguments joined by blanks; empty when the process is gone or hidden."""
    try:
        return _PROC.joinpath(str(pid), "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def working_in(folder: Path) -> list[int]:
    """Ids of processes whose working folder is `folder`: a database server works inside its data."""
    found = []
    wanted = str(folder.resolve())
    for entry in _PROC.glob("[0-9]*") if _PROC.exists() else ():
        with contextlib.suppress(OSError):
            if str(entry.joinpath("cwd").readlink()) == wanted:
                found.append(int(entry.name))
    return found


_OURS = (15_000, 32_000)


def free_port() -> int:
    """A TCP port of the loopback interface that nothing listens on at this moment.

    Below the range from which outgoing connections take theirs: a server that is started again on its remembered
    port must not find it used by somebody's client (or by its own client, connected to itself).
    """
    for _ in range(50):
        port = random.randrange(*_OURS)  # noqa: S311 - no secret
        if port_is_free(port):
            return port
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int) -> bool:
    """True when a server could listen on the port now (a listener on any address counts as taken)."""
    for host in ("127.0.0.1", "0.0.0.0"):  # noqa: S104 - only asked, never listened on
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


def wait_for_port(port: int, seconds: float = 5.0) -> bool:
    """Waits until the port is free; False when it still is not."""
    deadline = time.monotonic() + seconds
    while not (free := port_is_free(port)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return free


def claim_port(port: int) -> socket.socket | None:
    """Tells other checkouts that the port is spoken for until the socket is closed or this process ends.

    None when another checkout was first. Two that start in the same moment both find a port free, and the loser would
    take the winner's answers for its own; an abstract name, unlike a file, dies with its process. Linux only:
    elsewhere every claim is granted.
    """
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        if sys.platform == "linux":
            claim.bind(f"\0medassist-port-{port}")
    except OSError:
        claim.close()
        return None
    return claim
