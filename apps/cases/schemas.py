"""What this room hands out: rows of the work list, a whole case, a request that was taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from apps.documents.schemas import DocumentBrief
from medassist.clinical.assessment import Assessment, Claim
from medassist.clinical.case import CaseInput, Frozen
from medassist.clinical.triage import TriageFloor, TriageLevel


@dataclass(frozen=True)
class Requested:
    """An accepted request; `created` is False when the idempotency key was seen before with the same body."""

    case_id: UUID
    job_id: UUID
    floor: TriageFloor
    created: bool


@dataclass(frozen=True)
class CaseRow:
    id: UUID
    created_at: datetime
    created_by: str
    headline: str
    floor: TriageLevel
    level: TriageLevel | None
    job_state: str
    status: str | None
    reopened: bool = False
    """An assessment of it is to be reviewed again."""
    restricted: bool = False
    open: bool = True
    """False: restricted, and not to the reader; then without its headline."""


@dataclass(frozen=True, slots=True)
class AccessView:
    """Somebody who may open a restricted case."""

    id: UUID
    case_id: UUID
    person: str
    name: str
    at: datetime
    by: str
    until: datetime | None
    broke_glass: bool
    reason: str


class CaseFilter(Frozen):
    """Which cases of the clinic are wanted; all of the given conditions hold."""

    level: TriageLevel | None = None
    """The level that counts: the higher of floor and assessment."""
    status: Literal["released", "withheld", "abstained", "waiting"] | None = None
    """Of the latest assessment; `waiting`: there is none yet."""
    mine: bool = False
    reopened: bool = False
    since: datetime | None = None
    until: datetime | None = None
    words: Annotated[str, StringConstraints(max_length=200, strip_whitespace=True)] = ""
    """Whole words of headline, presenting complaint and reference, all of them. Never part of an address."""


@dataclass(frozen=True)
class CasePage:
    items: tuple[CaseRow, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class Reopening:
    """One guideline for whose sake an assessment is to be reviewed again."""

    guideline: str
    """Id of the version that no longer holds."""
    superseded_by: str
    """Id of the version in its place; empty when it was withdrawn without one."""
    reason: str
    at: datetime
    passages: tuple[str, ...]
    """Of that version, those that the assessment cites."""


@dataclass(frozen=True)
class Reopened:
    assessment_id: UUID
    assessed_at: datetime
    at: datetime
    reasons: tuple[Reopening, ...]


@dataclass(frozen=True)
class StoredAssessment:
    id: UUID
    job_id: UUID
    created_at: datetime
    assessment: Assessment
    reopened: Reopened | None = None


@dataclass(frozen=True)
class AssessmentOfCase:
    """One stored assessment with the case that it is of, for a door that hands it on."""

    case_id: UUID
    reference: str | None
    """The patient's, as the caller gave it."""
    stored: StoredAssessment


@dataclass(frozen=True)
class RecalledAssessment:
    """An assessment that cites a version that no longer holds: ids, no patient's text."""

    case_id: UUID
    id: UUID
    created_at: datetime
    status: str
    guidelines: tuple[str, ...]
    passages: tuple[str, ...]
    state: Literal["cites", "reopened", "reviewed"]
    """`reviewed`: it was reopened for all of these versions, and closed since."""


@dataclass(frozen=True)
class ClinicRecall:
    clinic: str
    assessments: tuple[RecalledAssessment, ...] = ()
    reopened: int = 0
    """Assessments that this recall reopened."""
    error: str = ""
    """Code of the error that kept it from looking into the clinic."""


@dataclass(frozen=True)
class CaseContent:
    """What the pipeline works on."""

    id: UUID
    case: CaseInput
    floor: TriageFloor
    documents: tuple[DocumentBrief, ...] = ()


def cited_passages(assessment: Assessment) -> tuple[str, ...]:
    """Ids of the passages that an assessment shows, each once."""
    shown = [item.passage_id for item in assessment.evidence]
    shown += [side.passage_id for conflict in assessment.conflicts for side in conflict.sides]
    return tuple(dict.fromkeys(shown))


def cited_in(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """The same of a stored assessment as it lies there, whatever else is wrong with it."""
    sides = [side for conflict in payload.get("conflicts", ()) for side in conflict["sides"]]
    return tuple(dict.fromkeys(item["passage_id"] for item in (*payload.get("evidence", ()), *sides)))


class ClaimVerdict(Frozen):
    """What a clinician says about one claim."""

    claim: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{0,19}$")]
    verdict: Literal["accept", "reject", "edit"]
    reason: Annotated[str, StringConstraints(max_length=1000, strip_whitespace=True)] = ""
    text: Annotated[str, StringConstraints(max_length=1000, strip_whitespace=True)] = ""


class ClaimVerdicts(Frozen):
    reviews: Annotated[tuple[ClaimVerdict, ...], Field(min_length=1, max_length=500)]


class Diagnosis(Frozen):
    """A diagnosis as it was confirmed; the code is looked up by name where none is given."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
    icd10: Annotated[str, StringConstraints(pattern=r"^[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?$")] | None = None


class OutcomeInput(Frozen):
    diagnoses: Annotated[tuple[Diagnosis, ...], Field(min_length=1, max_length=20)]


class ReleaseInput(Frozen):
    text: Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
    accept_hard: bool = False
    """Release it although it is harder to read than aimed for."""
    accept_numbers: bool = False
    """Numbers that neither record nor authored text hold are right."""


@dataclass(frozen=True, slots=True)
class ReviewedClaim:
    """The verdict that counts."""

    claim: str
    verdict: Literal["accept", "reject", "edit"]
    reason: str
    text: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OutcomeView:
    diagnoses: tuple[Diagnosis, ...]
    rank: int | None
    by: str
    at: datetime
    assessment_id: UUID | None


@dataclass(frozen=True, slots=True)
class ReleaseView:
    id: UUID
    assessment_id: UUID
    text: str
    grade: float
    by: str
    at: datetime


def claims_of(assessment: Assessment) -> tuple[Claim, ...]:
    """Every claim that can be reviewed, in the order in which it is read."""
    flags = [flag.claim for flag in assessment.red_flags if flag.claim is not None]
    sides = [claim for item in assessment.differential for claim in (*item.claims_for, *item.claims_against)]
    return tuple({claim.id: claim for claim in (*flags, *assessment.summary.claims, *sides)}.values())


@dataclass(frozen=True, slots=True)
class MessageView:
    id: UUID
    kind: str
    text: str
    at: datetime
    reply: str
    replied_by: str
    replied_at: datetime | None


@dataclass(frozen=True, slots=True)
class IntakeView:
    id: UUID
    begun_at: datetime
    ended_at: datetime | None
    level: TriageLevel
    said: tuple[tuple[str, str], ...]
    """(question id, answer), in order."""


@dataclass(frozen=True, slots=True)
class LinkView:
    """A case as its patient sees it: only what was released."""

    id: UUID
    accepted_at: datetime | None
    text: str
    released_at: datetime | None
    messages: tuple[MessageView, ...]
    intakes: tuple[IntakeView, ...]


@dataclass(frozen=True, slots=True)
class PatientSide:
    """The patient's part in a case, as its clinicians see it."""

    linked: bool
    withdrawn: bool
    messages: tuple[MessageView, ...]
    intakes: tuple[IntakeView, ...]
