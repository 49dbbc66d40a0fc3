"""The best passages for a question, within one scope, each with how it was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from django.db import DatabaseError

from apps.rag.index import fusing, holder
from apps.rag.index.embedding import embedder
from apps.rag.index.fusing import Candidate
from apps.rag.index.reranking import reranker
from apps.rag.pipeline.selecting import selected
from apps.rag.schemas import Filters, FoundBy, Hit, Query, Retrieval, Scope
from apps.rag.selectors import check_scope, generation, own_points, own_versions, passages, points, without_vector
from medassist.common.errors import RetrievalUnavailable

NO_FILTERS = Filters()
MERGE_K = 10
WEAK_SIMILARITY = 0.30
"""Best cosine below which nothing of the index speaks about the question (MiniLM; nonsense stays under 0.25)."""


def retrieve(
    *, scope: Scope, queries: Sequence[Query], limit: int = 12, per_query: int = 10, filters: Filters = NO_FILTERS,
    budget_tokens: int | None = None,
) -> Retrieval:  # fmt: skip
    """The best passages for all queries together, diverse over guidelines, each with how it was found.

    Together they take at most `budget_tokens`, as estimated. Ranks in `found_by` count before passages were left out.

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
    read = partial(_texts, scope)
    merging = Merging()
    for query, vector in zip(asked, vectors, strict=True):
        found = fusing.search(
            store, scope=scope, mode=query.mode, text=query.text, vector=vector, limit=per_query, filters=filters,
            rescore=reranker(), texts=read,
        )  # fmt: skip
        merging.take(query, found)
        if query.mode == "sparse":
            near = store.search(
                scope=scope, mode="dense", text=query.text, vector=vector, limit=per_query, filters=filters
            )
            merging.see((item.passage_id, item.score) for item in near)
    known = passages(scope=scope, ids=merging.scores)
    kept = selected(known, merging.scores, limit=limit, budget_tokens=budget_tokens)
    hits = tuple(
        Hit(
            passage=item, score=merging.scores[item.id], rank=rank, query=merging.best[item.id][1],
            similarity=merging.similarity.get(item.id), found_by=tuple(merging.found_by[item.id]),
        )
        for rank, item in enumerate(kept, start=1)
    )  # fmt: skip
    weak = not hits or max(merging.similarity.values(), default=0.0) < WEAK_SIMILARITY
    snapshot = f"{state.snapshot}+c{max(texts.values())}" if texts else state.snapshot
    return Retrieval(hits=hits, snapshot=snapshot, embedder=embedder().id, weak=weak, queries=asked)


class Merging:
    """What several queries found, as one: sum of weight / (MERGE_K + rank) over the queries that found a passage."""

    def __init__(self) -> None:
        self.scores: dict[str, float] = {}
        self.best: dict[str, tuple[float, str]] = {}
        self.similarity: dict[str, float] = {}
        self.found_by: dict[str, list[FoundBy]] = {}

    def take(self, query: Query, found: Sequence[Candidate]) -> None:
        for rank, item in enumerate(found, start=1):
            name = item.passage_id
            gain = query.weight / (MERGE_K + rank)
            self.scores[name] = self.scores.get(name, 0.0) + gain
            if gain > self.best.get(name, (0.0, ""))[0]:
                self.best[name] = (gain, query.text)
            ways = [FoundBy(query.text, query.mode, rank, item.score)]
            ways += [FoundBy(query.text, mode, *way) for mode, way in item.parts.items() if mode != query.mode]
            self.found_by.setdefault(name, []).extend(ways)
            if "dense" in item.parts:
                self.see([(name, item.parts["dense"][1])])

    def see(self, similar: Iterable[tuple[str, float]]) -> None:
        for name, cosine in similar:
            self.similarity[name] = max(self.similarity.get(name, -1.0), cosine)


def _texts(scope: Scope, ids: Sequence[str]) -> dict[str, str]:
    return {name: item.text for name, item in passages(scope=scope, ids=ids).items()}


def _check_vectors(snapshot: str) -> None:
    """Raises `RetrievalUnavailable` when this process's embedder has not embedded what is to be searched."""
    at = (snapshot, embedder().id)
    if at in holder.embedded_by:
        return
    if without_vector(embedder().id).exists():
        raise RetrievalUnavailable("The guidelines were embedded by another model: run reindex")
    holder.embedded_by.add(at)
