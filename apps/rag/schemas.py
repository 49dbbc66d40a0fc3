"""What retrieval takes and gives. A search cannot be expressed without a `Scope`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

Mode = Literal["fused", "dense", "sparse"]


@dataclass(frozen=True)
class Scope:
    """Who may see: the shared guidelines plus one clinic's own texts, plus one case's when given."""

    clinic: str
    case_id: UUID | None = None

    def __post_init__(self) -> None:
        if not self.clinic:
            raise ValueError("A scope names a clinic")


@dataclass(frozen=True)
class Query:
    text: str
    weight: float = 1.0
    mode: Mode = "fused"


@dataclass(frozen=True)
class Passage:
    """A citable piece of a guideline: `text` is the guideline's full text from `start` to `end`."""

    id: str
    guideline_id: str
    title: str
    heading: tuple[str, ...]
    text: str
    start: int
    end: int
    source: str
    publisher: str
    version: str
    published: date | None
    grade: str
    url: str
    licence: str
    language: str


@dataclass(frozen=True)
class Hit:
    """`query` is the text that found it best; ranks are 1-based within that query, None when not found that way."""

    passage: Passage
    score: float
    rank: int
    query: str
    similarity: float | None
    """Cosine of the best dense match, None when only words matched."""


@dataclass(frozen=True)
class Retrieval:
    hits: tuple[Hit, ...]
    snapshot: str
    embedder: str
    weak: bool
    queries: tuple[Query, ...]


@dataclass(frozen=True)
class PassageView:
    """A citation opened at its place: the passage and what stands around it."""

    passage: Passage
    before: str
    after: str
    attribution: str


@dataclass(frozen=True)
class Ingested:
    guidelines: int
    unchanged: int
    passages: int
    embedded: int
    problems: tuple[str, ...] = ()
