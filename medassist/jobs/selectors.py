"""Reading the ledger of the clinic that one is in."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.conf import settings

from medassist.accounts.access import Actor, Permission, require
from medassist.accounts.confidential import require_open
from medassist.common import tickets
from medassist.common.errors import NotFound
from medassist.jobs import registry
from medassist.jobs.models import Job
from medassist.jobs.schemas import LANES, JobView, Lane
from medassist.tenancy.context import current_schema

TICKET_S = 600

_LANE_NAMES: dict[int, Lane] = {number: name for name, number in LANES.items()}


def job_view(*, actor: Actor, job_id: UUID) -> JobView:
    """One job of the actor's clinic; raises `NotFound`."""
    require(actor, Permission.JOB_READ)
    job = Job.objects.filter(pk=job_id, clinic=current_schema()).first()
    if job is None:
        raise NotFound
    require_open(actor, job.references.get("case"))
    return _view(job)


def job_views(job_ids: Iterable[UUID]) -> dict[UUID, JobView]:
    """Several jobs of the current clinic; ids that are not its own are left out."""
    return {job.id: _view(job) for job in Job.objects.filter(pk__in=list(job_ids), clinic=current_schema())}


def _view(job: Job) -> JobView:
    return JobView(
        id=job.id, kind=job.kind, clinic=job.clinic, state=job.state, lane=_LANE_NAMES[job.lane], queue=job.queue,  # type: ignore[arg-type]
        attempt=job.attempt, created_at=job.created_at, started_at=job.started_at, finished_at=job.finished_at,
        deadline_at=job.deadline_at, reason=job.reason, step=job.step, references=job.references,
        result_address=registry.result_address(job.kind, job.references), tier=job.tier, streaming=job.streaming,
        fence=job.fence, idempotency_key=job.idempotency_key, trace_id=job.trace_id,
    )  # fmt: skip


def events_address(*, actor: Actor, job_id: UUID) -> str:
    """Address of the job's live events, with a signed ticket; empty when no events process is configured."""
    job_view(actor=actor, job_id=job_id)
    return events_of_own(actor=actor, job_id=job_id)


def events_of_own(*, actor: Actor, job_id: UUID) -> str:
    """`events_address` of a job that the actor has just submitted, with or without the right to read jobs at large."""
    if not settings.EVENTS_URL:
        return ""
    ticket = tickets.sign(tickets.Channel(actor.clinic, f"job:{job_id}"), settings.TICKET_KEY, TICKET_S)
    return f"{settings.EVENTS_URL.rstrip('/')}/v1/events?ticket={ticket}"
