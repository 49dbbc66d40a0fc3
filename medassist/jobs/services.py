"""Submitting and cancelling work. `submit` belongs in the transaction that writes the domain rows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction

from medassist.accounts.access import Actor, Permission, require
from medassist.accounts.confidential import require_open
from medassist.audit.services import record
from medassist.common.database import again_on_deadlock
from medassist.common.errors import (
    ConfigurationError,
    IdempotencyConflict,
    InvalidInput,
    MedAssistError,
    NotFound,
    StateConflict,
    TooManyRequests,
    Unavailable,
)
from medassist.common.logs import trace_id
from medassist.jobs import doorbell, estimate, ledger, progress, quotas, registry
from medassist.jobs.models import ClinicTurn, Job
from medassist.jobs.schemas import LANES, JobKind, Lane, Leased
from medassist.tenancy.context import current_schema, public_context
from medassist.tenancy.schemas import PUBLIC_SCHEMA

LEAST_WEIGHT, MOST_WEIGHT = 0.1, 10.0


@dataclass(frozen=True)
class Submitted:
    """`created` is False when the idempotency key was seen before with the same body. `leased` is set for a job
    that this process has claimed in the same breath (`jobs.direct`)."""

    job_id: UUID
    references: Mapping[str, str]
    created: bool
    leased: Leased | None = None


def earlier(*, idempotency_key: str | None, request_hash: str) -> Submitted | None:
    """The job that this clinic's key made before; raises `IdempotencyConflict` when the body was another."""
    if idempotency_key is None:
        return None
    job = Job.objects.filter(clinic=current_schema(), idempotency_key=idempotency_key).first()
    if job is None:
        return None
    if job.request_hash != request_hash:
        raise IdempotencyConflict(fields={"Idempotency-Key": "was used with another body"})
    return Submitted(job.id, job.references, created=False)


def submit(
    *,
    kind: JobKind,
    actor: Actor,
    lane: Lane,
    references: Mapping[str, str],
    idempotency_key: str | None = None,
    request_hash: str = "",
    claim_as: str = "",
) -> Submitted:
    """Writes the job row and rings after commit. `references` are ids of records, never their content.

    With `claim_as`, the name of a worker, the row is born running and leased to it: nobody rings, and whoever
    submits runs the job itself, or lets its lease run out.

    Raises `TooManyRequests` or `Unavailable` with `retry_after` before anything is written when the clinic's or
    the whole queue is full, `QuotaExceeded` when the day's allowance is used up. Of two concurrent calls with one
    key, the second waits and gets the first one's job.
    """
    if not connection.in_atomic_block:
        raise ConfigurationError("A job is submitted inside the transaction of the records it works on")
    clinic = current_schema()
    if clinic == PUBLIC_SCHEMA:
        raise ConfigurationError("A job belongs to a clinic, and no clinic has been entered")
    try:
        if kind.admitted:
            _admit(clinic, kind.queue, lane, person_of(actor))
    except TooManyRequests:
        # Of two calls with one key, the second must get the first one's job, whatever that one used up.
        if found := earlier(idempotency_key=idempotency_key, request_hash=request_hash):
            return found
        raise
    job_id = uuid4()
    inserted = _insert(job_id, kind, actor, clinic, lane, references, idempotency_key, request_hash, claim_as)
    if not inserted:
        found = earlier(idempotency_key=idempotency_key, request_hash=request_hash)
        if found is None:
            raise StateConflict("This Idempotency-Key is being used by another request")
        return found
    if claim_as:
        return Submitted(job_id, references, created=True, leased=ledger.leased_at_birth(job_id))
    transaction.on_commit(lambda: _after_commit(clinic, job_id, kind.queue))
    return Submitted(job_id, references, created=True)


def person_of(actor: Actor) -> str:
    """The actor as the ledger, usage and quotas know it: `kind:id`."""
    return f"{actor.kind}:{actor.id}"[:80]


