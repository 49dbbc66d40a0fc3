"""A note as numbered, citable lines: what a model sees without identifiers, and where each line stands in the note."""

from __future__ import annotations

import re
from dataclasses import dataclass

from apps.safety import services as safety
from apps.safety.schemas import Deidentified
from medassist.clinical.case import CaseInput
from medassist.clinical.draft import Source

_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[A-Z0-9\[(\"'])|\n+")
LONGEST = 600
_OWN_TAGS = re.compile(r"<(?=\s*/?\s*(?:task|record|part)\b)", re.IGNORECASE)


@dataclass(frozen=True)
class Line:
    """One sentence: `source` is what the model sees; `start` and `end` are offsets in the note as it was sent."""

    source: Source
    start: int
    end: int
    screened: bool = False
    """Words that read like an instruction to a model were taken out of it, so it is not restated."""


@dataclass(frozen=True)
class Lines:
    text: str
    hidden: Deidentified
    lines: tuple[Line, ...]
    injection_spans: int

    @property
    def sources(self) -> tuple[Source, ...]:
        return tuple(line.source for line in self.lines)

    @property
    def by_id(self) -> dict[str, Line]:
        return {line.source.id: line for line in self.lines}


def lines_of(text: str) -> Lines:
    """Identifiers leave the note as a whole, so that one name has one placeholder in all of its lines."""
    hidden = safety.deidentify(CaseInput(history=text))
    found: list[Line] = []
    spans, cursor = 0, 0
    for words in _sentences(hidden.case.history):
        original = hidden.restore(words)
        at = text.find(original, cursor)
        start, end = (at, at + len(original)) if at >= 0 else (cursor, cursor)
        cursor = end
        screened = safety.screen_text(words)
        spans += len(screened.spans)
        number = len(found) + 1
        source = Source(
            id=f"r{number}", kind="record", label=f"note.{number - 1}", text=_OWN_TAGS.sub("‹", screened.text)
        )
        found.append(Line(source, start, end, bool(screened.spans)))
    return Lines(text, hidden, tuple(found), spans)


def _sentences(text: str) -> list[str]:
    """Sentences and lines; an endless one is cut at a blank, since a quote of it must stay short."""
    found: list[str] = []
    for part in _END.split(text):
        rest = (part or "").strip()
        while len(rest) > LONGEST:
            cut = rest.rfind(" ", 0, LONGEST)
            cut = cut if cut > 0 else LONGEST
            found.append(rest[:cut].strip())
            rest = rest[cut:].strip()
        if rest:
            found.append(rest)
    return found
