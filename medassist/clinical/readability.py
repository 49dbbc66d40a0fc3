"""How hard an English text is to read.

Flesch-Kincaid grade level: 0.39 x words per sentence + 11.8 x syllables per word - 15.59, the school year that reads it
with ease. Source: Kincaid JP, Fishburne RP, Rogers RL, Chissom BS. Research Branch Report 8-75, Naval Technical Training
Command, 1975. Syllables are counted by groups of vowels, which is right for most English words and not for all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TARGET_GRADE = 8.0
"""For patients: NIH and AMA advise a sixth to eighth grade level; the product holds to the upper end."""

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_WORD = re.compile(r"[A-Za-z][A-Za-z'-]*|\d[\d.,/:%]*")
_VOWELS = re.compile(r"[aeiouy]+")


@dataclass(frozen=True, slots=True)
class Readability:
    grade: float
    words: int
    hard: tuple[str, ...]
    """Sentences above the target, longest first."""


def readability(text: str) -> Readability:
    """Grade of the whole text; 0 for one without words."""
    found = [(sentence, _counts(sentence)) for sentence in sentences(text)]
    found = [(sentence, counts) for sentence, counts in found if counts[0]]
    words = sum(counts[0] for _, counts in found)
    syllables = sum(counts[1] for _, counts in found)
    hard = sorted((s for s, c in found if c[0] > 6 and _grade(c[0], 1, c[1]) > TARGET_GRADE), key=len, reverse=True)
    return Readability(round(_grade(words, len(found), syllables), 1) if words else 0.0, words, tuple(hard))


def sentences(text: str) -> Iterator[str]:
    """Sentences and lines without their marks of a list."""
    for part in _SENTENCE.split(text):
        if stripped := part.strip(" \t-*•"):
            yield stripped


def _grade(words: int, many: int, syllables: int) -> float:
    return max(0.0, 0.39 * words / max(many, 1) + 11.8 * syllables / max(words, 1) - 15.59)


def _counts(sentence: str) -> tuple[int, int]:
    words = _WORD.findall(sentence)
    return len(words), sum(syllables(word) for word in words)


def syllables(word: str) -> int:
    """Groups of vowels, without a silent e at the end; a number counts as one."""
    plain = word.lower().replace("'", "")
    if not plain[:1].isalpha():
        return 1
    many = len(_VOWELS.findall(plain))
    if plain.endswith("e") and not plain.endswith(("le", "ee")) and many > 1:
        many -= 1
    return max(1, many)
