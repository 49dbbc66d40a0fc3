"""What a patient may read about a case: drafted from what a clinician accepted, checked, released, taken back."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.cases import selectors
from apps.cases.models import AssessmentRecord, Release
from apps.cases.pipeline.patient_draft import draft_for
from apps.cases.pipeline.record import parts_of, record_text
from apps.safety import services as safety
from medassist.accounts.access import Actor, Permission, require
from medassist.audit.services import record
from medassist.clinical.assessment import Assessment
from medassist.clinical.case import CaseInput
from medassist.common.errors import InvalidInput, NotFound, StateConflict
from medassist.tenancy.context import current_clinic


def release_draft(*, actor: Actor, assessment_id: UUID) -> str:
    """A text to begin with: accepted claims in plain words, the authored advice for patients. Raises as `release` does."""
    require(actor, Permission.ASSESSMENT_RELEASE)
    row = _releasable(actor, assessment_id)
    case = CaseInput.model_validate(row.case.payload)
    return draft_for(
        Assessment.model_validate(row.payload), reviews=selectors.claim_reviews(row.pk),
        record=record_text(parts_of(case)), advice=_advice(row, case), locale=case.locale,
    )  # fmt: skip


def release(
    *, actor: Actor, assessment_id: UUID, text: str, accept_hard: bool = False, accept_numbers: bool = False
) -> UUID:
    """Lets the patient read the text; it takes the place of an earlier one of the case.

    Raises `NotFound`; `StateConflict` for an assessment that was not released by the checks or waits to be reviewed again;
    `InvalidInput` naming `text` for what the guard keeps from patients, `accept_hard` for a text above the reading target and
    `accept_numbers` for numbers that neither record nor authored text hold, unless they are accepted.
    """
    require(actor, Permission.ASSESSMENT_RELEASE)
    row = _releasable(actor, assessment_id)
    if not text.strip() or len(text) > safety.MOST_PATIENT_CHARS:
        raise InvalidInput(fields={"text": f"1 to {safety.MOST_PATIENT_CHARS} characters"})
    case = CaseInput.model_validate(row.case.payload)
    advice = _advice(row, case)
    # What is authored has been written for patients, and is no words of a model or of this clinician.
    judged = text.replace(advice, "")
    checked = safety.check_for_patient(judged, record=record_text(parts_of(case)), known=advice)
    if fields := checked.problems(accept_hard=accept_hard, accept_numbers=accept_numbers):
        raise InvalidInput("The text was not released; see fields.", fields=fields)
    with transaction.atomic():
        _end(actor, Release.objects.filter(assessment__case_id=row.case_id))
        made = Release.objects.create(
            assessment=row, text=text.strip(), grade=checked.grade, by=actor.label or actor.id
        )
        record(
            actor=actor, action="assessment.release", object_type="assessment", object_id=str(row.pk),
            detail={
                "case": str(row.case_id), "release": str(made.id), "grade": f"{checked.grade:g}",
                "numbers": len(checked.strange_numbers),
            },
        )  # fmt: skip
    return made.id


def withdraw(*, actor: Actor, assessment_id: UUID) -> None:
    """Takes back what the patient may read of this assessment; raises `NotFound` when nothing is out."""
    require(actor, Permission.ASSESSMENT_RELEASE)
    row = Release.objects.select_related("assessment__case").filter(assessment_id=assessment_id).first()
    if row is not None:
        selectors.require_let_in(actor, row.assessment.case)
    with transaction.atomic():
        if not _end(actor, Release.objects.filter(assessment_id=assessment_id)):
            raise NotFound
        record(
            actor=actor, action="assessment.withdraw", object_type="assessment", object_id=str(assessment_id), detail={}
        )


def _end(actor: Actor, rows: selectors.Releases) -> int:
    open_ones = rows.filter(withdrawn_at__isnull=True)
    return open_ones.update(withdrawn_at=timezone.now(), withdrawn_by=actor.label or actor.id)


def _releasable(actor: Actor, assessment_id: UUID) -> AssessmentRecord:
    row = AssessmentRecord.objects.select_related("case").filter(pk=assessment_id).first()
    if row is None:
        raise NotFound
    selectors.require_let_in(actor, row.case)
    if row.status != "released":
        raise StateConflict("An assessment that was withheld or abstained has nothing for a patient")
    if row.reopened_at is not None:
        raise StateConflict("This assessment waits to be reviewed again; review it first")
    return row


def _advice(row: AssessmentRecord, case: CaseInput) -> str:
    """The authored advice for the level, in the patient's own words and language."""
    found = safety.escalation(
        level=Assessment.model_validate(row.payload).triage.level, locale=case.locale,
        emergency_number=current_clinic().emergency_number, audience="patient",
    )  # fmt: skip
    return f"{found.title}\n{found.text}"
