"""How every benchmark prints: a table for people, and one line of JSON at the end for machines."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Sequence
from typing import Any


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest rank; 0.0 of nothing."""
    if not values:
        return 0.0
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[min(len(ordered), int(rank)) - 1]


def median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else 0.0


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Columns as wide as their widest cell; numbers to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(column), *(len(row[at]) for row in cells), 1) for at, column in enumerate(columns)]
    print(f"\n{title}")
    print("  " + "  ".join(column.ljust(width) for column, width in zip(columns, widths, strict=True)))
    for row, raw in zip(cells, rows, strict=True):
        print(
            "  "
            + "  ".join(
                cell.rjust(width) if isinstance(value, int | float) else cell.ljust(width)
                for cell, width, value in zip(row, widths, raw, strict=True)
            )
        )
    sys.stdout.flush()


def last_line(result: dict[str, Any]) -> None:
    """The machine's line; nothing is printed after it."""
    print(json.dumps(result, sort_keys=True), flush=True)


def say(words: str) -> None:
    print(words, flush=True)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"
    return str(value)
