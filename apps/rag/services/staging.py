"""A clinic's own texts on their way into the index and out of it: staged while they are embedded, withdrawn with proof."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from uuid import UUID

from django.db import connection, transaction

from apps.rag.extractors.chunking import Chunk, chunks_of
from apps.rag.index import holder
from apps.rag.index.embedding import embedder
from apps.rag.models import OwnPassage, OwnText
from apps.rag.schemas import Body, OwnTextInput, Staged, Withdrawn
from apps.rag.selectors import own_embedded_text, own_points
from apps.rag.services.own_texts import next_generation
from medassist.common.database import hand_back_connection
from medassist.common.errors import CallAborted, ConfigurationError, RetrievalUnavailable, StateConflict
from medassist.tenancy.context import current_schema

Progress = Callable[[int, int], None]
"""Passages embedded so far, and of how many."""

BATCH = 8
"""Small, so that a stop is heard soon."""


def stage(*, text: OwnTextInput, body: Body, progress: Progress, stopped: Callable[[], bool]) -> Staged:
    """Cuts and embeds `body` in batches; what is staged is invisible to every search.

    Run again after a cancel or a crash it takes over the vectors that are there. Never call it inside a transaction.
    Raises `CallAborted` when `stopped()`, `RetrievalUnavailable` when the embedder or the index is away,
    `StateConflict` for a text that is searchable already.
    """
    if connection.in_atomic_block:
        raise ConfigurationError("A text is not embedded inside a transaction")
    row = _begin(text, body)
    wanted = {_name(text.id, body, chunk): (ordinal, chunk) for ordinal, chunk in enumerate(chunks_of(body))}
    done = set(
        OwnPassage.objects.filter(own_text=row, embedder=embedder().id, vector__isnull=False).values_list(
            "pk", flat=True
        )
    )
    OwnPassage.objects.filter(own_text=row).exclude(pk__in=list(wanted)).delete()
    open_rows = [_row(row, body, name, *place) for name, place in wanted.items() if name not in done]
    progress(len(wanted) - len(open_rows), len(wanted))
    embedded = 0
    for group in _groups(open_rows):
        if stopped():
            raise CallAborted
        # An embedder takes its time: the connection goes back first.
        hand_back_connection()
        vectors = embedder().embed([own_embedded_text(item) for item in group])
        for item, vector in zip(group, vectors, strict=True):
            item.embedder, item.vector = embedder().id, vector.astype("<f4").tobytes()
        OwnPassage.objects.filter(pk__in=[item.pk for item in group]).delete()
        OwnPassage.objects.bulk_create(group)
        embedded += len(group)
        progress(len(wanted) - len(open_rows) + embedded, len(wanted))
    if stopped():
        raise CallAborted
    server = holder.on_server()
    if server is not None:
        # Nobody finds these before the text is searchable: every hit is looked up in Postgres.
        server.upsert(own_points([text.id], embedder().id))
    return Staged(passages=len(wanted), embedded=embedded)


def withdraw(*, text_id: UUID) -> Withdrawn:
    """Deletes a text, its passages and its points, and counts what is left of them in the index (0, or it raises).

    The row stays as a mark without content: other workers' indexes follow it. The caller writes the audit entry.
    """
    clinic = current_schema()
    server = holder.on_server()
    left = server.delete(clinic=clinic, text_id=str(text_id)) if server else 0
    with transaction.atomic():
        row = OwnText.objects.select_for_update(no_key=True).filter(pk=text_id).first()
        if row is None:
            return Withdrawn(passages=0, points_left=left)
        passages, _ = OwnPassage.objects.filter(own_text=row).delete()
        OwnText.objects.filter(pk=text_id).update(
            state="withdrawn", generation=next_generation(), title="", text="", publisher="", content_hash=""
        )
    left += holder.forget_text(clinic, text_id)
    if left:
        raise RetrievalUnavailable("The index still holds points of a text that was withdrawn")
    return Withdrawn(passages=passages, points_left=0)


def _begin(text: OwnTextInput, body: Body) -> OwnText:
    digest = hashlib.sha256(repr((text.title, body)).encode()).hexdigest()
    row = OwnText.objects.filter(pk=text.id).first() or OwnText(id=text.id)
    if row.state in ("searchable", "superseded"):
        raise StateConflict("This text is searchable already")
    if row.content_hash != digest:
        OwnPassage.objects.filter(own_text_id=text.id).delete()
    row.kind, row.case_id, row.state, row.title = text.kind, text.case_id, "staged", text.title
    row.publisher, row.version, row.published, row.grade = text.publisher, text.version, text.published, text.grade
    row.specialty, row.language, row.text, row.content_hash = text.specialty, text.language, body.text, digest
    row.save()
    return row


def _name(text_id: UUID, body: Body, chunk: Chunk) -> str:
    return hashlib.sha256(f"{text_id}\n{chunk.start}\n{body.text[chunk.start : chunk.end]}".encode()).hexdigest()[:24]


def _row(text: OwnText, body: Body, name: str, ordinal: int, chunk: Chunk) -> OwnPassage:
    return OwnPassage(
        id=name, own_text=text, ordinal=ordinal, heading=list(chunk.heading), page=chunk.page, start=chunk.start,
        end=chunk.end, text=body.text[chunk.start : chunk.end], header=chunk.header,
    )  # fmt: skip


def _groups(rows: Sequence[OwnPassage]) -> Iterator[list[OwnPassage]]:
    for at in range(0, len(rows), BATCH):
        yield list(rows[at : at + BATCH])
