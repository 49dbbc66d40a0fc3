"""What several of this room's tests share."""

from __future__ import annotations

from typing import Any

import pytest

from apps.cases.tests import samples
from apps.rag import selectors as rag
from apps.rag.schemas import Passage
from medassist.common.errors import NotFound


@pytest.fixture
def one_passage(monkeypatch: Any) -> Any:
    """One guideline passage, so that these tests need no index."""
    passage = Passage(
        id="medquad/1", guideline_id="heart", title="Heart Attack", heading=("Symptoms",), text=samples.PASSAGE_TEXT,
        start=10, end=10 + len(samples.PASSAGE_TEXT), source="NHLBI", publisher="NIH", version="2017-10",
        published=samples.evidence()[0].published, grade="reference", url="https://www.example.org/", language="en",
        licence="Public domain",
    )  # fmt: skip
    view = rag.PassageView(passage=passage, before="Before it.", after="After it.", attribution="Thanks to NIH")

    def find(*, scope: Any, passage_id: str) -> Any:
        if passage_id != passage.id or scope.clinic != "alpha":
            raise NotFound
        return view

    monkeypatch.setattr("apps.rag.selectors.passage", find)
