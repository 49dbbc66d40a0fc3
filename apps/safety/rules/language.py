"""Tells whether a text can be read at all: the triage rules and the guard read English.

By script, and by the share of frequent function words of English and of other languages. Notes in shorthand have few
words of either kind, so what is not clearly another language counts as readable; Latin and abbreviations of medicine
are in no list.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Literal

from apps.safety.rules.words import words

Language = Literal["english", "other", "unclear"]

FEWEST_WORDS = 6
FEWEST_LETTERS = 4
_ENGLISH = frozenset(
    words(
        """
        the a an and or but if then than of to in on at by for from with without into over under after before since
        until while when where who which what why how is are was were be been being am has have had having do does did
        not no nor he she it they we you his her its their our your him them this that these those there here as so
        very more most some any all both each other can could will would should may might must about because during
        up down out off again now also only just my me i
        """
    )
)
_BOTH = frozenset(words("a i me die in is was had of po la de per an at am no on do"))
"""Words of other languages that English or the Latin of medicine has too."""


@lru_cache(maxsize=1)
def _foreign() -> tuple[frozenset[str], ...]:
    lines = (Path(__file__).resolve().parent / "data" / "function_words.txt").read_text(encoding="utf-8").splitlines()
    return tuple(
        frozenset(words(line.split(": ", 1)[1])) - _ENGLISH - _BOTH for line in lines if not line.startswith("#")
    )


_EDGE = re.compile(r"(?<=[.!?;])\s+|\n+")


def language_of(text: str) -> Language:
    """ "other" only when it is clearly that; a few words, or notes in shorthand, are "unclear"."""
    letters = [char for char in text if char.isalpha()]
    foreign = sum(not _latin(char) for char in letters)
    if len(letters) >= FEWEST_LETTERS and foreign > 0.3 * len(letters):
        return "other"
    said = re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", text.lower())
    if len(said) < FEWEST_WORDS:
        return "unclear"
    english = sum(word in _ENGLISH for word in said)
    hits = max(len({word for word in said if word in listed}) for listed in _foreign())
    counted = max(sum(word in listed for word in said) for listed in _foreign())
    if hits >= 3 and counted >= 0.18 * len(said) and counted > 1.5 * english:
        return "other"
    return "english" if english >= 0.1 * len(said) else "unclear"


def share_unreadable(text: str) -> float:
    """How much of a text, by its letters, stands in sentences of another language."""
    whole = sum(char.isalpha() for char in text)
    if not whole:
        return 0.0
    if language_of(text) == "other":
        return 1.0
    return sum(sum(map(str.isalpha, part)) for part in _EDGE.split(text) if language_of(part) == "other") / whole


def _latin(char: str) -> bool:
    # Greek letters are symbols in medicine (alpha, beta, mu).
    return char < "\u0250" or unicodedata.name(char, "").startswith(
        ("LATIN", "GREEK SMALL", "MICRO", "FEMININE", "MASCULINE")
    )
