"""Puts right what a dead process left behind. One sweeper leads by an advisory lock; standbys wait."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from django.db import DatabaseError, connection

from medassist.jobs import doorbell
from medassist.tenancy.context import public_context

logger = logging.getLogger(__name__)

LEADER_LOCK = 7_104_223_981


@dataclass(frozen=True)
class Swept:
    requeued: int
    dead: int
    cancelled: int
    queues_rung: tuple[str, ...]


_EXPIRED = """
UPDATE jobs_job SET
    state = CASE WHEN cancel_requested THEN 'cancelled' WHEN attempt >= max_attempts THEN 'dead'
                 WHEN deadline_at <= now() THEN 'dead' ELSE 'queued' END,
    reason = CASE WHEN cancel_requested THEN 'cancelled' WHEN attempt >= max_attempts THEN 'worker_lost'
                  WHEN deadline_at <= now() THEN 'deadline_exceeded' ELSE 'worker_lost' END,
    finished_at = CASE WHEN cancel_requested OR attempt >= max_attempts OR deadline_at <= now() THEN now() END,
    lease_expires_at = NULL, not_before = now(), worker = ''
WHERE state = 'running' AND lease_expires_at < now()
RETURNING state
"""

_OVERDUE = """
UPDATE jobs_job SET state = 'dead', reason = 'deadline_exceeded', finished_at = now()
WHERE state = 'queued' AND deadline_at <= now() RETURNING state
"""


_also: list[Callable[[], object]] = []


def sweep_also(work: Callable[[], object]) -> None:
    """Work of the floors above that the leading sweeper does after each pass; it must be short."""
    if work not in _also:
        _also.append(work)


def sweep_above() -> None:
    """What was registered with `sweep_also`; one that fails stops neither the others nor the sweeper."""
    for work in _also:
        try:
            work()
        except DatabaseError:
            raise
        except Exception as error:  # noqa: BLE001  a mistake up there must not keep jobs from being swept
            logger.warning("Something beside the sweep failed", extra={"code": type(error).__name__})


def sweep() -> Swept:
    """One pass: expired leases are queued again or end as dead letters, overdue jobs end, doorbells are rung."""
    with public_context(), connection.cursor() as cursor:
        cursor.execute(_EXPIRED)
        states = [row[0] for row in cursor.fetchall()]
        cursor.execute(_OVERDUE)
        states += [row[0] for row in cursor.fetchall()]
        cursor.execute(
            "SELECT queue, count(*) FROM jobs_job WHERE state = 'queued' AND not_before <= now() GROUP BY queue"
        )
        waiting = dict(cursor.fetchall())
    for queue, count in waiting.items():
        # A few at most: each doorbell makes one worker thread drain the queue until it is empty.
        doorbell.ring(queue, times=min(int(count), 8))
    swept = Swept(states.count("queued"), states.count("dead"), states.count("cancelled"), tuple(sorted(waiting)))
    if states:
        logger.warning("Swept jobs that a worker left behind or that were overdue", extra={"count": len(states)})
    return swept


def try_to_lead() -> bool:
    """True when this connection holds (or just took) the sweeper's lock; the lock dies with the connection."""
    with public_context(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LEADER_LOCK])
        row = cursor.fetchone()
    return bool(row and row[0])
