"""Writes of this room: a case with its job, the result of a job. One transaction each, the audit row inside."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from django.db import transaction
from django.utils import timezone

from apps.cases import selectors
from apps.cases.jobs import ASSESSMENT
from apps.cases.models import AssessmentRecord, Case
from apps.cases.pipeline.record import headline_of
from apps.cases.schemas import ClinicRecall, RecalledAssessment, Requested, cited_in, cited_passages
from apps.documents import services as documents
from apps.rag.schemas import RecalledVersion
from apps.safety import services as safety
from apps.safety.schemas import Event
from apps.safety.selectors import rule_decisions
from apps.safety.services import triage_floor
from medassist.accounts.access import Actor, Permission, require, system_actor
from medassist.audit.services import record
from medassist.clinical.assessment import Assessment
from medassist.clinical.case import CaseInput
from medassist.clinical.triage import TriageFloor
from medassist.common.database import again_on_deadlock
from medassist.common.errors import InvalidInput, MedAssistError, NotFound, StateConflict
from medassist.jobs import services as jobs
from medassist.jobs.runner import Run
from medassist.jobs.schemas import Lane
from medassist.tenancy.context import clinic_context
from medassist.tenancy.selectors import open_clinics

MOST_REASON = 300
_FILLED_AT_ONCE = 100


@again_on_deadlock
def request_assessment(
    *, actor: Actor, case: CaseInput, idempotency_key: str | None = None, lane: Lane | None = None,
    think_first: bool = False,
) -> Requested:  # fmt: skip
    """Stores the case with its triage floor and queues its assessment; rules only, no model is asked here.

    With `think_first` the pages ask each reader's own impression before they show the assessment.

    An emergency goes to the emergency lane unless the caller chose one. Raises `IdempotencyConflict` when the key
    came with another body before, `InvalidInput` for a document that is not there to be taken, `TooManyRequests` or
    `Unavailable` when the queue is full.
    """
    require(actor, Permission.CASE_SUBMIT)
    payload = case.model_dump_json()
    request_hash = hashlib.sha256(payload.encode()).hexdigest()
    if found := jobs.earlier(idempotency_key=idempotency_key, request_hash=request_hash):
        return _again(found)
    safety.require_allowed(case)
    floor = triage_floor(case, decisions=rule_decisions())
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
            think_first=think_first,
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
        selectors.require_let_in(actor, case)
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
            cited=list(cited_passages(assessment)),
        )
        actor = system_actor(run.job.clinic, "worker-llm")
        if assessment.status == "released":
            earlier = AssessmentRecord.objects.select_for_update(no_key=True).filter(
                case_id=case_id, reopened_at__isnull=False
            )
            for old in earlier.order_by("pk"):
                _close(old, actor, "reanalysed")
        record(
            actor=actor,
            action="assessment.store",
            object_type="assessment",
            object_id=str(row.id),
            detail={
                "job": str(run.job.id), "case": str(case_id), "status": assessment.status,
                "level": assessment.triage.level, "removed": assessment.safety.removed_sentences,
            },
        )  # fmt: skip

        made_by = assessment.provenance
        safety.record_events(
            events=tuple(_events(assessment)), object_type="assessment", object_id=str(row.id), job_id=run.job.id,
            answer=assessment.model_dump_json(),
            versions={
                "case": str(case_id), "backbone": made_by.backbone or "", "model": made_by.model or "",
                "adapter": made_by.adapter or "", "prompt": made_by.prompt_version or "", "guard": made_by.guard_version,
                "rules": made_by.rule_set_version,
            },
        )  # fmt: skip

    run.complete(store)


def _events(assessment: Assessment) -> Iterator[Event]:
    """What the checks did to it, as codes and counts."""
    done, reasons = assessment.safety, assessment.status_reasons
    if done.removed_sentences:
        yield Event(code="guard_removed", count=done.removed_sentences, rules=done.codes)
    if grave := tuple(code for code in done.codes if code in {"B5", "B7"}):
        yield Event(code="fidelity_incident", rules=grave)
    if done.regenerated:
        yield Event(code="regenerated")
    if done.withheld_quotes:
        yield Event(code="quotes_withheld", count=done.withheld_quotes)
    if done.injection_spans:
        yield Event(code="injection_found", count=done.injection_spans)
    if assessment.grounding.removed:
        yield Event(code="claims_removed", count=assessment.grounding.removed)
    if "unsupported_language" in reasons:
        yield Event(code="language_gate")
    if assessment.status != "released":
        yield Event(code=assessment.status, rules=reasons)


# --- recall: assessments that cite what was superseded or withdrawn ---------------------------------------------


def recall_in_clinics(
    *, by: str, versions: Sequence[RecalledVersion], clinics: Sequence[str] | None = None, reopen_for: str | None = None
) -> Iterator[ClinicRecall]:
    """`recall` in each open clinic (or in those named), one after the other, as they are done.

    What happens in a clinic is in that clinic's trail. A clinic that cannot be looked into is reported, not skipped.
    """
    for name in clinics if clinics is not None else [clinic.schema_name for clinic in open_clinics()]:
        try:
            with clinic_context(name):
                actor = system_actor(name, by, scopes=frozenset({Permission.GUIDELINE_MANAGE}))
                found = recall(actor=actor, versions=versions, reopen_for=reopen_for)
        except MedAssistError as error:
            found = ClinicRecall(clinic=name, error=error.code)
        yield found


def recall(*, actor: Actor, versions: Sequence[RecalledVersion], reopen_for: str | None = None) -> ClinicRecall:
    """The clinic's assessments that cite one of the versions; with a reason they are reopened, each once a version.

    An assessment that was reopened for a version and reviewed is not reopened for it again.
    """
    require(actor, Permission.GUIDELINE_MANAGE)
    reason = None if reopen_for is None else _reason(reopen_for)
    _fill_cited()
    version_of = {passage: version for version in versions for passage in version.passages}
    rows = AssessmentRecord.objects.defer("payload").filter(cited__has_any_keys=list(version_of))
    found, reopened = [], 0
    for row in rows.order_by("created_at", "pk") if version_of else ():
        cites = {version.guideline_id: version for passage in row.cited or () if (version := version_of.get(passage))}
        if reason is not None and _reopen(actor, row, tuple(cites.values()), reason):
            reopened += 1
        found.append(
            RecalledAssessment(
                case_id=row.case_id, id=row.id, created_at=row.created_at, status=row.status,
                guidelines=tuple(cites), passages=tuple(name for name in row.cited or () if name in version_of),
                state=_recall_state(row, set(cites)),
            )
        )  # fmt: skip
    with transaction.atomic():
        record(
            actor=actor, action="guideline.recall", object_type="guideline",
            object_id=versions[0].work[:100] if versions else "*",
            detail={"versions": len(versions), "assessments": len(found), "reopened": reopened},
        )  # fmt: skip
    return ClinicRecall(clinic=actor.clinic, assessments=tuple(found), reopened=reopened)


def _fill_cited() -> None:
    """Rows stored before citations were kept beside the sealed assessment get them from it."""
    while True:
        rows = list(AssessmentRecord.objects.filter(cited__isnull=True).only("payload")[:_FILLED_AT_ONCE])
        for row in rows:
            cited: Any = list(cited_in(row.payload))
            AssessmentRecord.objects.filter(pk=row.pk, cited__isnull=True).update(cited=cited)
        if len(rows) < _FILLED_AT_ONCE:
            return


def _reopen(actor: Actor, row: AssessmentRecord, versions: Sequence[RecalledVersion], reason: str) -> bool:
    with transaction.atomic():
        locked = AssessmentRecord.objects.select_for_update(no_key=True).defer("payload").get(pk=row.pk)
        known = {entry["guideline"] for entry in locked.reopened_for}
        new = [version for version in versions if version.guideline_id not in known]
        if not new:
            return False
        now = timezone.now()
        locked.reopened_for = [*locked.reopened_for, *(_entry(row, item, reason, now, actor) for item in new)]
        locked.reopened_at = locked.reopened_at or now
        locked.save(update_fields=["reopened_at", "reopened_for"])
        record(
            actor=actor, action="assessment.reopen", object_type="assessment", object_id=str(row.pk),
            detail={"case": str(row.case_id), "guidelines": _listed(item.guideline_id for item in new), "reason": reason},
        )  # fmt: skip
    row.reopened_at, row.reopened_for = locked.reopened_at, locked.reopened_for
    return True


def _entry(
    row: AssessmentRecord, version: RecalledVersion, reason: str, now: datetime, actor: Actor
) -> dict[str, Any]:  # fmt: skip
    return {
        "guideline": version.guideline_id, "superseded_by": version.superseded_by, "reason": reason,
        "at": now.isoformat(), "by": actor.label or actor.id,
        "passages": [name for name in row.cited or () if name in version.passages],
    }  # fmt: skip


def _recall_state(row: AssessmentRecord, guidelines: set[str]) -> Literal["cites", "reopened", "reviewed"]:
    of_these = [entry for entry in row.reopened_for if entry["guideline"] in guidelines]
    if any("closed_at" not in entry for entry in of_these):
        return "reopened"
    return "reviewed" if len(of_these) == len(guidelines) else "cites"


def close_reopened(*, actor: Actor, case_id: UUID, assessment_id: UUID) -> None:
    """A clinician has read the assessment again beside the new text. Raises `NotFound`, `StateConflict` when it is
    not open for review."""
    require(actor, Permission.CASE_SUBMIT)
    with transaction.atomic():
        rows = AssessmentRecord.objects.select_for_update(no_key=True).defer("payload")
        row = rows.filter(pk=assessment_id, case_id=case_id).first()
        if row is None:
            raise NotFound
        selectors.require_let_in(actor, row.case)
        if row.reopened_at is None:
            raise StateConflict("This assessment does not wait for a review")
        _close(row, actor, "reviewed")


def _close(row: AssessmentRecord, actor: Actor, how: Literal["reviewed", "reanalysed"]) -> None:
    closed = {"closed_at": timezone.now().isoformat(), "closed_by": actor.label or actor.id, "closed_how": how}
    ended = [entry for entry in row.reopened_for if "closed_at" not in entry]
    row.reopened_for = [entry if "closed_at" in entry else {**entry, **closed} for entry in row.reopened_for]
    row.reopened_at = None
    row.save(update_fields=["reopened_at", "reopened_for"])
    record(
        actor=actor, action=f"assessment.{how}", object_type="assessment", object_id=str(row.pk),
        detail={"case": str(row.case_id), "guidelines": _listed(entry["guideline"] for entry in ended)},
    )  # fmt: skip


def _listed(names: Iterable[str]) -> str:
    return " ".join(names)[:2000]


def _reason(given: str) -> str:
    reason = " ".join(given.replace("\x00", "").split())
    if not reason or len(reason) > MOST_REASON:
        raise InvalidInput(fields={"reason": f"1 to {MOST_REASON} characters"})
    return reason
