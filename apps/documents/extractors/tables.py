"""Writes tables: one block a row, each with the table's header, so that a row can be understood alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from apps.documents.extractors.writing import BodyWriter, clean, one_line

BETWEEN = " | "
HEADER_CHARACTERS = 1_000
"""Every row carries its header: a longer one is cut at a cell."""

_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class Row:
    cells: tuple[str, ...]
    is_header: bool = False


def write_table(writer: BodyWriter, rows: Sequence[Row], *, page: int | None = None) -> None:
    """Leading header rows are the header. Their text stands in the body too, as rows without one."""
    rows = [Row(tuple(one_line(clean(cell)) for cell in row.cells), row.is_header) for row in rows]
    rows = [row for row in rows if any(row.cells)]
    count = 0
    while count < len(rows) - 1 and rows[count].is_header:
        count += 1
    header = header_of(rows[:count])
    for number, row in enumerate(rows):
        writer.add(
            "table_row", joined(row.cells), page=page, header=header if number >= count else "", tight=number > 0
        )


def with_guessed_header(rows: Sequence[Row]) -> list[Row]:
    """Where nothing in the file says which row is the header: the first, if it can be one."""
    if rows and len(rows) > 1 and not any(row.is_header for row in rows) and could_be_header(rows[0].cells):
        return [Row(rows[0].cells, is_header=True), *rows[1:]]
    return list(rows)


def could_be_header(cells: Sequence[str]) -> bool:
    """At least two cells, all filled and different, each a few words and no plain number."""
    return (
        len(cells) >= 2
        and len(set(cells)) == len(cells)
        and all(_LETTER.search(cell) and len(cell.split()) <= 8 and not cell.rstrip().endswith(":") for cell in cells)
    )


def joined(cells: Sequence[str]) -> str:
    last = max((place for place, cell in enumerate(cells) if cell), default=-1)
    return BETWEEN.join(cells[: last + 1])


def header_of(rows: Sequence[Row]) -> str:
    """Of several header rows each column's cells, top to bottom."""
    columns = max((len(row.cells) for row in rows), default=0)
    names = []
    for column in range(columns):
        parts = [row.cells[column] for row in rows if column < len(row.cells) and row.cells[column]]
        names.append(" / ".join(dict.fromkeys(parts)))
    return _shortened(names)


def _shortened(names: list[str]) -> str:
    whole = joined(names)
    if len(whole) <= HEADER_CHARACTERS:
        return whole
    cut = whole[: HEADER_CHARACTERS - 1]
    return (cut[: cut.rfind(BETWEEN)] + BETWEEN if BETWEEN in cut else cut) + "…"
