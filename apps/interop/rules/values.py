"""Reads parts of FHIR JSON without trusting their shape: what is not as expected is empty."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any

Json = dict[str, Any]

DEEPEST = 40
_TAG = re.compile(
    r"\s+\((?:disorder|finding|situation|procedure|event|morphologic abnormality|observable entity|person|product|"
    r"substance|qualifier value|regime/therapy|medicinal product|clinical drug|organism|context-dependent category)\)$"
)
_PARTIAL = re.compile(r"^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$")


def word(value: Any) -> str:
    """A string without outer space, "" for anything else."""
    return value.strip() if isinstance(value, str) else ""


def thing(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def things(value: Any) -> list[Json]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if abs(found) < 1e15 else None


@dataclass(frozen=True, slots=True)
class Code:
    system: str
    code: str
    display: str


def codes(concept: Any) -> list[Code]:
    """The codings of a CodeableConcept, in order."""
    return [
        Code(word(item.get("system")), word(item.get("code")), word(item.get("display")))
        for item in things(thing(concept).get("coding"))
    ]


def text_of(concept: Any) -> str:
    """The words of a CodeableConcept: its text, else the chosen or first display; never a bare code."""
    if text := word(thing(concept).get("text")):
        return plain(text)
    listed = things(thing(concept).get("coding"))
    chosen = [item for item in listed if item.get("userSelected") is True]
    for item in (*chosen, *listed):
        if display := word(item.get("display")):
            return plain(display)
    return ""


def plain(text: str) -> str:
    """One line, without SNOMED CT's semantic tag at the end."""
    return _TAG.sub("", " ".join(text.split()))


def has_code(concept: Any, system: str, *wanted: str) -> bool:
    return any(one.system == system and one.code in wanted for one in codes(concept))


def code_in(concept: Any, system: str) -> str:
    """The concept's code in that system, "" when there is none."""
    return next((one.code for one in codes(concept) if one.system == system), "")


# --- time -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class When:
    """A FHIR date or dateTime: from `start` (inclusive) to `end`; one instant when the time of day is given."""

    start: datetime
    end: datetime
    as_written: str

    @property
    def exact(self) -> bool:
        return self.start == self.end

    @property
    def day(self) -> str:
        return self.as_written[:10]


def when(value: Any) -> When | None:
    """None for what is no date. A time without a zone, which FHIR does not allow, counts as its day."""
    text = word(value)
    try:
        if match := _PARTIAL.match(text):
            year, month, day = (int(part) if part else None for part in match.groups())
            return _span(year or 0, month, day, text)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            return _span(moment.year, moment.month, moment.day, text)
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return When(moment, moment, text)


def _span(year: int, month: int | None, day: int | None, text: str) -> When:
    start = datetime(year, month or 1, day or 1, tzinfo=UTC)
    if day:
        after = start + timedelta(days=1)
    elif month:
        after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    else:
        after = datetime(year + 1, 1, 1, tzinfo=UTC)
    return When(start, after - timedelta(seconds=1), text)


def period(value: Any) -> tuple[When | None, When | None]:
    return when(thing(value).get("start")), when(thing(value).get("end"))


def full_years(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


# --- text -----------------------------------------------------------------------------------------

_BLOCKS = frozenset({"p", "div", "br", "li", "tr", "table", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "section"})
_SILENT = frozenset({"script", "style", "head", "title"})
_TAG_NAME = re.compile(r"/?([A-Za-z][A-Za-z0-9]*)")


def words_of_html(html: str) -> str:
    """The text of (X)HTML, a line for each block.

    One pass over the pieces between "<": the standard library's parser takes minutes for a megabyte of "</".
    """
    first, *pieces = html.split("<")
    told, silent, in_comment = [first], "", False
    for piece in pieces:
        if in_comment or piece.startswith("!--"):
            _, closed, after = piece.partition("-->")
            in_comment = not closed
            told.append("" if in_comment or silent else after)
            continue
        match = _TAG_NAME.match(piece)
        if not match and not piece.startswith(("!", "?", "/")):
            told.append("" if silent else f"<{piece}")
            continue
        tag = match.group(1).lower() if match else ""
        if silent and not (piece.startswith("/") and tag == silent):
            continue
        silent = tag if tag in _SILENT and not piece.startswith("/") else ""
        told.append("\n" if tag in _BLOCKS else " " if tag in {"td", "th"} else "")
        told.append("" if silent else piece.partition(">")[2])
    lines = (" ".join(line.split()) for line in unescape("".join(told)).splitlines())
    return "\n".join(line for line in lines if line)


def unreadable(value: Any) -> str:
    """Why a JSON value cannot be stored: "too_deep", "unwritable_text", or ""."""
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > DEEPEST:
            return "too_deep"
        if isinstance(item, str):
            if "\x00" in item or any("\ud800" <= ch <= "\udfff" for ch in item):
                return "unwritable_text"
        elif isinstance(item, dict):
            waiting += [(part, depth + 1) for pair in item.items() for part in pair]
        elif isinstance(item, list):
            waiting += [(part, depth + 1) for part in item]
    return ""
