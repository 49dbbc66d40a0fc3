"""Tables of a PDF, seen by what stands below what: the format itself knows none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from apps.documents.extractors.pdf_lines import Line, Word
from apps.documents.extractors.tables import Row, could_be_header

_GAP = 1.2
"""Of the font's size: wider than the space between words, also in justified text nearly always."""
_ROW_STEP = 6
_PROSE_WORDS = 7
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
        other = merged[-1] if merged else None
        if (
            other
            and abs(other.baseline - line.baseline) < 0.25 * line.size
            and line.left > other.right + 0.3 * line.size
        ):
            words, size = [*other.words, *line.words], max(other.size, line.size)
            merged[-1] = Line(words, other.baseline, size, other.is_bold and line.is_bold, line.is_broken)
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
            line.is_marked = True
            return [Word(f"{first.text} {second.text}", first.left, second.right)]
    return cells


def table_at(lines: Sequence[Line], at: int) -> FoundTable | None:
    """The table that begins with line `at`, when one does.

    It goes on while every line fits the columns. Cells are drawn one after the other (a cell of several lines before
    the next cell) or line by line across all cells; both orders are followed.
    """
    if len(lines[at].cells) < 2:
        return None
    columns = [(cell.left, cell.right) for cell in lines[at].cells]
    end = at + 1
    while end < len(lines):
        united = _united([*columns, *((cell.left, cell.right) for cell in lines[end].cells)])
        if len(united) < max(2, min(len(columns), len(lines[end].cells))):
            break
        if not _goes_on(lines[at], lines[end - 1], lines[end], united):
            break
        columns = united
        end += 1
    while end > at + 1 and _is_remark(lines[end - 2], lines[end - 1], columns):
        end -= 1
    rows = _rows(lines[at:end], columns)
    full = sum(sum(map(bool, row.cells)) > 1 for row in rows)
    if full < 2 or (full == 2 and not could_be_header([cell.text for cell in lines[at].cells])):
        return None
    return FoundTable(rows, end, _is_prose(lines[at:end], columns))


def _goes_on(first: Line, last: Line, line: Line, columns: Sequence[Span]) -> bool:
    step = last.baseline - line.baseline
    if step > _ROW_STEP * max(line.size, last.size) or line.size > 1.15 * first.size:
        return False
    if _column(line.cells[0], columns) > _column(last.cells[-1], columns):
        return line.baseline < first.baseline + 0.5 * line.size
    if len(line.cells) == 1 and step > 1.45 * line.size and line.is_bold and not last.is_bold:
        return False
    return step > 0


def _is_remark(last: Line, line: Line, columns: Sequence[Span]) -> bool:
    """A line at the end that stands apart and only happens to fit the first column."""
    return (
        len(line.cells) == 1
        and _column(line.cells[0], columns) <= _column(last.cells[-1], columns)
        and last.baseline - line.baseline > 1.45 * line.size
    )


def _is_prose(lines: Sequence[Line], columns: Sequence[Span]) -> bool:
    """Few columns whose lines are all long: text that is set in columns."""
    cells = [cell for line in lines for cell in line.cells]
    return len(columns) <= 3 and sum(len(cell.text.split()) for cell in cells) / len(cells) > _PROSE_WORDS


def _united(spans: Sequence[Span]) -> list[Span]:
    united: list[Span] = []
    for left, right in sorted(spans):
        if united and left <= united[-1][1]:
            united[-1] = (united[-1][0], max(united[-1][1], right))
        else:
            united.append((left, right))
    return united


def _rows(lines: Sequence[Line], columns: Sequence[Span]) -> list[Row]:
    """A new row begins where the drawing goes back to the left, unless it only goes on with the cells' next lines."""
    rows: list[list[str]] = []
    typical = _typical_step(lines)
    above: Line | None = None
    for line in lines:
        if above is None or not _is_same_row(above, line, columns, typical):
            rows.append([""] * len(columns))
        for cell in line.cells:
            column = _column(cell, columns)
            rows[-1][column] = f"{rows[-1][column]} {cell.text}".strip()
        above = line
    return [Row(tuple(row)) for row in rows]


def _is_same_row(above: Line, line: Line, columns: Sequence[Span], typical: float) -> bool:
    step = above.baseline - line.baseline
    before, now = _column(above.cells[-1], columns), _column(line.cells[0], columns)
    if now > before:
        return True
    if step > 1.45 * line.size:
        return False
    # Below the same cell, or further lines of several cells, closer than rows are.
    return (now == before and now > 0) or (len(line.cells) == 1 and now > 0) or step < 0.8 * typical


def _typical_step(lines: Sequence[Line]) -> float:
    """Between lines that begin in the first column: the height of a row."""
    starts = [line for line in lines if len(line.cells) > 1]
    steps = sorted(one.baseline - two.baseline for one, two in pairwise(starts))
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
