"""Checks what the reading process answered: it may have been taken over by the file that it read."""

from __future__ import annotations

import unicodedata
from typing import Any, get_args

from apps.documents.extractors.writing import without_mark_floods
from apps.documents.schemas import EXPLANATIONS, Extracted, Limits, PageProblem, Reason
from apps.rag.schemas import Block, BlockKind, Body

KINDS: tuple[BlockKind, ...] = get_args(BlockKind)
REASONS: tuple[Reason, ...] = get_args(Reason)
_CLAIMS = frozenset({"title", "author", "date", "ocr_pages"})
_MOST_HEADER = 2_000


def understood(answer: dict[str, Any], limits: Limits) -> Extracted | None:
    """None for an answer that no honest process gives."""
    try:
        return _extracted(answer, limits)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return None


def _extracted(answer: dict[str, Any], limits: Limits) -> Extracted:
    reason = answer["reason"]
    body = _body(answer, limits) if reason is None else None
    media_type = _text(answer["media_type"], 100)
    pages = answer["pages"]
    _require((reason is None) == (body is not None) and (reason is None or reason in REASONS))
    _require(pages is None or (type(pages) is int and 0 <= pages <= max(limits.pages, 1)))
    _require(media_type.isascii() and media_type.isprintable())
    problems = tuple(PageProblem(_number(page, pages or 0), _code(code)) for page, code in answer["problems"])
    _require(len(problems) <= (pages or 0))
    claims = {name: _text(value, 300) for name, value in answer["claims"].items() if name in _CLAIMS}
    return Extracted(media_type, body, reason, pages, problems, claims or None)


def _body(answer: dict[str, Any], limits: Limits) -> Body:
    text = _text(answer["text"], limits.characters)
    _require(without_mark_floods(text) == text)
    _require(unicodedata.is_normalized("NFC", text) and "\r" not in text)
    headers = [_text(header, _MOST_HEADER) for header in answer["headers"]]
    blocks: list[Block] = []
    before = 0
    for kind, start, end, page, level, header in answer["blocks"]:
        _require(type(start) is int and type(end) is int and before <= start < end <= len(text))
        _require(type(kind) is int and kind >= 0 and type(level) is int and 0 <= level <= 6)
        _require(type(header) is int and header >= 0)
        place = None if page is None else _number(page, limits.pages)
        blocks.append(Block(KINDS[kind], start, end, place, level, headers[header]))
        before = end
    _require(bool(blocks))
    return Body(text, tuple(blocks), _text(answer["language"], 10))


def _text(value: Any, longest: int) -> str:
    _require(isinstance(value, str) and len(value) <= longest and "\x00" not in value)
    value.encode("utf-8")
    return str(value)


def _number(value: Any, most: int) -> int:
    _require(type(value) is int and 1 <= value <= most)
    return int(value)


def _code(value: Any) -> str:
    _require(value in EXPLANATIONS)
    return str(value)


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError
