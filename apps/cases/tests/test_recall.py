"""A guideline is superseded: which assessments cited it, in every clinic, and how they are reviewed again."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from apps.cases.models import AssessmentRecord, Case
from apps.cases.services import close_reopened, recall, recall_in_clinics, store_assessment
from apps.cases.tests import samples
from apps.cases.tests.stored import make_case
from apps.rag.extractors.guideline_lines import GuidelineText
from apps.rag.selectors import recalled
from apps.rag.services import ingest_guidelines, withdraw_guideline
from medassist.accounts.access import Permission, system_actor
from medassist.audit.models import AuditEntry
from medassist.clinical.assessment import Assessment
from medassist.common.errors import InvalidInput, NotFound, PermissionDenied, StateConflict
from medassist.tenancy.context import clinic_context, public_context

pytestmark = pytest.mark.django_db

PLATFORM = frozenset({Permission.GUIDELINE_MANAGE})


def section(version: str, text: str, **more: Any) -> GuidelineText:
    return GuidelineText(
        id="heart_40", title="Heart attack", publisher="NHLBI", collection="Own", version=version, grade="B",
        licence="CC0", attribution="NHLBI", text=text, **more,
    )  # fmt: skip


def ingest(*texts: GuidelineText) -> None:
    ingest_guidelines(actor=system_actor("public", "tests"), texts=texts)


def cited_passage() -> str:
    with public_context():
        return str(apps.get_model("rag", "Passage").objects.get(guideline_id="heart_40").pk)


def citing(passage: str, **changes: Any) -> Assessment:
    first, second = samples.evidence()
    return samples.full(evidence=(first.model_copy(update={"passage_id": passage}), second), **changes)


def stored(clinic: str, assessment: Assessment) -> tuple[UUID, UUID]:
    """Ids of a case and of its assessment."""
    with clinic_context(clinic):
        case = make_case("done", assessment)
        return case.id, case.assessments.get().id


@pytest.fixture
def superseded() -> str:
    """The passage that was cited; a second version stands in its place."""
    ingest(section("1", samples.PASSAGE_TEXT, published=date(2020, 1, 1)))
    passage = cited_passage()
    ingest(section("2", samples.PASSAGE_TEXT + " Call for help.", published=date(2025, 1, 1)))
    return passage


def command(*words: str, **options: Any) -> str:
    out = io.StringIO()
    call_command("guideline_recall", *words, stdout=out, stderr=io.StringIO(), **options)
    return out.getvalue()


def trail(clinic: str, action: str) -> list[str]:
    with clinic_context(clinic):
        return list(AuditEntry.objects.filter(action=action).values_list("object_id", flat=True))


def test_the_recall_finds_the_citing_assessments_of_every_clinic_and_only_those(superseded: str) -> None:
    alpha, other, beta = (
        stored("alpha", citing(superseded)), stored("alpha", samples.full()), stored("beta", citing(superseded)),
    )  # fmt: skip
    said = command("heart_40")
    assert "heart_40 (Heart attack, 1): superseded on " in said
    assert "by heart_40@2 (Heart attack, 2)" in said
    assert [line.split()[0] for line in said.splitlines() if " assessment " in line] == ["alpha", "beta"]
    assert str(alpha[1]) in said
    assert str(beta[1]) in said
    assert str(other[1]) not in said
    assert "2 assessments in 2 clinics cite it; 0 reopened now" in said
    lines = [json.loads(line) for line in command("heart_40", clinic="beta", json=True).splitlines()]
    assert [(line["assessment"], line["passages"], line["state"]) for line in lines] == [
        (str(beta[1]), [superseded], "cites")
    ]
    # Rows stored before citations were kept have been read once and know them now.
    with clinic_context("alpha"):
        assert AssessmentRecord.objects.get(pk=other[1]).cited == ["medquad/1", "medquad/2"]
    assert len(trail("alpha", "guideline.recall")) == 1


def test_reopening_marks_each_once_with_its_audit_entry(superseded: str) -> None:
    case_id, assessment_id = stored("alpha", citing(superseded))
    assert "1 reopened now" in command("heart_40", reopen=True, reason="New advice on \n help")
    assert "0 reopened now" in command("heart_40", reopen=True, reason="New advice on help")
    with clinic_context("alpha"):
        row = AssessmentRecord.objects.get(pk=assessment_id)
        assert row.reopened_at is not None
        (entry,) = row.reopened_for
        assert (entry["guideline"], entry["superseded_by"]) == ("heart_40", "heart_40@2")
        assert (entry["reason"], entry["passages"]) == ("New advice on help", [superseded])
    assert trail("alpha", "assessment.reopen") == [str(assessment_id)]
    assert trail("beta", "assessment.reopen") == []
    assert case_id


def test_a_recall_of_one_clinic_touches_no_other(superseded: str) -> None:
    stored("alpha", citing(superseded))
    _, assessment_id = stored("beta", citing(superseded))
    command("heart_40", clinic="alpha", reopen=True, reason="x")
    with clinic_context("beta"):
        assert AssessmentRecord.objects.get(pk=assessment_id).reopened_at is None


def test_what_was_reviewed_is_not_reopened_for_the_same_version_but_for_the_next(superseded: str, alice: Any) -> None:
    case_id, assessment_id = stored("alpha", citing(superseded))
    command("heart_40", reopen=True, reason="x")
    with clinic_context("alpha"):
        close_reopened(actor=alice.actor, case_id=case_id, assessment_id=assessment_id)
        with pytest.raises(StateConflict):
            close_reopened(actor=alice.actor, case_id=case_id, assessment_id=assessment_id)
        with pytest.raises(NotFound):
            close_reopened(actor=alice.actor, case_id=uuid4(), assessment_id=assessment_id)
        (entry,) = AssessmentRecord.objects.get(pk=assessment_id).reopened_for
    assert (entry["closed_by"], entry["closed_how"]) == ("alice", "reviewed")
    assert trail("alpha", "assessment.reviewed") == [str(assessment_id)]
    assert " reviewed " in command("heart_40", reopen=True, reason="x")
    with clinic_context("alpha"):
        row = AssessmentRecord.objects.get(pk=assessment_id)
        assert row.reopened_at is None
        # It cites a second text, which is withdrawn now.
        AssessmentRecord.objects.filter(pk=assessment_id).update(cited=[*(row.cited or []), "other"])
    ingest(section("1", "Angina is pain.").__class__(**{**section("1", "Angina is pain.").__dict__, "id": "angina"}))
    with public_context():
        apps.get_model("rag", "Passage").objects.filter(guideline_id="angina").update(id="other")
    withdraw_guideline(
        actor=system_actor("public", "x", scopes=PLATFORM), guideline_id="angina", reason="Retracted"
    )  # fmt: skip
    assert "1 reopened now" in command("angina", reopen=True, reason="y")


def test_a_released_new_assessment_closes_what_was_reopened_and_an_abstained_one_does_not(superseded: str) -> None:
    case_id, assessment_id = stored("alpha", citing(superseded))
    command("heart_40", reopen=True, reason="x")

    class Run:
        """A job that ends as it should."""

        def __init__(self, case: Case) -> None:
            self.job = type("Job", (), {"id": uuid4(), "fence": 2, "clinic": "alpha"})

        def complete(self, store: Callable[[], None]) -> None:
            from django.db import transaction

            with transaction.atomic():
                store()

    with clinic_context("alpha"):
        case = Case.objects.get(pk=case_id)
        store_assessment(run=Run(case), case_id=case_id, assessment=samples.abstained())  # type: ignore[arg-type]
        assert AssessmentRecord.objects.get(pk=assessment_id).reopened_at is not None
        store_assessment(run=Run(case), case_id=case_id, assessment=samples.full())  # type: ignore[arg-type]
        row = AssessmentRecord.objects.get(pk=assessment_id)
        assert row.reopened_at is None
        assert row.reopened_for[0]["closed_how"] == "reanalysed"
        newest = case.assessments.first()
        assert newest is not None
        assert newest.cited == ["medquad/1", "medquad/2"]


def test_a_recall_needs_the_right_and_a_reason(superseded: str, alice: Any) -> None:
    with public_context():
        versions = recalled(work="heart_40")
    with clinic_context("alpha"):
        for actor in (alice.actor, system_actor("alpha", "x")):
            with pytest.raises(PermissionDenied):
                recall(actor=actor, versions=versions)
        with pytest.raises(InvalidInput):
            recall(actor=system_actor("alpha", "x", scopes=PLATFORM), versions=versions, reopen_for=" ")


def test_the_command_says_what_it_cannot_do(superseded: str) -> None:
    for words, options in (
        (["nothing"], {}), (["heart_40"], {"clinic": "gamma"}), (["heart_40"], {"reopen": True}),
        (["heart_40"], {"reason": "x"}),
    ):  # fmt: skip
        with pytest.raises(CommandError):
            command(*words, **options)
    assert "No version of it has been superseded" in command("heart_40@2")


def test_a_clinic_that_cannot_be_entered_is_reported(superseded: str) -> None:
    with public_context():
        versions = recalled(work="heart_40")
    found = list(recall_in_clinics(by="tests", versions=versions, clinics=["gamma", "alpha"]))
    assert [(item.clinic, item.error) for item in found] == [("gamma", "not_found"), ("alpha", "")]


# --- pages --------------------------------------------------------------------------------------------


def test_the_clinician_is_told_opens_both_texts_and_closes_it(superseded: str, api: Any, alice: Any) -> None:
    case_id, assessment_id = stored("alpha", citing(superseded))
    stored("alpha", samples.full())
    client = api(alice)
    page = f"/cases/{case_id}/"
    # Nobody has reopened it yet, but what it cites says so.
    assert "Superseded since" in client.get(page).content.decode()
    command("heart_40", reopen=True, reason="New advice")
    body = client.get(page).content.decode()
    assert "To be reviewed again" in body
    assert "(Heart attack, version 1) was superseded by Heart attack, version 2 on" in body
    assert "New advice" in body
    listed = client.get("/cases/").content.decode()
    assert (listed.count("54-year-old female"), listed.count("Review again")) == (2, 1)
    only = client.get("/cases/?reopened=1").content.decode()
    assert (only.count("54-year-old female"), str(case_id) in only) == (1, True)

    old = client.get(f"/passages/{superseded}/").content.decode()
    assert "was superseded on" in old
    assert "by Heart attack, version 2. It no longer holds" in old
    with public_context():
        new = apps.get_model("rag", "Passage").objects.get(guideline_id="heart_40@2").pk
    assert f'href="/passages/{new}/"' in old
    assert f"/passages/{new}/" in body
    assert "no longer holds" not in client.get(f"/passages/{new}/").content.decode()

    assert client.post(f"{page}assessments/{assessment_id}/reviewed/").status_code == 302
    assert "To be reviewed again" not in client.get(page).content.decode()
    assert "No assessment waits" in client.get("/cases/?reopened=1").content.decode()
    assert "had reviewed it already" in client.post(
        f"{page}assessments/{assessment_id}/reviewed/", follow=True
    ).content.decode()  # fmt: skip


def test_nobody_else_closes_it(superseded: str, api: Any, pat: Any, audrey: Any, bob: Any) -> None:
    case_id, assessment_id = stored("alpha", citing(superseded))
    command("heart_40", reopen=True, reason="x")
    address = f"/cases/{case_id}/assessments/{assessment_id}/reviewed/"
    assert [api(who).post(address).status_code for who in (pat, audrey, bob, None)] == [403, 403, 404, 302]
    with clinic_context("alpha"):
        assert AssessmentRecord.objects.get(pk=assessment_id).reopened_at is not None


def test_the_api_tells_of_a_reopened_assessment(superseded: str, api: Any, key_of: Any) -> None:
    case_id, _ = stored("alpha", citing(superseded))
    client = api(key=key_of("alpha"))
    address = f"/api/v1/cases/{case_id}/assessments"
    assert client.get(address).json()["items"][0]["reopened"] is None
    command("heart_40", reopen=True, reason="New advice")
    found = client.get(address).json()["items"][0]["reopened"]
    (reason,) = found["reasons"]
    assert (reason["guideline"], reason["superseded_by"], reason["reason"], reason["passages"]) == (
        "heart_40", "heart_40@2", "New advice", [superseded],
    )  # fmt: skip
    assert found["at"] == reason["at"]


# --- the admin ------------------------------------------------------------------------------------------


def test_staff_reads_withdraws_and_recalls_in_the_admin(api: Any, staff: Any) -> None:
    ingest(section("1", samples.PASSAGE_TEXT, review_due=date(2021, 1, 1)))
    case_id, assessment_id = stored("alpha", citing(cited_passage()))
    site = api(staff)
    listed = site.get("/admin/rag/guideline/?review=overdue&q=heart").content.decode()
    assert "Heart attack" in listed
    assert "<strong>2021-01-01 overdue</strong>" in listed
    assert "Heart attack" not in site.get("/admin/rag/guideline/?review=none").content.decode()
    action = {"action": "withdraw", "_selected_action": ["heart_40"], "reason": ""}
    assert "1 to 300 characters" in site.post(
        "/admin/rag/guideline/", action, format="multipart", follow=True
    ).content.decode()  # fmt: skip
    site.post("/admin/rag/guideline/", {**action, "reason": "Retracted"}, format="multipart")
    page = site.get("/admin/rag/guideline/heart_5F40/change/").content.decode()
    assert "Retracted" in page
    assert samples.PASSAGE_TEXT in page
    assert 'href="/admin/guideline-recall/heart_40/"' in page
    with public_context():
        assert AuditEntry.objects.get(action="guideline.withdraw").actor_label == "sam"

    page = site.get("/admin/guideline-recall/heart_40/").content.decode()
    assert str(assessment_id) in page
    assert "54-year-old" not in page
    site.post("/admin/guideline-recall/heart_40/", {"reason": ""}, format="multipart")
    with clinic_context("alpha"):
        assert AssessmentRecord.objects.get(pk=assessment_id).reopened_at is None
    answer = site.post("/admin/guideline-recall/heart_40/", {"reason": "Retracted"}, format="multipart", follow=True)
    assert "1 assessment was reopened" in answer.content.decode()
    with clinic_context("alpha"):
        entry = AuditEntry.objects.get(action="assessment.reopen")
        assert (entry.object_id, entry.actor_label) == (str(assessment_id), "admin: sam")
    body = api(staff).get(f"/cases/{case_id}/")
    assert body.status_code == 404


def test_nobody_of_a_clinic_gets_to_the_guidelines_admin(superseded: str, api: Any, ada: Any, alice: Any) -> None:
    for who in (ada, alice, None):
        site = api(who, host="alpha.localhost")
        assert site.get("/admin/rag/guideline/").status_code in {302, 403}
        assert site.get("/admin/guideline-recall/heart_40/").status_code in {302, 404}
    assert api(host="localhost").get("/admin/guideline-recall/heart_40/").status_code == 302


def test_staff_neither_adds_changes_nor_deletes_a_guideline(superseded: str, api: Any, staff: Any) -> None:
    site = api(staff)
    assert site.get("/admin/rag/guideline/add/").status_code == 403
    assert site.post("/admin/rag/guideline/heart_5F40/delete/", {"post": "yes"}).status_code == 403
    assert site.post("/admin/rag/guideline/heart_5F40/change/", {"title": "x"}).status_code == 403
