"""Short work done at once by the process that took it, instead of by a worker of its queue.

The job is in the ledger all the same: it is born leased to this process (`services.submit(claim_as=…)`), so that
result, fence, cancel, counting and events are those of every job. When the time budget is spent, the model is away or
the process dies, a worker takes over. A few at most at once in a process; beyond that work is queued.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache

from django.conf import settings

from medassist.jobs import progress, runner
from medassist.jobs.schemas import Leased

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """The right to run one job here; it is given back by `run`, by `run_aside`, or by `leave` when it was not used."""

    leave: Callable[[], None]

    @property
    def worker(self) -> str:
        return f"direct:{runner.WORKER}"


def take_place() -> Place | None:
    """None when as many jobs run here as may."""
    places = _places()
    return Place(_once(places.release)) if places.acquire(blocking=False) else None


def run(place: Place, leased: Leased, *, budget_s: float) -> None:
    """Runs the job here for at most `budget_s`; how it ended is in the ledger. Never raises."""
    # The caller learns the job's id when it has ended: nobody watches before.
    with progress.held():
        _run(place, leased, budget_s)


def _run(place: Place, leased: Leased, budget_s: float) -> None:
    try:
        runner.run_one(replace(leased, deadline_left_s=min(leased.deadline_left_s, budget_s)))
    finally:
        # What could not be ended here waits for a moment in the ledger, then the sweeper rings for it.
        place.leave()


def run_aside(place: Place, leased: Leased, *, budget_s: float) -> None:
    """`run` in a thread of its own: the request is answered meanwhile, the work is watched through its events."""
    _threads().submit(_run, place, leased, budget_s)


@cache
def _places() -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(settings.DIRECT_PLACES)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(settings.DIRECT_PLACES, thread_name_prefix="direct")


def _once(function: Callable[[], None]) -> Callable[[], None]:
    done = threading.Lock()

    def call() -> None:
        if done.acquire(blocking=False):
            function()

    return call
