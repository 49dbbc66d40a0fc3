"""A clinician's say: claim by claim, the outcome, what a patient may read, the own impression first, versions, the work list."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from apps.cases.models import Case, ClaimReview, Impression, Outcome, Release
from apps.cases.schemas import claims_of
from apps.cases.tests import samples
from apps.cases.tests.stored import make_case
from apps.cases.views.versions import changes
from medassist.audit.models import AuditEntry
from medassist.tenancy.context import clinic_context

pytestmark = pytest.mark.django_db


def stored(**state: Any) -> Case:
    with clinic_context("alpha"):
        return make_case(**state)


@pytest.fixture
def case() -> Any:
    return stored(assessment=samples.full())


def assessment_id(case: Any) -> str:
    with clinic_context("alpha"):
        return str(Case.objects.get(pk=case.id).assessments.get().pk)


def first_claims(many: int) -> list[str]:
    return [claim.id for claim in claims_of(samples.full())][:many]


def test_claims_are_accepted_rejected_and_edited_all_or_none(api: Any, alice: Any, case: Any) -> None:
    url = f"/api/v1/assessments/{assessment_id(case)}/review"
    one, two, three = first_claims(3)
    verdicts = [
        {"claim": one, "verdict": "accept"},
        {"claim": two, "verdict": "reject", "reason": "not what she said"},
        {"claim": three, "verdict": "edit", "reason": "left side", "text": "Pain radiates to the left arm."},
    ]
    wrong = api(alice).post(url, {"reviews": [*verdicts, {"claim": "c999", "verdict": "accept"}]}, format="json")
    assert wrong.status_code == 400
    assert set(wrong.json()["errors"]) == {"reviews.3.claim"}
    with clinic_context("alpha"):
        assert not ClaimReview.objects.exists()
    kept = api(alice).post(url, {"reviews": verdicts}, format="json")
    assert (kept.status_code, kept.json()["kept"]) == (200, 3), kept.content
    again = api(alice).post(url, {"reviews": verdicts}, format="json")
    assert again.json()["kept"] == 0, "sent twice, kept once"
    later = api(alice).post(url, {"reviews": [{"claim": two, "verdict": "accept"}]}, format="json")
    assert {item["claim"]: item["verdict"] for item in later.json()["reviews"]}[two] == "accept"
    with clinic_context("alpha"):
        assert ClaimReview.objects.count() == 4, "nothing is overwritten"
        entries = AuditEntry.objects.filter(action="assessment.review")
        assert entries.count() == 2
        assert "left side" not in json.dumps(list(entries.values_list("detail", flat=True)))


@pytest.mark.parametrize(
    ("verdict", "field"),
    [
        ({"verdict": "reject"}, "reason"),
        ({"verdict": "edit", "reason": "so"}, "text"),
        ({"verdict": "accept", "text": "more"}, "text"),
        ({"verdict": "edit", "reason": "so", "text": "Start aspirin 300 mg now."}, "text"),
        ({"verdict": "edit", "reason": "so", "text": "Give 5 units of insulin."}, "text"),
    ],
)
def test_what_cannot_be_kept_names_its_field(api: Any, alice: Any, case: Any, verdict: Any, field: str) -> None:
    answer = api(alice).post(
        f"/api/v1/assessments/{assessment_id(case)}/review",
        {"reviews": [{"claim": first_claims(1)[0], **verdict}]}, format="json",
    )  # fmt: skip
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {f"reviews.0.{field}"}


def test_only_clinicians_of_the_clinic_and_keys_with_the_scope_review(
    api: Any, nora: Any, ada: Any, pat: Any, bob: Any, key_of: Any, case: Any
) -> None:
    place = assessment_id(case)
    body = {"reviews": [{"claim": first_claims(1)[0], "verdict": "accept"}]}
    for who in (nora, ada, pat):
        assert api(who).post(f"/api/v1/assessments/{place}/review", body, format="json").status_code == 403
        assert api(who).post(f"/api/v1/assessments/{place}/release", {"text": "x"}, format="json").status_code == 403
        assert (
            api(who).post(f"/api/v1/cases/{case.id}/outcome", {"diagnoses": [{"name": "x"}]}, format="json").status_code
            == 403
        )
    assert api(bob).post(f"/api/v1/assessments/{place}/review", body, format="json").status_code == 404
    assert api().post(f"/api/v1/assessments/{place}/review", body, format="json").status_code == 401


def test_an_assessment_that_was_withheld_has_nothing_to_review_or_release(api: Any, alice: Any) -> None:
    case = stored(assessment=samples.abstained())
    place = assessment_id(case)
    body = {"reviews": [{"claim": "c1", "verdict": "accept"}]}
    assert api(alice).post(f"/api/v1/assessments/{place}/review", body, format="json").status_code == 409
    assert (
        api(alice).post(f"/api/v1/assessments/{place}/release", {"text": "You are well."}, format="json").status_code
        == 409
    )
    assert api(alice).post(f"/api/v1/assessments/{uuid4()}/release", {"text": "x"}, format="json").status_code == 404


def test_the_outcome_is_ranked_kept_and_exported_for_calibration(
    api: Any, alice: Any, case: Any, tmp_path: Any, django_command: Any
) -> None:
    named = samples.full().differential[1].condition
    url = f"/api/v1/cases/{case.id}/outcome"
    assert api(alice).post(url, {"diagnoses": [{"name": named}]}, format="json").json() == {"rank": 2}
    assert api(alice).post(url, {"diagnoses": [{"name": "Zebra fever"}]}, format="json").json() == {"rank": None}
    assert api(alice).post(url, {"diagnoses": [{"name": named, "icd10": "nonsense"}]}, format="json").status_code == 400
    with clinic_context("alpha"):
        assert Outcome.objects.count() == 2
    out = tmp_path / "adjudicated.jsonl"
    django_command("export_adjudicated", clinic="alpha", out=out)
    (line,) = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert line["diagnosis"] == ["Zebra fever"], "the newest counts"
    assert line["assessment"]["status"] == "released"


@pytest.fixture
def django_command() -> Any:
    from django.core.management import call_command

    def run(name: str, *, clinic: str, **options: Any) -> None:
        with clinic_context(clinic):
            call_command(name, **options)

    return run


def test_a_patient_may_read_only_what_was_released_and_passed_the_checks(api: Any, alice: Any, case: Any) -> None:
    place = assessment_id(case)
    url = f"/api/v1/assessments/{place}/release"
    good = "You came with chest pain. We looked at your heart. Please come back to see us."
    for forbidden in ("Take aspirin 300 mg now.", "Stop your metformin.", "Take one more tablet tonight."):
        answer = api(alice).post(url, {"text": f"{good} {forbidden}"}, format="json")
        assert answer.status_code == 400
        assert forbidden.rstrip(".") in answer.json()["errors"]["text"]
    assert set(api(alice).post(url, {"text": f"{good} Your value was 7777."}, format="json").json()["errors"]) == {
        "accept_numbers"
    }
    assert api(alice).post(url, {"text": good}, format="json").status_code == 201
    assert api(alice).post(url, {"text": f"{good} Thank you."}, format="json").status_code == 201
    with clinic_context("alpha"):
        assert Release.objects.count() == 2
        assert Release.objects.get(withdrawn_at__isnull=True).text.endswith("Thank you.")
    assert api(alice).delete(url).status_code == 204
    assert api(alice).delete(url).status_code == 404


def test_the_draft_holds_only_what_was_accepted(api: Any, alice: Any, case: Any) -> None:
    place = assessment_id(case)
    page = api(alice).get(f"/cases/{case.id}/assessments/{place}/release/").content.decode()
    facts = list(samples.full().summary.claims)
    assert not any(claim.text in page for claim in facts), "nothing is accepted yet"
    body = {"reviews": [{"claim": facts[0].id, "verdict": "accept"}]}
    api(alice).post(f"/api/v1/assessments/{place}/review", body, format="json")
    page = api(alice).get(f"/cases/{case.id}/assessments/{place}/release/").content.decode()
    assert "What was recorded" in page


def test_the_page_keeps_a_verdict_with_and_without_htmx(api: Any, alice: Any, case: Any) -> None:
    claim = first_claims(1)[0]
    url = f"/cases/{case.id}/assessments/{assessment_id(case)}/claims/{claim}/"
    answer = api(alice).post(url, {"verdict": "accept"})
    assert answer.status_code == 302
    assert answer["Location"].endswith(f"#claim-{claim}")
    assert "accepted by" in api(alice).get(f"/cases/{case.id}/").content.decode()
    swapped = api(alice).post(url, {"verdict": "reject", "reason": ""}, headers={"HX-Request": "true"}).content.decode()
    assert "say why" in swapped
    swapped = (
        api(alice)
        .post(url, {"verdict": "reject", "reason": "wrong side"}, headers={"HX-Request": "true"})
        .content.decode()
    )
    assert "rejected by" in swapped
    assert f'id="claim-{claim}"' in swapped
    assert "1 of" in swapped


def test_who_wants_to_think_first_sees_triage_but_no_differential_before(
    api: Any, alice: Any, nora: Any, case: Any
) -> None:
    with clinic_context("alpha"):
        Case.objects.filter(pk=case.id).update(think_first=True)
    page = api(alice).get(f"/cases/{case.id}/").content.decode()
    assert "what do you think" in page
    assert "Red flags" in page
    assert "Differential diagnosis" not in page
    assert api(alice).post(f"/cases/{case.id}/impression/", {"text": " "}).status_code == 302
    assert "what do you think" in api(alice).get(f"/cases/{case.id}/").content.decode()
    api(alice).post(f"/cases/{case.id}/impression/", {"text": "Pericarditis"})
    page = api(alice).get(f"/cases/{case.id}/").content.decode()
    assert "Differential diagnosis" in page
    assert "Pericarditis" in page
    assert "what do you think" in api(nora).get(f"/cases/{case.id}/").content.decode(), (
        "everybody thinks for themselves"
    )
    api(nora).post(f"/cases/{case.id}/impression/", {"skip": "1"})
    assert "Pericarditis" not in api(nora).get(f"/cases/{case.id}/").content.decode()
    with clinic_context("alpha"):
        assert Impression.objects.count() == 2


def test_two_assessments_are_compared_by_what_they_say() -> None:
    old = samples.full()
    moved = old.differential[0].model_copy(update={"band": "less_likely"})
    new = old.model_copy(
        update={
            "differential": (moved, *old.differential[2:]),
            "triage": old.triage.model_copy(update={"level": "same_day"}),
            "missing_information": (*old.missing_information, "A second troponin"),
        }
    )
    said = {(one.what, one.part, one.text) for one in changes(old, new)}
    assert ("moved", "triage", "") in said
    assert ("moved", "differential", old.differential[0].condition) in said
    assert ("removed", "differential", old.differential[1].condition) in said
    assert ("added", "missing", "A second troponin") in said
    assert changes(old, old) == []


def test_the_versions_page_shows_what_changed(api: Any, alice: Any, case: Any, bob: Any) -> None:
    assert api(alice).get(f"/cases/{case.id}/assessments/").status_code == 200
    assert api(bob).get(f"/cases/{case.id}/assessments/").status_code == 404


def test_the_work_list_finds_words_without_holding_them(api: Any, alice: Any, case: Any) -> None:
    found = api(alice).post("/cases/", {"words": "CHEST pain"}).content.decode()
    assert str(case.id) in found
    assert str(case.id) in api(alice).post("/cases/", {"words": "A-1182"}).content.decode(), (
        "the clinic's own reference"
    )
    assert str(case.id) not in api(alice).post("/cases/", {"words": "chest appendicitis"}).content.decode()
    assert "chest" not in api(alice).get("/cases/?words=chest").content.decode().split("worklist")[0].lower()
    with clinic_context("alpha"):
        row = Case.objects.get(pk=case.id)
        assert row.words
        assert "chest" not in json.dumps(row.words)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", True), ("?level=emergency_now", True), ("?level=routine", False), ("?status=released", True),
        ("?status=waiting", False), ("?mine=1", False), ("?reopened=1", False), ("?level=nonsense", True),
    ],
)  # fmt: skip
def test_the_work_list_is_filtered(api: Any, nora: Any, case: Any, query: str, shown: bool) -> None:
    assert (str(case.id) in api(nora).get(f"/cases/{query}").content.decode()) is shown
