"""How long a job will probably wait, out of the ledger: a guess for people and for `Retry-After`, never a promise.

Jobs ahead of the clinic's turn, times the mean run time of the last jobs that ended, by how many run at once now.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection

from medassist.jobs.schemas import LANES, JobView, Lane
from medassist.tenancy.context import current_schema, public_context

KEPT_S = 2.0
MOST_COUNTED = 10_000
"""Beyond this many waiting jobs the estimate is of those counted: a long queue is no slower to ask about."""
MEASURED = 50
SHORTEST_RETRY_S, LONGEST_RETRY_S, UNKNOWN_RETRY_S = 5, 300, 30


@dataclass(frozen=True, slots=True)
class Picture:
    """A queue at one moment: jobs waiting by (clinic, lane), jobs running, mean seconds of a run (None: unknown)."""

    waiting: Mapping[tuple[str, int], int]
    running: int
    mean_run_s: float | None

    def ahead(self, clinic: str, lane: int, own: int) -> int:
        """Jobs that are served before the one that has `own` jobs of its clinic and lane before it: all of the lanes
        above, its clinic's own, and of each other clinic as many turns as its own clinic needs."""
        above = sum(count for (_, its), count in self.waiting.items() if its < lane)
        others = (count for (whose, its), count in self.waiting.items() if its == lane and whose != clinic)
        return above + own + sum(min(count, own + 1) for count in others)

    def seconds(self, clinic: str, lane: int, own: int) -> int | None:
        if self.mean_run_s is None:
            return None
        return math.ceil(self.ahead(clinic, lane, own) * self.mean_run_s / max(1, self.running))


_lock = threading.Lock()
_pictures: dict[str, tuple[float, Picture]] = {}


def forget_estimates() -> None:
    """The next question looks at the ledger."""
    with _lock:
        _pictures.clear()


def wait_of_next(*, queue: str, clinic: str, lane: Lane) -> int | None:
    """Seconds that a job submitted now would wait; None while nothing has ended on the queue yet."""
    picture = picture_of(queue)
    return picture.seconds(clinic, LANES[lane], picture.waiting.get((clinic, LANES[lane]), 0))


def retry_after(estimated_s: int | None) -> int:
    """Seconds for `Retry-After` of a full queue."""
    if estimated_s is None:
        return UNKNOWN_RETRY_S
    return max(SHORTEST_RETRY_S, min(LONGEST_RETRY_S, estimated_s))


def with_estimate(job: JobView) -> JobView:
    """The job with its estimated wait while it is queued; call it in the job's clinic."""
    if job.state != "queued":
        return job
    own = _rows(_BEFORE_IT, [job.queue, current_schema(), LANES[job.lane], job.created_at, MOST_COUNTED])[0][0]
    return replace(job, estimated_wait_s=picture_of(job.queue).seconds(job.clinic, LANES[job.lane], int(own)))


_BEFORE_IT = """
SELECT count(*) FROM (SELECT 1 FROM jobs_job WHERE state = 'queued' AND queue = %s AND clinic = %s AND lane = %s
    AND created_at < %s LIMIT %s) AS before
"""
_WAITING = """
SELECT clinic, lane, count(*) FROM (
    SELECT clinic, lane FROM jobs_job WHERE state = 'queued' AND queue = %s LIMIT %s
) AS waiting GROUP BY clinic, lane
"""
_RUNNING = "SELECT count(*) FROM jobs_job WHERE state = 'running' AND queue = %s"
_MEAN = """
SELECT avg(extract(epoch FROM finished_at - started_at))::float8 FROM (
    SELECT started_at, finished_at FROM jobs_job
    WHERE state = 'done' AND queue = %s AND started_at IS NOT NULL ORDER BY finished_at DESC LIMIT %s
) AS latest
"""


def picture_of(queue: str) -> Picture:
    """The queue as it was at most two seconds ago, over all clinics."""
    known = _pictures.get(queue)
    if known is not None and known[0] > time.monotonic():
        return known[1]
    with public_context():
        picture = Picture(
            {(clinic, lane): count for clinic, lane, count in _rows(_WAITING, [queue, MOST_COUNTED])},
            int(_rows(_RUNNING, [queue])[0][0]),
            _rows(_MEAN, [queue, MEASURED])[0][0],
        )
    with _lock:
        _pictures[queue] = (time.monotonic() + KEPT_S, picture)
    return picture


def _rows(query: str, values: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall())
