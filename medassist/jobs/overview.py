"""What an operator and an autoscaler ask of the ledger: how much waits, how long, how it ended. Public schema only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection

from medassist.jobs.schemas import LANES, Lane
from medassist.tenancy.context import public_context

_LANE_NAMES: dict[int, Lane] = {number: name for name, number in LANES.items()}
WINDOW_MINUTES = 10


@dataclass(frozen=True)
class Backlog:
    """Jobs of one queue and lane that wait; `oldest_s` is how long the oldest has waited."""

    queue: str
    lane: Lane
    waiting: int
    oldest_s: float


@dataclass(frozen=True)
class Ended:
    """Jobs of one queue that ended within the last `WINDOW_MINUTES`; seconds are quantiles over those that ran."""

    queue: str
    state: str
    count: int
    attempts: int
    wait_p50_s: float
    wait_p95_s: float
    run_p50_s: float
    run_p95_s: float


@dataclass(frozen=True)
class Overview:
    backlog: tuple[Backlog, ...]
    running: dict[str, int]
    dead: dict[str, int]
    """Dead letters per queue that nobody has retried yet."""
    ended: tuple[Ended, ...]


_BACKLOG = """
SELECT queue, lane, count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0)
FROM jobs_job WHERE state = 'queued' GROUP BY queue, lane ORDER BY queue, lane
"""
_COUNTS = "SELECT queue, count(*) FROM jobs_job WHERE state = %s GROUP BY queue ORDER BY queue"
_ENDED = """
SELECT queue, state, count(*), coalesce(sum(attempt), 0),
    coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - created_at)), 0),
    coalesce(percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - created_at)), 0),
    coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at)), 0),
    coalesce(percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at)), 0)
FROM jobs_job WHERE finished_at > now() - make_interval(mins => %s) GROUP BY queue, state ORDER BY queue, state
"""


def overview() -> Overview:
    """The state of all queues over all clinics, in four queries."""
    with public_context():
        return Overview(
            backlog=tuple(
                Backlog(queue, _LANE_NAMES[lane], count, float(oldest))
                for queue, lane, count, oldest in _rows(_BACKLOG)
            ),
            running=dict(_rows(_COUNTS, ["running"])),
            dead=dict(_rows(_COUNTS, ["dead"])),
            ended=tuple(Ended(*row[:4], *map(float, row[4:])) for row in _rows(_ENDED, [WINDOW_MINUTES])),
        )


@dataclass(frozen=True)
class Line:
    """One job as `manage.py jobs list` shows it."""

    id: UUID
    clinic: str
    kind: str
    queue: str
    lane: Lane
    state: str
    attempt: int
    reason: str
    age_s: int


def lines(*, state: str = "", clinic: str = "", queue: str = "", limit: int = 50) -> tuple[Line, ...]:
    """The newest jobs that fit, over all clinics."""
    query = (
        "SELECT id, clinic, kind, queue, lane, state, attempt, reason, extract(epoch FROM now() - created_at)::int "
        "FROM jobs_job WHERE (%s = '' OR state = %s) AND (%s = '' OR clinic = %s) AND (%s = '' OR queue = %s) "
        "ORDER BY created_at DESC LIMIT %s"
    )
    with public_context():
        rows = _rows(query, [state, state, clinic, clinic, queue, queue, limit])
    return tuple(
        Line(
            id=row[0], clinic=row[1], kind=row[2], queue=row[3], lane=_LANE_NAMES[row[4]], state=row[5], attempt=row[6],
            reason=row[7], age_s=row[8],
        )
        for row in rows
    )  # fmt: skip


def clinic_of(job_id: UUID) -> str | None:
    """Whose job it is; None when there is none."""
    with public_context():
        rows = _rows("SELECT clinic FROM jobs_job WHERE id = %s", [job_id])
    return str(rows[0][0]) if rows else None


def _rows(query: str, values: Sequence[Any] = ()) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall())


def ended_by_day(days: int) -> list[tuple[date, int]]:
    """Jobs of all clinics that ended, a UTC day each."""
    with public_context(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT (finished_at AT TIME ZONE 'UTC')::date, count(*) FROM jobs_job "
            "WHERE finished_at > now() - make_interval(days => %s) GROUP BY 1 ORDER BY 1",
            [days],
        )
        return list(cursor.fetchall())
