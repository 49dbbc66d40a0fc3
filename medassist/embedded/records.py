"""What is running, on disk: one small file a process, so that the next supervisor or `down` finds what was left."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from medassist.embedded.environment import make_state_dir, state_dir
from medassist.embedded.processes import Identity

SUPERVISOR = "supervisor"


@dataclass(frozen=True)
class Record:
    name: str
    process: Identity
    since: float
    note: str = ""
    """For the supervisor its phase: starting, ready, or failed with the reason."""


def write(name: str, process: Identity, *, note: str = "", since: float | None = None) -> None:
    content = {
        "pid": process.pid,
        "started": process.started,
        "since": time.time() if since is None else since,
        "note": note,
        "boot": _boot(),
        "home": str(state_dir()),
    }
    path = _path(name)
    draft = path.with_suffix(".partial")
    draft.write_text(json.dumps(content), encoding="utf-8")
    draft.replace(path)


def read(name: str) -> Record | None:
    """None also for a record of an earlier boot or of the folder that this one is a copy of."""
    try:
        content = json.loads(_path(name).read_text(encoding="utf-8"))
        if content["boot"] != _boot() or content["home"] != str(state_dir()):
            return None
        return Record(
            name, Identity(int(content["pid"]), int(content["started"])), float(content["since"]), str(content["note"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget(name: str) -> None:
    _path(name).unlink(missing_ok=True)


def names() -> list[str]:
    """Processes with a record, the supervisor's own left out."""
    return sorted(path.stem for path in (state_dir() / "run").glob("*.json") if path.stem != SUPERVISOR)


def _path(name: str) -> Path:
    return state_dir() / "run" / f"{name}.json"


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


@contextlib.contextmanager
def sole_supervisor() -> Iterator[bool]:
    """Yields whether this process holds the one lock of the checkout, which dies with it however it ends."""
    descriptor = os.open(make_state_dir() / "run" / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
