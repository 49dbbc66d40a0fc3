"""The record's findings: what is asserted, what is denied, by which words of which part."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from medassist.llm.reference.assertion import status_of
from medassist.llm.reference.lexicon import lexicon
from medassist.llm.reference.measures import Reading, read_lab, read_vital
from medassist.llm.reference.prompt import Part
from medassist.llm.reference.text import tokens_of

_NARRATIVE = {
    "presenting_complaint": 1.0,
    "symptoms": 1.0,
    "history": 0.9,
    "examination": 0.9,
    "social_history": 0.6,
    "past_history": 0.6,
    "document": 0.7,
    "note": 0.7,
}
"""How much a finding counts by where it is written. The question, the clinician's own impression, medicines
and allergies are no findings."""

_AGE = re.compile(r"\b(\d{1,3}(?:\.\d+)?)[\s-]*(year|yr|month|week|day|y/?o\b|y\b)s?(?:[\s-]*old)?", re.IGNORECASE)
_SHORT_AGE = re.compile(r"\b(\d{1,3})\s?([MF])\b")
_FEMALE = re.compile(r"\b(?:female|woman|girl|lady|she|her)\b", re.IGNORECASE)
_MALE = re.compile(r"\b(?:male|man|boy|gentleman|he|his)\b", re.IGNORECASE)
_PREGNANT = re.compile(r"(?<!not )\b(?:pregnant|gestation|postpartum|primigravida|multigravida)\b", re.IGNORECASE)
_YEARS = {"y": 1.0, "m": 1 / 12, "w": 1 / 52.18, "d": 1 / 365.25}


@dataclass(frozen=True, slots=True)
class Evidence:
    """One place of the record that shows or denies a finding."""

    finding: str
    part: Part
    start: int
    end: int
    weight: float


@dataclass(slots=True)
class Record:
    parts: tuple[Part, ...]
    age: float | None = None
    """Years."""
    sex: str = ""
    """"f", "m" or "" when not known."""
    pregnant: bool = False
    present: dict[str, Evidence] = field(default_factory=dict)
    absent: dict[str, Evidence] = field(default_factory=dict)
    abnormal: list[Part] = field(default_factory=list)
    """Vital signs and laboratory values out of range, in the order of the record."""
    family: set[str] = field(default_factory=set)
    words: dict[str, float] = field(default_factory=dict)
    """Stems of the narrative parts with their weight."""

    def strongest(self) -> dict[str, float]:
        """Present findings with weights; a wider finding is left out where a narrower one is there."""
        covered = {wider for finding in self.present for wider in lexicon().wider(finding)}
        return {name: evidence.weight for name, evidence in self.present.items() if name not in covered}

    def mentioned(self, finding: str) -> bool:
        """True when the record speaks of the finding at all, in a narrower or a wider form too."""
        if finding in self.present or finding in self.absent:
            return True
        wider = set(lexicon().wider(finding))
        if wider & self.absent.keys():
            return True
        return any(finding in lexicon().wider(other) for other in self.present)


def read_record(parts: tuple[Part, ...]) -> Record:
    """Everything that ranking and drafting need to know about the record."""
    record = Record(parts)
    _demographics(record)
    for part in parts:
        if part.field == "vitals":
            _measured(record, part, read_vital(part.path, part.text, record.age))
        elif part.field == "labs":
            _measured(record, part, read_lab(part.text))
        elif part.field == "family_history":
            record.family |= lexicon().in_text(part.text)
        elif part.field in _NARRATIVE or part.field.startswith("document"):
            _narrative(record, part, _NARRATIVE.get(part.field, 0.7))
    for denied in [name for name in record.absent if name in record.present]:
        del record.absent[denied]
    if record.pregnant and "pregnancy" not in record.present:
        about = next((part for part in parts if _PREGNANT.search(part.text)), None)
        if about and (match := _PREGNANT.search(about.text)):
            name = "after childbirth" if "postpartum" in match.group().lower() else "pregnancy"
            record.present[name] = Evidence(name, about, match.start(), match.end(), 1.0)
    return record


def _narrative(record: Record, part: Part, weight: float) -> None:
    tokens = tokens_of(part.text)
    for token in tokens:
        if token.word.isalpha() and len(token.word) > 3:
            record.words[token.stem] = max(record.words.get(token.stem, 0.0), weight)
    for mention in lexicon().mentions(tokens):
        status = status_of(mention, tokens)
        if status in {"family", "hypothetical"}:
            record.family |= {mention.finding} if status == "family" else set()
            continue
        worth = weight * 0.6 if status == "past" else weight
        evidence = Evidence(mention.finding, part, mention.start, mention.end, worth)
        target = record.absent if status == "absent" else record.present
        known = target.get(mention.finding)
        if known is None or known.weight < worth:
            target[mention.finding] = evidence


def _measured(record: Record, part: Part, reading: Reading) -> None:
    if reading.abnormal:
        record.abnormal.append(part)
    for finding in reading.shows:
        record.present[finding] = Evidence(finding, part, 0, len(part.text), 1.0)
    for finding in reading.denies:
        if finding not in record.present:
            record.absent.setdefault(finding, Evidence(finding, part, 0, len(part.text), 0.6))


def _demographics(record: Record) -> None:
    texts = [part.text for part in record.parts if part.field in {"patient", "presenting_complaint", "history"}]
    for text in texts:
        if record.age is None:
            record.age = _age(text)
        if not record.sex:
            record.sex = _sex(text)
    record.pregnant = any(_PREGNANT.search(text) for text in texts[:2])


def _age(text: str) -> float | None:
    for match in _AGE.finditer(text):
        if "old" in match.group().lower() or "-" in match.group() or re.match(r"y/?o?$", match.group(2), re.IGNORECASE):
            return float(match.group(1)) * _YEARS[match.group(2)[0].lower()]
    short = _SHORT_AGE.search(text)
    return float(short.group(1)) if short else None


def _sex(text: str) -> str:
    female, male = _FEMALE.search(text), _MALE.search(text)
    if female and (not male or female.start() < male.start()):
        return "f"
    if male:
        return "m"
    short = _SHORT_AGE.search(text)
    return short.group(2).lower() if short else ""
