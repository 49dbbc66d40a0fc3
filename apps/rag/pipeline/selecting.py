"""Which of the passages that were found are shown: no text twice, not all of one text, within the room there is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from math import ceil

from apps.rag.schemas import Passage

PER_TEXT = 3
NEARLY_EQUAL = 0.95
"""Scores this close are a tie: then another source, the better grade and the newer text go first."""
ALIKE = 0.85
"""Share of common word sequences from which two passages say the same."""
_SHINGLE = 4
_BYTES_A_TOKEN = 3.5
_GRADES = (
    {"a", "1", "1a", "i", "high", "strong", "ia"},
    {"b", "1b", "2", "2a", "ii", "ib", "moderate", "iia"},
    {"c", "2b", "3", "iii", "iib", "low", "weak", "conditional"},
    {"d", "4", "iv", "very low", "5", "v", "e", "expert opinion", "good practice"},
)
_NO_GRADE = 1.5


def selected(
    found: Mapping[str, Passage], scores: Mapping[str, float], *, limit: int, budget_tokens: int | None = None
) -> list[Passage]:
    """The passages to show, best first. One that does not fit into what is left of the budget gives way to a shorter."""
    left = sorted((item for item in found.values()), key=lambda item: (-scores[item.id], item.id))
    kept: list[Passage] = []
    texts: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    seen: list[tuple[frozenset[str], list[str]]] = []
    room = budget_tokens
    while left and len(kept) < limit:
        item = _next(left, scores, sources)
        left.remove(item)
        pieces = _shingles(item.text), _deciding(item.text)
        size = estimated_tokens(item)
        if texts[item.guideline_id] >= PER_TEXT or (room is not None and size > room):
            continue
        if any(_alike(pieces, other) for other in seen):
            continue
        kept.append(item)
        seen.append(pieces)
        texts[item.guideline_id] += 1
        sources[item.source] += 1
        room = None if room is None else room - size
    return kept


def estimated_tokens(item: Passage) -> int:
    """Tokens that a passage takes in a prompt with its title and headings, rather too many than too few."""
    said = " ".join((item.title, *item.heading, item.header, item.text))
    return ceil(len(said.encode()) / _BYTES_A_TOKEN)


def _next(left: list[Passage], scores: Mapping[str, float], sources: Counter[str]) -> Passage:
    enough = scores[left[0].id] * NEARLY_EQUAL
    tied = [item for item in left if scores[item.id] >= enough]
    return min(tied, key=lambda item: (sources[item.source], grade_rank(item.grade), -_day(item), -scores[item.id]))


def grade_rank(grade: str) -> float:
    """0 for the best evidence; an unknown or missing grade stands in the middle."""
    said = re.sub(r"^(grade|level|class|category)\s+", "", " ".join(re.findall(r"\w+", grade.lower())))
    for rank, names in enumerate(_GRADES):
        if said in names:
            return float(rank)
    return _NO_GRADE


def _day(item: Passage) -> int:
    return item.published.toordinal() if item.published else 0


def _shingles(text: str) -> frozenset[str]:
    words = re.findall(r"\w+", text.lower())
    return frozenset(" ".join(words[at : at + _SHINGLE]) for at in range(max(1, len(words) - _SHINGLE + 1)))


def _deciding(text: str) -> list[str]:
    """The words by which two otherwise like passages may contradict each other: numbers and negations, in order."""
    return re.findall(r"\d+(?:[.,]\d+)*|\b(?:no|not|never|without|avoid|cannot|nor)\b", text.lower())


def _alike(one: tuple[frozenset[str], list[str]], other: tuple[frozenset[str], list[str]]) -> bool:
    return one[1] == other[1] and len(one[0] & other[0]) >= ALIKE * len(one[0] | other[0])
