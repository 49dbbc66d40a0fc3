"""Reading guidelines: a passage at its place, the passages behind the index."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from apps.rag.models import Guideline, IndexGeneration
from apps.rag.models import Passage as PassageRow
from apps.rag.schemas import Passage, PassageView, Scope
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
    )


def passages(ids: Iterable[str]) -> dict[str, Passage]:
    rows = PassageRow.objects.select_related("guideline").defer("vector", "guideline__text").filter(pk__in=list(ids))
    return {row.id: _passage(row) for row in rows}


def generation() -> IndexGeneration:
    return IndexGeneration.objects.order_by("pk").first() or IndexGeneration()


def points(embedder_id: str) -> list[Point]:
    """Every shared passage with its stored vector, for rebuilding an index."""
    # The web process opens passages but never searches: numpy stays out of it.
    import numpy as np

    from apps.rag.index.store import Point

    rows = (
        PassageRow.objects.filter(embedder=embedder_id, vector__isnull=False)
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
        licence=guideline.licence, language=guideline.language,
    )  # fmt: skip
