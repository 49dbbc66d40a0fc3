"""Writes of this room: a case with its job, the result of a job. One transaction each, the audit row inside."""

from __future__ import annotations

import hashlib
from uuid import UUID, uuid4

from django.db import transaction

from apps.cases.jobs import ASSESSMENT
from apps.cases.models import AssessmentRecord, Case
from apps.cases.pipeline.record import headline_of
from apps.cases.schemas import Requested
from apps.documents import services as documents
from apps.safety.services import triage_floor
from medassist.accounts.access import Actor, Permission, require, system_actor
from medassist.audit.services import record
from medassist.clinical.assessment import Assessment
from medassist.clinical.case import CaseInput
from medassist.clinical.triage import TriageFloor
from medassist.common.database import again_on_deadlock
from medassist.common.errors import NotFound
from medassist.jobs import services as jobs
from medassist.jobs.runner import Run
from medassist.jobs.schemas import Lane


@again_on_deadlock
def request_assessment(
    *, actor: Actor, case: CaseInput, idempotency_key: str | None = None, lane: Lane | None = None
) -> Requested:
    """Stores the case with its triage floor and queues its assessment; rules only, no model is asked here.

    An emergency goes to the emergency lane unless the caller chose one. Raises `IdempotencyConflict` when the key
    came with another body before, `InvalidInput` for a document that is not there to be taken, `TooManyRequests` or
    `Unavailable` when the queue is full.
    """
    require(actor, Permission.CASE_SUBMIT)
    payload = case.model_dump_json()
    request_hash = hashlib.sha256(payload.encode()).hexdigest()
    if found := jobs.earlier(idempotency_key=idempotency_key, request_hash=request_hash):
        return _again(found)
    floor = triage_floor(case)
    case_id = uuid4()
    with transaction.atomic():
        submitted = jobs.submit(
            kind=ASSESSMENT,
            actor=actor,
            lane=lane or ("emergency" if floor.level == "emergency_now" else "interactive"),
            references={"case": str(case_id)},
            idempotency_key=idempotency_key,
            request_hash=request_hash,
        )
        if not submitted.created:
            return _again(submitted)
        Case.objects.create(
            id=case_id,
            created_by=actor.label or actor.id,
            headline=headline_of(case),
            payload=case.model_dump(mode="json"),
            floor=floor.model_dump(mode="json"),
            floor_level=floor.level,
            latest_job_id=submitted.job_id,
        )
        if case.documents:
            documents.attach_to_case(actor=actor, document_ids=case.documents, case_id=case_id)
        record(
            actor=actor,
            action="case.submit",
            object_type="case",
            object_id=str(case_id),
            detail={"job": str(submitted.job_id), "floor": floor.level, "rules": len(floor.rules)},
        )
    return Requested(case_id, submitted.job_id, floor, created=True)


def _again(submitted: jobs.Submitted) -> Requested:
    case = Case.objects.get(pk=UUID(submitted.references["case"]))
    return Requested(case.id, submitted.job_id, TriageFloor.model_validate(case.floor), created=False)


@again_on_deadlock
def reanalyse(*, actor: Actor, case_id: UUID) -> Requested:
    """Queues another assessment of a stored case; raises `NotFound`."""
    require(actor, Permission.CASE_SUBMIT)
    with transaction.atomic():
        # Not FOR UPDATE: a result's foreign key to the case is checked at its commit, when it holds the audit head
        # that we wait for.
        case = Case.objects.select_for_update(no_key=True).filter(pk=case_id).first()
        if case is None:
            raise NotFound
        lane: Lane = "emergency" if case.floor_level == "emergency_now" else "interactive"
        submitted = jobs.submit(kind=ASSESSMENT, actor=actor, lane=lane, references={"case": str(case_id)})
        case.latest_job_id = submitted.job_id
        case.save(update_fields=["latest_job_id"])
        record(
            actor=actor, action="case.reanalyse", object_type="case", object_id=str(case_id),
            detail={"job": str(submitted.job_id)},
        )  # fmt: skip
    return Requested(case_id, submitted.job_id, TriageFloor.model_validate(case.floor), created=True)


def cancel_assessment(*, actor: Actor, job_id: UUID) -> str:
    """Cancels the work on a case; see `jobs.services.cancel`."""
    return jobs.cancel(actor=actor, job_id=job_id)


def store_assessment(*, run: Run, case_id: UUID, assessment: Assessment) -> None:
    """Ends the job with its one result, in one fenced transaction."""

    def store() -> None:
        row = AssessmentRecord.objects.create(
            case_id=case_id,
            job_id=run.job.id,
            fence=run.job.fence,
            status=assessment.status,
            level=assessment.triage.level,
            payload=assessment.model_dump(mode="json"),
        )
        record(
            actor=system_actor(run.job.clinic, "worker-llm"),
            action="assessment.store",
            object_type="assessment",
            object_id=str(row.id),
            detail={
                "job": str(run.job.id), "case": str(case_id), "status": assessment.status,
                "level": assessment.triage.level, "removed": assessment.safety.removed_sentences,
            },
        )  # fmt: skip

    run.complete(store)
