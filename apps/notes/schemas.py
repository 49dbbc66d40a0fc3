"""What goes into the notes room and what leaves it: frozen, versioned, without a field for a treatment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from medassist.clinical.case import LONG_TEXT, Frozen
from medassist.clinical.draft import DraftClaim

SectionName = Literal[
    "reason", "history", "findings", "results", "assessment_recorded", "plan_recorded", "open_questions"
]
SECTIONS: tuple[SectionName, ...] = get_args(SectionName)
HEADINGS: dict[SectionName, str] = {
    "reason": "Reason for the visit",
    "history": "History",
    "findings": "Findings",
    "results": "Results",
    "assessment_recorded": "Assessment, as recorded",
    "plan_recorded": "Plan, as recorded",
    "open_questions": "Open questions",
}
NoteKind = Literal["free_text", "dictation", "conversation"]
Status = Literal["released", "withheld", "abstained"]
MOST_SENTENCES = 12
STANDARD, SOAP = "standard", "soap"
TemplateName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]


class TemplatePart(Frozen):
    """One heading of a template and the sections that stand under it, in order."""

    heading: Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True)]
    sections: Annotated[tuple[SectionName, ...], Field(min_length=1, max_length=len(SECTIONS))]


class Template(Frozen):
    """How the sections of a summary are put under headings. It orders what a model may fill, and asks it for nothing
    else, so that every template is checked alike. A section that no part takes stands under a last heading, "Other"."""

    name: TemplateName
    title: Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True)]
    parts: Annotated[tuple[TemplatePart, ...], Field(min_length=1, max_length=len(SECTIONS))]
    own: bool = False
    """Made by the clinic."""

    @model_validator(mode="after")
    def _each_once(self) -> Template:
        named = [name for part in self.parts for name in part.sections]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise ValueError(f"a section stands under two headings: {', '.join(twice)}")
        return self


BUILT_IN: dict[str, Template] = {
    STANDARD: Template(
        name=STANDARD,
        title="Standard",
        parts=tuple(TemplatePart(heading=HEADINGS[name], sections=(name,)) for name in SECTIONS),
    ),
    SOAP: Template(
        name=SOAP,
        title="SOAP",
        parts=(
            TemplatePart(heading="Subjective", sections=("reason", "history")),
            TemplatePart(heading="Objective", sections=("findings", "results")),
            TemplatePart(heading="Assessment", sections=("assessment_recorded",)),
            TemplatePart(heading="Plan", sections=("plan_recorded", "open_questions")),
        ),
    ),
}


class NoteInput(Frozen):
    """A note as it was written, dictated or spoken. Unknown keys are refused by name."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=LONG_TEXT, strip_whitespace=True)]
    kind: NoteKind = "free_text"
    locale: Annotated[str, StringConstraints(max_length=10)] = "en-GB"
    template: TemplateName = STANDARD
    """Under which headings the summary stands: `standard`, `soap`, or one of the clinic's own."""
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

    kind: Literal["number", "negation", "medicine", "instruction"]
    """`instruction`: words that read like one to a model; they are neither followed nor repeated."""
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
    schema_version: Literal["1.0", "1.1"] = "1.1"
    """1.1 added `layout` and omissions of kind `instruction`."""
    status: Status
    status_reasons: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    layout: tuple[TemplatePart, ...] = ()
    """The template's headings as they were when this was made; empty in 1.0."""
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
    template: str = STANDARD
    layout: tuple[TemplatePart, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """One heading of a summary as it is read: its sections, each with its sentences."""

    heading: str
    sections: tuple[Section, ...]


def written(summary: NoteSummary) -> tuple[Written, ...]:
    """The summary under the headings of its template; a heading without a sentence is left out, no sentence is."""
    by_name = {section.name: section for section in summary.sections}
    parts = summary.layout or BUILT_IN[STANDARD].parts
    placed = {name for part in parts for name in part.sections}
    rest = tuple(name for name in SECTIONS if name not in placed)
    found = [Written(part.heading, tuple(by_name[name] for name in part.sections if name in by_name)) for part in parts]
    found.append(Written("Other", tuple(by_name[name] for name in rest if name in by_name)))
    return tuple(one for one in found if one.sections)


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
