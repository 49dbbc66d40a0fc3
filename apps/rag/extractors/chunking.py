"""Cuts texts into passages; offsets are exact: text[start:end] is the passage.

`chunks` cuts a text with Markdown headings at sentence borders (the shared guidelines). `chunks_of` cuts a `Body` along
its structure: a passage never crosses a heading and never holds rows of two tables. A list stays together where it
fits, with the sentence that introduces it; a row stays whole where it fits, and names its table's header.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apps.rag.schemas import Block, Body

TARGET_WORDS = 120
MOST_WORDS = 170
"""MiniLM reads 256 word pieces; 170 English words and a title stay below that nearly always."""

MOST_CHARACTERS = 1_400
"""A passage is read by people and by an embedder: words can be of any length, and some scripts have no spaces."""
HEADING_CHARACTERS = 200
LEAST_ROW_WORDS = 40
"""What a table's header leaves for its rows at least."""

_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*$")
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|Dr|Mr|Mrs|Ms|St|vs|etc|approx|No|Fig|U\.S|a\.m|p\.m)|\b[A-Z])\.$")
_SENTENCE_END = re.compile(r"[.!?][\"')\]]*(?=\s)")

_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\s\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_ANY_SENTENCE_END = re.compile(r"[.!?][\"')\]]*(?=\s)|[。！？][」』”\"]*")
"""Scripts without spaces end a sentence without one."""
_LONG_WORD = 14


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


def _sentences(
    text: str, start: int, end: int, ends: re.Pattern[str] = _SENTENCE_END, *, whole: bool = False
) -> Iterator[tuple[int, int]]:
    begin = start
    while begin < end and text[begin].isspace():
        begin += 1
    for match in ends.finditer(text, start, end):
        stop = match.end()
        # Every abbreviation is shorter than this; a search from the sentence's beginning would take quadratic time.
        if _ABBREVIATION.search(text, max(begin, stop - 10), stop):
            continue
        yield from ((begin, stop),) if whole else _bounded(text, begin, stop)
        begin = stop
        while begin < end and text[begin].isspace():
            begin += 1
    if begin < end:
        yield from ((begin, end),) if whole else _bounded(text, begin, end)


