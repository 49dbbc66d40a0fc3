"""One search, in the worker that owns an index."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from apps.documents.schemas import FoundPassage, SearchInput, SearchResult
from apps.rag import services as rag
from apps.rag.schemas import Filters, Hit, Query, Scope
from medassist.jobs.runner import Run
from medassist.tenancy.context import current_clinic


def search(run: Run, asked: SearchInput) -> SearchResult:
    """Raises `RetrievalUnavailable` when the index or the embedder is away."""
    filters = Filters(
        kinds=asked.kinds, sources=asked.sources, grades=asked.grades, languages=asked.languages,
        specialties=asked.specialties, published_from=asked.published_from, published_to=asked.published_to,
    )  # fmt: skip
    with run.step("search"):
        found = rag.retrieve(
            scope=Scope(clinic=current_clinic().schema_name, case_id=asked.case),
            queries=[Query(asked.query, mode=asked.mode)],
            limit=asked.limit,
            per_query=asked.limit * 2,
            filters=filters,
        )
    return SearchResult(
        passages=tuple(_passage(hit) for hit in found.hits),
        weak=found.weak,
        snapshot=found.snapshot,
        embedder=found.embedder,
    )


def _passage(hit: Hit) -> FoundPassage:
    item = hit.passage
    return FoundPassage(
        passage=item.id, text=item.text, title=item.title, heading=item.heading, kind=item.kind,
        document=UUID(item.guideline_id) if item.kind != "guideline" else None, page=item.page, header=item.header,
        source=item.source, publisher=item.publisher, version=item.version, published=item.published, grade=item.grade,
        language=item.language, licence=item.licence, rank=hit.rank, score=hit.score, similarity=hit.similarity,
        found_by=tuple(asdict(way) for way in hit.found_by),
    )  # fmt: skip
