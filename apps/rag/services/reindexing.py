"""Making the index anew from Postgres, and telling how the two agree. Searches go on meanwhile.

A passage has room for the vectors of two embedders: a new one fills the second place while the old one is still asked.
A server gets a new collection, which takes the old one's place in one step when every point has been counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from apps.rag.index import holder
from apps.rag.index.embedding import embedder
from apps.rag.index.store import SHARED, Point
from apps.rag.models import Guideline, OwnPassage, OwnText
from apps.rag.models import Passage as PassageRow
from apps.rag.selectors import (
    SEARCHABLE,
    embedded_text,
    generation,
    own_embedded_text,
    own_points,
    own_versions,
    own_without_vector,
    points,
    without_vector,
)
from medassist.common.database import hand_back_connection
from medassist.common.errors import RetrievalUnavailable
from medassist.tenancy.context import clinic_context, public_context

Progress = Callable[[int], None]
"""Passages that were embedded since the last call."""


@dataclass(frozen=True)
class PartitionReport:
    """One clinic, or "*" for what is shared. `points` is None for an index inside the workers: each fills its own."""

    clinic: str
    texts: int
    passages: int
    without_vector: int
    points: int | None
    generation: int

    @property
    def agrees(self) -> bool:
        return self.without_vector == 0 and self.points in (None, self.passages)


def missing(clinics: Sequence[str]) -> dict[str, int]:
    """Partition -> passages that this embedder has not embedded yet."""
    with public_context():
        found = {SHARED: without_vector(embedder().id).count()}
    for clinic in clinics:
        with clinic_context(clinic):
            found[clinic] = own_without_vector(embedder().id).count()
    return found


def embed_missing(clinics: Sequence[str], *, batch: int, progress: Progress) -> int:
    """Embeds what this embedder has not embedded; killed in between, the next run carries on. Returns how many."""
    with public_context():
        done = _embed(without_vector(embedder().id).select_related("guideline"), _shared_text, batch, progress)
    for clinic in clinics:
        with clinic_context(clinic):
            done += _embed(
                own_without_vector(embedder().id).select_related("own_text"), own_embedded_text, batch, progress
            )
    return done


def _shared_text(row: PassageRow) -> str:
    return embedded_text(row.guideline, row.heading, row.text)


def _embed(rows: QuerySet[Any], text_of: Callable[[Any], str], batch: int, progress: Progress) -> int:
    done = 0
    while group := list(rows[:batch]):
        # An embedder takes its time: the connection goes back first.
        hand_back_connection()
        vectors = embedder().embed([text_of(row) for row in group])
        for row, vector in zip(group, vectors, strict=True):
            stored = vector.astype("<f4").tobytes()
            if row.vector is None or row.embedder == embedder().id:
                row.embedder, row.vector = embedder().id, stored
            else:
                row.embedder2, row.vector2 = embedder().id, stored
            row.save(update_fields=["embedder", "vector", "embedder2", "vector2"])
        done += len(group)
        progress(len(group))
    return done


def rebuild_server(clinics: Sequence[str]) -> int:
    """A new collection out of Postgres in the place of the old one; returns its points, 0 without a server.

    Raises `RetrievalUnavailable` when the server is away or the counts do not agree: then the old one stays.
    """
    server = holder.on_server()
    if server is None:
        return 0
    name, expected = server.begin_version(), 0
    for batch in _all_points(clinics):
        server.write_version(name, batch)
        expected += len(batch)
    if server.count_version(name) != expected:
        raise RetrievalUnavailable("The new index holds another number of points than Postgres: run reindex again")
    server.switch_version(name)
    return expected


def _all_points(clinics: Sequence[str]) -> Iterator[Sequence[Point]]:
    with public_context():
        shared = points(embedder().id)
    yield shared
    for clinic in clinics:
        with clinic_context(clinic):
            own = own_points(list(own_versions()), embedder().id)
        yield own


def report(clinic: str) -> PartitionReport:
    """How one partition stands; "*" for the shared guidelines."""
    server = holder.on_server()
    in_index = server.count(clinic=clinic) if server else None
    if clinic == SHARED:
        with public_context():
            return PartitionReport(
                clinic=SHARED,
                texts=Guideline.objects.filter(state="current").count(),
                passages=PassageRow.objects.filter(guideline__state="current").count(),
                without_vector=without_vector(embedder().id).count(),
                points=in_index,
                generation=generation().number,
            )
    with clinic_context(clinic):
        return PartitionReport(
            clinic=clinic,
            texts=OwnText.objects.filter(state=SEARCHABLE).count(),
            passages=OwnPassage.objects.filter(own_text__state=SEARCHABLE).count(),
            without_vector=own_without_vector(embedder().id).count(),
            points=in_index,
            generation=max(own_versions().values(), default=0),
        )
