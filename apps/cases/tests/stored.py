"""Puts the sample case into the database in any state, as the worker would have left it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from apps.cases.jobs import ASSESSMENT
from apps.cases.models import AssessmentRecord, Case
from apps.cases.pipeline.record import headline_of
from apps.cases.tests import samples
from medassist.clinical.assessment import Assessment
from medassist.jobs.models import Job
from medassist.jobs.schemas import LANES
from medassist.tenancy.context import current_schema
from medassist.tenancy.schemas import PUBLIC_SCHEMA


def make_job(case_id: UUID, state: str, *, step: str = "", reason: str = "", age_s: int = 3) -> UUID:
    """Call it where the ledger can be written; returns the job's id."""
    now = timezone.now()
    begun = now - timedelta(seconds=age_s)
    clinic = "alpha" if current_schema() == PUBLIC_SCHEMA else current_schema()
    job = Job.objects.create(
        kind=ASSESSMENT.name, clinic=clinic, queue=ASSESSMENT.queue, lane=LANES["interactive"], tier="heavy",
        state=state, max_attempts=3, not_before=begun, deadline_at=now + timedelta(minutes=15),
        references={"case": str(case_id)}, step=step, reason=reason, created_at=begun,
        started_at=None if state == "queued" else begun,
        finished_at=now if state in {"done", "dead", "cancelled"} else None,
    )  # fmt: skip
    return job.id


def make_case(state: str = "done", assessment: Assessment | None = None, **job: Any) -> Case:
    """Call it inside a clinic."""
    case_id = uuid4()
    content = samples.case()
    job_id = make_job(case_id, state, **job)
    fields: dict[str, Any] = {
        "headline": headline_of(content),
        "payload": content.model_dump(mode="json"),
        "floor": samples.FLOOR.model_dump(mode="json"),
        "floor_level": samples.FLOOR.level,
    }
    case = Case.objects.create(id=case_id, created_by="alice", latest_job_id=job_id, **fields)
    if assessment is not None:
        add_assessment(case, assessment, job_id)
    return case


def add_assessment(case: Case, assessment: Assessment, job_id: UUID) -> None:
    payload: Any = assessment.model_dump(mode="json")
    AssessmentRecord.objects.create(
        case=case, job_id=job_id, fence=1, status=assessment.status, level=assessment.triage.level, payload=payload
    )


def job_of(case: Case) -> UUID:
    assert case.latest_job_id is not None
    return case.latest_job_id
