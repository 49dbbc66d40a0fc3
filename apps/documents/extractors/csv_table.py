"""CSV: the first row is the header of every other."""

from __future__ import annotations

import csv
from io import StringIO

from apps.documents.extractors.detect import delimiter_of
from apps.documents.extractors.refusal import Refused
from apps.documents.extractors.tables import Row, write_table
from apps.documents.extractors.writing import BodyWriter
from apps.documents.schemas import Limits
from apps.rag.schemas import Body


def read(text: str, limits: Limits) -> Body:
    csv.field_size_limit(limits.characters)
    rows: list[Row] = []
    cells = 0
    try:
        for row in csv.reader(StringIO(text, newline=""), delimiter=delimiter_of(text) or ","):
            cells += len(row)
            if cells > limits.table_cells:
                raise Refused("too_long")
            if any(cell.strip() for cell in row):
                rows.append(Row(tuple(row), is_header=not rows))
    except csv.Error as error:
        raise Refused("unreadable") from error
    writer = BodyWriter(limits)
    write_table(writer, rows)
    return writer.body()
