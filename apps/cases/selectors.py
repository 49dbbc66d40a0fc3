"""Reads of this room. Whatever shows patient data writes its audit row first: no audit row, no answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from apps.cases.models import (
    AssessmentRecord,
    Case,
    CaseAccess,
    ClaimReview,
    Impression,
    Intake,
    Outcome,
    PatientLink,
    PatientMessage,
    Release,
)
from apps.cases.schemas import (
    AccessView,
    AssessmentOfCase,
    CaseContent,
    CaseFilter,
    CasePage,
    CaseRow,
    Diagnosis,
    IntakeView,
    LinkView,
    MessageView,
    OutcomeView,
    PatientSide,
    ReleaseView,
    Reopened,
    Reopening,
    ReviewedClaim,
    StoredAssessment,
)
from apps.documents import selectors as documents
from apps.documents.schemas import DocumentBrief
from medassist.accounts.access import Actor, Permission, require, require_object
from medassist.audit.schemas import Access
from medassist.audit.services import accesses, record
from medassist.clinical.assessment import Assessment
from medassist.clinical.case import CaseInput
from medassist.clinical.triage import SEVERITY, TriageFloor
from medassist.common import cursors
from medassist.common.errors import NotFound, RecordRestricted
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
    restricted: bool = False


def list_cases(
    *, actor: Actor, limit: int = 25, cursor: str | None = None, wanted: CaseFilter | None = None
) -> CasePage:  # fmt: skip
    """The newest cases of the clinic, or those of them that are `wanted`; `next_cursor` continues where the page ended."""
    wanted = wanted or CaseFilter()
    require(actor, Permission.CASE_READ)
    limit = max(1, min(limit, MOST_ROWS))
    latest = AssessmentRecord.objects.filter(case=OuterRef("pk")).order_by("-created_at")
    rows = Case.objects.defer("payload", "floor").annotate(
        last_level=Subquery(latest.values("level")[:1]),
        last_status=Subquery(latest.values("status")[:1]),
        is_reopened=Exists(AssessmentRecord.objects.filter(case=OuterRef("pk"), reopened_at__isnull=False)),
    )
    rows = rows.filter(_wanted(wanted, actor))
    if cursor:
        at, case_id = cursors.read(cursor)
        rows = rows.filter(Q(created_at__lt=at) | Q(created_at=at, id__lt=case_id))
    if wanted.words:
        # What is found by its words tells that it has them.
        rows = rows.filter(Q(restricted=False) | let_in(actor))
    found = list(rows.order_by("-created_at", "-id")[: limit + 1])
    page = found[:limit]
    closed_to = closed_among(actor, frozenset(case.pk for case in page if case.restricted))
    states = job_views(case.latest_job_id for case in page if case.latest_job_id)
    with transaction.atomic():
        record(actor=actor, action="case.list", object_type="case", object_id="*", detail={"count": len(page)})
    items = tuple(
        CaseRow(
            id=case.id, created_at=case.created_at, created_by=case.created_by,
            headline="" if case.pk in closed_to else case.headline,
            floor=case.floor_level,  # type: ignore[arg-type]
            level=case.last_level, status=case.last_status,
            job_state=states[case.latest_job_id].state if case.latest_job_id in states else "",
            reopened=case.is_reopened, restricted=case.restricted, open=case.pk not in closed_to,
        )
        for case in page
    )  # fmt: skip
    more = len(found) > limit
    return CasePage(items, cursors.make(page[-1].created_at, page[-1].id) if more else None)


def _wanted(wanted: CaseFilter, actor: Actor) -> Q:
    found = Q()
    if wanted.reopened:
        found &= Q(is_reopened=True)
    if wanted.mine:
        found &= Q(created_by=actor.label or actor.id)
    if wanted.level:
        graver = [level for level in SEVERITY if SEVERITY[level] > SEVERITY[wanted.level]]
        found &= Q(floor_level=wanted.level) | Q(last_level=wanted.level)
        found &= ~Q(floor_level__in=graver) & (Q(last_level__isnull=True) | ~Q(last_level__in=graver))
    if wanted.status:
        found &= Q(last_status__isnull=True) if wanted.status == "waiting" else Q(last_status=wanted.status)
    if wanted.since:
        found &= Q(created_at__gte=wanted.since)
    if wanted.until:
        found &= Q(created_at__lt=wanted.until)
    if wanted.words:
        words: Any = Case._meta.get_field("words")
        found &= words.matching(wanted.words, connection)
    return found


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
        reopened=tuple(found for row in waiting if (found := _reopened(row))), restricted=case.restricted,
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


def assessment_of_case(*, actor: Actor, assessment_id: UUID) -> AssessmentOfCase:
    """One assessment by its own id; audited. Raises `NotFound`, also without the right to read its case."""
    row = AssessmentRecord.objects.filter(pk=assessment_id).first()
    if row is None:
        raise NotFound
    case = _readable(actor, row.case_id)
    with transaction.atomic():
        record(actor=actor, action="assessment.read", object_type="assessment", object_id=str(row.id))
    stored = StoredAssessment(
        row.id, row.job_id, row.created_at, Assessment.model_validate(row.payload), _reopened(row)
    )  # fmt: skip
    return AssessmentOfCase(case.id, CaseInput.model_validate(case.payload).patient.reference, stored)


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
    require_let_in(actor, case)
    return case


def let_in(actor: Actor) -> Q:
    """Restricted cases that the actor may open, as a condition on cases."""
    if actor.kind == "system":
        return Q(pk__isnull=False)
    now = timezone.now()
    mine = CaseAccess.objects.filter(case=OuterRef("pk"), person=person_of(actor), ended_at__isnull=True)
    return Q(Exists(mine.filter(Q(until__isnull=True) | Q(until__gt=now))))


def person_of(actor: Actor) -> str:
    return actor.id if actor.kind == "user" else f"{actor.kind}:{actor.id}"


def require_let_in(actor: Actor, case: Case) -> None:
    """Raises `RecordRestricted` for a restricted case that is not open to the actor."""
    if case.restricted and closed_among(actor, frozenset({case.pk})):
        raise RecordRestricted


def closed_among(actor: Actor, case_ids: frozenset[UUID]) -> frozenset[UUID]:
    """Those of the cases that are restricted and not open to the actor (`medassist.accounts.confidential`)."""
    if not case_ids:
        return frozenset()
    rows = Case.objects.filter(pk__in=case_ids, restricted=True).exclude(let_in(actor))
    return frozenset(rows.values_list("pk", flat=True))


def standing_access(*, actor: Actor, case_id: UUID) -> tuple[bool, tuple[AccessView, ...]]:
    """Whether a case is restricted, and who may open it; for who may open it. Raises `NotFound`, `RecordRestricted`."""
    case = _readable(actor, case_id)
    rows = case.accesses.filter(Q(until__isnull=True) | Q(until__gt=timezone.now()), ended_at__isnull=True)
    return case.restricted, tuple(map(_access, rows))


def glass_broken(*, actor: Actor, limit: int = 200) -> tuple[AccessView, ...]:
    """Who opened a restricted case by saying why, newest first; audited."""
    require(actor, Permission.AUDIT_READ)
    rows = CaseAccess.objects.filter(broke_glass=True)[:limit]
    found = tuple(map(_access, rows))
    with transaction.atomic():
        record(
            actor=actor, action="case.break_glass.list", object_type="case", object_id="*", detail={"rows": len(found)}
        )
    return found


def _access(row: CaseAccess) -> AccessView:
    return AccessView(row.id, row.case_id, row.person, row.name, row.at, row.by, row.until, row.broke_glass, row.reason)


def assessment_of_job(*, actor: Actor, job_id: UUID) -> Assessment | None:
    """The result of a job, None while there is none; audited."""
    require(actor, Permission.CASE_READ)
    row = AssessmentRecord.objects.filter(job_id=job_id).first()
    if row is None:
        return None
    require_let_in(actor, row.case)
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


def record_of(case_id: UUID) -> tuple[CaseInput, Assessment | None]:
    """The record and its latest released assessment, for a run in the clinic; raises `NotFound`."""
    case = Case.objects.filter(pk=case_id).first()
    if case is None:
        raise NotFound
    row = case.assessments.filter(status="released").first()
    return CaseInput.model_validate(case.payload), Assessment.model_validate(row.payload) if row else None


def progress_ticket(*, actor: Actor, job_id: UUID) -> str:
    """Address of the job's live events for a page; empty when no events process is configured."""
    return events_address(actor=actor, job_id=job_id)


