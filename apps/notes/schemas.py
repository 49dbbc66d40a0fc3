"""What goes into the notes room and what leaves it: frozen, versioned, without a field for a treatment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from pydantic import Field, StringConstraints

from medassist.clinical.case import LONG_TEXT, Frozen
from medassist.clinical.draft import DraftClaim

SectionName = Literal[
    "reason", "history", "findings", "results", "assessment_recorded", "plan_recorded", "open_questions"
]
SECTIONS: tuple[SectionName, ...] = get_args(SectionName)
NoteKind = Literal["free_text", "dictation", "conversation"]
Status = Literal["released", "withheld", "abstained"]
MOST_SENTENCES = 12


class NoteInput(Frozen):
    """A note as it was written, dictated or spoken. Unknown keys are refused by name."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=LONG_TEXT, strip_whitespace=True)]
    kind: NoteKind = "free_text"
    locale: Annotated[str, StringConstraints(max_length=10)] = "en-GB"
    stream: bool = False


class Place(Frozen):
    """Where a sentence stands in the note: offsets in characters, and the note's own words there."""

    start: int
    end: int
    quote: str


class Sentence(Frozen):
    text: str
    source: tuple[Place, ...]


class Section(Frozen):
    name: SectionName
    sentences: tuple[Sentence, ...]


class NoteOmission(Frozen):
    """Something of weight in the note that no sentence of the summary rests on."""

    kind: Literal["number", "negation", "medicine"]
    place: Place


class NoteProvenance(Frozen):
    backbone: str | None
    model: str | None
    adapter: str | None = None
    language_model: bool = False
    prompt_version: str
    guard_version: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    timings_ms: dict[str, int] = Field(default_factory=dict)
    job_id: str
    created_at: datetime


class NoteSummary(Frozen):
    schema_version: Literal["1.0"] = "1.0"
    status: Status
    status_reasons: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    omissions: tuple[NoteOmission, ...] = ()
    removed: int = 0
    """Sentences of the draft that their source does not support, or that the medicine guard took out."""
    disclaimers: tuple[str, ...]
    provenance: NoteProvenance


class DraftSection(Frozen):
    name: SectionName
    sentences: tuple[DraftClaim, ...] = ()


class NoteDraft(Frozen):
    """What a model may say about a note: sentences by section, each with literal quotes."""

    sections: tuple[DraftSection, ...] = ()


class NoteContent(Frozen):
    """A stored note as the pipeline needs it."""

    id: UUID
    text: str
    kind: NoteKind
    locale: str


def note_json_schema(source_ids: Sequence[str]) -> dict[str, Any]:
    """JSON schema of `NoteDraft` with `source_ids` as the only citable ids; flat, for guided decoding."""
    cite = _object(
        source={"type": "string", "enum": list(source_ids) or ["none"]},
        quote={"type": "string", "minLength": 1, "maxLength": 400},
    )
    sentence = _object(
        text={"type": "string", "minLength": 1, "maxLength": 400},
        kind={"type": "string", "enum": ["patient_fact"]},
        cites={"type": "array", "items": cite, "maxItems": 3},
    )
    section = _object(
        name={"type": "string", "enum": list(SECTIONS)},
        sentences={"type": "array", "items": sentence, "maxItems": MOST_SENTENCES},
    )
    return _object(sections={"type": "array", "items": section, "maxItems": len(SECTIONS)})


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
