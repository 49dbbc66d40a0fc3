"""What goes into the chat's room and what leaves it: frozen, versioned, without a field for a treatment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from medassist.clinical.assessment import Claim, Evidence
from medassist.clinical.case import Frozen
from medassist.clinical.draft import DraftClaim
from medassist.jobs.schemas import JobView

MOST_QUESTION = 2_000
MOST_CLAIMS = 8
Status = Literal["released", "withheld", "abstained"]


class ChatInput(Frozen):
    """A question about a case. Unknown keys are refused by name."""

    case: UUID
    question: Annotated[str, StringConstraints(min_length=1, max_length=MOST_QUESTION, strip_whitespace=True)]
    conversation: UUID | None = None
    """The conversation to go on with; left out: a new one."""


class ChatDraft(Frozen):
    """What a model may say: claims, each with literal quotes."""

    claims: tuple[DraftClaim, ...] = ()


class ChatProvenance(Frozen):
    backbone: str | None
    model: str | None
    adapter: str | None = None
    language_model: bool = False
    prompt_version: str
    guard_version: str
    index_snapshot: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    timings_ms: dict[str, int] = Field(default_factory=dict)
    job_id: str
    created_at: datetime


class ChatAnswer(Frozen):
    schema_version: Literal["1.0"] = "1.0"
    status: Status
    status_reasons: tuple[str, ...] = ()
    """Codes: `nothing_found`, `about_medicines`, `retrieval_unavailable`, `backbone_output_unusable`, `guard_failed` …"""
    claims: tuple[Claim, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    removed: int = 0
    """Claims of the draft that their source does not support, or that the medicine guard took out."""
    disclaimers: tuple[str, ...]
    provenance: ChatProvenance


@dataclass(frozen=True, slots=True)
class Earlier:
    """A turn before this one, as the model sees it: only what was released."""

    question: str
    answer: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TurnContent:
    """A stored turn as the pipeline needs it."""

    id: UUID
    case_id: UUID
    question: str
    earlier: tuple[Earlier, ...]


@dataclass(frozen=True, slots=True)
class TurnView:
    id: UUID
    number: int
    asked_at: datetime
    asked_by: str
    question: str
    answer: ChatAnswer | None
    job: JobView | None


@dataclass(frozen=True, slots=True)
class ConversationView:
    id: UUID
    case_id: UUID
    begun_at: datetime
    begun_by: str
    turns: tuple[TurnView, ...]


@dataclass(frozen=True, slots=True)
class ConversationBrief:
    id: UUID
    begun_at: datetime
    begun_by: str
    turns: int


@dataclass(frozen=True, slots=True)
class Asked:
    conversation_id: UUID
    turn_id: UUID
    job_id: UUID


def chat_json_schema(source_ids: Sequence[str]) -> dict[str, Any]:
    """JSON schema of `ChatDraft` with `source_ids` as the only citable ids; flat, for guided decoding."""
    cite = _object(
        source={"type": "string", "enum": list(source_ids) or ["none"]},
        quote={"type": "string", "minLength": 1, "maxLength": 400},
    )
    claim = _object(
        text={"type": "string", "minLength": 1, "maxLength": 400},
        kind={"type": "string", "enum": ["patient_fact", "guideline", "inference"]},
        cites={"type": "array", "items": cite, "maxItems": 4},
    )
    return _object(claims={"type": "array", "items": claim, "maxItems": MOST_CLAIMS})


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