def _admit(clinic: str, queue: str, lane: Lane, person: str) -> None:
    if _count(_WAITING_HERE, [queue, clinic, settings.JOB_CLINIC_QUEUE_LIMIT]) >= settings.JOB_CLINIC_QUEUE_LIMIT:
        raise _full(TooManyRequests, "This clinic has too many jobs waiting", clinic, queue, lane)
    if _waiting_anywhere(queue) >= settings.JOB_GLOBAL_QUEUE_LIMIT:
        raise _full(Unavailable, "The service has too much work waiting", clinic, queue, lane)
    # An allowance is about cost: an emergency counts, and is never refused for it. Media have an allowance of their own
    # and use up nothing of this one.
    if lane != "emergency" and queue != settings.MEDIA_QUEUE:
        quotas.check(clinic=clinic, person=person)


def _full(error: type[MedAssistError], detail: str, clinic: str, queue: str, lane: Lane) -> MedAssistError:
    wait = estimate.wait_of_next(queue=queue, clinic=clinic, lane=lane)
    return error(detail, retry_after=estimate.retry_after(wait), more={"estimated_wait_s": wait})


# Counted no further than the limit, so that a long queue is no slower to ask about.
_WAITING_HERE = "SELECT count(*) FROM (SELECT 1 FROM jobs_job WHERE state = 'queued' AND queue = %s AND clinic = %s LIMIT %s) AS waiting"
_WAITING_ANYWHERE = (
    "SELECT count(*) FROM (SELECT 1 FROM jobs_job WHERE state = 'queued' AND queue = %s LIMIT %s) AS waiting"
)


_MOST_IN_A_SECOND = 5_000
_seen_anywhere: dict[str, tuple[float, int]] = {}


def _waiting_anywhere(queue: str) -> int:
    """How much waits in all clinics; far below the limit a count of the last second is good enough."""
    at, count = _seen_anywhere.get(queue, (0.0, 0))
    if time.monotonic() - at < 1.0 and count + _MOST_IN_A_SECOND < settings.JOB_GLOBAL_QUEUE_LIMIT:
        return count
    # A clinic sees its own rows only; the public schema sees all.
    with public_context():
        count = _count(_WAITING_ANYWHERE, [queue, settings.JOB_GLOBAL_QUEUE_LIMIT])
    _seen_anywhere[queue] = (time.monotonic(), count)
    return count


