"""What this room hands out: rows of the work list, a whole case, a request that was taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from apps.documents.schemas import DocumentBrief
from medassist.clinical.assessment import Assessment
from medassist.clinical.case import CaseInput
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
