"""What clinicians say about an assessment: claim by claim, and later what it turned out to be. The audit row inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from django.db import transaction

from apps.cases import selectors
from apps.cases.models import AssessmentRecord, Case, ClaimReview, Impression, Outcome
from apps.cases.pipeline.record import parts_of, record_text
from apps.cases.schemas import ClaimVerdict, Diagnosis, claims_of
from apps.safety import services as safety
from medassist.accounts.access import Actor, Permission, require
from medassist.audit.services import record
from medassist.clinical.assessment import Assessment
from medassist.clinical.case import CaseInput
from medassist.clinical.coding import icd10_for
from medassist.common.database import again_on_deadlock
from medassist.common.errors import InvalidInput, NotFound, StateConflict

MOST_IMPRESSION = 4000


@again_on_deadlock
def review_claims(*, actor: Actor, assessment_id: UUID, verdicts: Sequence[ClaimVerdict]) -> int:
    """Keeps what a clinician says about claims, all or none; returns how many of them are new.

    An edit needs its words, an edit and a rejection their reason. Words pass the medicine guard first, since they are shown
    where the claim stood. Raises `NotFound`, `StateConflict` for an assessment that was not released, `InvalidInput` by place
    ("reviews.2.text").
    """
    require(actor, Permission.ASSESSMENT_REVIEW)
    row = _row(actor, assessment_id)
    if row.status != "released":
        raise StateConflict("Only a released assessment has claims to be reviewed")
    assessment = Assessment.model_validate(row.payload)
    known = {claim.id for claim in claims_of(assessment)}
    recorded = record_text(parts_of(CaseInput.model_validate(row.case.payload)))
    fields = dict(_wrong(verdicts, known, recorded))
    if fields:
        raise InvalidInput("Nothing was kept; see fields.", fields=fields)
    with transaction.atomic():
        # One at a time an assessment, so that the newest of a claim is what was decided last.
        AssessmentRecord.objects.select_for_update(no_key=True).only("pk").get(pk=row.pk)
        latest: dict[str, ClaimReview] = {}
        for held in row.claim_reviews.order_by("at"):
            latest[held.claim] = held
        new = [one for one in verdicts if not _same(latest.get(one.claim), one, actor)]
        for one in new:
            ClaimReview.objects.create(
                assessment=row, claim=one.claim, verdict=one.verdict, reason=one.reason, text=one.text,
                by=actor.label or actor.id, person=actor.id,
            )  # fmt: skip
        if new:
            record(
                actor=actor, action="assessment.review", object_type="assessment", object_id=str(row.pk),
                detail={"case": str(row.case_id), **_counts(new)},
            )  # fmt: skip
    return len(new)


def _wrong(verdicts: Sequence[ClaimVerdict], known: set[str], recorded: str) -> Iterator[tuple[str, str]]:
    for number, one in enumerate(verdicts):
        place = f"reviews.{number}"
        if one.claim not in known:
            yield f"{place}.claim", "the assessment has no claim of this id"
        if one.verdict != "accept" and not one.reason:
            yield f"{place}.reason", "say why"
        if one.verdict == "edit" and not one.text:
            yield f"{place}.text", "say how it should read"
        elif one.verdict == "edit" and not safety.check_text(one.text, record=recorded).allowed:
            yield f"{place}.text", "the medicine guard does not let this stand in an assessment"
        elif one.verdict != "edit" and one.text:
            yield f"{place}.text", "only an edit has words of its own"


def _same(held: ClaimReview | None, one: ClaimVerdict, actor: Actor) -> bool:
    return held is not None and (held.verdict, held.reason, held.text, held.person) == (
        one.verdict, one.reason, one.text, actor.id,
    )  # fmt: skip


def _counts(verdicts: Sequence[ClaimVerdict]) -> dict[str, int]:
    return {name: sum(one.verdict == name for one in verdicts) for name in ("accept", "reject", "edit")}


def record_outcome(*, actor: Actor, case_id: UUID, diagnoses: Sequence[Diagnosis]) -> int | None:
    """Keeps what the case turned out to be, and returns the place of the first of these that the latest released
    assessment names (None: it names none). A later outcome counts instead; all are kept. Raises `NotFound`."""
    require(actor, Permission.OUTCOME_RECORD)
    case = Case.objects.filter(pk=case_id).first()
    if case is None:
        raise NotFound
    selectors.require_let_in(actor, case)
    coded = [one.model_copy(update={"icd10": one.icd10 or icd10_for(one.name)}) for one in diagnoses]
    row = case.assessments.filter(status="released").first()
    rank = _rank(Assessment.model_validate(row.payload), coded) if row else None
    with transaction.atomic():
        Outcome.objects.create(
            case=case, assessment=row, diagnoses=[one.model_dump(mode="json") for one in coded], rank=rank,
            by=actor.label or actor.id,
        )  # fmt: skip
        record(
            actor=actor, action="outcome.record", object_type="case", object_id=str(case_id),
            detail={"assessment": str(row.pk) if row else "", "diagnoses": len(coded), "rank": rank or 0},
        )  # fmt: skip
    return rank


def _rank(assessment: Assessment, diagnoses: Sequence[Diagnosis]) -> int | None:
    for place, item in enumerate(assessment.differential, start=1):
        for one in diagnoses:
            if safety.same_condition(item.condition, one.name) or (item.icd10 and item.icd10 == one.icd10):
                return place
    return None


def keep_impression(*, actor: Actor, case_id: UUID, text: str) -> None:
    """What a clinician thinks before reading the assessment; an empty text passes it over. The first one stays."""
    require(actor, Permission.CASE_READ)
    if len(text) > MOST_IMPRESSION:
        raise InvalidInput(fields={"text": f"at most {MOST_IMPRESSION} characters"})
    with transaction.atomic():
        case = Case.objects.filter(pk=case_id).first()
        if case is None:
            raise NotFound
        selectors.require_let_in(actor, case)
        _, created = Impression.objects.get_or_create(
            case_id=case_id, person=actor.id, defaults={"by": actor.label or actor.id, "text": text.strip()}
        )
        if created:
            record(
                actor=actor, action="impression.keep", object_type="case", object_id=str(case_id),
                detail={"passed_over": not text.strip()},
            )  # fmt: skip


def _row(actor: Actor, assessment_id: UUID) -> AssessmentRecord:
    row = AssessmentRecord.objects.select_related("case").filter(pk=assessment_id).first()
    if row is None:
        raise NotFound
    selectors.require_let_in(actor, row.case)
    return row
