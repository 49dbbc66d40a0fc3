"""The patient's side: invited by a code, guided questions that stop at an emergency, released text only, through every door."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from apps.cases.models import Case, Intake, PatientLink, PatientMessage, Release
from apps.cases.pipeline import intake as guided
from apps.cases.tests import samples
from apps.cases.tests.stored import make_case
from medassist.accounts.models import User
from medassist.audit.models import AuditEntry
from medassist.clinical.parsing import parse_case
from medassist.tenancy.context import clinic_context

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough pass phrase"
KNOWN = parse_case(
    {"presenting_complaint": "check-up", "patient": {"age": {"value": 54, "unit": "years"}, "sex": "female"}}
)


@pytest.fixture
def case() -> Case:
    with clinic_context("alpha"):
        return make_case(assessment=samples.full())


def invited(api: Any, who: Any, case: Case) -> str:
    page = api(who).post(f"/cases/{case.id}/invite/")
    assert page.status_code == 200
    found = re.search(r"<code>([A-Z0-9-]{19})</code>", page.content.decode())
    assert found
    return found.group(1)


def accepted(api: Any, alice: Any, case: Case, name: str = "newpat") -> Any:
    """A patient's own browser, signed in through the invitation."""
    browser = api()
    browser.defaults["HTTP_HOST"] = "alpha.localhost"
    answer = browser.post(
        "/invitation/",
        {"code": invited(api, alice, case), "full_name": "New Patient", "username": name, "password": PASSWORD},
    )
    assert answer.status_code == 302, answer.content.decode()[-2000:]
    return browser


def link_of(case: Case) -> PatientLink:
    with clinic_context("alpha"):
        return PatientLink.objects.filter(case_id=case.id).latest("invited_at")


def test_a_code_opens_one_case_once_and_is_stored_nowhere(api: Any, alice: Any, case: Case) -> None:
    code = invited(api, alice, case)
    with clinic_context("alpha"):
        link = PatientLink.objects.get()
        assert code not in str(link.__dict__)
        assert code.replace("-", "") not in str(list(AuditEntry.objects.values_list("detail", flat=True)))
    form = {"code": code.lower(), "full_name": "P", "username": "p1", "password": PASSWORD}
    first, second = api(), api()
    for browser in (first, second):
        browser.defaults["HTTP_HOST"] = "alpha.localhost"
    assert first.post("/invitation/", form).status_code == 302
    assert "not valid" in second.post("/invitation/", {**form, "username": "p2"}).content.decode()
    assert first.get("/").headers["Location"] == "/my/"
    with clinic_context("alpha"):
        assert User.objects.get(username="p1").role == "patient"
        assert not User.objects.filter(username="p2").exists()


def test_old_late_and_foreign_codes_open_nothing(api: Any, alice: Any, case: Case) -> None:
    old = invited(api, alice, case)
    new = invited(api, alice, case)
    browser = api()
    form = {"full_name": "P", "username": "p1", "password": PASSWORD}
    browser.defaults["HTTP_HOST"] = "beta.localhost"
    assert browser.post("/invitation/", {**form, "code": new}).status_code == 400, "another clinic's code"
    browser.defaults["HTTP_HOST"] = "alpha.localhost"
    assert browser.post("/invitation/", {**form, "code": old}).status_code == 400
    with clinic_context("alpha"):
        PatientLink.objects.update(expires_at=timezone.now())
    assert browser.post("/invitation/", {**form, "code": new}).status_code == 400
    weak = browser.post("/invitation/", {**form, "code": new, "password": "short"})
    assert weak.status_code == 400


def test_a_patient_reads_released_text_and_nothing_else(api: Any, alice: Any, case: Case) -> None:
    browser = accepted(api, alice, case)
    link = link_of(case)
    page = browser.get(f"/my/{link.id}/").content.decode()
    assert "Nothing has been released" in page
    secret = samples.full().differential[0].condition
    assert secret not in page
    with clinic_context("alpha"):
        row = Case.objects.get(pk=case.id).assessments.get()
    api(alice).post(
        f"/api/v1/assessments/{row.pk}/release", {"text": "You are doing well. Come back soon."}, format="json"
    )
    assert "You are doing well." in browser.get(f"/my/{link.id}/").content.decode()
    api(alice).delete(f"/api/v1/assessments/{row.pk}/release")
    assert "You are doing well." not in browser.get(f"/my/{link.id}/").content.decode()


