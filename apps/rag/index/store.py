"""One protocol for the vector index: a Qdrant server in production, the same engine in process when embedded.

A point is one passage with a dense and a sparse vector and a payload: `clinic` ("*" for shared guidelines),
`case` ("*" unless it belongs to one case), `passage`, `text` (the guideline or document that it is of), and what
filters ask for; never words. Every search carries a scope filter.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Protocol

import numpy as np

from apps.rag.index.embedding import Vectors
from apps.rag.schemas import Filters, Scope, TextKind

SHARED = "*"
DENSE = "dense"
SPARSE = "words"

RRF_K = 20
"""Rank constant of the fusion; measured on presentation and name queries over the sample guidelines (docs/decisions/0005)."""
FUSION_WEIGHTS = (1.0, 1.0)
NO_FILTERS = Filters()


@dataclass(frozen=True)
class Point:
    passage_id: str
    text: str
    vector: Vectors
    clinic: str = SHARED
    case: str = SHARED
    text_id: str = ""
    kind: TextKind = "guideline"
    source: str = ""
    grade: str = ""
    language: str = "en"
    specialty: str = ""
    published: date | None = None

    @property
    def id(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.clinic}/{self.case}/{self.passage_id}"))

    @property
    def payload(self) -> dict[str, str | int]:
        return {
            "clinic": self.clinic, "case": self.case, "passage": self.passage_id, "text": self.text_id,
            "kind": self.kind, "source": self.source, "grade": self.grade, "language": self.language,
            "specialty": self.specialty, "published": day_number(self.published),
        }  # fmt: skip


@dataclass(frozen=True)
class Found:
    passage_id: str
    score: float


class VectorStore(Protocol):
    rebuilt_by_reader: bool
    """True for an index inside this process: who searches fills it from Postgres first."""

    def replace_all(self, points: Sequence[Point]) -> None:
        """The shared passages become exactly `points`; clinics' own points stay."""

    def upsert(self, points: Sequence[Point]) -> None:
        """Adds a clinic's own points, or writes them anew."""

    def delete(self, *, clinic: str, text_id: str) -> int:
        """Deletes a clinic's points of one text; returns how many are left, counted afterwards (0)."""

    def drop(self, *, clinic: str) -> int:
        """Deletes every point of a clinic; returns how many are left, counted afterwards (0)."""

    def search(
        self, *, scope: Scope, mode: str, text: str, vector: Vectors, limit: int, filters: Filters = NO_FILTERS
    ) -> list[Found]:
        """The best passages within the scope."""

    def count(self, *, clinic: str | None = None, text_id: str | None = None) -> int:
        """Points of everybody, of one clinic ("*": the shared ones), or of one text."""

    def close(self) -> None: ...


def scope_values(scope: Scope) -> tuple[list[str], list[str]]:
    """Allowed values of `clinic` and of `case`."""
    return [SHARED, scope.clinic], [SHARED, *([str(scope.case_id)] if scope.case_id else [])]


NO_DATE = 0


def day_number(day: date | None) -> int:
    """A date as a number that ranges can be asked of: 20250131; 0 when there is none."""
    return day.year * 10_000 + day.month * 100 + day.day if day else NO_DATE


def wanted(filters: Filters) -> dict[str, list[str]]:
    """Payload field -> allowed values, for the filters that ask for something."""
    asked = {
        "kind": filters.kinds, "source": filters.sources, "grade": filters.grades, "language": filters.languages,
        "specialty": filters.specialties,
    }  # fmt: skip
    return {name: list(values) for name, values in asked.items() if values}


def period(filters: Filters) -> tuple[int, int] | None:
    """First and last day number; a passage without a date is outside every period."""
    if filters.published_from is None and filters.published_to is None:
        return None
    return day_number(filters.published_from) or 1, day_number(filters.published_to) or 99_999_999


KEYWORDS = ("clinic", "case", "text", "kind", "source", "grade", "language", "specialty")
"""Payload fields with a keyword index; `clinic` is the partition."""


AVERAGE_WORDS = 128.0
"""Of a passage, stop words left out; Qdrant's default of 256 is for longer texts."""
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "κ": "kappa", "λ": "lambda", "μ": "mu",
    "ω": "omega",
}  # fmt: skip
_LETTER = re.compile(r"(?<![Ͱ-Ͽ])[αβγδεκλμω](?![Ͱ-Ͽ])")
"""A Greek letter by itself or in a Latin name; words of Greek text stay as they are."""
_HYPHENS = re.compile(r"[-‐‑]")
_NAME = re.compile(r"\w+(?:[-‐‑]\w+)*")


def words(text: str) -> str:
    """The text as its words are counted: Greek letters by name, compound names in one piece too ("TNF-α" as "TNFalpha")."""
    whole = []
    for name in _NAME.findall(text):
        piece = _HYPHENS.sub("", _LETTER.sub(lambda letter: _GREEK[letter[0]], name))
        if piece != name and len(name) > 1:
            whole.append(piece)
    return " ".join([_LETTER.sub(lambda letter: f" {_GREEK[letter[0]]} ", text), *whole])


@cache
def bm25() -> Any:
    """Qdrant's own sparse model, made on the client for both stores (IDF is applied by the engine)."""
    from qdrant_edge import Bm25, Bm25Config

    return Bm25(Bm25Config(avg_len=AVERAGE_WORDS))


def ordered(found: list[Found]) -> list[Found]:
    """Best first; what the engine scores alike stands in one order on every store."""
    return sorted(found, key=lambda item: (-round(item.score, 6), item.passage_id))


def sparse_document(text: str) -> Any:
    return bm25().embed_document(words(text))


def sparse_query(text: str) -> Any:
    return bm25().embed_query(words(text))


def plain(vector: Vectors) -> list[float]:
    return [float(value) for value in np.asarray(vector, dtype=np.float32)]
