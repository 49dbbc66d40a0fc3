"""Texts that a clinician is about to give to a patient: what may not be in them, and how hard they are to read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources

from apps.safety.rules.guard import check_text
from apps.safety.schemas import PatientCheck
from medassist.clinical.readability import TARGET_GRADE, readability

MEDICINES = "About your medicines: ask your clinician. Do not change them without advice."
MOST_CHARS = 6_000
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def check_for_patient(text: str, *, record: str, known: str = "") -> PatientCheck:
    """Judges a text as a patient would read it: sentence by sentence by the guard, and as a whole for its reading grade.

    `record` is the patient's; numbers may also be those of `known` (authored text with an emergency number).
    """
    verdict = check_text(text, record=record, audience="patient")
    blocked = dict.fromkeys(" ".join(text[f.start : f.end].split())[:200] for f in verdict.findings)
    numbers = set(_NUMBER.findall(f"{record}\n{known}"))
    strange = dict.fromkeys(number for number in _NUMBER.findall(text) if number not in numbers)
    reading = readability(text)
    return PatientCheck(
        blocked=tuple(blocked), strange_numbers=tuple(strange), grade=reading.grade, words=reading.words,
        hard=reading.hard, too_hard=reading.grade > TARGET_GRADE,
    )  # fmt: skip


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
    text = resources.files("apps.safety.rules").joinpath("data/plain_words.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            word, _, plain = line.partition(" = ")
            yield word.strip().lower(), plain.strip()
