"""Words, stems and sentences with their offsets: the ground that matching and quoting stand on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d+(?:[.,]\d+)?")
_BREAK = re.compile(r"[.!?](?=\s|$|[A-Z\"')])|[;\n•·]|\s[-–—]\s")
_END = r"(?<=[.!?])\s+(?=[\"'(]?[A-Z0-9])|\n+|(?<=[a-z)][.!?])(?=[A-Z][a-z])"
_SENTENCE_END = re.compile(_END)
_ITEM_END = re.compile(rf"{_END}|\s+-\s+(?=[A-Z])")
_ABBREVIATION = re.compile(r"\b(?:dr|mr|mrs|ms|st|vs|e\.g|i\.e|approx|no|hr|min|yr)\.$", re.IGNORECASE)

SMALL_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "in",
        "on",
        "at",
        "to",
        "from",
        "her",
        "his",
        "my",
        "your",
        "their",
        "its",
        "our",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "am",
        "and",
        "or",
        "as",
        "it",
        "he",
        "she",
        "i",
        "you",
        "they",
        "we",
        "with",
        "by",
        "very",
        "quite",
        "rather",
        "some",
        "this",
        "that",
        "these",
        "those",
        "both",
        "into",
        "has",
        "have",
        "had",
        "having",
        "also",
        "which",
        "who",
    ]
)


@dataclass(frozen=True, slots=True)
class Token:
    word: str
    stem: str
    start: int
    end: int
    part: int
    """Which stretch of text it belongs to; a phrase never runs over the border of two stretches."""
    comma: bool
    """A comma stands right before it."""


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A crude, steady stem: plural, -ing and -ed go, so do a final e and a possessive."""
    word = word.lower().replace("’", "'").removesuffix("'s")
    for british, american in (
        ("aemi", "emi"),
        ("oedem", "edem"),
        ("haem", "hem"),
        ("oea", "ea"),
        ("oeso", "eso"),
        ("aed", "ed"),
    ):
        word = word.replace(british, american)
    if len(word) > 4 and word.endswith("our"):
        word = word[:-3] + "or"
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "as")):
        word = word[:-1]
    if len(word) > 5 and word.endswith("ing"):
        word = word[:-3]
    elif (len(word) > 4 and word.endswith("ed")) or (len(word) > 4 and word.endswith("ly")):
        word = word[:-2]
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiousl":
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def tokens_of(text: str) -> list[Token]:
    """All words and numbers of `text` in order."""
    breaks = [match.start() for match in _BREAK.finditer(text)]
    result: list[Token] = []
    part = 0
    for match in _TOKEN.finditer(text):
        while part < len(breaks) and breaks[part] < match.start():
            part += 1
        word = match.group().lower()
        comma = "," in text[result[-1].end : match.start()] if result else False
        result.append(Token(word, stem(word), match.start(), match.end(), part, comma))
    return result


def sentences_of(text: str, *, items: bool = True) -> list[tuple[int, int]]:
    """Offsets of sentences, blanks and bullets cut off at both ends; `items` splits run-in lists (" - ") too."""
    spans: list[tuple[int, int]] = []
    start = 0
    for match in (_ITEM_END if items else _SENTENCE_END).finditer(text):
        if _ABBREVIATION.search(text, start, match.start()):
            continue
        _add(text, start, match.start(), spans)
        start = match.end()
    _add(text, start, len(text), spans)
    return spans


def _add(text: str, start: int, end: int, spans: list[tuple[int, int]]) -> None:
    while start < end and text[start] in " \t\r\n-–—•·*,;:":
        start += 1
    while end > start and text[end - 1] in " \t\r\n-–—•·*,;":
        end -= 1
    if end > start:
        spans.append((start, end))


def squeeze(text: str) -> str:
    """`text` on one line with single spaces."""
    return " ".join(text.split())


def cut(text: str, limit: int) -> str:
    """At most `limit` characters, cut at a word's end."""
    if len(text) <= limit:
        return text
    return text[: limit + 1].rsplit(" ", 1)[0].rstrip(" ,;:-") or text[:limit]