def _bounded(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A "sentence" longer than a passage (a table, a list without stops) is cut at spaces."""
    words = list(re.finditer(r"\S+", text[start:end]))
    for index in range(0, len(words), MOST_WORDS):
        part = words[index : index + MOST_WORDS]
        yield start + part[0].start(), start + part[-1].end()


@dataclass(frozen=True)
class _Unit:
    """What is not cut any further: a sentence, a whole list, a row."""

    start: int
    end: int
    size: int
    page: int | None
    header: str = ""


def chunks_of(body: Body) -> Iterator[Chunk]:
    """The body's passages in order. A heading that has nothing below it is a passage of its own."""
    path: list[tuple[int, Block]] = []
    lone: Block | None = None
    section: list[Block] = []
    for block in [*body.blocks, None]:
        if block is not None and block.kind != "heading":
            section.append(block)
            lone = None
            continue
        yield from _section(body.text, section, _names(body.text, path))
        section = []
        if lone is not None and (block is None or block.level <= lone.level):
            yield from _passages(_pieces(body.text, lone), _names(body.text, path[:-1]))
        if block is not None:
            path = [item for item in path if item[0] < block.level] + [(block.level, block)]
            lone = block


def _names(text: str, path: Sequence[tuple[int, Block]]) -> tuple[str, ...]:
    return tuple(" ".join(text[block.start : block.end].split())[:HEADING_CHARACTERS] for _, block in path)


def _section(text: str, blocks: Sequence[Block], heading: tuple[str, ...]) -> Iterator[Chunk]:
    """What stands between two headings: tables for themselves, the rest in one run of units."""
    units: list[_Unit] = []
    for group in _groups(text, blocks):
        if group[0].kind == "table_row":
            yield from _passages(units, heading)
            units = []
            yield from _table(text, group, heading)
        elif group[0].kind == "list_item":
            units = _with_list(text, units, group)
        else:
            units += [unit for block in group for unit in _pieces(text, block)]
    yield from _passages(units, heading)


def _groups(text: str, blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Neighbours that belong together: one list, one table, paragraphs."""
    group: list[Block] = []
    for block in blocks:
        if group and not _belongs(text, group, block):
            yield group
            group = []
        group.append(block)
    if group:
        yield group


def _belongs(text: str, group: Sequence[Block], block: Block) -> bool:
    last = group[-1]
    if block.kind != last.kind:
        return False
    if block.kind != "table_row":
        return True
    same_header = block.header == last.header or (not last.header and _is_header(group, block.header))
    # Rows of one table stand on lines below each other; a blank line is the end of it.
    return same_header and "\n\n" not in text[last.end : block.start]


def _is_header(group: Sequence[Block], header: str) -> bool:
    """Rows without a header that come first are the header itself."""
    return bool(header) and all(not row.header for row in group)


def _pieces(text: str, block: Block) -> list[_Unit]:
    return [
        _Unit(start, end, _size(text, start, end), block.page, block.header)
        for sentence in _sentences(text, block.start, block.end, _ANY_SENTENCE_END, whole=True)
        for start, end in _within(text, *sentence)
    ]


def _with_list(text: str, units: list[_Unit], items: Sequence[Block]) -> list[_Unit]:
    """The list as one unit when it fits, with the sentence before it when that introduces it ("Give:")."""
    size = sum(_size(text, item.start, item.end) for item in items)
    whole = _Unit(items[0].start, items[-1].end, size, items[0].page)
    if not _fits(size, whole.end - whole.start):
        return units + _items(text, items)
    if units and text[units[-1].end - 1] == ":":
        opening = units[-1]
        together = _Unit(opening.start, whole.end, opening.size + size, opening.page)
        if _fits(together.size, together.end - together.start):
            return [*units[:-1], together]
    return [*units, whole]


def _items(text: str, items: Sequence[Block]) -> list[_Unit]:
    units: list[_Unit] = []
    for item in items:
        size = _size(text, item.start, item.end)
        if _fits(size, item.end - item.start):
            units.append(_Unit(item.start, item.end, size, item.page))
        else:
            units += _pieces(text, item)
    return units


def _table(text: str, rows: Sequence[Block], heading: tuple[str, ...]) -> Iterator[Chunk]:
    header = rows[-1].header
    room = max(LEAST_ROW_WORDS, MOST_WORDS - len(_TOKEN.findall(header)))
    units: list[_Unit] = []
    for row in rows:
        size = _size(text, row.start, row.end)
        if size <= room and row.end - row.start <= MOST_CHARACTERS:
            units.append(_Unit(row.start, row.end, size, row.page, header))
            continue
        units += [
            _Unit(start, end, _size(text, start, end), row.page, header)
            for start, end in _within(text, row.start, row.end, room)
        ]
    yield from _passages(units, heading, most=room)


def _passages(units: Sequence[_Unit], heading: tuple[str, ...], *, most: int = MOST_WORDS) -> Iterator[Chunk]:
    gathered: list[_Unit] = []
    words = 0
    for unit in units:
        if gathered and not (words + unit.size <= most and unit.end - gathered[0].start <= MOST_CHARACTERS):
            yield _chunk(gathered, heading)
            gathered, words = [], 0
        gathered.append(unit)
        words += unit.size
        if words >= min(TARGET_WORDS, most):
            yield _chunk(gathered, heading)
            gathered, words = [], 0
    if gathered:
        yield _chunk(gathered, heading)


def _chunk(units: Sequence[_Unit], heading: tuple[str, ...]) -> Chunk:
    return Chunk(heading, units[0].start, units[-1].end, units[0].page, units[0].header)


def _fits(size: int, characters: int) -> bool:
    return size <= MOST_WORDS and characters <= MOST_CHARACTERS


def _size(text: str, start: int, end: int) -> int:
    """In words; a long one counts as several, a letter of a script without spaces as one."""
    return sum(1 + (len(token) - 1) // _LONG_WORD for token in _TOKEN.findall(text, start, end))


def _within(text: str, start: int, end: int, most: int = MOST_WORDS) -> Iterator[tuple[int, int]]:
    """Pieces of at most `most` words and `MOST_CHARACTERS`, cut between words, inside one only when it is longer."""
    if end - start <= MOST_CHARACTERS and _size(text, start, end) <= most:
        yield start, end
        return
    begin = stop = -1
    words = 0
    for token_start, token_end in _tokens(text, start, end, most):
        size = 1 + (token_end - token_start - 1) // _LONG_WORD
        if begin >= 0 and (words + size > most or token_end - begin > MOST_CHARACTERS):
            yield begin, stop
            begin, words = -1, 0
        if begin < 0:
            begin = token_start
        stop, words = token_end, words + size
    if begin >= 0:
        yield begin, stop


def _tokens(text: str, start: int, end: int, most: int) -> Iterator[tuple[int, int]]:
    longest = min(MOST_CHARACTERS, most * _LONG_WORD)
    for match in _TOKEN.finditer(text, start, end):
        for place in range(match.start(), match.end(), longest):
            yield place, min(place + longest, match.end())
