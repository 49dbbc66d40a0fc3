"""Versions of guidelines: what supersedes what, what stays readable, what is searched."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.rag.extractors.guideline_lines import GuidelineText, Problem, read
from apps.rag.management.commands.ingest_guidelines import SAMPLES
from apps.rag.models import Guideline, Passage
from apps.rag.schemas import PassageView, Query, Retrieval, Scope
from apps.rag.selectors import generation, passage, passages, recalled
from apps.rag.services import retrieve, withdraw_guideline
from medassist.accounts.access import Permission, system_actor
from medassist.audit.models import AuditEntry
from medassist.common.errors import InvalidInput, NotFound, PermissionDenied, StateConflict
from medassist.tenancy.context import clinic_context, public_context

SECTION: dict[str, Any] = {
    "format": 2, "id": "gout", "title": "Gout", "publisher": "Example", "collection": "Own", "version": "1",
    "published": "2020-01-01", "grade": "B", "licence": "CC BY 4.0", "attribution": "Example",
    "text": "Gout is a painful swelling of a joint.\n\nOften the big toe is hot and red.",
}  # fmt: skip
SECOND = {**SECTION, "version": "2", "published": "2024-01-01", "text": "Gout is due to crystals. The big toe is hot."}
THIRD = {**SECTION, "version": "3", "published": "2026-01-01", "text": "Gout comes from urate crystals in a hot toe."}
PLATFORM = frozenset({Permission.GUIDELINE_MANAGE})

pytestmark = pytest.mark.django_db


@pytest.fixture
def ingest(tmp_path: Path) -> Callable[..., str]:
    def run(*sections: dict[str, Any], **options: Any) -> str:
        file = tmp_path / "sections.jsonl"
        file.write_text("\n".join(map(json.dumps, sections)), "utf-8")
        out = io.StringIO()
        call_command("ingest_guidelines", str(file), stdout=out, stderr=io.StringIO(), **options)
        return out.getvalue()

    return run


def states() -> dict[str, tuple[str, str | None]]:
    with public_context():
        return {row.pk: (row.state, row.superseded_by_id) for row in Guideline.objects.all()}


def found(text: str) -> set[str]:
    hits = asked(text).hits
    return {hit.passage.guideline_id for hit in hits}


def asked(text: str) -> Retrieval:
    with clinic_context("alpha"):
        return retrieve(scope=Scope("alpha"), queries=[Query(text)])


def opened(passage_id: str) -> PassageView:
    with clinic_context("alpha"):
        return passage(scope=Scope("alpha"), passage_id=passage_id)


def current(ids: list[str]) -> set[str]:
    with clinic_context("alpha"):
        return set(passages(scope=Scope("alpha"), ids=ids))


def withdraw(name: str, reason: str = "An error in the table") -> None:
    withdraw_guideline(actor=system_actor("public", "tests", scopes=PLATFORM), guideline_id=name, reason=reason)


def test_a_new_version_is_found_and_the_old_one_opens_and_says_so(ingest: Callable[..., str]) -> None:
    ingest(SECTION)
    old = asked("hot red toe").hits[0].passage
    assert "were superseded: gout\n" in ingest(SECOND)
    assert states() == {"gout": ("superseded", "gout@2"), "gout@2": ("current", None)}
    assert found("hot red toe") == {"gout@2"}
    view = opened(old.id)
    assert (view.state, view.passage.text) == ("superseded", old.text)
    assert view.superseded_by is not None
    assert (view.superseded_by.guideline_id, view.superseded_by.version) == ("gout@2", "2")
    new = opened(str(view.superseded_by.passage_id))
    assert (new.state, new.superseded_by, new.passage.guideline_id) == ("current", None, "gout@2")


def test_an_index_that_lags_behind_brings_nothing_superseded_back(ingest: Callable[..., str]) -> None:
    ingest(SECTION)
    with public_context():
        ids = [row.pk for row in Passage.objects.all()]
        assert current(ids) == set(ids)
        Guideline.objects.update(state="superseded")
        assert current(ids) == set()
    assert found("hot red toe") == set()


@pytest.mark.parametrize("order", list(itertools.permutations([SECTION, SECOND, THIRD])))
def test_the_last_published_is_current_in_whatever_order_they_come(
    ingest: Callable[..., str], order: tuple[dict[str, Any], ...]
) -> None:
    for section in order:
        ingest(section)
    with public_context():
        current = Guideline.objects.get(state="current")
        assert current.version == "3"
        assert Guideline.objects.filter(state="superseded").count() == 2
        for row in Guideline.objects.exclude(pk=current.pk):
            assert opened(row.passages.first().pk).superseded_by.version == "3"  # type: ignore[union-attr]
    assert "3 unchanged" in ingest(*order)
    assert found("hot toe") == {current.pk}


def test_without_dates_what_comes_later_is_newer(ingest: Callable[..., str]) -> None:
    undated = [{name: value for name, value in item.items() if name != "published"} for item in (SECOND, SECTION)]
    ingest(undated[0])
    ingest(undated[1])
    assert states() == {"gout": ("superseded", "gout@1"), "gout@1": ("current", None)}


def test_all_versions_of_a_work_may_stand_in_one_file(ingest: Callable[..., str]) -> None:
    ingest(THIRD, SECTION, SECOND)
    assert {name for name, (state, _) in states().items() if state == "current"} == {"gout"}
    assert found("hot toe") == {"gout"}


def test_a_corrected_text_of_the_same_version_gets_a_name_of_its_own(ingest: Callable[..., str]) -> None:
    ingest(SECTION)
    ingest({**SECTION, "text": "Gout is a swelling of a joint."})
    ingest({**SECTION, "text": "Gout is a hot swelling of a joint."})
    names = sorted(states())
    assert names[:2] == ["gout", "gout@1"]
    assert names[2].startswith("gout@1~")
    assert found("swelling") == {names[2]}


def test_a_note_about_a_version_is_corrected_in_place(ingest: Callable[..., str]) -> None:
    ingest(SECTION)
    snapshot = generation().snapshot
    amended = {**SECTION, "review_due": "2021-01-01", "specialty": "rheumatology", "licence": "CC BY-SA 4.0"}
    assert "1 amended" in ingest(amended)
    assert states() == {"gout": ("current", None)}
    with public_context():
        row = Guideline.objects.get()
        assert (str(row.review_due), row.specialty, row.licence) == ("2021-01-01", "rheumatology", "CC BY-SA 4.0")
        assert opened(row.passages.first().pk).review_overdue  # type: ignore[union-attr]
    # Searches filter by specialty, so the index has to hear of it.
    assert generation().snapshot != snapshot
    assert "1 unchanged" in ingest(amended)


def test_a_text_replaces_other_works_whichever_comes_first(ingest: Callable[..., str]) -> None:
    joined = {**SECOND, "id": "arthritis", "title": "Arthritis", "supersedes": ["gout", "lupus@1"]}
    lupus = {**SECTION, "id": "lupus", "title": "Lupus", "text": "Lupus brings a rash."}
    for order in ((SECTION, lupus, joined), (joined, lupus, SECTION)):
        with public_context():
            Guideline.objects.all().delete()
        for section in order:
            ingest(section)
        assert states() == {
            "gout": ("superseded", "arthritis"), "lupus": ("superseded", "arthritis"), "arthritis": ("current", None),
        }  # fmt: skip
    # Another version of lupus was not named, and one of gout that is published later than what replaced it holds.
    ingest({**lupus, "version": "2"}, THIRD)
    assert {name for name, (state, _) in states().items() if state == "current"} == {"arthritis", "gout@3", "lupus@2"}
    ingest({**lupus, "version": "3", "published": "2025-01-01"})
    assert states()["lupus@3"] == ("current", None)


def test_texts_that_replace_each_other_leave_one_standing(ingest: Callable[..., str]) -> None:
    one = {**SECTION, "supersedes": ["lupus"]}
    other = {**SECTION, "id": "lupus", "title": "Lupus", "text": "Lupus brings a rash.", "supersedes": ["gout"]}
    ingest(one)
    ingest(other)
    assert sorted(state for state, _ in states().values()) == ["current", "superseded"]


def test_what_was_withdrawn_stays_withdrawn_until_a_newer_version_comes(ingest: Callable[..., str]) -> None:
    ingest(SECTION)
    withdraw("gout")
    assert "1 unchanged" in ingest(SECTION)
    assert states() == {"gout": ("withdrawn", None)}
    assert found("hot toe") == set()
    ingest(SECOND)
    assert states() == {"gout": ("withdrawn", "gout@2"), "gout@2": ("current", None)}
    with public_context():
        actions = dict(AuditEntry.objects.filter(object_id="gout").values_list("action", "detail__reason"))
    assert actions["guideline.withdraw"] == "An error in the table"


def test_a_line_withdraws_its_version_and_brings_no_earlier_one_back(ingest: Callable[..., str]) -> None:
    ingest(SECTION, SECOND)
    ingest({**SECOND, "withdrawn": True, "withdrawn_reason": "Retracted by the publisher"})
    assert states() == {"gout": ("superseded", "gout@2"), "gout@2": ("withdrawn", None)}
    assert found("hot toe") == set()
    versions = recalled(work="gout")
    assert [(item.state, item.superseded_by, item.reason) for item in versions] == [
        ("superseded", "gout@2", ""), ("withdrawn", "", "Retracted by the publisher"),
    ]  # fmt: skip


def test_a_withdrawal_needs_the_right_a_reason_and_something_to_withdraw(ingest: Callable[..., str]) -> None:
    ingest(SECTION)
    with pytest.raises(PermissionDenied):
        withdraw_guideline(actor=system_actor("public", "x"), guideline_id="gout", reason="because")
    with pytest.raises(PermissionDenied):
        withdraw_guideline(actor=system_actor("alpha", "x", scopes=PLATFORM), guideline_id="gout", reason="because")
    with pytest.raises(InvalidInput):
        withdraw("gout", " \n ")
    with pytest.raises(NotFound):
        withdraw("lupus")
    withdraw("gout")
    with pytest.raises(StateConflict):
        withdraw("gout")
    with public_context(), pytest.raises(NotFound):
        recalled(work="lupus")


def test_a_server_that_was_not_told_of_a_withdrawal_is_told_by_the_next_ingest(
    ingest: Callable[..., str], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(SECTION, {**SECTION, "id": "mumps", "title": "Mumps", "text": "Mumps swells the glands."})
    told: list[int] = []

    class Server:
        def replace_all(self, points: list[Any]) -> None:
            told.append(len(points))

    monkeypatch.setattr("apps.rag.index.holder.on_server", Server)
    settings.QDRANT_URL = "http://127.0.0.1:1"
    withdraw("gout")
    assert told == []
    assert "1 unchanged" in ingest(SECTION)
    assert told == [1]
    ingest(SECTION)
    assert told == [1]


def test_a_dry_run_says_what_would_happen_and_nothing_does(ingest: Callable[..., str]) -> None:
    ingest(SECTION, {**SECTION, "id": "mumps", "title": "Mumps", "text": "Mumps swells the glands."})
    before = (states(), generation().snapshot)
    said = ingest(
        SECTION, SECOND, THIRD, {**SECTION, "version": "0", "published": "2010-01-01"}, {**SECTION, "id": "lupus"},
        {**SECTION, "id": "mumps", "title": "Mumps", "text": "Mumps swells the glands.", "url": "https://example.org"},
        dry_run=True,
    )  # fmt: skip
    assert "3 new or newer, 1 older than what is there, 1 unchanged, 1 amended, 2 superseded, 0 refused" in said
    assert "would be superseded: gout\n" in said
    assert (states(), generation().snapshot) == before


def test_another_embedder_leaves_the_passages_that_are_cited(
    ingest: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(SECTION)
    with public_context():
        before = set(Passage.objects.values_list("pk", flat=True))
        Passage.objects.update(embedder="another/model", vector=b"")
    monkeypatch.setattr("apps.rag.services.guidelines.chunks", lambda _text: [])
    ingest(SECTION)
    with public_context():
        assert set(Passage.objects.exclude(embedder="another/model").values_list("pk", flat=True)) == before
    assert found("hot toe") == {"gout"}


def test_the_shipped_samples_keep_the_names_that_assessments_cite(ingest: Callable[..., str]) -> None:
    first = next(item for item in read(SAMPLES) if isinstance(item, GuidelineText))
    assert (first.id, first.content_hash[:16]) == ("medquad-4-0000002-1", "d4b15aa482d8f476")
    line = next(iter((SAMPLES / "medquad.jsonl").read_text("utf-8").splitlines()))
    ingest(json.loads(line))
    with public_context():
        assert Passage.objects.order_by("ordinal").values_list("pk", flat=True)[0] == "23cda9e1e7555f0e429c4147"


# --- files --------------------------------------------------------------------------------------------

FRONT = """---
title: Gout
publisher: "Northside Clinic"
collection: Local guidance
version: 4
published: 2026-01-15
review_due: 2028-01-15
grade: C
licence: internal
attribution: Northside: rheumatology
jurisdiction: GB
supersedes: [lupus@1, mumps]
---

