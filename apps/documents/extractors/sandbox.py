"""Reads one file in a process of its own. Whatever the file does to that process, an `Extracted` comes back.

This module and what it imports know no parser: the process that calls it never looks into the file.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from apps.documents.extractors.answers import understood
from apps.documents.schemas import Extracted, Limits, Reason
from medassist.common.errors import CallAborted, Unavailable

POLL_S = 0.1
MOST_RESTARTS = 3
"""A page that ends the process is left out, and the file read again: at most so many times."""

UNKNOWN_TYPE = "application/octet-stream"

_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]{1,90}")
_ROOT = Path(__file__).resolve().parents[3]
_PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); from apps.documents.extractors.child import main; main(sys.argv[2])"
)
_BYTES_OF_A_CHARACTER = 8
_BYTES_OF_BLOCKS = 32_000_000
_BYTES_OF_A_PAGE = 160
"""Its line of progress and its problem."""

NOT_INSTALLED = 70
"""Exit status of a process that lacks a library: an answer about this installation, not about the file."""

Progress = Callable[[int, int | None], None]


@dataclass
class Usage:
    """What reading a file took, over all runs; for tests and the benchmark."""

    peak_rss_bytes: int = 0
    """At least what the calling process had resident: the kernel begins counting at the fork."""
    cpu_s: float = 0.0
    wall_s: float = 0.0
    runs: int = 0
    signals: list[int] = field(default_factory=list)
    """How processes ended that did not end by themselves."""


@dataclass(frozen=True)
class _Ended:
    answer: Any
    status: int
    killed_for: Reason | None
    page: int | None
    """The page that was being read at the end."""
    media_type: str


def extract(
    path: Path,
    *,
    limits: Limits = Limits(),  # noqa: B008
    name: str | None = None,
    progress: Progress | None = None,
    stopped: Callable[[], bool] = lambda: False,
    usage: Usage | None = None,
) -> Extracted:
    """`name`: as it was sent, when the path has another. `progress` hears (page, of how many) as pages are begun;
    formats without pages tell none. Raises `CallAborted` soon after `stopped()`, and `Unavailable` where the libraries
    that read documents are not installed; nothing in a file makes it raise."""
    usage = usage if usage is not None else Usage()
    try:
        # No link is followed, and a pipe does not block.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return _nothing("unreadable")
    try:
        what = os.fstat(descriptor)
        if not stat.S_ISREG(what.st_mode):
            return _nothing("unreadable")
        if what.st_size > limits.file_bytes:
            return _nothing("too_large")
        suffix = Path(path.name if name is None else name.replace("\x00", "")).suffix[:12]
        return _Reading(descriptor, limits, suffix, progress, stopped, usage).extracted()
    finally:
        os.close(descriptor)


def _nothing(reason: Reason, media_type: str = UNKNOWN_TYPE) -> Extracted:
    return Extracted(media_type=media_type, body=None, reason=reason)


class _Reading:
    """One file: runs of the process until one answers, within one wall clock limit."""

    def __init__(
        self,
        descriptor: int,
        limits: Limits,
        suffix: str,
        progress: Progress | None,
        stopped: Callable[[], bool],
        usage: Usage,
    ) -> None:
        self._descriptor = descriptor
        self._limits = limits
        self._suffix = suffix if suffix.isascii() and suffix[1:].isalnum() else ""
        self._progress = progress
        self._stopped = stopped
        self._usage = usage
        self._tesseract = shutil.which("tesseract")
        self._furthest = 0

    def extracted(self) -> Extracted:
        ends_at = time.monotonic() + self._limits.wall_s
        skip: dict[int, str] = {}
        while True:
            began = time.monotonic()
            ended = self._run(skip, ends_at)
            self._usage.wall_s += time.monotonic() - began
            self._usage.runs += 1
            if ended.answer is not None and ended.killed_for is None:
                found = understood(ended.answer, self._limits)
                return found if found is not None else _nothing("unreadable")
            if ended.status == NOT_INSTALLED:
                raise Unavailable("The libraries that read documents are not installed here")
            if ended.status < 0:
                self._usage.signals.append(-ended.status)
            reason = ended.killed_for or self._reason(ended)
            retry = reason in {"unreadable", "limits_exceeded"} and ended.killed_for is None
            if not retry or ended.page is None or ended.page in skip or len(skip) >= MOST_RESTARTS:
                return _nothing(reason, ended.media_type)
            skip[ended.page] = reason

    def _reason(self, ended: _Ended) -> Reason:
        """Why a process that was not killed from here has no answer."""
        if ended.status == -signal.SIGXCPU:
            return "time_exceeded"
        # The kernel kills what takes the machine's memory; libraries abort where they get none.
        died_of_memory = {-signal.SIGKILL, -signal.SIGABRT, -signal.SIGTRAP, -signal.SIGILL}
        return "limits_exceeded" if ended.status in died_of_memory else "unreadable"

    def _run(self, skip: dict[int, str], ends_at: float) -> _Ended:
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        folder = tempfile.mkdtemp(prefix="medassist-reading-")
        try:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-I", "-B", "-c", _PROGRAM, str(_ROOT), self._order(skip)],
                stdin=self._descriptor,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env={
                    "PATH": "/usr/bin:/bin",
                    "LANG": "C.UTF-8",
                    "HOME": folder,
                    "TMPDIR": folder,
                    "OMP_THREAD_LIMIT": "1",
                },
                start_new_session=True,
                close_fds=True,
            )
            return self._watched(process, ends_at)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _order(self, skip: dict[int, str]) -> str:
        return json.dumps(
            {
                "limits": asdict(self._limits),
                "suffix": self._suffix,
                "skip": list(skip.items()),
                "tesseract": self._tesseract,
            }
        )

    def _watched(self, process: subprocess.Popen[bytes], ends_at: float) -> _Ended:
        lines = _Lines(self._most_bytes(), self._limits.pages + 2)
        killed_for: Reason | None = None
        try:
            killed_for = self._listen(process, lines, ends_at)
        finally:
            _kill(process)
            status, peak, cpu = _reaped(process)
            self._usage.peak_rss_bytes = max(self._usage.peak_rss_bytes, peak)
            self._usage.cpu_s += cpu
            if process.stdout:
                process.stdout.close()
        return _Ended(lines.answer, status, killed_for, lines.page, lines.media_type)

    def _most_bytes(self) -> int:
        return (
            _BYTES_OF_A_CHARACTER * self._limits.characters + _BYTES_OF_A_PAGE * self._limits.pages + _BYTES_OF_BLOCKS
        )

    def _listen(self, process: subprocess.Popen[bytes], lines: _Lines, ends_at: float) -> Reason | None:
        """Until the process closes its output; the reason when it must not go on."""
        assert process.stdout is not None
        output = process.stdout.fileno()
        os.set_blocking(output, False)
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            asked = 0.0
            while True:
                now = time.monotonic()
                if now - asked >= POLL_S:
                    asked = now
                    if self._stopped():
                        raise CallAborted
                left = ends_at - now
                if left <= 0:
                    return "time_exceeded"
                if not selector.select(min(POLL_S, left)):
                    continue
                chunk = os.read(output, 1 << 18)
                if not chunk:
                    return None if _has_ended(process) else "unreadable"
                for page, of in lines.take(chunk):
                    self._tell(page, of)
                if lines.is_flood:
                    return "limits_exceeded"
                if lines.answer is not None:
                    return None
                if lines.is_garbage:
                    return "unreadable"

    def _tell(self, page: int, of: int) -> None:
        """A file that is read again does not go back."""
        if self._progress and page > self._furthest:
            self._furthest = page
            self._progress(page, of)


class _Lines:
    """What the process said so far: lines of JSON, none trusted."""

    def __init__(self, most_bytes: int, most_lines: int) -> None:
        self._left = most_bytes
        self._lines_left = most_lines
        self._parts: list[bytes] = []
        self.page: int | None = None
        self.media_type = UNKNOWN_TYPE
        self.answer: Any = None
        self.is_garbage = False

    @property
    def is_flood(self) -> bool:
        return self._left < 0 or self._lines_left < 0

    def take(self, chunk: bytes) -> list[tuple[int, int]]:
        """The pages that were begun."""
        self._left -= len(chunk)
        told: list[tuple[int, int]] = []
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            self._lines_left -= 1
            if self.is_flood:
                break
            self._line(b"".join([*self._parts, line]), told)
            self._parts = []
        if rest:
            self._parts.append(rest)
        return told

    def _line(self, line: bytes, told: list[tuple[int, int]]) -> None:
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            said = None
        match said:
            case {"page": int(page), "of": int(of)} if 0 < page <= of < 1_000_000_000:
                self.page = page
                told.append((page, of))
            case {"media_type": str(media_type)} if _TYPE.fullmatch(media_type):
                self.media_type = media_type
            case {"done": dict(answer)}:
                self.answer = answer
            case _:
                self.is_garbage = True


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Of a process that closed its output: it has a moment to end by itself, so that its status can be told."""
    deadline = time.monotonic() + POLL_S
    while time.monotonic() < deadline:
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return True
        time.sleep(0.005)
    return False


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The process and what it started; it leads a group of its own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _reaped(process: subprocess.Popen[bytes]) -> tuple[int, int, float]:
    """Status (negative: the signal), peak resident bytes, processor seconds. Killed before, so it ends soon."""
    try:
        _, status, used = os.wait4(process.pid, 0)
    except ChildProcessError:
        return process.wait(), 0, 0.0
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, used.ru_maxrss * 1024, used.ru_utime + used.ru_stime
