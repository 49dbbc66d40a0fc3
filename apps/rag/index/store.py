"""One protocol for the vector index: a Qdrant server in production, the same engine in process when embedded.

A point is one passage with a dense and a sparse vector and a payload: `clinic` ("*" for shared guidelines),
`case` ("*" unless it belongs to one case), `passage`. Every search carries a scope filter.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np

from apps.rag.index.embedding import Vectors
from apps.rag.schemas import Scope

SHARED = "*"
DENSE = "dense"
SPARSE = "words"

RRF_K = 20
"""Rank constant of the fusion; measured on presentation and name queries over the sample guidelines (docs/decisions/0005)."""
FUSION_WEIGHTS = (1.0, 1.0)


@dataclass(frozen=True)
class Point:
    passage_id: str
    text: str
    vector: Vectors
    clinic: str = SHARED
    case: str = SHARED

    @property
    def id(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.clinic}/{self.case}/{self.passage_id}"))

    @property
    def payload(self) -> dict[str, str]:
        return {"clinic": self.clinic, "case": self.case, "passage": self.passage_id}


@dataclass(frozen=True)
class Found:
    passage_id: str
    score: float


class VectorStore(Protocol):
    rebuilt_by_reader: bool
    """True for an index inside this process: who searches fills it from Postgres first."""

    def replace_all(self, points: Sequence[Point]) -> None: ...

    def search(self, *, scope: Scope, mode: str, text: str, vector: Vectors, limit: int) -> list[Found]: ...

    def count(self) -> int: ...

    def close(self) -> None: ...


def scope_values(scope: Scope) -> tuple[list[str], list[str]]:
    """Allowed values of `clinic` and of `case`."""
    return [SHARED, scope.clinic], [SHARED, *([str(scope.case_id)] if scope.case_id else [])]


@cache
def bm25() -> Any:
    """Qdrant's own sparse model, made on the client for both stores (IDF is applied by the engine)."""
    from qdrant_edge import Bm25

    return Bm25()


def ordered(found: list[Found]) -> list[Found]:
    """Best first; what the engine scores alike stands in one order on every store."""
    return sorted(found, key=lambda item: (-round(item.score, 6), item.passage_id))


def sparse_document(text: str) -> Any:
    return bm25().embed_document(text)


def sparse_query(text: str) -> Any:
    return bm25().embed_query(text)


def plain(vector: Vectors) -> list[float]:
    return [float(value) for value in np.asarray(vector, dtype=np.float32)]
