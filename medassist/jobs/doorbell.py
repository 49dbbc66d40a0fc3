"""The doorbell: a Celery message without arguments that makes a worker look into the ledger. Best effort;
the sweeper rings again for whatever waits."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections import Counter

from kombu.exceptions import OperationalError

from medassist.celery import app

logger = logging.getLogger(__name__)

TASK = "medassist.jobs.look"
EXPIRES_S = 60
MOST_PENDING = 64
"""Rings of one queue that wait to be sent: more would wake nobody that these do not wake."""
_PATIENCE_S = 2.0


def ring(queue: str, *, times: int = 1) -> bool:
    """Rings for `queue`; False when the broker is away, which loses nothing."""
    try:
        for _ in range(times):
            app.send_task(TASK, queue=queue, expires=EXPIRES_S, ignore_result=True, retry=False)
    except (OperationalError, OSError):
        logger.warning("The doorbell could not be rung; the sweeper will", extra={"queue": queue})
        return False
    return True


def ring_soon(queue: str) -> None:
    """Rings from a thread of its own: who submits work never waits for a broker that is frozen."""
    _ringer().add(queue)


class _Ringer:
    """One thread a process. What cannot be sent is dropped: the sweeper rings for it."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._pending: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._busy = False
        self._thread = threading.Thread(target=self._run, name="doorbell", daemon=True)
        self._thread.start()

    def add(self, queue: str) -> None:
        with self._changed:
            self._pending[queue] = min(self._pending[queue] + 1, MOST_PENDING)
            self._changed.notify_all()

    def flush(self, seconds: float) -> None:
        """Waits until everything was tried, so that a short command's work is not left to the sweeper."""
        end = time.monotonic() + seconds
        with self._changed:
            while (self._pending or self._busy) and time.monotonic() < end:
                self._changed.wait(timeout=0.05)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._pending:
                    self._changed.wait()
                pending, self._pending, self._busy = self._pending, Counter(), True
            try:
                for queue, times in pending.items():
                    ring(queue, times=times)
            except Exception as error:  # noqa: BLE001  the thread outlives whatever a broker's client may raise
                logger.warning("The doorbell could not be rung; the sweeper will", extra={"code": type(error).__name__})
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()


_lock = threading.Lock()
_current: _Ringer | None = None


def _ringer() -> _Ringer:
    global _current  # noqa: PLW0603 - one thread a process; a fork leaves it behind
    with _lock:
        if _current is None or _current.pid != os.getpid():
            _current = _Ringer()
        return _current


@atexit.register
def _flush() -> None:
    if _current is not None and _current.pid == os.getpid():
        _current.flush(_PATIENCE_S)
