"""What is asked of the guideline search, and how the two passes come together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from apps.rag.schemas import Hit, Query
from medassist.clinical.case import CaseInput
from medassist.clinical.draft import Source

LONGEST_QUERY = 600
MOST_CONDITIONS = 10


def presentation(case: CaseInput, parts: Sequence[Source]) -> list[Query]:
    """The complaint by itself, the complaint with its story, and the symptoms as a list.

    `case` is the de-identified one: an embedding server is another machine.
    """
    text = {part.label: part.text for part in parts}
    complaint = text.get("presenting_complaint", "")
    history = text.get("history", "")
    who = text.get("patient", "")
    queries = [Query(text=_short(f"{who} {complaint} {history}"), weight=1.0)]
    if complaint:
        queries.append(Query(text=_short(complaint), weight=1.0))
    symptoms = [symptom.name for symptom in case.symptoms if symptom.present]
    if symptoms:
        queries.append(Query(text=_short("symptoms: " + ", ".join(symptoms)), weight=1.0))
    if examination := text.get("examination", ""):
        queries.append(Query(text=_short(f"{complaint} {examination}"), weight=0.5))
    if case.question.strip():
        queries.append(Query(text=_short(text.get("question", "")), weight=0.5))
    return queries


def of_conditions(names: Sequence[str]) -> list[Query]:
    """One query a condition; short names do best by their dense vectors (measured: apps/rag)."""
    return [Query(text=f"{name} symptoms", weight=1.0, mode="dense") for name in names]


def merged(*lists: Iterable[str]) -> list[str]:
    """The lists' names in turn, each once, at most MOST_CONDITIONS."""
    seen: dict[str, str] = {}
    for name in (name for names in lists for name in names):
        if key := " ".join(name.lower().split()):
            seen.setdefault(key, name.strip())
    return list(seen.values())[:MOST_CONDITIONS]


def combined(second: Sequence[Hit], first: Sequence[Hit], *, most: int) -> tuple[Hit, ...]:
    """The passages of the second pass, filled up with those of the first, each passage once."""
    seen: dict[str, Hit] = {}
    for hit in (*second[: most - most // 4], *first[: most // 4], *second[most - most // 4 :], *first[most // 4 :]):
        seen.setdefault(hit.passage.id, hit)
    return tuple(seen.values())[:most]


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_QUERY else text[:LONGEST_QUERY].rsplit(" ", 1)[0]
