"""What is shown of what was found, and how a fused question's candidates are put in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest

from apps.rag.index import fusing
from apps.rag.index.fusing import Candidate, by_scores
from apps.rag.index.reranking import late_interaction, reranker
from apps.rag.index.store import Found, words
from apps.rag.pipeline.selecting import estimated_tokens, grade_rank, selected
from apps.rag.schemas import Filters, Passage, Scope

LONG = " ".join(f"word{'abcdefghijklmnopqrstuvwxyz'[at % 26]}{'xyz'[at % 3]}" for at in range(120))


def _passage(name: str, text: str, **more: Any) -> Passage:
    held: dict[str, Any] = {
        "guideline_id": name, "title": "T", "heading": (), "start": 0, "end": len(text), "source": "s", "publisher": "p",
        "version": "1", "published": None, "grade": "", "url": "", "licence": "", "language": "en",
    }  # fmt: skip
    return Passage(id=name, text=text, **(held | more))


def _chosen(*found: Passage, scores: Mapping[str, float] | None = None, **more: Any) -> list[str]:
    falling = {item.id: 1 / (10 + 10 * rank) for rank, item in enumerate(found)}
    held = {item.id: item for item in found}
    return [item.id for item in selected(held, scores or falling, **({"limit": 10} | more))]


def test_near_copies_are_shown_once_but_not_when_a_number_or_a_negation_differs() -> None:
    copy = _passage("b", LONG.upper() + " indeed")
    other_dose = _passage("c", LONG + " 20")
    forbidden = _passage("d", "not " + LONG)
    assert _chosen(_passage("a", LONG), copy, other_dose, forbidden) == ["a", "c", "d"]


def test_one_text_gives_at_most_three_passages() -> None:
    of_one = [_passage(f"a{at}", f"text number {at}", guideline_id="one") for at in range(5)]
    assert _chosen(*of_one, _passage("b", "another text")) == ["a0", "a1", "a2", "b"]


def test_the_budget_is_kept_and_a_shorter_passage_takes_the_room() -> None:
    first, long, short = _passage("a", "first text"), _passage("b", LONG), _passage("c", "short text")
    room = estimated_tokens(first) + estimated_tokens(short)
    assert _chosen(first, long, short, budget_tokens=room) == ["a", "c"]
    assert _chosen(first, budget_tokens=0) == []


def test_equal_scores_go_by_source_then_grade_then_date() -> None:
    weak = _passage("a", "weak one", grade="C", published=date(2025, 1, 1))
    strong = _passage("b", "strong one", grade="Grade A", published=date(2020, 1, 1))
    newer = _passage("c", "newer one", grade="Grade A", published=date(2024, 1, 1))
    other = _passage("d", "another source", grade="D", source="t")
    even = dict.fromkeys("abcd", 0.05)
    assert _chosen(weak, strong, newer, other, scores=even) == ["c", "d", "b", "a"]
    assert _chosen(weak, strong, scores={"a": 0.1, "b": 0.08}) == ["a", "b"], "a clear difference stands"


def test_grades_of_many_systems_are_compared() -> None:
    assert grade_rank("Level I") == grade_rank("1A") == grade_rank("High") < grade_rank("moderate") < grade_rank("low")
    assert grade_rank("A") < grade_rank("textbook") < grade_rank("very low")


class _Index:
    """Two parts that know different passages, and the engine's order of both."""

    def __init__(self, **lists: list[tuple[str, float]]) -> None:
        self.lists, self.asked = lists, []  # type: ignore[var-annotated]

    def search(self, *, scope: Scope, mode: str, limit: int, filters: Filters, **_: Any) -> list[Found]:
        self.asked.append((scope, mode, filters))
        return [Found(*item) for item in self.lists[mode][:limit]]


SCOPE, FILTERS = Scope("north"), Filters(grades=("A",))


def _search(index: Any, rescore: Any, **more: Any) -> list[Candidate]:
    given: dict[str, Any] = {"mode": "fused", "text": "q", "vector": None, "limit": 3, "texts": dict.fromkeys} | more
    return fusing.search(index, scope=SCOPE, filters=FILTERS, rescore=rescore, **given)


def test_scores_decide_among_candidates_and_every_part_is_told() -> None:
    index = _Index(
        dense=[("near", 0.80), ("both", 0.79), ("far", 0.20)], sparse=[("both", 9.0), ("word", 8.9)],
        fused=[("near", 0.5), ("both", 0.4), ("word", 0.3), ("far", 0.2)],
    )  # fmt: skip
    found = _search(index, by_scores(0.5))
    assert [item.passage_id for item in found] == ["both", "near", "word"]
    assert found[0].parts == {"dense": (2, 0.79), "sparse": (1, 9.0), "fused": (2, 0.4)}
    assert [item.passage_id for item in _search(index, None)] == ["near", "both", "word"]
    assert {(scope, filters) for scope, _, filters in index.asked} == {(SCOPE, FILTERS)}


def test_a_part_that_found_nothing_leaves_the_order_to_the_other() -> None:
    index = _Index(dense=[("a", 0.5), ("b", 0.4)], sparse=[], fused=[("b", 0.5), ("a", 0.4)])
    assert [item.passage_id for item in _search(index, by_scores(0.5))] == ["a", "b"]
    assert _search(_Index(dense=[], sparse=[], fused=[]), by_scores(0.5)) == []


def test_late_interaction_reads_only_what_may_be_read() -> None:
    index = _Index(
        dense=[("off", 0.6), ("hidden", 0.55), ("right", 0.5)], sparse=[],
        fused=[("off", 0.5), ("hidden", 0.4), ("right", 0.3)],
    )  # fmt: skip
    texts = {"off": "Opening hours of the pharmacy", "right": "Gout: a red, hot big toe"}

    def read(ids: Sequence[str]) -> dict[str, str]:
        return {name: texts[name] for name in ids if name in texts}

    found = _search(index, reranker("late_interaction"), text="red and hot big toe", texts=read)
    assert {item.passage_id for item in found} == {"off", "right", "hidden"}
    assert found[-1].passage_id == "hidden"
    near, far = late_interaction("red and hot big toe", [texts["right"], texts["off"]])
    assert near > far


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("TNF-α rises", "TNFalpha"),
        ("TNFα", "TNFalpha"),
        ("αλλά", "αλλά"),
        ("non-small-cell", "nonsmallcell"),
        ("IL‑6", "IL6"),
    ],
)
def test_names_with_hyphens_and_greek_letters_are_found_in_one_piece(text: str, held: str) -> None:
    assert held in words(text).split()
