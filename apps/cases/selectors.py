"""Reads of this room. Whatever shows patient data writes its audit row first: no audit row, no answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, Subquery

from apps.cases.models import AssessmentRecord, Case
from apps.cases.schemas import CaseContent, CasePage, CaseRow, Reopened, Reopening, StoredAssessment
from apps.documents import selectors as documents
from apps.documents.schemas import DocumentBrief
from medassist.accounts.access import Actor, Permission, require, require_object
from medassist.audit.services import record
from medassist.clinical.assessment import Assessment
from medassist.clinical.case import CaseInput
from medassist.clinical.triage import TriageFloor
from medassist.common import cursors
from medassist.common.errors import NotFound
from medassist.jobs.schemas import JobView
from medassist.jobs.selectors import events_address, job_views

MOST_ROWS = 100


@dataclass(frozen=True)
class CaseDetail:
    id: UUID
    created_at: datetime
    created_by: str
    case: CaseInput
    floor: TriageFloor
    job: JobView | None
    assessment: Assessment | None
    assessment_id: UUID | None
    documents: tuple[DocumentBrief, ...] = ()
    reopened: tuple[Reopened, ...] = ()
    """Its assessments that are to be reviewed again, newest first."""


def list_cases(
    *, actor: Actor, limit: int = 25, cursor: str | None = None, reopened_only: bool = False
) -> CasePage:  # fmt: skip
    """The newest cases of the clinic; `next_cursor` continues where the page ended."""
    require(actor, Permission.CASE_READ)
    limit = max(1, min(limit, MOST_ROWS))
    latest = AssessmentRecord.objects.filter(case=OuterRef("pk")).order_by("-created_at")
    rows = Case.objects.defer("payload", "floor").annotate(
        last_level=Subquery(latest.values("level")[:1]),
        last_status=Subquery(latest.values("status")[:1]),
        is_reopened=Exists(AssessmentRecord.objects.filter(case=OuterRef("pk"), reopened_at__isnull=False)),
    )
    if reopened_only:
        rows = rows.filter(is_reopened=True)
    if cursor:
        at, case_id = cursors.read(cursor)
        rows = rows.filter(Q(created_at__lt=at) | Q(created_at=at, id__lt=case_id))
    found = list(rows.order_by("-created_at", "-id")[: limit + 1])
    page = found[:limit]
    states = job_views(case.latest_job_id for case in page if case.latest_job_id)
    with transaction.atomic():
        record(actor=actor, action="case.list", object_type="case", object_id="*", detail={"count": len(page)})
    items = tuple(
        CaseRow(
            id=case.id, created_at=case.created_at, created_by=case.created_by, headline=case.headline,
            floor=case.floor_level,  # type: ignore[arg-type]
            level=case.last_level, status=case.last_status,
            job_state=states[case.latest_job_id].state if case.latest_job_id in states else "",
            reopened=case.is_reopened,
        )
        for case in page
    )  # fmt: skip
    more = len(found) > limit
    return CasePage(items, cursors.make(page[-1].created_at, page[-1].id) if more else None)


def case_detail(*, actor: Actor, case_id: UUID) -> CaseDetail:
    """A case, its latest job and its latest assessment; audited. Raises `NotFound`, also without the right."""
    case = _readable(actor, case_id)
    stored = case.assessments.first()
    waiting = case.assessments.filter(reopened_at__isnull=False).defer("payload")
    job = job_views([case.latest_job_id]).get(case.latest_job_id) if case.latest_job_id else None
    with transaction.atomic():
        record(actor=actor, action="case.read", object_type="case", object_id=str(case_id))
    return CaseDetail(
        id=case.id, created_at=case.created_at, created_by=case.created_by,
        case=CaseInput.model_validate(case.payload), floor=TriageFloor.model_validate(case.floor), job=job,
        assessment=Assessment.model_validate(stored.payload) if stored else None,
        assessment_id=stored.id if stored else None, documents=documents.for_case(case_id),
        reopened=tuple(found for row in waiting if (found := _reopened(row))),
    )  # fmt: skip


def assessments_of(*, actor: Actor, case_id: UUID) -> tuple[StoredAssessment, ...]:
    """Every assessment of a case, newest first; audited."""
    case = _readable(actor, case_id)
    with transaction.atomic():
        record(actor=actor, action="assessment.list", object_type="case", object_id=str(case_id))
    return tuple(
        StoredAssessment(row.id, row.job_id, row.created_at, Assessment.model_validate(row.payload), _reopened(row))
        for row in case.assessments.all()
    )


def require_case(*, actor: Actor, case_id: UUID) -> None:
    """Raises `NotFound` unless the case is there and the actor may read it."""
    _readable(actor, case_id)


def _reopened(row: AssessmentRecord) -> Reopened | None:
    if row.reopened_at is None:
        return None
    reasons = tuple(
        Reopening(
            guideline=entry["guideline"], superseded_by=entry["superseded_by"], reason=entry["reason"],
            at=datetime.fromisoformat(entry["at"]), passages=tuple(entry["passages"]),
        )
        for entry in row.reopened_for
        if "closed_at" not in entry
    )  # fmt: skip
    return Reopened(row.id, row.created_at, row.reopened_at, reasons)


def _readable(actor: Actor, case_id: UUID) -> Case:
    case = Case.objects.filter(pk=case_id).first()
    if case is None:
        raise NotFound
    require_object(actor, Permission.CASE_READ, case)
    return case


def assessment_of_job(*, actor: Actor, job_id: UUID) -> Assessment | None:
    """The result of a job, None while there is none; audited."""
    require(actor, Permission.CASE_READ)
    row = AssessmentRecord.objects.filter(job_id=job_id).first()
    if row is None:
        return None
    with transaction.atomic():
        record(actor=actor, action="assessment.read", object_type="assessment", object_id=str(row.id))
    return Assessment.model_validate(row.payload)


def content_for_pipeline(case_id: UUID) -> CaseContent:
    """The case as the worker reads it; the worker's own audit row is the stored assessment's."""
    case = Case.objects.filter(pk=case_id).first()
    if case is None:
        raise NotFound
    return CaseContent(
        case.id, CaseInput.model_validate(case.payload), TriageFloor.model_validate(case.floor),
        documents=documents.for_case(case_id),
    )  # fmt: skip


def progress_ticket(*, actor: Actor, job_id: UUID) -> str:
    """Address of the job's live events for a page; empty when no events process is configured."""
    return events_address(actor=actor, job_id=job_id)
