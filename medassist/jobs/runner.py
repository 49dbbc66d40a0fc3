"""Runs claimed jobs: enters the clinic, calls the kind's handler, keeps the lease alive, settles how it ended."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import redis
from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.db import InterfaceError, OperationalError, connection, transaction

from medassist.common.database import hand_back_connection
from medassist.common.errors import CallAborted, ClinicNotOpen, MedAssistError, NotFound
from medassist.common.logs import trace_id
from medassist.jobs import ledger, progress, registry
from medassist.jobs.schemas import Leased
from medassist.tenancy.context import clinic_context

logger = logging.getLogger(__name__)

WORKER = f"{socket.gethostname()}:{os.getpid()}"
LONGEST_DELAY_S = 8.0
PROGRESS_EVERY_S = 0.5


class LeaseLost(Exception):
    """Another claim owns the job now (or it was cancelled): this run's result is discarded."""


@dataclass
class Run:
    """One run of one job, as its handler sees it. `abort` is set when it was cancelled or the lease is lost."""

    job: Leased
    abort: threading.Event = field(default_factory=threading.Event)
    lost: bool = False
    step_name: str = ""
    timings_ms: dict[str, int] = field(default_factory=dict)

    @property
    def deadline_left_s(self) -> float:
        return self._ends_at - time.monotonic()

    _told_at: float = 0.0

    def __post_init__(self) -> None:
        self._ends_at = time.monotonic() + self.job.deadline_left_s

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A named step: timed, told to whoever watches, and the point where a cancelled run stops."""
        if self.abort.is_set():
            raise CallAborted
        self.step_name = name
        self._tell("step", {"step": name, "state": "started"})
        start = time.monotonic()
        yield
        ms = int((time.monotonic() - start) * 1000)
        self.timings_ms[name] = self.timings_ms.get(name, 0) + ms
        self._tell("step", {"step": name, "state": "finished", "ms": ms})

    def complete(self, store: Callable[[], None]) -> None:
        """Stores the result and ends the job in one transaction, fenced: raises `LeaseLost` if it is not ours."""
        with transaction.atomic():
            if not ledger.finish(job_id=self.job.id, fence=self.job.fence):
                raise LeaseLost
            store()

    def progress(self, name: str, done: int, total: int | None) -> None:
        """How far a step is, told at most twice a second; the last one is always told."""
        now = time.monotonic()
        if now - self._told_at >= PROGRESS_EVERY_S or done == total:
            self._told_at = now
            self._tell("progress", {"step": name, "done": done, "total": total})

    def _tell(self, event: str, data: dict[str, Any]) -> None:
        progress.publish(self.job.clinic, self.job.id, event, data)


class _Heart:
    """One thread a process: renews the leases of all runs and notices cancellation and lost leases."""

    def __init__(self) -> None:
        self._runs: dict[UUID, Run] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def watch(self, run: Run) -> None:
        with self._lock:
            self._runs[run.job.id] = run
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._beat, name="lease-heart", daemon=True)
                self._thread.start()

    def forget(self, run: Run) -> None:
        with self._lock:
            self._runs.pop(run.job.id, None)

    def _beat(self) -> None:
        interval = min(1.0, settings.JOB_LEASE_SECONDS / 3)
        while True:
            time.sleep(interval)
            with self._lock:
                runs = list(self._runs.values())
            try:
                for run in runs:
                    ours, cancelled = ledger.renew(job_id=run.job.id, fence=run.job.fence, step=run.step_name)
                    if not ours and not self._finished(run):
                        run.lost = True
                    if cancelled or run.lost:
                        run.abort.set()
            except Exception as error:  # noqa: BLE001  the heart must beat on whatever the database does
                logger.warning("Leases could not be renewed", extra={"code": type(error).__name__})
            finally:
                connection.close()

    def _finished(self, run: Run) -> bool:
        with self._lock:
            return run.job.id not in self._runs


_heart = _Heart()


def drain(queue: str, *, limit: int | None = None) -> int:
    """Claims and runs jobs of `queue` until none may run; returns how many ran."""
    done = 0
    while limit is None or done < limit:
        try:
            leased = ledger.claim(queue=queue, worker=WORKER)
        finally:
            hand_back_connection()
        if leased is None:
            break
        run_one(leased)
        done += 1
    return done


def run_one(leased: Leased) -> None:
    """Runs one leased job to its end; never raises, since the ledger tells how it ended."""
    run = Run(leased)
    token = trace_id.set(leased.trace_id or str(leased.id))
    _heart.watch(run)
    progress.publish(leased.clinic, leased.id, "state", {"state": "running", "attempt": leased.attempt})
    try:
        _to_its_end(run)
    finally:
        _heart.forget(run)
        trace_id.reset(token)
        hand_back_connection()


def _to_its_end(run: Run) -> None:
    leased = run.job
    extra = {"job": leased.id, "kind": leased.kind, "clinic": leased.clinic, "attempt": leased.attempt}
    try:
        with clinic_context(leased.clinic):
            registry.handler_of(leased.kind)(run)
        _announce(leased, "done")
    except LeaseLost:
        logger.warning("A late result was discarded", extra=extra)
        _settle(run, reason="cancelled" if run.abort.is_set() else "lease_lost", delay_s=0.0, burn=True)
    except CallAborted:
        _settle(run, reason="aborted", delay_s=0.0, burn=False)
    except (ClinicNotOpen, NotFound) as error:
        _bury(run, error.code)
    except MedAssistError as error:
        logger.warning("A job could not be finished now", extra={**extra, "code": error.code, "step": run.step_name})
        _settle_error(run, error)
    except (OperationalError, InterfaceError) as error:
        logger.warning("The database went away in mid-job", extra={**extra, "code": type(error).__name__})
        hand_back_connection()
        _settle(run, reason="database_unavailable", delay_s=1.0, burn=False)
    except Exception as error:
        logger.exception("A job failed", extra={**extra, "step": run.step_name})
        _settle(run, reason=f"error:{type(error).__name__}"[:60], delay_s=0.5 * leased.attempt, burn=True)


def _settle_error(run: Run, error: MedAssistError) -> None:
    if error.retryable:
        # The infrastructure is away, not the job at fault: the job waits without burning an attempt.
        waited = min(LONGEST_DELAY_S, 0.5 * 2 ** min(ledger.delays_of(run.job.id), 6))
        _settle(run, reason=error.code, delay_s=float(error.retry_after or waited), burn=False)
    else:
        _settle(run, reason=error.code, delay_s=float(error.retry_after or 0.5 * run.job.attempt), burn=True)


def _settle(run: Run, *, reason: str, delay_s: float, burn: bool) -> None:
    job = run.job
    try:
        state = ledger.hand_back(job_id=job.id, fence=job.fence, reason=reason, delay_s=delay_s, burn_attempt=burn)
    except AnyDatabaseError as error:
        # Nobody can be told now: the lease runs out, and the sweeper gives the job to another run.
        logger.warning("A job could not be handed back", extra={"job": job.id, "code": type(error).__name__})
        return
    if state in ("dead", "cancelled"):
        _announce(job, state)
    elif state == "queued":
        progress.publish(job.clinic, job.id, "state", {"state": "queued", "reason": reason})


def _bury(run: Run, reason: str) -> None:
    try:
        buried = ledger.bury(job_id=run.job.id, fence=run.job.fence, reason=reason)
    except AnyDatabaseError as error:
        logger.warning("A job could not be buried", extra={"job": run.job.id, "code": type(error).__name__})
        return
    if buried:
        _announce(run.job, "dead")


def _announce(job: Leased, state: str) -> None:
    progress.publish(job.clinic, job.id, "state", {"state": state})
    progress.publish(job.clinic, job.id, "end", {})


def start_pulse(queue: str, *, every_s: float = 5.0) -> threading.Thread:
    """Says in Redis that a worker of `queue` lives (`worker:<queue>`), for health pages and the supervisor."""

    def beat() -> None:
        while True:
            try:
                progress.client().set(f"worker:{queue}", WORKER, ex=int(every_s * 3))
            except redis.RedisError:
                logger.warning("The worker's pulse could not be written", extra={"queue": queue})
            time.sleep(every_s)

    thread = threading.Thread(target=beat, name="worker-pulse", daemon=True)
    thread.start()
    return thread


def worker_is_alive(queue: str) -> bool:
    """Whether some worker of `queue` showed a pulse lately; False when Redis is away."""
    try:
        return bool(progress.client().exists(f"worker:{queue}"))
    except redis.RedisError:
        return False
