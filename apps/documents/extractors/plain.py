"""Plain text: kept as it is, with paragraphs, list items and standing headings found in it."""

from __future__ import annotations

import re

from apps.documents.extractors.refusal import Refused
from apps.documents.extractors.writing import HEADING_CHARACTERS, MOST_BLOCKS, clean, finished
from apps.documents.schemas import Limits
from apps.rag.schemas import Block, Body

_ITEM = re.compile(r"[ \t]*(?:[-*+•‣▪◦·–]|\(?\d{1,3}[.)]|\(?[a-z][.)])[ \t]+(?=\S)")
_RULE = re.compile(r"[ \t]*([=\-_*~#])\1{2,}[ \t]*\Z")
_UNDERLINES = {"=": 1, "-": 2}


def read(text: str, limits: Limits) -> Body:
    text = clean(text)
    if len(text) > limits.characters:
        raise Refused("too_long")
    blocks: list[Block] = []
    lines = _lines(text)
    at = 0
    while at < len(lines):
        level = _heading_level(text, lines, at)
        if level:
            blocks.append(_block("heading", text, *lines[at], level=level))
            at += 1
            continue
        at = _passage(text, lines, at, blocks)
        if len(blocks) > MOST_BLOCKS:
            raise Refused("too_long")
    return finished(text, tuple(blocks))


def _lines(text: str) -> list[tuple[int, int]]:
    """Every line, the blank ones too."""
    found, position = [], 0
    for line in text.split("\n"):
        found.append((position, position + len(line)))
        position += len(line) + 1
    return found


def _block(kind: str, text: str, start: int, end: int, *, level: int = 0) -> Block:
    line = text[start:end]
    return Block(kind, start + len(line) - len(line.lstrip()), start + len(line.rstrip()), None, level)  # type: ignore[arg-type]


def _blank(text: str, lines: list[tuple[int, int]], at: int) -> bool:
    return not 0 <= at < len(lines) or not text[slice(*lines[at])].strip()


def _heading_level(text: str, lines: list[tuple[int, int]], at: int) -> int:
    """An underlined line, or one in capitals that stands alone between blank lines or above its text."""
    if _blank(text, lines, at) or not _blank(text, lines, at - 1):
        return 0
    line = text[slice(*lines[at])].strip()
    if len(line) > HEADING_CHARACTERS or _RULE.match(line) or not any(map(str.isalpha, line)):
        return 0
    under = _RULE.match(text[slice(*lines[at + 1])]) if at + 1 < len(lines) else None
    if under and under[1] in _UNDERLINES:
        return _UNDERLINES[under[1]]
    words = line.split()
    capitals = line.isupper() and len(words) <= 10 and sum(map(str.isalpha, line)) >= 4
    return 2 if capitals and not line.endswith((".", ",", ";")) and not _ITEM.match(line) else 0


def _passage(text: str, lines: list[tuple[int, int]], at: int, blocks: list[Block]) -> int:
    """One paragraph or list item from line `at` on; gives the line after it."""
    line = text[slice(*lines[at])]
    if not line.strip() or _RULE.match(line):
        return at + 1
    item = _ITEM.match(line)
    start = lines[at][0] + (item.end() if item else 0)
    end = at + 1
    while end < len(lines) and not _blank(text, lines, end):
        following = text[slice(*lines[end])]
        if _ITEM.match(following) or _RULE.match(following):
            break
        end += 1
    blocks.append(_block("list_item" if item else "paragraph", text, start, lines[end - 1][1]))
    return end