# Recognition

A hot toe.
"""


def test_a_markdown_file_with_a_front_matter_is_a_guideline(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "notes.md").write_text("no guideline")
    (folder / "gout.md").write_text(FRONT, "utf-8")
    (folder / "bare.txt").write_text("Just words.", "utf-8")
    (folder / "lines.jsonl").write_text(json.dumps(SECTION), "utf-8")
    (folder / "table.csv").write_text("a,b", "utf-8")
    bare, markdown, line = read(folder)
    assert isinstance(bare, Problem)
    assert isinstance(markdown, GuidelineText)
    assert isinstance(line, GuidelineText)
    assert (markdown.id, markdown.version, markdown.publisher) == ("gout", "4", "Northside Clinic")
    assert markdown.attribution == "Northside: rheumatology"
    assert markdown.supersedes == ("lupus@1", "mumps")
    assert (str(markdown.review_due), markdown.jurisdiction) == ("2028-01-15", "GB")
    assert markdown.text == "# Recognition\n\nA hot toe."


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"supercedes": ["x"]}, "supercedes: not a field"),
        ({"supersedes": "x"}, "supersedes: must be a list"),
        ({"supersedes": ["gout"]}, "supersedes: names itself"),
        ({"supersedes": ["gout@1"]}, "supersedes: names itself"),
        ({"supersedes": ["a\u0000"]}, "supersedes: must be a list"),
        ({"withdrawn": "true"}, "withdrawn: must be"),
        ({"withdrawn": True}, "withdrawn_reason: missing"),
        ({"review_due": "soon"}, "review_due: must be"),
        ({"jurisdiction": "x" * 61}, "jurisdiction: longer"),
        ({"format": 3}, "format: must be"),
        ({"format": True}, "format: must be"),
    ],
)
def test_format_2_is_refused_where_it_is_wrong(tmp_path: Path, change: dict[str, Any], what: str) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(json.dumps({**SECTION, **change}), "utf-8")
    (problem,) = read(file)
    assert isinstance(problem, Problem)
    assert what in str(problem)


@pytest.mark.parametrize(
    ("old", "new"),
    [("---\ntitle", "title"), ("grade: C\n", ""), ("grade: C", "grade C"), ("4", "4\nversoin: 5"), ("2028", "20x")],
)
def test_a_front_matter_is_refused_where_it_is_wrong(tmp_path: Path, old: str, new: str) -> None:
    file = tmp_path / "gout.md"
    file.write_text(FRONT.replace(old, new, 1), "utf-8")
    (problem,) = read(file)
    assert isinstance(problem, Problem)


def test_format_1_stays_readable_and_says_nothing_of_what_came_later(tmp_path: Path) -> None:
    file = tmp_path / "one.jsonl"
    file.write_text(json.dumps({**SECTION, "format": 1, "supersedes": 7, "colour": "red"}), "utf-8")
    (text,) = read(file)
    assert isinstance(text, GuidelineText)
    assert text.supersedes == ()


def test_refused_lines_make_the_command_fail_and_the_others_are_kept(ingest: Callable[..., str]) -> None:
    with pytest.raises(CommandError, match="1 lines"):
        ingest(SECTION, {**SECTION, "id": "x", "withdrawn": True})
    assert set(states()) == {"gout"}