def routes(patterns: Any, prefix: str = "/") -> list[str]:
    found: list[str] = []
    for one in patterns:
        part = str(one.pattern).lstrip("^").rstrip("$").replace("\\Z", "")
        if isinstance(one, URLResolver):
            found += routes(one.url_patterns, prefix + part)
        elif isinstance(one, URLPattern):
            found.append(prefix + part)
    return found


def test_no_door_shows_a_patient_anything_unreleased(api: Any, alice: Any, case: Case) -> None:
    """Every route, GET and POST, with every id that there is: no word of the record or of the assessment."""
    browser = accepted(api, alice, case)
    with clinic_context("alpha"):
        row = Case.objects.get(pk=case.id).assessments.get()
        job = row.job_id
    link = link_of(case)
    ids = {"case_id": case.id, "assessment_id": row.pk, "job_id": job, "link_id": link.id}
    secrets = {"pressing chest pain", samples.full().differential[0].condition, "A-1182", "metformin"}
    seen = 0
    for route in routes(get_resolver("medassist.urls").url_patterns):
        if "consent" in route or "logout" in route:
            continue
        for value in ids.values():
            address = re.sub(r"<uuid:(\w+)>", lambda match: str(ids.get(match.group(1), value)), route)  # noqa: B023
            address = re.sub(r"<[^>]+>|\(\?P<[^)]*\)", "c1", address)
            if re.search(r"[()\[\]^$?*]", address):
                continue
            for answer in (browser.get(address), browser.post(address, {})):
                seen += 1
                body = b"".join(answer.streaming_content) if answer.streaming else answer.content
                text = body.decode("utf-8", "replace")
                assert not [word for word in secrets if word in text], (address, answer.status_code)
    assert seen > 400


def test_a_stranger_and_another_patient_find_nothing(api: Any, alice: Any, nora: Any, pat: Any, case: Case) -> None:
    accepted(api, alice, case)
    link = link_of(case)
    for who in (pat,):
        for part in ("", "questions/", "seen/", "consent/"):
            assert api(who).get(f"/my/{link.id}/{part}").status_code == 404
    for who in (alice, nora):
        assert api(who).get("/my/").status_code == 403
    assert api(pat).post(f"/cases/{case.id}/invite/").status_code == 403


def answer_all(browser: Any, link: PatientLink, answers: dict[str, str]) -> str:
    for _ in range(60):
        page = browser.get(f"/my/{link.id}/questions/")
        if page.status_code == 302:
            return "end"
        found = re.search(r'name="question" value="(\w+)"', page.content.decode())
        assert found
        name = found.group(1)
        kind = {q.id: q for q in guided.questions()}[name]
        default = "no" if kind.kind == "yes_no" else kind.choices[0] if kind.choices else "a week"
        moved = browser.post(f"/my/{link.id}/questions/", {"question": name, "answer": answers.get(name, default)})
        assert moved.status_code == 302
        if moved.headers["Location"] == f"/my/{link.id}/":
            return name
    pytest.fail("the questions do not end")


def test_the_questions_end_reach_the_clinic_and_fill_a_form(api: Any, alice: Any, case: Case) -> None:
    browser = accepted(api, alice, case)
    link = link_of(case)
    assert answer_all(browser, link, {"complaint": "a sore knee", "medicines": "ibuprofen gel"}) == "more"
    page = api(alice).get(f"/cases/{case.id}/").content.decode()
    assert "a sore knee" in page
    with clinic_context("alpha"):
        row = Intake.objects.get()
    form = api(alice).get(f"/cases/new/?intake={row.id}").content.decode()
    assert "From the patient" in form
    assert "ibuprofen gel" in form
    assert api(alice).get(f"/cases/new/?intake={uuid4()}").status_code == 404
    assert api(alice).get("/cases/new/?intake=nonsense").status_code == 404