Releases = QuerySet[Release]


def claim_reviews(assessment_id: UUID) -> dict[str, ReviewedClaim]:
    """The verdict that counts for each reviewed claim; for who has just read the assessment."""
    rows = ClaimReview.objects.filter(assessment_id=assessment_id).order_by("at")
    return {
        row.claim: ReviewedClaim(row.claim, row.verdict, row.reason, row.text, row.by, row.at)  # type: ignore[arg-type]
        for row in rows
    }


def outcome_of(case_id: UUID) -> OutcomeView | None:
    """What the case turned out to be, as told last; for who has just read the case."""
    row = Outcome.objects.filter(case_id=case_id).first()
    if row is None:
        return None
    diagnoses = tuple(Diagnosis.model_validate(one) for one in row.diagnoses)
    return OutcomeView(diagnoses, row.rank, row.by, row.at, row.assessment_id)


def release_of(case_id: UUID) -> ReleaseView | None:
    """What the patient may read about the case now; for who has just read the case."""
    row = Release.objects.filter(assessment__case_id=case_id, withdrawn_at__isnull=True).first()
    return ReleaseView(row.id, row.assessment_id, row.text, row.grade, row.by, row.at) if row else None


def impression_of(*, actor: Actor, case_id: UUID) -> str | None:
    """What the actor thought before reading; "" passed over, None not asked yet."""
    row = Impression.objects.filter(case_id=case_id, person=actor.id).first()
    return row.text if row else None


