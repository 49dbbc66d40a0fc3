"""Ingestion of shared guidelines. An embedder or a vector engine is never waited for inside a transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from django.db import transaction

from apps.rag.extractors.chunking import chunks
from apps.rag.extractors.guideline_lines import GuidelineText
from apps.rag.index import holder
from apps.rag.index.embedding import embedder
from apps.rag.models import Guideline
from apps.rag.models import Passage as PassageRow
from apps.rag.schemas import Ingested
from apps.rag.selectors import embedded_text, generation, points
from apps.rag.services import versions
from apps.rag.services.versions import Placed
from medassist.accounts.access import Actor
from medassist.audit.services import record
from medassist.tenancy.context import public_context

Progress = Callable[[int], None]


@dataclass
class _Prepared:
    """A text with its passages embedded; `stored` when the passages are rows already and only the vectors are new."""

    item: GuidelineText
    guideline: Guideline
    rows: list[PassageRow]
    stored: bool = False


def ingest_guidelines(
    *, actor: Actor, texts: Iterable[GuidelineText], cached: dict[str, bytes] | None = None, progress: Progress | None = None,
    batch: int = 32,
) -> Ingested:  # fmt: skip
    """Stores guideline texts as passages with vectors; a text already stored unchanged is skipped, so an
    interrupted run is simply run again. `cached` maps a passage's embedding key to float32 bytes.

    A changed text becomes a version of its own, see `versions.place`; earlier versions keep their passages, which
    are not searched any more.
    """
    placed: list[Placed] = []
    unchanged = stored = embedded = 0
    iterator = iter(texts)
    with public_context():
        while group := list(islice(iterator, batch)):
            prepared = _changed(group)
            unchanged += len(group) - len(prepared)
            embedded += _embed(prepared, cached or {})
            if prepared:
                done, passages = _store(actor, prepared)
                placed += done
                stored += passages
            if progress:
                progress(len(group))
        _move_generation()
    return versions.counted(placed, unchanged=unchanged, passages=stored, embedded=embedded)


def _changed(group: Sequence[GuidelineText]) -> list[_Prepared]:
    known: dict[str, list[Guideline]] = {}
    for row in Guideline.objects.filter(work__in={item.id for item in group}):
        known.setdefault(row.work, []).append(row)
    current = [row.pk for rows in known.values() for row in rows if row.state == "current"]
    complete = set(
        PassageRow.objects.filter(guideline__in=current, embedder=embedder().id)
        .values_list("guideline_id", flat=True)
        .distinct()
    )
    found = []
    for item in group:
        version = versions.same_version(item, known.get(item.id, []))
        if version is None:
            found.append(_Prepared(item, *_rows(item)))
        elif version.state == "current" and version.pk not in complete:
            # What is cited keeps its passages: only their vectors are made anew.
            found.append(_Prepared(item, version, list(version.passages.all()), stored=True))
        elif not versions.is_settled(item, version):
            found.append(_Prepared(item, version, [], stored=True))
    return found


def _rows(item: GuidelineText) -> tuple[Guideline, list[PassageRow]]:
    guideline = versions.row_of(item)
    rows = [
        PassageRow(
            guideline=guideline, ordinal=ordinal, heading=list(chunk.heading), start=chunk.start, end=chunk.end,
            text=item.text[chunk.start : chunk.end],
        )
        for ordinal, chunk in enumerate(chunks(item.text))
    ]  # fmt: skip
    return guideline, rows


def passage_id(guideline_id: str, start: int, text: str) -> str:
    return hashlib.sha256(f"{guideline_id}\n{start}\n{text}".encode()).hexdigest()[:24]


def embedding_key(text: str) -> str:
    """Cache key of a text's vector by the current embedder."""
    return hashlib.sha256(f"{embedder().id}\n{text}".encode()).hexdigest()[:32]


def _embed(prepared: Sequence[_Prepared], cached: dict[str, bytes]) -> int:
    wanted: list[tuple[PassageRow, str]] = []
    for item in prepared:
        for row in item.rows:
            text = embedded_text(item.guideline, row.heading, row.text)
            row.embedder = embedder().id
            row.vector = cached.get(embedding_key(text))
            if row.vector is None:
                wanted.append((row, text))
    if wanted:
        for (row, _), vector in zip(wanted, embedder().embed([text for _, text in wanted]), strict=True):
            row.vector = vector.astype("<f4").tobytes()
    return len(wanted)


def _store(actor: Actor, prepared: Sequence[_Prepared]) -> tuple[list[Placed], int]:
    placed: list[Placed] = []
    passages = 0
    with transaction.atomic():
        versions.one_writer()
        for item in prepared:
            done = versions.place(item.item)
            placed.append(done)
            if done.is_stored:
                for row in item.rows:
                    row.guideline = done.guideline
                    row.id = passage_id(done.guideline.pk, row.start, row.text)
                PassageRow.objects.bulk_create(item.rows)
                passages += len(item.rows)
            elif item.stored:
                PassageRow.objects.bulk_update(item.rows, ["embedder", "vector"])
        versions.note_endings(actor, placed)
        record(
            actor=actor, action="guideline.ingest", object_type="guideline", object_id=placed[0].guideline.pk[:100],
            detail={
                "guidelines": sum(item.is_stored for item in placed), "passages": passages,
                "amended": sum(item.outcome == "amended" for item in placed),
            },
        )  # fmt: skip
    return placed, passages


def _move_generation() -> None:
    """Makes the index speak of what is stored: the server's collection (when there is one), then the generation that
    workers compare. Told apart by content, so that a run that was killed in between is mended by the next."""
    digest, _ = versions.digest_of_passages(embedder().id)
    if generation().snapshot.endswith(f"-{digest}"):
        return
    server = holder.on_server()
    if server is not None:
        server.replace_all(points(embedder().id))
    with transaction.atomic():
        versions.name_generation(embedder_id=embedder().id)
