"""Reading guidelines: a passage at its place, the passages behind the index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.rag.models import Guideline, IndexGeneration, OwnPassage, OwnText
from apps.rag.models import Passage as PassageRow
from apps.rag.schemas import Passage, PassageView, Scope
from medassist.common.errors import NotFound, PermissionDenied
from medassist.tenancy.context import current_schema

if TYPE_CHECKING:
    from apps.rag.index.store import Point

AROUND = 700
SEARCHABLE = "searchable"
NOBODYS = "-"
READABLE = (SEARCHABLE, "superseded")


def passage(*, scope: Scope, passage_id: str) -> PassageView:
    """A citation opened at its place, also of a text that was superseded; raises `NotFound` for what is not in the scope."""
    check_scope(scope)
    row = PassageRow.objects.select_related("guideline").filter(pk=passage_id).first()
    if row is not None:
        return _view(_passage(row), row.guideline.text, row.guideline.attribution)
    own = _own_of(scope).select_related("own_text").filter(pk=passage_id, own_text__state__in=READABLE).first()
    if own is None:
        raise NotFound
    return _view(_own_passage(own), own.own_text.text, "")


def _view(found: Passage, text: str, attribution: str) -> PassageView:
    return PassageView(
        passage=found, before=text[max(0, found.start - AROUND) : found.start], after=text[found.end : found.end + AROUND],
        attribution=attribution,
    )  # fmt: skip


def check_scope(scope: Scope) -> None:
    """A scope is that of the clinic that was entered: nobody searches another's texts by naming it."""
    if scope.clinic != current_schema():
        raise PermissionDenied("A search stays in the clinic that was entered")


def passages(*, scope: Scope, ids: Iterable[str]) -> dict[str, Passage]:
    """What may be cited now: current guidelines, the clinic's searchable protocols, documents of the scope's case."""
    wanted = list(ids)
    shared = PassageRow.objects.select_related("guideline").defer("vector", "vector2", "guideline__text")
    found = {row.id: _passage(row) for row in shared.filter(pk__in=wanted, guideline__state="current")}
    if missing := [passage_id for passage_id in wanted if passage_id not in found]:
        own = _own_of(scope).select_related("own_text").defer("vector", "vector2", "own_text__text")
        found.update((row.id, _own_passage(row)) for row in own.filter(pk__in=missing, own_text__state=SEARCHABLE))
    return found


def _own_of(scope: Scope) -> QuerySet[OwnPassage]:
    seen = Q(own_text__case_id=None, own_text__kind="protocol")
    if scope.case_id is not None:
        seen |= Q(own_text__case_id=scope.case_id)
    return OwnPassage.objects.filter(seen)


def own_versions() -> dict[UUID, int]:
    """The searchable texts of the clinic, each at its generation."""
    return dict(OwnText.objects.filter(state=SEARCHABLE).values_list("id", "generation"))


def own_points(text_ids: Sequence[UUID], embedder_id: str) -> list[Point]:
    """The points of some of the clinic's own texts, staged ones too."""
    rows = OwnPassage.objects.filter(own_text__in=text_ids).filter(_by(embedder_id)).select_related("own_text")
    clinic = current_schema()
    return [own_point(row, clinic, embedder_id) for row in rows.defer("own_text__text").iterator(chunk_size=500)]


def own_point(row: OwnPassage, clinic: str, embedder_id: str) -> Point:
    from apps.rag.index.store import SHARED, Point

    text = row.own_text
    return Point(
        passage_id=row.id, text=own_embedded_text(row), vector=vector_of(row, embedder_id), clinic=clinic,
        # A case document that no case has taken yet is nobody's to find.
        case=SHARED if text.kind == "protocol" else str(text.case_id or NOBODYS), text_id=str(text.id), kind=text.kind,  # type: ignore[arg-type]
        source=text.publisher, grade=text.grade, language=text.language, specialty=text.specialty,
        published=text.published,
    )  # fmt: skip


def own_embedded_text(row: OwnPassage) -> str:
    """What is indexed of an own text: the passage under its title, headings and table header."""
    above = " — ".join([row.own_text.title, *row.heading])
    return "\n".join(part for part in (above, row.header, row.text) if part)


def vector_of(row: PassageRow | OwnPassage, embedder_id: str) -> Any:
    import numpy as np

    stored = row.vector if row.embedder == embedder_id else row.vector2
    return np.frombuffer(bytes(stored or b""), dtype="<f4")


def _by(embedder_id: str) -> Q:
    return Q(embedder=embedder_id, vector__isnull=False) | Q(embedder2=embedder_id, vector2__isnull=False)


def without_vector(embedder_id: str) -> QuerySet[PassageRow]:
    """Passages of current guidelines that this embedder has not embedded."""
    return PassageRow.objects.filter(guideline__state="current").exclude(_by(embedder_id))


def own_without_vector(embedder_id: str) -> QuerySet[OwnPassage]:
    return OwnPassage.objects.filter(own_text__state=SEARCHABLE).exclude(_by(embedder_id))


def generation() -> IndexGeneration:
    return IndexGeneration.objects.order_by("pk").first() or IndexGeneration()


def points(embedder_id: str) -> list[Point]:
    """Every passage of a current guideline with its stored vector, for rebuilding an index."""
    # The web process opens passages but never searches: numpy stays out of it.
    from apps.rag.index.store import Point

    rows = PassageRow.objects.filter(_by(embedder_id), guideline__state="current").select_related("guideline")
    return [
        Point(
            passage_id=row.id,
            text=embedded_text(row.guideline, row.heading, row.text),
            vector=vector_of(row, embedder_id),
            text_id=row.guideline_id,
            source=row.guideline.collection,
            grade=row.guideline.grade,
            language=row.guideline.language,
            specialty=row.guideline.specialty,
            published=row.guideline.published,
        )
        for row in rows.defer("guideline__text").iterator(chunk_size=500)
    ]


def embedded_text(guideline: Guideline, heading: list[str], text: str) -> str:
    """What is indexed: a passage under its title and headings, so that short names find it."""
    return "\n".join(
        [" — ".join([guideline.title, *([guideline.heading] if guideline.heading else []), *heading]), text]
    )


def _passage(row: PassageRow) -> Passage:
    guideline = row.guideline
    return Passage(
        id=row.id, guideline_id=guideline.id, title=guideline.title,
        heading=(*([guideline.heading] if guideline.heading else []), *row.heading), text=row.text,
        start=row.start, end=row.end, source=guideline.collection, publisher=guideline.publisher,
        version=guideline.version, published=guideline.published, grade=guideline.grade, url=guideline.url,
        licence=guideline.licence, language=guideline.language, specialty=guideline.specialty,
        jurisdiction=guideline.jurisdiction, review_due=guideline.review_due,
    )  # fmt: skip


def _own_passage(row: OwnPassage) -> Passage:
    text = row.own_text
    return Passage(
        id=row.id, guideline_id=str(text.id), title=text.title, heading=tuple(row.heading), text=row.text, start=row.start,
        end=row.end, source=text.publisher, publisher=text.publisher, version=text.version, published=text.published,
        grade=text.grade, url="", licence="", language=text.language, kind=text.kind, page=row.page, header=row.header,  # type: ignore[arg-type]
        specialty=text.specialty,
    )  # fmt: skip
