"""Reading a retrieval trial: documents, questions and judgements, from files as data teams have them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medassist.common.errors import InvalidInput

HEADER = ("query_id", "doc_id", "grade")


@dataclass(frozen=True)
class Question:
    id: str
    text: str
    batch: str = ""


@dataclass(frozen=True)
class Trial:
    documents: Mapping[str, str]
    """What is indexed, by id: the text, under its title when there is one."""
    questions: tuple[Question, ...]
    """Only questions with something to find."""
    judged: Mapping[str, Mapping[str, int]]
    """Question -> document -> grade; 0 is judged and not relevant."""
    unanswerable: int = 0
    """Questions left out because no judgement calls anything relevant to them."""
    missing: int = 0
    """Relevant documents that are not among the documents; they count as not found."""


def read_trial(*, docs: Path, questions: Path, qrels: Path, split: str = "", limit: int | None = None) -> Trial:
    """The trial in three files; raises `InvalidInput` naming file, line and field of the first thing that is wrong."""
    documents = _documents(docs)
    judged = _judgements(qrels)
    asked = [question for question in _questions(questions) if _wanted(question.batch, split)]
    if not asked:
        raise InvalidInput(f"{questions.name}: no question" + (f" of batches {split}" if split else ""))
    known = [question for question in asked if any(grade > 0 for grade in judged.get(question.id, {}).values())]
    if not known:
        raise InvalidInput(f"{qrels.name}: no judgement of any of the questions is above 0")
    kept = tuple(known[:limit])
    sought = [name for question in kept for name, grade in judged[question.id].items() if grade > 0]
    return Trial(
        documents=documents, questions=kept, judged=judged, unanswerable=len(asked) - len(known),
        missing=sum(name not in documents for name in sought),
    )  # fmt: skip


def _documents(path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, row in _rows(path):
        name = _field(path, number, row, "id")
        if name in found:
            raise _wrong(path, number, "id", "is there twice")
        title = row.get("title") or ""
        if not isinstance(title, str):
            raise _wrong(path, number, "title", "is not text")
        text = _field(path, number, row, "text")
        found[name] = f"{title}\n{text}" if title else text
    if not found:
        raise InvalidInput(f"{path.name}: no document")
    return found


def _questions(path: Path) -> list[Question]:
    found: dict[str, Question] = {}
    for number, row in _rows(path):
        name = _field(path, number, row, "id")
        if name in found:
            raise _wrong(path, number, "id", "is there twice")
        found[name] = Question(name, _field(path, number, row, "question"), str(row.get("batch") or ""))
    return list(found.values())


def _judgements(path: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for number, line in _lines(path):
        cells = tuple(cell.strip() for cell in line.split("\t"))
        if number == 1:
            if cells != HEADER:
                raise InvalidInput(f"{path.name}, line 1: the header is {', '.join(HEADER)}, with tabs between")
            continue
        if len(cells) != len(HEADER):
            raise InvalidInput(f"{path.name}, line {number}: {len(cells)} fields where {', '.join(HEADER)} belong")
        for name, cell in zip(HEADER[:2], cells, strict=False):
            if not cell:
                raise _wrong(path, number, name, "is empty")
        if not re.fullmatch(r"-?\d{1,6}", cells[2]):
            raise _wrong(path, number, "grade", "is not a whole number")
        of_question = found.setdefault(cells[0], {})
        if cells[1] in of_question:
            raise _wrong(path, number, "doc_id", "is judged twice for this question")
        of_question[cells[1]] = int(cells[2])
    return found


def _wanted(batch: str, split: str) -> bool:
    """`7-10` keeps batches 7 to 10 ("10B1" is of batch 10); anything else keeps the names in it, comma by comma."""
    if not split:
        return True
    number = re.match(r"\d+", batch)
    for part in (piece.strip() for piece in split.split(",")):
        span = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if span and number and int(span[1]) <= int(number[0]) <= int(span[2] or span[1]):
            return True
        if part == batch:
            return True
    return False


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in _lines(path):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise InvalidInput(f"{path.name}, line {number}: is not valid JSON") from None
        if not isinstance(row, dict):
            raise InvalidInput(f"{path.name}, line {number}: is not a JSON object")
        yield number, row


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that hold something, by their 1-based number."""
    number = 0
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield number, line.rstrip("\r\n")
    except UnicodeDecodeError:
        raise InvalidInput(f"{path.name}, after line {number}: is not UTF-8 text") from None
    except OSError as error:
        raise InvalidInput(f"{path.name}: cannot be read ({error.strerror})") from None


def _field(path: Path, number: int, row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and name == "id":
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise _wrong(path, number, name, "is missing, empty or not text")
    return value.strip()


def _wrong(path: Path, number: int, field: str, what: str) -> InvalidInput:
    return InvalidInput(f"{path.name}, line {number}: {field} {what}")
