"""What a patient may be given about a note: a draft in plain words out of the checked summary, and the checks of a text
that a clinician is about to hand out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

from apps.notes.schemas import NoteSummary, SectionName
from apps.safety import services as safety
from medassist.clinical.readability import TARGET_GRADE, Readability, readability

MOST_CHARS = 6_000
PARTS: tuple[tuple[str, tuple[SectionName, ...]], ...] = (
    ("Why you came", ("reason",)),
    ("What you told us", ("history",)),
    ("What we found", ("findings", "results")),
    ("What your clinician wrote about it", ("assessment_recorded",)),
    ("What was arranged", ("plan_recorded",)),
)
MEDICINES = "About your medicines: ask your clinician. Do not change them without advice."
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True)
class Checked:
    """What speaks against a text. `blocked` may never go out; the rest a clinician may accept."""

    blocked: tuple[str, ...]
    strange_numbers: tuple[str, ...]
    reading: Readability

    @property
    def too_hard(self) -> bool:
        return self.reading.grade > TARGET_GRADE


def draft_of(summary: NoteSummary, *, note: str) -> str:
    """The released sentences in plain words, under headings for a patient. What the guard would not let a patient
    read is left out, and a fixed sentence says whom to ask."""
    by_name = {section.name: section for section in summary.sections}
    blocks: list[str] = []
    left_out = False
    for heading, names in PARTS:
        lines: list[str] = []
        for name in names:
            for sentence in by_name[name].sentences if name in by_name else ():
                plain = plain_words(sentence.text)
                if safety.check_text(plain, record=note, audience="patient").allowed:
                    lines.append(f"- {plain}")
                else:
                    left_out = True
        if lines:
            blocks.append("\n".join([heading, *lines]))
    if left_out:
        blocks.append(MEDICINES)
    return "\n\n".join(blocks)


def check(text: str, *, note: str) -> Checked:
    """Judges a hand-out sentence by sentence as a patient would read it, and as a whole."""
    verdict = safety.check_text(text, record=note, audience="patient")
    blocked = dict.fromkeys(_words_at(text, found.start, found.end) for found in verdict.findings)
    known = set(_NUMBER.findall(note))
    strange = dict.fromkeys(number for number in _NUMBER.findall(text) if number not in known)
    return Checked(tuple(blocked), tuple(strange), readability(text))


def _words_at(text: str, start: int, end: int) -> str:
    return " ".join(text[start:end].split())[:200]


def plain_words(text: str) -> str:
    """The sentence with words of a record replaced by those that most adults know."""
    pattern, plain = _plain()

    def said(match: re.Match[str]) -> str:
        words = plain[match.group().lower()]
        return words[0].upper() + words[1:] if match.group()[0].isupper() and match.start() == 0 else words

    return pattern.sub(said, text)


@cache
def _plain() -> tuple[re.Pattern[str], dict[str, str]]:
    words = dict(_entries())
    longest = sorted(words, key=len, reverse=True)
    # Not inside a word or a number: "PE" of "PEFR", "CT" of "ACT".
    return re.compile(rf"(?<![\w/&-])(?:{'|'.join(map(re.escape, longest))})(?![\w&])", re.IGNORECASE), words


def _entries() -> Iterator[tuple[str, str]]:
    lines = resources.files("apps.notes").joinpath("data/plain_words.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line.strip() and not line.startswith("#"):
            word, _, plain = line.partition(" = ")
            yield word.strip().lower(), plain.strip()
