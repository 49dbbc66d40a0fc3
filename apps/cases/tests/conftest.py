"""What several of this room's tests share."""

from __future__ import annotations

import pytest
from django.apps import apps

from apps.cases.tests import samples
from medassist.tenancy.context import public_context

BEFORE, AFTER = "Before the passage. ", " After the passage."


@pytest.fixture
def one_passage(db: None) -> str:
    """The passage that the samples cite, in the shared guidelines; returns its id."""
    item = samples.evidence()[0]
    with public_context():
        guideline = apps.get_model("rag", "Guideline").objects.create(
            id="heart-attack", title=item.title, heading=item.heading, publisher="NHLBI", collection="MedQuAD",
            version=item.version, published=item.published, grade=item.grade, url=item.url, licence=item.licence,
            attribution="Thanks to NHLBI", text=BEFORE + samples.PASSAGE_TEXT + AFTER, content_hash="0",
        )  # fmt: skip
        apps.get_model("rag", "Passage").objects.create(
            id=item.passage_id, guideline=guideline, ordinal=0, heading=["Symptoms"], text=samples.PASSAGE_TEXT,
            start=len(BEFORE), end=len(BEFORE + samples.PASSAGE_TEXT),
        )  # fmt: skip
    return item.passage_id
