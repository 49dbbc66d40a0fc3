"""Guidelines: cut, ingested, found again, opened at their place."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from apps.rag.extractors.chunking import MOST_WORDS, chunks
from apps.rag.index import holder
from apps.rag.management.commands.ingest_guidelines import SAMPLES, sample_vectors
from apps.rag.models import Guideline, IndexGeneration, Passage
from apps.rag.schemas import PassageView, Query, Retrieval, Scope
from apps.rag.selectors import generation, passage
from apps.rag.services import retrieve
from medassist.common.errors import NotFound, RetrievalUnavailable
from medassist.tenancy.context import clinic_context, public_context

SECTION = {
    "format": 1, "id": "gout-1", "title": "Gout", "heading": "What is gout?", "publisher": "Example", "collection": "Own",
    "version": "1", "published": "2024-01-01", "grade": "reference", "language": "en", "url": "https://example.org",
    "licence": "CC BY 4.0", "attribution": "Example", "text": "Gout is a painful swelling of a joint.\n\nOften the big toe is hot and red.",
}  # fmt: skip

paragraphs = st.lists(st.text(alphabet="ab .!?\n#-é", min_size=0, max_size=60), max_size=30).map("\n".join)


def search(text: str, *, limit: int = 12) -> Retrieval:
    with clinic_context("alpha"):
        return retrieve(scope=Scope("alpha"), queries=[Query(text)], limit=limit)


def opened(passage_id: str) -> PassageView:
    with clinic_context("alpha"):
        return passage(scope=Scope("alpha"), passage_id=passage_id)


@given(paragraphs)
def test_a_passage_is_the_text_between_its_offsets_and_nothing_is_lost(text: str) -> None:
    found = list(chunks(text))
    covered = "".join(text[chunk.start : chunk.end] for chunk in found)
    assert all(chunk.start < chunk.end for chunk in found)
    assert all(one.end <= two.start for one, two in pairwise(found))
    headings = "".join(
        line.lstrip("#") for line in text.splitlines() if line.lstrip("#") != line and line.lstrip("#")[:1].isspace()
    )
    lost = len("".join(text.split())) - len("".join(covered.split()))
    assert lost <= len("".join(headings.split())) + 6 * text.count("#")


def test_passages_stay_short_and_keep_their_heading_path() -> None:
    text = "# Gout\n" + "A sentence of six short words. " * 100 + "\n## Signs\nThe toe is hot."
    found = list(chunks(text))
    assert all(len(text[chunk.start : chunk.end].split()) <= MOST_WORDS for chunk in found)
    assert found[0].heading == ("Gout",)
    assert found[-1].heading == ("Gout", "Signs")
    assert text[found[-1].start : found[-1].end] == "The toe is hot."


@pytest.fixture
def ingest(tmp_path: Path) -> Callable[..., str]:
    def run(*sections: Any, **options: Any) -> str:
        file = tmp_path / "sections.jsonl"
        file.write_text("\n".join(item if isinstance(item, str) else json.dumps(item) for item in sections), "utf-8")
        out = io.StringIO()
        call_command("ingest_guidelines", str(file), stdout=out, stderr=io.StringIO(), **options)
        return out.getvalue()

    return run


@pytest.mark.django_db
def test_ingesting_twice_changes_nothing_and_a_change_moves_the_snapshot(ingest: Callable[..., str]) -> None:
    assert "1 sections stored" in ingest(SECTION)
    first = generation().snapshot
    assert "1 unchanged" in ingest(SECTION)
    assert generation().snapshot == first
    ingest({**SECTION, "text": "Gout is caused by crystals."})
    assert generation().snapshot != first
    with public_context():
        held = Passage.objects.filter(guideline__state="current")
        assert {row.text for row in held} == {"Gout is caused by crystals."}


@pytest.mark.django_db
def test_lines_that_cannot_be_read_are_named_and_the_others_are_kept(ingest: Callable[..., str], capsys: Any) -> None:
    with pytest.raises(CommandError, match="2 lines"):
        ingest(SECTION, "{not json", {**SECTION, "id": "x", "licence": ""})
    with public_context():
        assert Guideline.objects.count() == 1


@pytest.mark.django_db
def test_a_dry_run_writes_nothing(ingest: Callable[..., str]) -> None:
    assert "1 sections can be read" in ingest(SECTION, dry_run=True)
    with public_context():
        assert not Guideline.objects.exists()


@pytest.mark.django_db
def test_a_passage_opens_with_what_stands_around_it(ingest: Callable[..., str]) -> None:
    ingest(SECTION)
    found = search("hot red toe").hits[0].passage
    view = opened(found.id)
    assert view.before + found.text + view.after == SECTION["text"]
    with pytest.raises(NotFound):
        opened("nothing")


@pytest.mark.django_db
def test_nothing_in_the_index_about_the_question_is_weak(ingest: Callable[..., str]) -> None:
    ingest(SECTION)
    assert search("quarterly tax return of a limited company").weak
    assert not search("gout").weak
    assert search("  ").weak


@pytest.mark.django_db
def test_a_hit_tells_every_query_and_mode_that_found_it(ingest: Callable[..., str]) -> None:
    ingest(SECTION)
    with clinic_context("alpha"):
        asked = [Query("painful big toe"), Query("gout", mode="dense")]
        hits = retrieve(scope=Scope("alpha"), queries=asked).hits
    ways = {(way.query, way.mode): way for way in hits[0].found_by}
    assert set(ways) == {
        (asked[0].text, "fused"),
        (asked[0].text, "dense"),
        (asked[0].text, "sparse"),
        ("gout", "dense"),
    }
    assert {way.rank for way in ways.values()} == {1}
    assert hits[0].similarity == pytest.approx(max(way.score for way in ways.values() if way.mode == "dense"))
    with clinic_context("alpha"):
        assert retrieve(scope=Scope("alpha"), queries=asked, budget_tokens=3).hits == ()


@pytest.mark.django_db
def test_an_index_that_cannot_be_written_makes_retrieval_unavailable(
    ingest: Callable[..., str], settings: Any, tmp_path: Path
) -> None:
    ingest(SECTION)
    holder.forget()
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    settings.STATE_DIR = str(blocked)
    with pytest.raises(RetrievalUnavailable):
        search("gout")


@pytest.mark.django_db
def test_an_open_index_follows_what_was_ingested_since(ingest: Callable[..., str]) -> None:
    ingest(SECTION)
    assert search("gout").hits
    ingest({**SECTION, "id": "mumps-1", "title": "Mumps", "text": "Mumps swells the glands below the ears."})
    assert search("swollen glands mumps").hits[0].passage.title == "Mumps"


@pytest.mark.django_db
def test_the_search_command_explains_its_hits(ingest: Callable[..., str]) -> None:
    ingest(SECTION)
    out = io.StringIO()
    call_command("search_guidelines", "hot toe", clinic="alpha", stdout=out)
    assert "Gout" in out.getvalue()
    assert generation().snapshot in out.getvalue()


# What a clinician might type -> a page that must be among the first ten.
PRESENTATIONS = (
    ("crushing chest pain spreading to the left arm with sweating", {"Heart Attack", "Angina", "Coronary Heart Disease"}),
    ("sudden weakness of one side and slurred speech", {"Stroke", "Ischemic Stroke", "Hemorrhagic Stroke", "Transient Ischemic Attack"}),
    ("fever stiff neck and rash", {"Meningitis", "Meningitis and Encephalitis", "Meningococcal Infections"}),
    ("wheezing and tight chest at night", {"Asthma", "Asthma in Children"}),
    ("burning on urination and going often", {"Urinary Tract Infections", "Urinary Tract Infection in Adults"}),
    ("severe flank pain and blood in urine", {"Kidney Stones", "Kidney Stones in Adults"}),
    ("pain in the right lower belly with nausea", {"Appendicitis"}),
    ("yellow skin and dark urine", {"Jaundice", "Hepatitis", "Liver Diseases"}),
    ("hives and trouble breathing after eating peanuts", {"Anaphylaxis", "Food Allergy"}),
    ("black tarry stools", {"Gastrointestinal Bleeding", "Peptic Ulcer"}),
    ("swollen painful calf after a long flight", {"Deep Vein Thrombosis", "Blood Clots"}),
    ("very thirsty and passing a lot of urine", {"Diabetes", "Diabetes Type 1", "Diabetes Type 2", "Diabetes Insipidus", "Hyperglycemia"}),
    ("barking cough in a toddler", {"Croup"}),
    ("hot swollen big toe", {"Gout"}),
    ("one-sided throbbing headache with sensitivity to light", {"Migraine", "Headache"}),
)  # fmt: skip
NAMES = (
    "Heart Attack",
    "Pulmonary Embolism",
    "Appendicitis",
    "Meningitis",
    "Ectopic Pregnancy",
    "Gout",
    "Croup",
    "Jaundice",
    "Migraine",
    "Anaphylaxis",
)


@pytest.mark.slow
@pytest.mark.django_db
def test_the_shipped_guidelines_answer_presentations_and_names() -> None:
    call_command("ingest_guidelines", samples=True, stdout=io.StringIO())
    with public_context():
        titles = set(Guideline.objects.values_list("title", flat=True))
        assert IndexGeneration.objects.get().passages == Passage.objects.count() > 1500
    assert set(NAMES) <= titles
    found = [_titles(text) & wanted for text, wanted in PRESENTATIONS]
    assert sum(map(bool, found)) >= 0.85 * len(PRESENTATIONS), [
        text for (text, _), hit in zip(PRESENTATIONS, found, strict=True) if not hit
    ]
    assert all(name in _titles(name, limit=5) for name in NAMES)


def _titles(text: str, limit: int = 10) -> set[str]:
    return {hit.passage.title for hit in search(text, limit=limit).hits}


def test_every_shipped_section_has_its_source_and_licence_and_its_vectors() -> None:
    rows = [
        json.loads(line) for file in sorted(SAMPLES.glob("*.jsonl")) for line in file.read_text("utf-8").splitlines()
    ]
    assert len(rows) > 500
    assert all(row["licence"] and row["attribution"] and row["url"] and row["publisher"] for row in rows)
    assert len(sample_vectors()) >= len(rows)


def test_building_the_samples_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(CommandError):
        call_command("build_sample_guidelines", str(tmp_path / "nowhere"))


def test_the_reader_refuses_what_the_database_would_refuse(tmp_path: Path) -> None:
    from apps.rag.extractors.guideline_lines import LONGEST, Problem, read

    # The id of a line names the section through its versions.
    names = {"id": "work", "withdrawn_reason": "superseded_reason"}
    held = {field.name: field.max_length for field in Guideline._meta.concrete_fields}
    assert {name: held[names.get(name, name)] for name in LONGEST} == LONGEST
    file = tmp_path / "bad.jsonl"
    bad: list[dict[str, Any]] = [
        {"heading": None},
        {"heading": 3},
        {"title": "x" * 301},
        {"text": "a\u0000b"},
        {"licence": "x" * 61},
    ]
    file.write_text("\n".join(json.dumps({**SECTION, **change}) for change in bad), "utf-8")
    assert [type(line) for line in read(file)] == [Problem] * len(bad)


@pytest.mark.django_db
def test_an_ingest_killed_before_its_last_step_is_mended_by_the_next(
    ingest: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("apps.rag.services.guidelines._move_generation", lambda: None)
        ingest(SECTION)
    assert generation().passages == 0
    assert "1 unchanged" in ingest(SECTION)
    assert generation().passages == 1


@pytest.mark.django_db
def test_vectors_of_another_model_are_not_compared(ingest: Callable[..., str]) -> None:
    ingest(SECTION)
    with public_context():
        Passage.objects.update(embedder="another/model")
    with pytest.raises(RetrievalUnavailable, match="another model"):
        search("gout")
