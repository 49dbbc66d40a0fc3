"""Reads guideline files: JSONL, one section a line, format 1 (docs/data-team/guidelines.md)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

FORMAT = 1
REQUIRED = ("id", "title", "publisher", "collection", "version", "grade", "licence", "attribution", "text")


LONGEST = {
    "id": 120, "title": 300, "heading": 300, "publisher": 200, "collection": 200, "version": 60, "grade": 40,
    "specialty": 60, "language": 10, "url": 500, "licence": 60,
}  # fmt: skip
"""Characters that the database takes; a test holds them to the model's own."""
OPTIONAL = ("heading", "specialty", "language", "url")


@dataclass(frozen=True)
class GuidelineText:
    id: str
    title: str
    publisher: str
    collection: str
    version: str
    grade: str
    licence: str
    attribution: str
    text: str
    heading: str = ""
    published: date | None = None
    specialty: str = ""
    language: str = "en"
    url: str = ""

    @property
    def content_hash(self) -> str:
        return hashlib.sha256(repr(self).encode()).hexdigest()


@dataclass(frozen=True)
class Problem:
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def read(path: Path) -> Iterator[GuidelineText | Problem]:
    """Every line as a text or as what is wrong with it; a folder gives its *.jsonl files in order."""
    files = sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]
    for file in files:
        try:
            with file.open(encoding="utf-8") as lines:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        yield _read_line(line, f"{file.name}:{number}")
        except (OSError, UnicodeDecodeError) as error:
            yield Problem(file.name, f"cannot be read ({type(error).__name__})")


def _read_line(line: str, where: str) -> GuidelineText | Problem:
    try:
        data: Any = json.loads(line)
    except ValueError:
        return Problem(where, "not JSON")
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        return Problem(where, f"format: must be {FORMAT}")
    for name in REQUIRED:
        if not isinstance(data.get(name), str) or not data[name].strip():
            return Problem(where, f"{name}: missing or empty")
    given = {name: data[name] for name in (*REQUIRED, *OPTIONAL) if name in data}
    for name, value in given.items():
        if not isinstance(value, str):
            return Problem(where, f"{name}: must be a text")
        if "\x00" in value:
            return Problem(where, f"{name}: holds a NUL character")
        if len(value) > LONGEST.get(name, len(value)):
            return Problem(where, f"{name}: longer than {LONGEST[name]} characters")
    try:
        published = date.fromisoformat(data["published"]) if data.get("published") else None
    except (TypeError, ValueError):
        return Problem(where, "published: must be YYYY-MM-DD")
    return GuidelineText(**given, published=published)
