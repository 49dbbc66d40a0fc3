"""What of weight in the note no sentence of the summary rests on: by code, since a model would not tell."""

from __future__ import annotations

import re
from collections.abc import Iterator

from apps.notes.pipeline.lines import Lines
from apps.notes.schemas import NoteOmission, Place, Section
from apps.safety import services as safety

_NUMBER = re.compile(r"\d")
_NEGATION = re.compile(r"\b(?:no|not|never|denie[sd]|without|negative for|non[e-])\b|n't\b", re.IGNORECASE)
MOST = 120
_PLANTED = frozenset({"B6", "B7"})


def omissions_of(lines: Lines, sections: tuple[Section, ...]) -> tuple[NoteOmission, ...]:
    """Lines with a medicine, a denial or a number that are not cited anywhere, and those that words were taken out of;
    the first 120."""
    cited = {
        (place.start, place.end) for section in sections for sentence in section.sentences for place in sentence.source
    }
    return tuple(_left_out(lines, cited))[:MOST]


def _left_out(lines: Lines, cited: set[tuple[int, int]]) -> Iterator[NoteOmission]:
    record = "\n".join(source.text for source in lines.sources)
    for line in lines.lines:
        if not line.screened and any(line.start <= start < line.end for start, _ in cited):
            continue
        quote = lines.text[line.start : line.end]
        # What reads like an instruction to a model, or hides something, is not repeated: the place says where it stands.
        planted = _PLANTED & set(safety.check_text(quote, record=record).codes)
        place = Place(start=line.start, end=line.end, quote="" if planted else quote)
        if line.screened:
            yield NoteOmission(kind="instruction", place=place)
        elif safety.names_medicine(quote) or not safety.check_text(line.source.text, source="record").allowed:
            yield NoteOmission(kind="medicine", place=place)
        elif _NEGATION.search(line.source.text):
            yield NoteOmission(kind="negation", place=place)
        elif _NUMBER.search(line.source.text):
            yield NoteOmission(kind="number", place=place)