def thinks_first(case_id: UUID) -> bool:
    return Case.objects.filter(pk=case_id, think_first=True).exists()


def adjudicated(*, actor: Actor) -> Iterator[dict[str, Any]]:
    """Assessments with what they turned out to be, as `calibrate` reads them; the newest outcome of each case, audited."""
    require(actor, Permission.OUTCOME_RECORD)
    seen: set[UUID] = set()
    # What is restricted in the clinic does not leave it.
    rows = (
        Outcome.objects.select_related("assessment")
        .filter(assessment__isnull=False, case__restricted=False)
        .order_by("case_id", "-at")
    )
    with transaction.atomic():
        record(actor=actor, action="outcome.export", object_type="case", object_id="*", detail={"rows": rows.count()})
    for row in rows.iterator(chunk_size=200):
        if row.case_id not in seen and row.assessment is not None:
            seen.add(row.case_id)
            yield {"assessment": row.assessment.payload, "diagnosis": [one["name"] for one in row.diagnoses]}


def patient_links(*, actor: Actor) -> tuple[LinkView, ...]:
    """The signed-in patient's cases, newest first; audited. Nothing of a case is in it but what was released."""
    require(actor, Permission.PORTAL_USE)
    rows = PatientLink.objects.filter(person=actor.id, consent_withdrawn_at__isnull=True).order_by("-accepted_at")
    with transaction.atomic():
        record(actor=actor, action="portal.list", object_type="person", object_id=actor.id, detail={})
    return tuple(_link(row) for row in rows)


def patient_link(*, actor: Actor, link_id: UUID) -> LinkView:
    """One of them with its messages and its open intake; audited at the case. Raises `NotFound`."""
    require(actor, Permission.PORTAL_USE)
    row = PatientLink.objects.filter(pk=link_id, person=actor.id, consent_withdrawn_at__isnull=True).first()
    if row is None:
        raise NotFound
    with transaction.atomic():
        record(actor=actor, action="portal.read", object_type="case", object_id=str(row.case_id), detail={})
    return _link(row)


def _link(row: PatientLink) -> LinkView:
    released = release_of(row.case_id)
    return LinkView(
        id=row.id, accepted_at=row.accepted_at, text=released.text if released else "",
        released_at=released.at if released else None, messages=tuple(_message(one) for one in row.messages.all()),
        intakes=tuple(_intake(one) for one in row.intakes.all()),
    )  # fmt: skip


def accesses_of(*, actor: Actor, link_id: UUID) -> list[Access]:
    """Who looked at or changed the case behind the link: for the patient whom it is about."""
    require(actor, Permission.PORTAL_USE)
    row = PatientLink.objects.filter(pk=link_id, person=actor.id).first()
    if row is None:
        raise NotFound
    names = [str(pk) for pk in AssessmentRecord.objects.filter(case_id=row.case_id).values_list("pk", flat=True)]
    return accesses([str(row.case_id), *names])


def from_patient(case_id: UUID) -> PatientSide:
    """What the patient of a case said and whether the way is open; for who has just read the case."""
    links = list(PatientLink.objects.filter(case_id=case_id).order_by("-invited_at"))
    messages = PatientMessage.objects.filter(link__case_id=case_id)
    intakes = Intake.objects.filter(link__case_id=case_id, ended_at__isnull=False)
    open_ones = [link for link in links if link.accepted_at and not link.consent_withdrawn_at]
    return PatientSide(
        linked=bool(open_ones), withdrawn=any(link.consent_withdrawn_at for link in links),
        messages=tuple(_message(one) for one in messages), intakes=tuple(_intake(one) for one in intakes),
    )  # fmt: skip


def _message(row: PatientMessage) -> MessageView:
    return MessageView(row.id, row.kind, row.text, row.at, row.reply, row.replied_by, row.replied_at)


def _intake(row: Intake) -> IntakeView:
    return IntakeView(row.id, row.begun_at, row.ended_at, row.level, tuple(row.answers.items()))  # type: ignore[arg-type]
