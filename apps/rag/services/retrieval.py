"""The best passages for a question, within one scope, each with how it was found."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import DatabaseError

from apps.rag.index import holder
from apps.rag.index.embedding import embedder
from apps.rag.schemas import Hit, Passage, Query, Retrieval, Scope
from apps.rag.selectors import generation, passages, points
from medassist.common.errors import RetrievalUnavailable

MERGE_K = 10
PER_GUIDELINE = 3
WEAK_SIMILARITY = 0.30
"""Best cosine below which nothing of the index speaks about the question (MiniLM; nonsense stays under 0.25)."""


def retrieve(*, scope: Scope, queries: Sequence[Query], limit: int = 12, per_query: int = 10) -> Retrieval:
    """The best passages for all queries together, diverse over guidelines, each with how it was found.

    Raises `RetrievalUnavailable` when the index or the embedding server is away.
    """
    asked = tuple(query for query in queries if query.text.strip())
    try:
        state = generation()
        if state.passages and state.embedder != embedder().id:
            raise RetrievalUnavailable("The guidelines were embedded by another model: run ingest_guidelines again")
        store = holder.current(state.number, lambda: points(embedder().id))
    except DatabaseError as error:
        raise RetrievalUnavailable from error
    vectors = embedder().embed([query.text for query in asked]) if asked else ()
    scores: dict[str, float] = {}
    best: dict[str, tuple[float, int, str]] = {}
    similarity: dict[str, float] = {}
    for query, vector in zip(asked, vectors, strict=True):
        found = store.search(scope=scope, mode=query.mode, text=query.text, vector=vector, limit=per_query)
        for rank, item in enumerate(found, start=1):
            gain = query.weight / (MERGE_K + rank)
            scores[item.passage_id] = scores.get(item.passage_id, 0.0) + gain
            if gain > best.get(item.passage_id, (0.0, 0, ""))[0]:
                best[item.passage_id] = (gain, rank, query.text)
        dense = (
            found
            if query.mode == "dense"
            else store.search(scope=scope, mode="dense", text=query.text, vector=vector, limit=per_query)
        )
        for item in dense:
            similarity[item.passage_id] = max(similarity.get(item.passage_id, 0.0), item.score)
    ordered = sorted(scores, key=lambda passage_id: (-scores[passage_id], passage_id))
    known = passages(ordered)
    kept = _diverse([known[passage_id] for passage_id in ordered if passage_id in known], limit)
    hits = tuple(
        Hit(passage=item, score=scores[item.id], rank=rank, query=best[item.id][2], similarity=similarity.get(item.id))
        for rank, item in enumerate(kept, start=1)
    )
    weak = not hits or max(similarity.values(), default=0.0) < WEAK_SIMILARITY
    return Retrieval(hits=hits, snapshot=state.snapshot, embedder=embedder().id, weak=weak, queries=asked)


def _diverse(found: Sequence[Passage], limit: int) -> list[Passage]:
    """At most PER_GUIDELINE passages of one guideline, and no text twice."""
    kept: list[Passage] = []
    seen: dict[str, int] = {}
    texts: set[str] = set()
    for item in found:
        words = " ".join(item.text.lower().split())
        if words in texts or seen.get(item.guideline_id, 0) >= PER_GUIDELINE:
            continue
        texts.add(words)
        seen[item.guideline_id] = seen.get(item.guideline_id, 0) + 1
        kept.append(item)
        if len(kept) == limit:
            break
    return kept
