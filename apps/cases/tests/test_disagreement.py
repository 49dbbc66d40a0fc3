"""Guidelines that disagree: found among the passages of a case, quoted word for word, shown side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from apps.cases.models import AssessmentRecord
from apps.cases.pipeline.disagreement import MOST_CONFLICTS, conflicts_of
from apps.cases.schemas import cited_in, cited_passages
from apps.cases.tests import samples
from apps.cases.tests.engine import backbone, some_guidelines
from apps.cases.tests.stored import make_case
from apps.cases.tests.test_pipeline import _no_heart, assessed  # noqa: F401
from apps.rag import selectors as rag
from apps.rag.extractors.guideline_lines import GuidelineText
from apps.rag.index import holder
from apps.rag.schemas import Hit, Passage, Scope
from apps.rag.services import ingest_guidelines
from medassist.accounts.access import system_actor
from medassist.clinical.assessment import Assessment, ConflictSide, GuidelineConflict
from medassist.tenancy.context import clinic_context

OLD = Passage(
    id="p1", guideline_id="g1", title="Colorectal cancer", heading=(), text="Screening saves lives. Screening should begin at age 50.",
    start=0, end=55, source="Own", publisher="Society A", version="1", published=date(2016, 6, 1), grade="B", url="",
    licence="", language="en",
)  # fmt: skip
NEW = replace(
    OLD, id="p2", guideline_id="g2", publisher="Society B", version="3", published=date(2021, 5, 18), grade="A",
    text="Screening should start at 45 years of age. It continues to age 75.",
)  # fmt: skip


def hits(*passages: Passage) -> list[Hit]:
    return [Hit(item, 1.0, rank, "q", None) for rank, item in enumerate(passages, start=1)]


def conflicts(*passages: Passage, **changes: Any) -> tuple[GuidelineConflict, ...]:
    given: dict[str, Any] = {"evidence": (), "record_text": "", "audience": "clinician", **changes}
    return conflicts_of(hits(*passages), **given)


def test_both_sides_are_quoted_at_their_place_the_newer_first() -> None:
    (found,) = conflicts(OLD, NEW)
    assert (found.topic, found.kind) == ("Colorectal cancer", "age")
    new, old = found.sides
    assert (new.source, new.version, new.published, new.grade) == ("Society B", "3", date(2021, 5, 18), "A")
    assert (old.passage_id, old.quote) == ("p1", "Screening should begin at age 50.")
    assert OLD.text[old.start : old.end] == old.quote
    assert NEW.text[new.start : new.end] == new.quote
    undated, dated = conflicts(replace(OLD, published=None), NEW)[0].sides[::-1]
    assert (undated.published, dated.published) == (None, NEW.published)


def test_a_side_that_is_cited_names_its_evidence_and_comes_first() -> None:
    evidence = samples.evidence()[0].model_copy(update={"passage_id": "p2", "id": "e7"})
    others = [
        replace(item, id=f"{item.id}x", guideline_id=f"{item.guideline_id}x", title="Gout", text=text)
        for item, text in ((OLD, "Rest is advised in gout."), (NEW, "Avoid rest in gout."))
    ]
    first, second = conflicts(*others, OLD, NEW, evidence=(evidence,))
    assert [side.evidence for side in first.sides] == ["e7", None]
    assert [side.evidence for side in second.sides] == [None, None]


def test_a_dose_in_a_source_never_reaches_the_reader() -> None:
    low = replace(OLD, text="The patient should take aspirin 75 mg once a day.")
    high = replace(NEW, text="The patient should take aspirin 300 mg once a day.")
    assert conflicts(low, high) == ()


def test_a_patient_and_a_patients_document_take_no_part() -> None:
    assert conflicts(OLD, NEW, audience="patient") == ()
    assert conflicts(OLD, replace(NEW, kind="case_document")) == ()
    assert conflicts(OLD, replace(NEW, guideline_id="g1")) == ()


def test_there_is_an_end_to_them() -> None:
    many = [replace(OLD, id=f"o{n}", guideline_id=f"o{n}") for n in range(4)]
    assert len(conflicts(*many, NEW, replace(NEW, id="p3", guideline_id="g3"))) == MOST_CONFLICTS


def test_an_assessment_of_version_1_0_is_still_read() -> None:
    old = samples.full().model_dump(mode="json")
    del old["conflicts"]
    found = Assessment.model_validate({**old, "schema_version": "1.0"})
    assert (found.schema_version, found.conflicts) == ("1.0", ())
    assert samples.full().schema_version == "1.1"


# --- in a case ------------------------------------------------------------------------------------------


@pytest.fixture
def disagreeing(db: None) -> Iterator[None]:
    holder.forget()
    some_guidelines("Pneumonia", "Pulmonary Embolism")
    common: dict[str, Any] = {
        "title": "Heart Attack", "collection": "Own", "grade": "C", "licence": "CC0", "attribution": "-",
    }  # fmt: skip
    texts = (
        (
            "Heart attack pain often spreads to the left arm. Chest pain with sweating is common in a heart attack.",
            "A",
            2019,
        ),
        (
            "Heart attack pain rarely spreads to the left arm. Chest pain with sweating is rare in a heart attack.",
            "B",
            2024,
        ),
    )
    ingest_guidelines(
        actor=system_actor("public", "tests"),
        texts=[
            GuidelineText(id=f"own-{who}", publisher=f"Society {who}", version="1", text=text, published=date(year, 1, 1), **common)
            for text, who, year in texts
        ],
    )  # fmt: skip
    yield
    holder.forget()


@pytest.mark.django_db
def test_a_real_assessment_shows_what_its_passages_disagree_about(disagreeing: None) -> None:
    with backbone():
        found = assessed()
    assert found.status == "released"
    assert found.conflicts
    for conflict in found.conflicts:
        assert {side.source for side in conflict.sides} == {"Society A", "Society B"}
        for side in conflict.sides:
            with clinic_context("alpha"):
                text = rag.passage(scope=Scope("alpha"), passage_id=side.passage_id).passage.text
            assert text[side.start : side.end] == side.quote
    with clinic_context("alpha"):
        cited = AssessmentRecord.objects.get().cited
    assert tuple(cited or ()) == cited_passages(found) == cited_in(found.model_dump(mode="json"))
    assert {side.passage_id for conflict in found.conflicts for side in conflict.sides} <= set(cited or ())


def sides() -> tuple[ConflictSide, ...]:
    return tuple(
        ConflictSide(
            passage_id=f"p{grade}", title="Colorectal cancer", source=f"Society {grade}", version="1",
            published=date(year, 5, 18), grade=grade, quote=f"Screening should begin at age {age}.", start=0, end=33,
        )
        for grade, year, age in (("A", 2021, 45), ("B", 2016, 50))
    )  # fmt: skip


@pytest.mark.django_db
def test_the_page_and_the_api_show_them_side_by_side(in_alpha: Any, api: Any, alice: Any) -> None:
    conflict = GuidelineConflict(topic="Colorectal cancer", kind="age", sides=sides())
    case = make_case(assessment=samples.full(conflicts=(conflict,)))
    page = api(alice).get(f"/cases/{case.id}/").content.decode()
    assert page.index("Guidance that disagrees") < page.index('id="evidence-title"')
    for words in (
        "18 May 2021",
        "18 May 2016",
        "Society A",
        "Society B",
        "begin at age 45",
        "begin at age 50",
        "different ages",
    ):
        assert words in page
    assert "<dt>Grade</dt><dd>B</dd>" in page
    found = api(alice).get(f"/api/v1/cases/{case.id}").json()["assessment"]
    assert (found["schema_version"], len(found["conflicts"][0]["sides"])) == ("1.1", 2)
    assert json.dumps(found["conflicts"])
    without = make_case(assessment=samples.full())
    assert "Guidance that disagrees" not in api(alice).get(f"/cases/{without.id}/").content.decode()
