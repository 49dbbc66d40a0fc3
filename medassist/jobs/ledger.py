"""The ledger's moves, each one statement or one short transaction; time is the database's clock.

The claim is fair: lane first, then the clinic with the fewest running jobs for its weight, then the least
recently served one. Claims of one queue are serialised by an advisory lock, which makes the per-clinic cap exact.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from medassist.jobs.schemas import LANES, Lane, Leased
from medassist.tenancy.context import public_context

_LANE_NAMES: dict[int, Lane] = {number: name for name, number in LANES.items()}

_LEASED = """id, kind, clinic, queue, lane, tier, attempt, fence, deadline_at,
        EXTRACT(epoch FROM deadline_at - now())::float8, trace_id, "references", submitted_by"""

_CLAIM = """
WITH running AS (
    SELECT clinic, count(*) AS n FROM jobs_job WHERE state = 'running' AND queue = %(queue)s GROUP BY clinic
), head AS (
    SELECT job.id, job.clinic, job.lane, job.created_at,
           COALESCE(running.n, 0) / turn.weight AS load, turn.last_served_at
    FROM jobs_clinicturn turn
    LEFT JOIN running ON running.clinic = turn.clinic
    CROSS JOIN LATERAL (
        SELECT id, clinic, lane, created_at FROM jobs_job
        WHERE state = 'queued' AND queue = %(queue)s AND clinic = turn.clinic AND not_before <= now()
        ORDER BY lane, created_at LIMIT 1
    ) job
    WHERE turn.queue = %(queue)s AND COALESCE(running.n, 0) < %(cap)s * turn.weight
    ORDER BY job.lane, load, turn.last_served_at NULLS FIRST, job.created_at
    LIMIT 1
), claimed AS (
    UPDATE jobs_job SET state = 'running', attempt = attempt + 1, fence = fence + 1, worker = %(worker)s,
        lease_expires_at = now() + make_interval(secs => %(lease)s), started_at = COALESCE(started_at, now()), step = ''
    WHERE id = (SELECT id FROM head) AND state = 'queued'
    RETURNING {columns}
), served AS (
    UPDATE jobs_clinicturn SET last_served_at = clock_timestamp()
    WHERE queue = %(queue)s AND clinic = (SELECT clinic FROM claimed)
)
SELECT * FROM claimed
""".replace("{columns}", _LEASED)


def claim(*, queue: str, worker: str) -> Leased | None:
    """The fairest next job of `queue`, leased to `worker`; None when nothing may run now."""
    with public_context(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('medassist.claim'), hashtext(%s))", [queue])
        cursor.execute(
            _CLAIM,
            {"queue": queue, "worker": worker, "lease": settings.JOB_LEASE_SECONDS, "cap": settings.JOB_CLINIC_CAP},
        )
        row = cursor.fetchone()
    return None if row is None else _leased(row)


def leased_at_birth(job_id: UUID) -> Leased:
    """The lease of a job that was inserted as running; belongs in the transaction that inserted it."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_LEASED} FROM jobs_job WHERE id = %s", [job_id])  # noqa: S608 - constant columns
        return _leased(cursor.fetchone())


def _leased(row: Any) -> Leased:
    references = row[11] if isinstance(row[11], dict) else json.loads(row[11])
    return Leased(
        id=row[0], kind=row[1], clinic=row[2], queue=row[3], lane=_LANE_NAMES[row[4]], tier=row[5], attempt=row[6],
        fence=row[7], deadline_at=row[8], deadline_left_s=row[9], trace_id=row[10], references=references,
        submitted_by=row[12],
    )  # fmt: skip


def renew(*, job_id: UUID, fence: int, step: str) -> tuple[bool, bool]:
    """(still ours, cancel requested). Extends the lease while the fence matches."""
    with public_context(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs_job SET lease_expires_at = now() + make_interval(secs => %s), step = %s "
            "WHERE id = %s AND fence = %s AND state = 'running' RETURNING cancel_requested",
            [settings.JOB_LEASE_SECONDS, step, job_id, fence],
        )
        row = cursor.fetchone()
    return (False, False) if row is None else (True, bool(row[0]))


def finish(*, job_id: UUID, fence: int) -> bool:
    """Marks the job done if the fence still matches; belongs in the transaction that stores the result."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs_job SET state = 'done', finished_at = now(), lease_expires_at = NULL, reason = '', step = '' "
            "WHERE id = %s AND fence = %s AND state = 'running' AND NOT cancel_requested",
            [job_id, fence],
        )
        return bool(cursor.rowcount == 1)


def hand_back(*, job_id: UUID, fence: int, reason: str, delay_s: float, burn_attempt: bool) -> str | None:
    """Queues the job again after `delay_s`, or makes it a dead letter when its attempts are spent.

    Returns the new state, None when the job is no longer ours. Infrastructure failures do not burn an
    attempt. A cancelled job ends as cancelled.
    """
    with public_context(), connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE jobs_job SET
                state = CASE WHEN cancel_requested THEN 'cancelled'
                             WHEN %(burn)s AND attempt >= max_attempts THEN 'dead'
                             WHEN deadline_at <= now() THEN 'dead' ELSE 'queued' END,
                reason = CASE WHEN cancel_requested THEN 'cancelled'
                              WHEN NOT (%(burn)s AND attempt >= max_attempts) AND deadline_at <= now() THEN 'deadline_exceeded'
                              ELSE %(reason)s END,
                finished_at = CASE WHEN cancel_requested OR (%(burn)s AND attempt >= max_attempts) OR deadline_at <= now()
                                   THEN now() END,
                attempt = CASE WHEN %(burn)s THEN attempt ELSE attempt - 1 END,
                delays = delays + CASE WHEN %(burn)s THEN 0 ELSE 1 END,
                not_before = now() + make_interval(secs => %(delay)s), lease_expires_at = NULL, worker = ''
            WHERE id = %(id)s AND fence = %(fence)s AND state = 'running' RETURNING state
            """,
            {"id": job_id, "fence": fence, "reason": reason, "delay": delay_s, "burn": burn_attempt},
        )
        row = cursor.fetchone()
    return None if row is None else str(row[0])


def bury(*, job_id: UUID, fence: int, reason: str) -> bool:
    """A dead letter at once: the failure is permanent (the clinic is closed, the request itself is refused)."""
    with public_context(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs_job SET state = CASE WHEN cancel_requested THEN 'cancelled' ELSE 'dead' END, reason = %s, "
            "finished_at = now(), lease_expires_at = NULL WHERE id = %s AND fence = %s AND state = 'running'",
            [reason, job_id, fence],
        )
        return bool(cursor.rowcount == 1)


def delays_of(job_id: UUID) -> int:
    """How often the job was put off because the infrastructure was away (for the back-off)."""
    with public_context(), connection.cursor() as cursor:
        cursor.execute("SELECT delays FROM jobs_job WHERE id = %s", [job_id])
        row = cursor.fetchone()
    return int(row[0]) if row else 0
