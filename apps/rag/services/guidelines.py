"""Ingestion of shared guidelines. An embedder or a vector engine is never waited for inside a transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from django.db import transaction

from apps.rag.extractors.chunking import chunks
from apps.rag.extractors.guideline_lines import GuidelineText
from apps.rag.index import holder
from apps.rag.index.embedding import embedder
from apps.rag.models import Guideline, IndexGeneration
from apps.rag.models import Passage as PassageRow
from apps.rag.schemas import Ingested
from apps.rag.selectors import embedded_text, generation, points
from medassist.accounts.access import Actor
from medassist.audit.services import record
from medassist.tenancy.context import public_context

Progress = Callable[[int], None]


def ingest_guidelines(
    *, actor: Actor, texts: Iterable[GuidelineText], cached: dict[str, bytes] | None = None, progress: Progress | None = None,
    batch: int = 32,
) -> Ingested:  # fmt: skip
    """Stores guideline texts as passages with vectors; a text already stored unchanged is skipped, so an
    interrupted run is simply run again. `cached` maps a passage's embedding key to float32 bytes."""
    done = unchanged = stored = embedded = 0
    iterator = iter(texts)
    with public_context():
        while group := list(islice(iterator, batch)):
            fresh = _changed(group)
            unchanged += len(group) - len(fresh)
            rows, computed = _embed([_rows(item) for item in fresh], cached or {})
            embedded += computed
            if fresh:
                _store(actor, rows)
                done += len(fresh)
                stored += sum(len(parts) for _, parts in rows)
            if progress:
                progress(len(group))
        _move_generation()
    return Ingested(guidelines=done, unchanged=unchanged, passages=stored, embedded=embedded)


_REPLACED = [field.name for field in Guideline._meta.concrete_fields if field.name not in {"id", "added_at"}]
"""What a changed text brings anew; when a guideline was first added stays."""

_Rows = tuple[Guideline, list[PassageRow]]


def _changed(group: Sequence[GuidelineText]) -> list[GuidelineText]:
    known = dict(Guideline.objects.filter(pk__in=[item.id for item in group]).values_list("id", "content_hash"))
    complete = set(
        PassageRow.objects.filter(guideline__in=list(known), embedder=embedder().id).values_list(
            "guideline_id", flat=True
        )
    )
    return [item for item in group if known.get(item.id) != item.content_hash or item.id not in complete]


def _rows(item: GuidelineText) -> _Rows:
    guideline = Guideline(
        id=item.id, title=item.title, heading=item.heading, publisher=item.publisher, collection=item.collection,
        version=item.version, published=item.published, grade=item.grade, specialty=item.specialty,
        language=item.language, url=item.url, licence=item.licence, attribution=item.attribution, text=item.text,
        content_hash=item.content_hash,
    )  # fmt: skip
    rows = []
    for ordinal, chunk in enumerate(chunks(item.text)):
        text = item.text[chunk.start : chunk.end]
        name = hashlib.sha256(f"{item.id}\n{chunk.start}\n{text}".encode()).hexdigest()[:24]
        rows.append(
            PassageRow(
                id=name, guideline=guideline, ordinal=ordinal, heading=list(chunk.heading), start=chunk.start,
                end=chunk.end, text=text,
            )
        )  # fmt: skip
    return guideline, rows


def embedding_key(text: str) -> str:
    """Cache key of a text's vector by the current embedder."""
    return hashlib.sha256(f"{embedder().id}\n{text}".encode()).hexdigest()[:32]


def _embed(groups: list[_Rows], cached: dict[str, bytes]) -> tuple[list[_Rows], int]:
    wanted: list[tuple[PassageRow, str]] = []
    for guideline, rows in groups:
        for row in rows:
            text = embedded_text(guideline, row.heading, row.text)
            row.embedder = embedder().id
            row.vector = cached.get(embedding_key(text))
            if row.vector is None:
                wanted.append((row, text))
    if wanted:
        for (row, _), vector in zip(wanted, embedder().embed([text for _, text in wanted]), strict=True):
            row.vector = vector.astype("<f4").tobytes()
    return groups, len(wanted)


def _store(actor: Actor, groups: list[_Rows]) -> None:
    with transaction.atomic():
        for guideline, rows in groups:
            PassageRow.objects.filter(guideline_id=guideline.id).delete()
            Guideline.objects.bulk_create(
                [guideline], update_conflicts=True, unique_fields=["id"], update_fields=_REPLACED
            )
            PassageRow.objects.bulk_create(rows)
        record(
            actor=actor, action="guideline.ingest", object_type="guideline", object_id=groups[0][0].id,
            detail={"guidelines": len(groups), "passages": sum(len(rows) for _, rows in groups)},
        )  # fmt: skip


def _move_generation() -> None:
    """Makes the index speak of what is stored: the server's collection (when there is one), then the generation that
    workers compare. Told apart by content, so that a run that was killed in between is mended by the next."""
    ids = list(PassageRow.objects.filter(embedder=embedder().id).order_by("pk").values_list("pk", flat=True))
    digest = hashlib.sha256("\n".join(ids).encode()).hexdigest()[:12]
    if generation().snapshot.endswith(f"-{digest}"):
        return
    server = holder.on_server()
    if server is not None:
        server.replace_all(points(embedder().id))
    with transaction.atomic():
        row = IndexGeneration.objects.select_for_update().order_by("pk").first() or IndexGeneration()
        row.number, row.passages, row.embedder = row.number + 1, len(ids), embedder().id
        row.snapshot = f"g{row.number}-{digest}"
        row.save()
