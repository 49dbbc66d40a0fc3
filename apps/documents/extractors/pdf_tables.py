"""Tables of a PDF, seen by what stands below what: the format itself knows none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from apps.documents.extractors.pdf_lines import Line, Word
from apps.documents.extractors.tables import Row, could_be_header

_GAP = 1.2
"""Of the font's size: wider than the space between words, also in justified text nearly always."""
_ROW_STEP = 3.2
_PROSE_WORDS = 7
_WINDOW = 4
_MARK = re.compile(r"(?:[•‣▪◦·●○■□–*-]|\(?\d{1,2}(?:\.\d{1,2})*[.)]?|\(?[a-z][.)])\Z")

Span = tuple[float, float]


@dataclass(frozen=True)
class FoundTable:
    rows: list[Row]
    end: int
    """Place of the first line after it."""
    is_prose: bool
    """Columns of running text, to be read one after the other."""


def split_cells(lines: Sequence[Line]) -> list[Line]:
    """Each line with its cells; pieces on one height that were drawn one after the other become one line."""
    merged: list[Line] = []
    for line in lines:
        for other in reversed(merged[-_WINDOW:]):
            apart = line.left - other.right
            if abs(other.baseline - line.baseline) < 0.25 * line.size and apart > 0.3 * line.size:
                size = max(other.size, line.size)
                place = next(i for i in range(len(merged) - 1, -1, -1) if merged[i] is other)
                merged[place] = Line(
                    [*other.words, *line.words], other.baseline, size, other.is_bold and line.is_bold, line.is_broken
                )
                break
        else:
            merged.append(line)
    for line in merged:
        line.cells = _cells(line)
    return merged


def _cells(line: Line) -> list[Word]:
    cells: list[Word] = []
    for word in line.words:
        if cells and word.left - cells[-1].right < _GAP * line.size:
            last = cells[-1]
            cells[-1] = Word(f"{last.text} {word.text}", last.left, max(last.right, word.right))
        else:
            cells.append(Word(word.text, word.left, word.right))
    if len(cells) > 1 and _MARK.match(cells[0].text):
        first, second, *rest = cells
        # A number or bullet before its text is an item; in front of further cells it is one of theirs.
        if not rest:
            return [Word(f"{first.text} {second.text}", first.left, second.right)]
    return cells


def table_at(lines: Sequence[Line], at: int) -> FoundTable | None:
    """The table that begins with line `at`, when one does."""
    if len(lines[at].cells) < 2:
        return None
    columns = [(cell.left, cell.right) for cell in lines[at].cells]
    end, last = at + 1, lines[at]
    rows_seen = 1
    while end < len(lines):
        line = lines[end]
        step = last.baseline - line.baseline
        if not 0 < step <= _ROW_STEP * max(line.size, last.size):
            break
        united = _united([*columns, *((cell.left, cell.right) for cell in line.cells)])
        if len(united) < max(2, min(len(columns), len(line.cells))):
            break
        if len(line.cells) == 1 and not _is_continuation(line, last, step, columns):
            break
        columns, last = united, line
        rows_seen += len(line.cells) > 1
        end += 1
    first_cells = [cell.text for cell in lines[at].cells]
    if rows_seen < 2 or (rows_seen == 2 and not could_be_header(first_cells)):
        return None
    # A title or remark at the end that only happens to fit a column is no row.
    rows = _rows(lines[at:end], columns)
    words = [len(cell.split()) for row in rows for cell in row.cells if cell]
    is_prose = len(columns) <= 3 and sum(words) / len(words) > _PROSE_WORDS and all(
        len(line.cells) <= len(columns) for line in lines[at:end]
    ) and sum(len(cell.text.split()) for line in lines[at:end] for cell in line.cells) / sum(
        len(line.cells) for line in lines[at:end]
    ) > 4
    return FoundTable(rows, end, is_prose)


def _is_continuation(line: Line, last: Line, step: float, columns: Sequence[Span]) -> bool:
    """The next line of a cell: close below, inside one column, in the same type."""
    inside = sum(left < line.right and line.left < right for left, right in columns)
    return step <= 1.45 * line.size and inside == 1 and line.is_bold == last.is_bold and line.size <= 1.1 * last.size


def _united(spans: Sequence[Span]) -> list[Span]:
    united: list[Span] = []
    for left, right in sorted(spans):
        if united and left <= united[-1][1]:
            united[-1] = (united[-1][0], max(united[-1][1], right))
        else:
            united.append((left, right))
    return united


def _rows(lines: Sequence[Line], columns: Sequence[Span]) -> list[Row]:
    """A line that lies close below and leaves the first column empty goes on with the row above."""
    rows: list[list[str]] = []
    above: Line | None = None
    typical = _typical_step(lines)
    for line in lines:
        cells = [""] * len(columns)
        for cell in line.cells:
            column = _column(cell, columns)
            cells[column] = f"{cells[column]} {cell.text}".strip()
        close = above is not None and above.baseline - line.baseline < min(0.8 * typical, 1.45 * line.size)
        if rows and ((not cells[0] and _fits(above, line)) or close):
            rows[-1] = [f"{one} {two}".strip() for one, two in zip(rows[-1], cells, strict=True)]
        else:
            rows.append(cells)
        above = line
    return [Row(tuple(row)) for row in rows]


def _fits(above: Line | None, line: Line) -> bool:
    return above is not None and above.baseline - line.baseline <= 1.45 * line.size


def _typical_step(lines: Sequence[Line]) -> float:
    """Between lines that begin in the first column: the height of a row."""
    starts = [line for line in lines if len(line.cells) > 1]
    steps = sorted(one.baseline - two.baseline for one, two in zip(starts, starts[1:], strict=False))
    return steps[len(steps) // 2] if steps else 0.0


def _column(cell: Word, columns: Sequence[Span]) -> int:
    return next((place for place, (left, right) in enumerate(columns) if left <= cell.left <= right), len(columns) - 1)


def written_by_columns(lines: Sequence[Line]) -> list[list[Line]]:
    columns = _united([(cell.left, cell.right) for line in lines for cell in line.cells])
    found: list[list[Line]] = [[] for _ in columns]
    for line in lines:
        for cell in line.cells:
            piece = Line([cell], line.baseline, line.size, line.is_bold)
            found[_column(cell, columns)].append(piece)
    return found