def test_an_emergency_stops_the_questions_with_what_to_do_now(api: Any, alice: Any, case: Case) -> None:
    browser = accepted(api, alice, case)
    link = link_of(case)
    stopped_at = answer_all(browser, link, {"complaint": "pain in my chest", "chest": "yes", "breath": "yes"})
    assert stopped_at in {"breath", "chest"}
    page = browser.get(f"/my/{link.id}/").content.decode()
    assert "Get emergency help now" in page
    assert "Emergency now" in api(alice).get(f"/cases/{case.id}/").content.decode()


@pytest.mark.parametrize(
    ("complaint", "asked"),
    [
        ("my back hurts", "back_saddle"),
        ("headache", "head_sudden"),
        ("I feel hopeless", "mood_plan"),
        ("itchy rash", "skin_swell"),
    ],
)
def test_what_is_asked_follows_from_the_complaint(complaint: str, asked: str) -> None:
    answers = {"complaint": complaint}
    names = []
    while (question := guided.next_question(answers, KNOWN)) is not None:
        names.append(question.id)
        answers[question.id] = "no" if question.kind == "yes_no" else "the same" if question.choices else "x"
    assert asked in names
    assert guided.floor_of(answers, KNOWN).level != "emergency_now", "denials raise nothing"


@pytest.mark.parametrize(
    "name", [q.id for q in guided.questions() if q.kind == "yes_no" and q.id not in {"fever", "chest", "leg_swollen"}]
)
def test_every_yes_to_a_red_flag_is_at_least_for_the_same_day(name: str) -> None:
    answers = {"complaint": "I feel ill", name: "yes"}
    assert guided.floor_of(answers, KNOWN).level != "routine"


@pytest.mark.parametrize(("name", "answer"), [("complaint", " "), ("breath", "maybe"), ("course", "sideways")])
def test_an_answer_that_is_none_is_told(name: str, answer: str) -> None:
    question = {q.id: q for q in guided.questions()}[name]
    assert guided.problem_with(question, answer)


def test_messages_go_and_come_back_within_what_a_patient_may_be_told(api: Any, alice: Any, case: Case) -> None:
    browser = accepted(api, alice, case)
    link = link_of(case)
    browser.post(f"/my/{link.id}/message/", {"kind": "wrong", "text": "I am 52, not 54."})
    page = api(alice).get(f"/cases/{case.id}/").content.decode()
    assert "1 message to answer" in page
    with clinic_context("alpha"):
        message = PatientMessage.objects.get()
    url = f"/cases/{case.id}/messages/{message.id}/"
    api(alice).post(url, {"text": "Take two aspirin tonight."})
    with clinic_context("alpha"):
        assert not PatientMessage.objects.get().reply
    api(alice).post(url, {"text": "Thank you, we have corrected it."})
    assert "we have corrected it" in browser.get(f"/my/{link.id}/").content.decode()
    with clinic_context("alpha"):
        assert "corrected" not in str(list(AuditEntry.objects.values_list("detail", flat=True)))


def test_a_patient_sees_who_looked_and_may_withdraw(api: Any, alice: Any, case: Case) -> None:
    browser = accepted(api, alice, case)
    link = link_of(case)
    api(alice).get(f"/cases/{case.id}/")
    seen = browser.get(f"/my/{link.id}/seen/").content.decode()
    assert "read your case" in seen
    assert "alice" in seen.lower()
    with clinic_context("alpha"):
        row = Case.objects.get(pk=case.id).assessments.get()
    api(alice).post(f"/api/v1/assessments/{row.pk}/release", {"text": "You are doing well."}, format="json")
    assert browser.post(f"/my/{link.id}/consent/").status_code == 302
    assert browser.get(f"/my/{link.id}/").status_code == 404
    with clinic_context("alpha"):
        assert not Release.objects.filter(withdrawn_at__isnull=True).exists()
    assert "withdrawn the consent" in api(alice).get(f"/cases/{case.id}/").content.decode()
