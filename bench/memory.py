"""Peak memory and processor time of the stand's processes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

from bench.stand import Stand

NAMES = ("web", "events", "worker-llm", "worker-ingest", "beat", "redis", "postgres")


def peaks(stand: Stand) -> dict[str, float]:
    """Largest resident set so far in MB by process, children added up; for Postgres, whose processes share most of
    their memory, the proportional set now."""
    return {name: peak(pid) for name in (*NAMES, *stand.kept) if (pid := stand.pid_of(name))}


def processor_s(pid: int) -> float:
    """User and system time of a process and its children, in seconds."""
    total = 0.0
    with suppress(psutil.Error):
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            with suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
    return total


def peak(pid: int) -> float:
    with suppress(psutil.Error):
        parent = psutil.Process(pid)
        if parent.name() == "postgres":
            return sum(_proportional(process.pid) for process in (parent, *parent.children(recursive=True)))
        return sum(_own_peak(process.pid) for process in (parent, *parent.children(recursive=True)))
    return _own_peak(pid)


def _own_peak(pid: int) -> float:
    return _line(Path(f"/proc/{pid}/status"), "VmHWM:")


def _proportional(pid: int) -> float:
    return _line(Path(f"/proc/{pid}/smaps_rollup"), "Pss:")


def _line(path: Path, name: str) -> float:
    """Kilobytes of one line, as megabytes."""
    with suppress(OSError):
        for line in path.read_text("utf-8").splitlines():
            if line.startswith(name):
                return int(line.split()[1]) / 1024
    return 0.0
