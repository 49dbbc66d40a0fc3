"""Where the guidelines that were found contradict each other: both sides, word for word, with date and grade."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from apps.rag.schemas import Hit, Passage
from apps.safety import services as safety
from apps.safety.schemas import Conflict, Statement
from medassist.clinical.assessment import ConflictSide, Evidence, GuidelineConflict
from medassist.clinical.case import Audience

MOST_CONFLICTS = 5
_NO_DATE = date.min


def conflicts_of(
    hits: Sequence[Hit], *, evidence: Sequence[Evidence], record_text: str, audience: Audience
) -> tuple[GuidelineConflict, ...]:
    """At most MOST_CONFLICTS, those first that a claim's evidence takes part in. A patient is not shown any.

    A pair of which one side may not be quoted is left out as a whole.
    """
    if audience == "patient":
        return ()
    # A patient's documents tell what happened, not what should.
    passages = [hit.passage for hit in hits if hit.passage.kind != "case_document"]
    places = {name: place for passage in passages for name, place in _sentences(passage)}
    statements = [
        Statement(id=name, text=passage.text[start:end], origin=passage.guideline_id, topic=passage.title)
        for name, (passage, start, end) in places.items()
    ]
    cited: dict[str, str] = {}
    for item in evidence:
        cited.setdefault(item.passage_id, item.id)

    def is_apart(found: Conflict) -> bool:
        return not any(places[name][0].id in cited for name in found.sides)

    chosen: list[GuidelineConflict] = []
    for found in sorted(safety.find_conflicts(statements), key=is_apart):
        sides = [_side(*places[name], cited) for name in found.sides]
        if all(
            safety.may_quote(quote=side.quote, kind="guideline", record_text=record_text, audience=audience)
            for side in sides
        ):
            # The newer text first; one without a date says less about how it stands to the other.
            sides.sort(key=lambda side: (side.published is None, -(side.published or _NO_DATE).toordinal()))
            topic = " / ".join(dict.fromkeys(side.title for side in sides))
            chosen.append(GuidelineConflict(topic=topic, kind=found.kind, sides=tuple(sides)))
        if len(chosen) == MOST_CONFLICTS:
            break
    return tuple(chosen)


def _sentences(passage: Passage) -> Iterator[tuple[str, tuple[Passage, int, int]]]:
    for start, end in safety.sentence_spans(passage.text):
        yield f"{passage.id}:{start}", (passage, start, end)


def _side(passage: Passage, start: int, end: int, cited: dict[str, str]) -> ConflictSide:
    return ConflictSide(
        evidence=cited.get(passage.id), passage_id=passage.id, title=passage.title, source=passage.publisher,
        version=passage.version, published=passage.published, grade=passage.grade, quote=passage.text[start:end],
        start=start, end=end,
    )  # fmt: skip
