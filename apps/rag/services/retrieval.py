"""The best passages for a question, within one scope, each with how it was found."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import DatabaseError

from apps.rag.index import holder
from apps.rag.index.embedding import embedder
from apps.rag.schemas import Filters, Hit, Passage, Query, Retrieval, Scope
from apps.rag.selectors import check_scope, generation, own_points, own_versions, passages, points, without_vector
from medassist.common.errors import RetrievalUnavailable

NO_FILTERS = Filters()
MERGE_K = 10
PER_GUIDELINE = 3
WEAK_SIMILARITY = 0.30
"""Best cosine below which nothing of the index speaks about the question (MiniLM; nonsense stays under 0.25)."""


def retrieve(
    *, scope: Scope, queries: Sequence[Query], limit: int = 12, per_query: int = 10, filters: Filters = NO_FILTERS
) -> Retrieval:
    """The best passages for all queries together, diverse over guidelines, each with how it was found.

    Raises `RetrievalUnavailable` when the index or the embedding server is away.
    """
    asked = tuple(query for query in queries if query.text.strip())
    try:
        check_scope(scope)
        state, texts = generation(), own_versions()
        _check_vectors(state.snapshot)
        truth = holder.Truth(
            state.number, lambda: points(embedder().id), scope.clinic, texts,
            lambda ids: own_points(ids, embedder().id),
        )  # fmt: skip
        store = holder.current(truth)
    except DatabaseError as error:
        raise RetrievalUnavailable from error
    vectors = embedder().embed([query.text for query in asked]) if asked else ()
    scores: dict[str, float] = {}
    best: dict[str, tuple[float, int, str]] = {}
    similarity: dict[str, float] = {}
    for query, vector in zip(asked, vectors, strict=True):
        found = store.search(
            scope=scope, mode=query.mode, text=query.text, vector=vector, limit=per_query, filters=filters
        )
        for rank, item in enumerate(found, start=1):
            gain = query.weight / (MERGE_K + rank)
            scores[item.passage_id] = scores.get(item.passage_id, 0.0) + gain
            if gain > best.get(item.passage_id, (0.0, 0, ""))[0]:
                best[item.passage_id] = (gain, rank, query.text)
        dense = (
            found
            if query.mode == "dense"
            else store.search(
                scope=scope, mode="dense", text=query.text, vector=vector, limit=per_query, filters=filters
            )
        )
        for item in dense:
            similarity[item.passage_id] = max(similarity.get(item.passage_id, 0.0), item.score)
    ordered = sorted(scores, key=lambda passage_id: (-scores[passage_id], passage_id))
    known = passages(scope=scope, ids=ordered)
    kept = _diverse([known[passage_id] for passage_id in ordered if passage_id in known], limit)
    hits = tuple(
        Hit(passage=item, score=scores[item.id], rank=rank, query=best[item.id][2], similarity=similarity.get(item.id))
        for rank, item in enumerate(kept, start=1)
    )
    weak = not hits or max(similarity.values(), default=0.0) < WEAK_SIMILARITY
    snapshot = f"{state.snapshot}+c{max(texts.values())}" if texts else state.snapshot
    return Retrieval(hits=hits, snapshot=snapshot, embedder=embedder().id, weak=weak, queries=asked)


def _check_vectors(snapshot: str) -> None:
    """Raises `RetrievalUnavailable` when this process's embedder has not embedded what is to be searched."""
    at = (snapshot, embedder().id)
    if at in holder.embedded_by:
        return
    if without_vector(embedder().id).exists():
        raise RetrievalUnavailable("The guidelines were embedded by another model: run reindex")
    holder.embedded_by.add(at)


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
