"""Which findings of the rule file a case asserts, and the words that assert them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from apps.safety.rules.assertion import Status, normalise, statements, status_of
from medassist.clinical.case import CaseInput

EVIDENCE_LENGTH = 120


@dataclass(frozen=True, slots=True)
class Concept:
    name: str
    background: bool
    patterns: tuple[tuple[frozenset[str], re.Pattern[str]], ...]
    """Each with the word beginnings of which one must occur, so that most patterns are never run."""


@lru_cache(maxsize=1)
def lexicon() -> tuple[Concept, ...]:
    """The concepts of `data/concepts.txt`; raises ValueError naming the line that cannot be read."""
    text = resources.files("apps.safety.rules").joinpath("data/concepts.txt").read_text(encoding="utf-8")
    concepts = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = [field.strip() for field in line.split(" | ", 2)]
        if len(fields) != 3 or fields[1] not in {"f", "b"}:
            raise ValueError(f"concepts.txt line {number}: expected name | f or b | phrases")
        patterns = tuple(_pattern(phrase.strip()) for phrase in fields[2].split(";") if phrase.strip())
        concepts.append(Concept(fields[0], fields[1] == "b", patterns))
    return tuple(concepts)


def names() -> frozenset[str]:
    return frozenset(concept.name for concept in lexicon())


_GAP = r"(?:[\s\-/]+[\w'%+/]+){0,5}?"
_TOKEN = re.compile(r"\.\.|(?:\((?:[^()]|\([^()]*\))*\)|[^\s()])+")


def _pattern(phrase: str) -> tuple[frozenset[str], re.Pattern[str]]:
    phrase = normalise(phrase).text
    parts: list[str] = []
    anchors: frozenset[str] = frozenset()
    gap = False
    for token in _TOKEN.findall(phrase):
        if token == "..":  # noqa: S105 - a gap between words
            gap = True
            continue
        optional = token.startswith("(") and token.endswith(")?") and token.count("(") == 1
        body = token[:-1] if optional else token
        source = _words(body)
        joint = (_GAP if gap else "") + r"[\s\-]+" if parts else ""
        parts.append(f"(?:{joint}{source})?" if optional else joint + source)
        gap = False
        if not optional and not anchors:
            anchors = _anchors(body)
    return anchors, re.compile(r"(?<![\w])" + "".join(parts) + r"(?!\w)")


def _words(token: str) -> str:
    """One token of a phrase as a regular expression: `*` any ending, a blank inside a group any white space."""
    return re.sub(r"\s+", r"[\\s\\-]+", token.replace("(", "(?:").replace("*", r"\w*").replace("(?:?", "(?"))


def _anchors(token: str) -> frozenset[str]:
    """The word beginnings one of which a text must hold for the token to match; empty when that cannot be told."""
    inner = token[1:-1] if token.startswith("(") and token.endswith(")") else token
    if re.search(r"[()\[\]\\?+]", inner):
        return frozenset()
    beginnings = (re.match(r"[a-z0-9]+", item.strip()) for item in inner.split("|"))
    found = [match.group() if match else "" for match in beginnings]
    return frozenset(found) if all(found) else frozenset()


def asserted(case: CaseInput) -> dict[str, tuple[str, ...]]:
    """Concept name -> the record's own words for it, for everything the case asserts of this patient."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for text, status in _texts(case):
        for name, quote in mentions(text, status):
            found[name].setdefault(quote)
    return {name: tuple(quotes)[:3] for name, quotes in found.items()}


def _texts(case: CaseInput) -> Iterator[tuple[str, Status | None]]:
    """Each text with the status that its place in the record gives it; None leaves it to the words."""
    for free in (
        case.presenting_complaint,
        case.history,
        case.examination,
        case.social_history,
        case.own_impression,
        case.question,
    ):
        yield free, None
    for symptom in case.symptoms:
        text = " ".join(
            part
            for part in (
                symptom.severity,
                symptom.name,
                symptom.onset,
                f"for {symptom.duration}" if symptom.duration else "",
            )
            if part
        )
        yield text, None if symptom.present else "absent"
    for item in (*case.past_history, *case.medications):
        yield item, "past"
    for item in case.family_history:
        yield item, "family"
    for lab in case.labs:
        if isinstance(lab.value, str):
            yield f"{lab.name} {lab.value}", None


def mentions(original: str, status: Status | None = None) -> Iterator[tuple[str, str]]:
    """(concept, quote) of every mention in `original` that counts as this patient's, now (or ever, for background)."""
    if not original.strip():
        return
    normal = normalise(original)
    for start, end in statements(normal.text):
        statement = normal.text[start:end]
        vocabulary = _vocabulary(statement)
        for concept in lexicon():
            match = _first_counting(concept, statement, vocabulary, status)
            if match is not None:
                low, high = normal.original_span(start + match.start(), start + match.end())
                yield concept.name, " ".join(original[low:high].split())[:EVIDENCE_LENGTH]


_WORD = re.compile(r"[a-z0-9]+")


def _vocabulary(statement: str) -> frozenset[str]:
    """Every beginning of every word, so that an anchor is looked up in one step."""
    words = set(_WORD.findall(statement))
    return frozenset(word[:length] for word in words for length in range(1, min(len(word), 20) + 1))


def _first_counting(
    concept: Concept, statement: str, vocabulary: frozenset[str], given: Status | None
) -> re.Match[str] | None:
    accepted = {"present", "past"} if concept.background else {"present"}
    for anchors, pattern in concept.patterns:
        if anchors and vocabulary.isdisjoint(anchors):
            continue
        for match in pattern.finditer(statement):
            status = given if given in {"absent", "family"} else status_of(statement, match.start(), match.end())
            if given == "past" and status == "present":
                status = "past"
            if status in accepted or (status == "family" and concept.name == "sudden_death_family"):
                return match
    return None


def union(texts: Iterable[str]) -> frozenset[str]:
    """The concepts that any of the texts asserts."""
    return frozenset(name for text in texts for name, _ in mentions(text))


_WEEKS = re.compile(
    r"(\d{1,2})(?:\s*\+\s*\d)?[\s-]*(?:weeks?|wks?|w)\b(?:\s*(?:\+\s*\d\s*(?:days?)?)?)[^.;]{0,25}?\b(?:pregnan\w*|gestation|gravid|gestational)|"
    r"\b(?:pregnan\w*|gestation(?:al\s+age)?|gravid)\b[^.;]{0,25}?(\d{1,2})(?:\s*\+\s*\d)?\s*(?:weeks?|wks?|w|/40)|\b(\d{1,2})(?:\s*\+\s*\d)?\s*/\s*40\b"
)
_TRIMESTER = re.compile(r"\b(first|1st|second|2nd|third|3rd)\s+trimester")


def gestation_weeks(text: str) -> float | None:
    """Completed weeks of pregnancy as the text gives them; a trimester counts as its first week."""
    plain = normalise(text).text
    match = _WEEKS.search(plain)
    if match:
        weeks = float(next(group for group in match.groups() if group))
        return weeks if weeks <= 45 else None
    trimester = _TRIMESTER.search(plain)
    return (
        {"f": 4.0, "1": 4.0, "s": 14.0, "2": 14.0, "t": 28.0, "3": 28.0}[trimester.group(1)[0]] if trimester else None
    )
