"""Reading guidelines: a passage at its place, the passages behind the index."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from apps.rag.models import Guideline, IndexGeneration, OwnPassage, OwnText
from apps.rag.models import Passage as PassageRow
from apps.rag.schemas import Passage, PassageView, RecalledVersion, Scope, Successor, TextState
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
        found = _view(_passage(row), row.guideline.text, row.guideline.attribution)
        return replace(
            found, state=cast(TextState, row.guideline.state), superseded_at=row.guideline.superseded_at,
            superseded_reason=row.guideline.superseded_reason, superseded_by=_successor(row),
            review_overdue=is_overdue(row.guideline),
        )  # fmt: skip
    own = _own_of(scope).select_related("own_text").filter(pk=passage_id, own_text__state__in=READABLE).first()
    if own is None:
        raise NotFound
    state: TextState = "current" if own.own_text.state == SEARCHABLE else "superseded"
    return replace(_view(_own_passage(own), own.own_text.text, ""), state=state)


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


def recalled(*, work: str) -> tuple[RecalledVersion, ...]:
    """The versions of a work that no longer hold, oldest first; by the id of a version, that one alone.

    Raises `NotFound` for an unknown name.
    """
    known = Guideline.objects.filter(Q(work=work) | Q(pk=work))
    if not known.exists():
        raise NotFound("There is no such guideline")
    # A first version has its work's name as id: then the work is meant.
    rows = known.filter(work=work) if known.filter(work=work).exists() else known
    return _ended(rows.exclude(state="current").order_by("added_at", "pk"))


def ended_versions(ids: Iterable[str]) -> dict[str, RecalledVersion]:
    """Those of the versions that no longer hold, by id."""
    return {
        item.guideline_id: item for item in _ended(Guideline.objects.filter(pk__in=list(ids)).exclude(state="current"))
    }


def ended_passages(ids: Iterable[str]) -> dict[str, TextState]:
    """Those of the passages whose text no longer holds, and what became of it."""
    rows = PassageRow.objects.filter(pk__in=list(ids)).exclude(guideline__state="current")
    return {pk: cast(TextState, state) for pk, state in rows.values_list("pk", "guideline__state")}


def _ended(rows: QuerySet[Guideline]) -> tuple[RecalledVersion, ...]:
    passages_ = Prefetch("passages", PassageRow.objects.only("pk", "guideline_id"))
    return tuple(
        RecalledVersion(
            guideline_id=row.pk, work=row.work, title=row.title, version=row.version,
            state=cast(TextState, row.state), superseded_at=row.superseded_at,
            superseded_by=row.superseded_by_id or "",
            superseded_by_title=_named(row.superseded_by) if row.superseded_by else "", reason=row.superseded_reason,
            passages=tuple(passage.pk for passage in row.passages.all()),
        )
        for row in rows.select_related("superseded_by").prefetch_related(passages_)
    )  # fmt: skip


def newest_of(guideline: Guideline) -> Guideline | None:
    """The end of the line of what superseded a version; None when nothing did."""
    seen = {guideline.pk}
    found, following = None, guideline.superseded_by
    while following is not None and following.pk not in seen:
        found = following
        seen.add(following.pk)
        following = following.superseded_by if following.state != "current" else None
    return found


def is_overdue(guideline: Guideline) -> bool:
    return guideline.review_due is not None and guideline.review_due < timezone.localdate()


def _successor(row: PassageRow) -> Successor | None:
    new = newest_of(row.guideline)
    if new is None:
        return None
    mine = _words(row.text)
    rows = list(new.passages.defer("vector"))
    alike = max(rows, key=lambda other: (_likeness(mine, _words(other.text)), -other.ordinal), default=None)
    return Successor(
        guideline_id=new.pk, title=new.title, publisher=new.publisher, version=new.version, published=new.published,
        state=cast(TextState, new.state), passage_id=alike.pk if alike else None,
    )  # fmt: skip


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[^\W_]{3,}", text.lower()))


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / (len(one | other) or 1)


def _named(guideline: Guideline) -> str:
    return f"{guideline.title}, {guideline.version}"


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
