"""One question to the index: dense, sparse, or both fused by ranks in the engine and re-scored here.

The engine fuses by reciprocal ranks, which says what is worth a look. Ranks forget by how much a passage matched, so
the candidates are then put in order by a `Reranker`: by default a convex combination of both parts' scores, each
brought to 0..1 over the candidates (Bruch, Gai and Ingber, 2023, found it better than ranks and robust in its weight).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from apps.rag.index.embedding import Vectors
from apps.rag.index.store import Found, VectorStore
from apps.rag.schemas import Filters, Mode, Scope

Texts = Callable[[Sequence[str]], Mapping[str, str]]
"""Passage ids -> their texts, for a reranker that reads; what may not be read is left out."""
Rescore = Callable[[str, Sequence["Candidate"], Texts], Sequence[float]]
"""Question, candidates, their texts -> one score a candidate, higher is better."""
CANDIDATES = 60
"""Looked at for a fused question; each part is asked as deep, the engine's fusion thrice as deep."""


@dataclass(frozen=True)
class Candidate:
    """A passage with how it was found: `parts` holds rank and score in each mode that found it."""

    passage_id: str
    score: float
    parts: Mapping[Mode, tuple[int, float]] = field(default_factory=dict)


def by_scores(sparse_share: float) -> Rescore:
    """The convex combination: `sparse_share` of the sparse score, the rest of the dense one."""

    def rescore(_question: str, candidates: Sequence[Candidate], _texts: Texts) -> list[float]:
        dense, sparse = _part(candidates, "dense"), _part(candidates, "sparse", floor=0.0)
        return [
            sparse_share * word + (1 - sparse_share) * near for near, word in zip(dense, sparse, strict=True)
        ]  # fmt: skip

    return rescore


def _part(candidates: Sequence[Candidate], mode: Mode, floor: float | None = None) -> list[float]:
    """The scores of one part as 0..1; what the part did not find counts as its worst. No words in common is 0, no
    cosine is: that part starts at the worst one that was found."""
    known = [item.parts[mode][1] for item in candidates if mode in item.parts]
    if not known:
        return [0.0] * len(candidates)
    low = min(known) if floor is None else floor
    width = max(known) - low
    if width <= 0:
        return [float(mode in item.parts) for item in candidates]
    return [(item.parts[mode][1] - low) / width if mode in item.parts else 0.0 for item in candidates]


def search(
    index: VectorStore, *, scope: Scope, mode: Mode, text: str, vector: Vectors, limit: int, filters: Filters,
    rescore: Rescore | None, texts: Texts,
) -> list[Candidate]:  # fmt: skip
    """The best passages within the scope, best first. Without `rescore` a fused question keeps the engine's order."""

    def asked(how: Mode, most: int) -> list[Found]:
        return index.search(scope=scope, mode=how, text=text, vector=vector, limit=most, filters=filters)

    if mode != "fused":
        return [
            Candidate(item.passage_id, item.score, {mode: (rank, item.score)})
            for rank, item in enumerate(asked(mode, limit), start=1)
        ]
    depth = max(CANDIDATES, limit)
    parts: dict[str, dict[Mode, tuple[int, float]]] = {}
    for part in ("dense", "sparse", "fused"):
        for rank, item in enumerate(asked(part, depth), start=1):
            parts.setdefault(item.passage_id, {})[part] = (rank, item.score)
    # A passage that is only in one part, deep down, is no candidate: the engine's fusion chose.
    found = [Candidate(name, held["fused"][1], held) for name, held in parts.items() if "fused" in held]
    found.sort(key=lambda item: item.parts["fused"][0])
    if rescore is not None and found:
        scores = rescore(text, found, texts)
        scored = [replace(item, score=float(score)) for item, score in zip(found, scores, strict=True)]
        found = sorted(scored, key=lambda item: (-round(item.score, 6), item.parts["fused"][0]))
    return found[:limit]


RerankerName = Literal["none", "scores", "late_interaction", "cross_encoder"]
