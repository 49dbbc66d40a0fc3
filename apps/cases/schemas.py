"""What this room hands out: rows of the work list, a whole case, a request that was taken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
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


@dataclass(frozen=True)
class CasePage:
    items: tuple[CaseRow, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class StoredAssessment:
    id: UUID
    job_id: UUID
    created_at: datetime
    assessment: Assessment


@dataclass(frozen=True)
class CaseContent:
    """What the pipeline works on."""

    id: UUID
    case: CaseInput
    floor: TriageFloor
    documents: tuple[DocumentBrief, ...] = ()
