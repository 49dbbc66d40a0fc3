"""One asyncio loop in one background thread per process, so that many threads share one connection pool.

Threads of a WSGI server or a Celery worker wait on futures; the sockets live here. After a fork the
child starts a loop of its own: a thread does not survive `fork`.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from medassist.common.errors import BackboneTimeout, CallAborted

T = TypeVar("T")

ABORT_POLL_S = 0.05
GRACE_S = 5.0
"""How long a caller waits beyond its deadline before it takes the loop itself for stuck."""


class LoopThread:
    """A running event loop, its thread, and one watcher for all abort events."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.loop = asyncio.new_event_loop()
        self._watched: dict[asyncio.Task[Any], threading.Event] = {}
        self._watcher: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="llm-loop", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self.pid == os.getpid() and self._thread.is_alive()

    def start(self, work: Coroutine[Any, Any, T], *, abort: threading.Event | None = None) -> Future[T]:
        """Runs `work` on the loop; the future's `cancel` and a set `abort` cancel it there."""
        return asyncio.run_coroutine_threadsafe(self._watch(work, abort), self.loop)

    def run(self, work: Coroutine[Any, Any, T], *, deadline_s: float, abort: threading.Event | None = None) -> T:
        """Waits for `work`; raises `CallAborted` when it was cancelled."""
        future = self.start(work, abort=abort)
        try:
            return future.result(timeout=deadline_s + GRACE_S)
        except CancelledError:
            raise CallAborted from None
        except TimeoutError:
            future.cancel()
            raise BackboneTimeout from None

    def stop(self) -> None:
        """Ends the loop; calls that still run are cancelled."""
        if self.alive:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(timeout=2)

    async def _watch(self, work: Coroutine[Any, Any, T], abort: threading.Event | None) -> T:
        if abort is None:
            return await work
        task = asyncio.current_task()
        if task is None:  # pragma: no cover - a coroutine always runs in a task
            return await work
        if abort.is_set():
            work.close()
            raise CallAborted
        self._watched[task] = abort
        if self._watcher is None or self._watcher.done():
            self._watcher = self.loop.create_task(self._poll())
        try:
            return await work
        finally:
            self._watched.pop(task, None)

    async def _poll(self) -> None:
        while self._watched:
            for task, abort in list(self._watched.items()):
                if abort.is_set():
                    self._watched.pop(task, None)
                    task.cancel()
            await asyncio.sleep(ABORT_POLL_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(self.loop)
            for task in tasks:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self.loop.close()


_lock = threading.Lock()
_current: LoopThread | None = None


def loop_thread() -> LoopThread:
    """The process's loop, started on first use and again after a fork."""
    global _current  # noqa: PLW0603 - one loop per process is the point of this file
    if _current is None or not _current.alive:
        with _lock:
            if _current is None or not _current.alive:
                _current = LoopThread()
    return _current


def _after_fork() -> None:
    global _lock, _current  # noqa: PLW0603 - the parent's lock may have been held at the fork
    _lock = threading.Lock()
    _current = None


os.register_at_fork(after_in_child=_after_fork)
