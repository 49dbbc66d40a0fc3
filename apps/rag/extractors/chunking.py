"""Cuts a text into passages at sentence and list borders; offsets are exact: text[start:end] is the passage."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TARGET_WORDS = 120
MOST_WORDS = 170
"""MiniLM reads 256 word pieces; 170 English words and a title stay below that nearly always."""

_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*$")
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|Dr|Mr|Mrs|Ms|St|vs|etc|approx|No|Fig|U\.S|a\.m|p\.m)|\b[A-Z])\.$")
_SENTENCE_END = re.compile(r"[.!?][\"')\]]*(?=\s)")


@dataclass(frozen=True)
class Chunk:
    heading: tuple[str, ...]
    start: int
    end: int
    page: int | None = None
    """Of its start."""
    header: str = ""
    """Of table rows: the table's header cells."""


def chunks(text: str) -> Iterator[Chunk]:
    """The text's passages in order. Markdown headings give the heading path and are not part of a passage."""
    path: list[tuple[int, str]] = []
    pending: list[tuple[int, int]] = []
    for start, end in _lines(text):
        heading = _HEADING.match(text[start:end])
        if heading:
            yield from _packed(text, pending, tuple(name for _, name in path))
            pending = []
            level = len(heading.group(1))
            path = [item for item in path if item[0] < level] + [(level, heading.group(2))]
        else:
            pending.append((start, end))
    yield from _packed(text, pending, tuple(name for _, name in path))


def _lines(text: str) -> Iterator[tuple[int, int]]:
    position = 0
    for line in text.splitlines(keepends=True):
        if line.strip():
            yield position, position + len(line.rstrip())
        position += len(line)


def _packed(text: str, lines: list[tuple[int, int]], heading: tuple[str, ...]) -> Iterator[Chunk]:
    start = end = -1
    words = 0
    for piece_start, piece_end in (piece for line in lines for piece in _sentences(text, *line)):
        size = len(text[piece_start:piece_end].split())
        if words and words + size > MOST_WORDS:
            yield Chunk(heading, start, end)
            start, words = -1, 0
        if start < 0:
            start = piece_start
        end, words = piece_end, words + size
        if words >= TARGET_WORDS:
            yield Chunk(heading, start, end)
            start, words = -1, 0
    if start >= 0:
        yield Chunk(heading, start, end)


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    begin = start
    while begin < end and text[begin].isspace():
        begin += 1
    for match in _SENTENCE_END.finditer(text, start, end):
        stop = match.end()
        # Every abbreviation is shorter than this; a search from the sentence's beginning would take quadratic time.
        if _ABBREVIATION.search(text, max(begin, stop - 10), stop):
            continue
        yield from _bounded(text, begin, stop)
        begin = stop
        while begin < end and text[begin].isspace():
            begin += 1
    if begin < end:
        yield from _bounded(text, begin, end)


def _bounded(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A "sentence" longer than a passage (a table, a list without stops) is cut at spaces."""
    words = list(re.finditer(r"\S+", text[start:end]))
    for index in range(0, len(words), MOST_WORDS):
        part = words[index : index + MOST_WORDS]
        yield start + part[0].start(), start + part[-1].end()
