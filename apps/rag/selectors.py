"""Reading guidelines: a passage at its place, the passages behind the index."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from apps.rag.models import Guideline, IndexGeneration
from apps.rag.models import Passage as PassageRow
from apps.rag.schemas import Passage, PassageView, RecalledVersion, Scope, Successor, TextState
from medassist.common.errors import NotFound

if TYPE_CHECKING:
    from apps.rag.index.store import Point

AROUND = 700


def passage(*, scope: Scope, passage_id: str) -> PassageView:  # noqa: ARG001  guidelines are shared; clinics' own texts will not be
    """A citation opened at its place; raises `NotFound` for what is not in the scope."""
    row = PassageRow.objects.select_related("guideline").filter(pk=passage_id).first()
    if row is None:
        raise NotFound
    text = row.guideline.text
    return PassageView(
        passage=_passage(row),
        before=text[max(0, row.start - AROUND) : row.start],
        after=text[row.end : row.end + AROUND],
        attribution=row.guideline.attribution,
        state=cast(TextState, row.guideline.state),
        superseded_at=row.guideline.superseded_at,
        superseded_reason=row.guideline.superseded_reason,
        superseded_by=_successor(row),
        review_overdue=is_overdue(row.guideline),
    )


def passages(ids: Iterable[str]) -> dict[str, Passage]:
    """Those of the passages whose text holds: an index that lags behind must not bring back what was superseded."""
    rows = (
        PassageRow.objects.select_related("guideline")
        .defer("vector", "guideline__text")
        .filter(pk__in=list(ids), guideline__state="current")
    )
    return {row.id: _passage(row) for row in rows}


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
    """Every passage of a current version with its stored vector, for rebuilding an index."""
    # The web process opens passages but never searches: numpy stays out of it.
    import numpy as np

    from apps.rag.index.store import Point

    rows = (
        PassageRow.objects.filter(embedder=embedder_id, vector__isnull=False, guideline__state="current")
        .select_related("guideline")
        .defer("guideline__text")
    )
    return [
        Point(
            passage_id=row.id,
            text=embedded_text(row.guideline, row.heading, row.text),
            vector=np.frombuffer(bytes(row.vector or b""), dtype="<f4"),
        )
        for row in rows.iterator(chunk_size=500)
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