def _count(query: str, values: list[str | int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        row = cursor.fetchone()
    return int(row[0]) if row else 0


_INSERT = """
INSERT INTO jobs_job (id, kind, clinic, queue, lane, tier, streaming, state, attempt, max_attempts, delays, fence, worker,
    not_before, deadline_at, cancel_requested, idempotency_key, request_hash, "references", trace_id, step, reason,
    submitted_by, created_at, lease_expires_at, started_at)
SELECT %(id)s, %(kind)s, %(clinic)s, %(queue)s, %(lane)s, %(tier)s, %(streaming)s,
    CASE WHEN mine THEN 'running' ELSE 'queued' END, mine::int, %(attempts)s, 0, mine::int, %(worker)s,
    now(), now() + make_interval(secs => %(deadline)s), false, %(key)s, %(hash)s,
    %(references)s::jsonb, %(trace)s, '', '', %(person)s, clock_timestamp(),
    CASE WHEN mine THEN now() + make_interval(secs => %(lease)s) END, CASE WHEN mine THEN now() END
FROM (SELECT %(worker)s <> '' AS mine) AS how
ON CONFLICT DO NOTHING
"""
_TURN = "INSERT INTO jobs_clinicturn (clinic, queue, weight) VALUES (%s, %s, 1.0) ON CONFLICT DO NOTHING"


def _insert(
    job_id: UUID, kind: JobKind, actor: Actor, clinic: str, lane: Lane, references: Mapping[str, str],
    idempotency_key: str | None, request_hash: str, claim_as: str,
) -> bool:  # fmt: skip
    import json

    values: dict[str, Any] = {
        "id": job_id, "kind": kind.name, "clinic": clinic, "queue": kind.queue, "lane": LANES[lane], "tier": kind.tier,
        "streaming": kind.streaming, "attempts": kind.max_attempts or settings.JOB_MAX_ATTEMPTS, "worker": claim_as,
        "deadline": kind.deadline_s or settings.JOB_DEADLINE_SECONDS, "lease": settings.JOB_LEASE_SECONDS,
        "key": idempotency_key, "hash": request_hash, "references": json.dumps(dict(references)),
        "trace": trace_id.get()[:64], "person": person_of(actor),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, values)
        if cursor.rowcount != 1:
            return False
        cursor.execute(_TURN, [clinic, kind.queue])
    return True


def _after_commit(clinic: str, job_id: UUID, queue: str) -> None:
    progress.publish(clinic, job_id, "state", {"state": "queued"})
    doorbell.ring_soon(queue)


@again_on_deadlock
def cancel(*, actor: Actor, job_id: UUID, needs: Permission = Permission.CASE_CANCEL) -> str:
    """Cancels a job of the actor's clinic; returns its state ("cancelled", or "running" until the worker lets go).

    `needs`: the right that this kind of work asks for. Raises `NotFound`, and `StateConflict` when the job has ended
    already.
    """
    require(actor, needs)
    with transaction.atomic():
        job = Job.objects.select_for_update().filter(pk=job_id, clinic=current_schema()).first()
        if job is None:
            raise NotFound
        require_open(actor, job.references.get("case"))
        if job.state not in (Job.States.QUEUED, Job.States.RUNNING):
            raise StateConflict("The job has ended already")
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE jobs_job SET cancel_requested = true, state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END, "
                "reason = CASE WHEN state = 'queued' THEN 'cancelled' ELSE reason END, "
                "finished_at = CASE WHEN state = 'queued' THEN now() END WHERE id = %s RETURNING state",
                [job_id],
            )
            row = cursor.fetchone()
        state = str(row[0]) if row else "cancelled"
        record(actor=actor, action="job.cancel", object_type="job", object_id=str(job_id), detail={"state": state})
    if state == "cancelled":
        progress.publish(actor.clinic, job_id, "state", {"state": "cancelled"})
        progress.publish(actor.clinic, job_id, "end", {})
    return state


@again_on_deadlock
def retry(*, actor: Actor, job_id: UUID) -> None:
    """Queues a dead letter again with fresh attempts and a fresh deadline; its fence goes on, so that no late
    result of an earlier run can be stored. Raises `NotFound`, and `StateConflict` for a job that is not dead."""
    require(actor, Permission.CASE_CANCEL)
    clinic = current_schema()
    with transaction.atomic():
        job = Job.objects.select_for_update().filter(pk=job_id, clinic=clinic).first()
        if job is None:
            raise NotFound
        if job.state != Job.States.DEAD:
            raise StateConflict("Only a dead letter can be queued again")
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE jobs_job SET state = 'queued', attempt = 0, delays = 0, reason = '', step = '', finished_at = NULL, "
                "cancel_requested = false, not_before = now(), deadline_at = now() + make_interval(secs => %s) WHERE id = %s",
                [registry.deadline_of(job.kind) or settings.JOB_DEADLINE_SECONDS, job_id],
            )
        record(actor=actor, action="job.retry", object_type="job", object_id=str(job_id), detail={"reason": job.reason})
        transaction.on_commit(lambda: _after_commit(clinic, job_id, job.queue))


def weigh(*, actor: Actor, clinic: str, queue: str, weight: float) -> None:
    """Sets a clinic's share of a queue, for platform staff. Raises `InvalidInput`, `NotFound`."""
    require(actor, Permission.CLINIC_MANAGE)
    if not LEAST_WEIGHT <= weight <= MOST_WEIGHT:
        raise InvalidInput(fields={"weight": f"a number from {LEAST_WEIGHT} to {MOST_WEIGHT}"})
    with transaction.atomic():
        # Only the weight: workers move `last_served_at` at the same time.
        if not ClinicTurn.objects.filter(clinic=clinic, queue=queue).update(weight=weight):
            raise NotFound
        record(
            actor=actor, action="job.weigh", object_type="clinic", object_id=clinic,
            detail={"queue": queue, "weight": f"{weight:g}"},
        )  # fmt: skip
