"""Builds a `Body`: text that is clean, blocks whose offsets are exact."""

from __future__ import annotations

import re
import unicodedata

from apps.documents.extractors.language import guess
from apps.documents.extractors.refusal import Refused
from apps.documents.schemas import Limits
from apps.rag.schemas import Block, BlockKind, Body

MOST_BLOCKS = 400_000
HEADING_CHARACTERS = 200
"""A "heading" that is longer is a paragraph in large type."""

MOST_MARKS = 30

_NEWLINES = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_SPACES = re.compile("[\xa0\u2000-\u200a\u202f\u205f\u3000]")
# Control characters, and what is there without being seen: zero-width characters, direction overrides, tag characters
# (text that only a machine reads). Joiners that scripts need (U+200C, U+200D) stay.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001fffe\U0001ffff\U000e0000-\U000e0fff\U000efffe-\U000effff\U000ffffe\U000fffff\U0010fffe\U0010ffff]"
)
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """NFC, newlines as `\\n`, no NUL and nothing else that cannot be seen."""
    text = _SPACES.sub(" ", _NEWLINES.sub("\n", text))
    text = without_mark_floods(_LONE_SURROGATES.sub("\ufffd", _INVISIBLE.sub("", text)))
    text = unicodedata.normalize("NFC", "\n".join(line.rstrip(" \t") for line in text.split("\n")))
    # Normalising takes some marks apart.
    return without_mark_floods(text)


def without_mark_floods(text: str) -> str:
    """At most `MOST_MARKS` combining marks on one letter: normalising more of them takes time that grows with the
    square of their number."""
    if text.isascii():
        return text
    marks = "".join(letter for letter in set(text) if unicodedata.combining(letter))
    if not marks:
        return text
    return re.sub(f"([{re.escape(marks)}]{{{MOST_MARKS}}})[{re.escape(marks)}]+", r"\1", text)


def one_line(text: str) -> str:
    return " ".join(text.split())


class BodyWriter:
    """Takes pieces in reading order; raises `Refused` where the document is longer than its limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parts: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []

    def add(
        self,
        kind: BlockKind,
        text: str,
        *,
        page: int | None = None,
        level: int = 0,
        header: str = "",
        marker: str = "",
        tight: bool = False,
    ) -> None:
        """`marker` (a bullet, a number) stands before the block without being part of it; `tight`: no blank line
        before this block, since it belongs to the one before."""
        text = clean(text).strip()
        if not text:
            return
        if kind == "heading" and len(text) > HEADING_CHARACTERS:
            kind, level = "paragraph", 0
        self._separate(tight=tight)
        self._put(marker)
        start = self._length
        self._put(text)
        if len(self._blocks) >= MOST_BLOCKS:
            raise Refused("too_long")
        self._blocks.append(Block(kind, start, self._length, page, level, header))

    def aside(self, text: str) -> None:
        """Text that is shown and not searched: a page header that was there before."""
        text = clean(text).strip()
        if text:
            self._separate(tight=False)
            self._put(text)

    def body(self) -> Body:
        text = "".join(self._parts)
        return finished(text, tuple(self._blocks))

    def _separate(self, *, tight: bool) -> None:
        if self._length:
            self._put("\n" if tight else "\n\n")

    def _put(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
        if self._length > self._limits.characters:
            raise Refused("too_long")


def finished(text: str, blocks: tuple[Block, ...]) -> Body:
    if not blocks:
        raise Refused("nothing_extracted")
    return Body(text, blocks, guess(text))
