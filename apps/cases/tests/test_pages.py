"""Who gets a page, what a page may carry, and that a case can be entered and found again."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import uuid4

import pytest

from apps.cases.models import Case
from apps.cases.tests import samples
from apps.cases.tests.stored import make_case
from apps.cases.tests.test_pages_form import BLANK
from medassist.common.errors import TooManyRequests

pytestmark = pytest.mark.django_db

ALPHA = {"HTTP_HOST": "alpha.localhost"}


def form(**typed: str) -> dict[str, str]:
    return {**BLANK, "presenting_complaint": "Chest pain for 25 minutes, radiating to the left arm", **typed}


# --- who may ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["/cases/", "/cases/new/", "/cases/new/json/", "/cases/142abb74-4147-4ecf-af04-c1fb2852a5c2/", "/passages/x/"],
)
def test_a_stranger_is_sent_to_sign_in_and_comes_back(client: Any, address: str) -> None:
    response = client.get(address, **ALPHA)
    assert response.status_code == 302
    assert response.headers["Location"] == f"/login/?next={address}"
    assert response.headers["Cache-Control"] == "no-store"


def test_a_fragment_for_a_signed_out_page_moves_the_whole_page_to_sign_in(client: Any) -> None:
    headers = {"hx-request": "true", "hx-current-url": "http://alpha.localhost/cases/new/"}
    response = client.get("/cases/", headers=headers, **ALPHA)
    assert response.status_code == 401
    assert response.headers["HX-Redirect"] == "/login/?next=%2Fcases%2Fnew%2F"


@pytest.mark.parametrize("who", ["pat", "ada", "audrey"])
def test_people_without_the_right_see_the_403_page(api: Any, request: Any, who: str) -> None:
    response = api(request.getfixturevalue(who)).get("/cases/")
    assert response.status_code == 403
    assert "You do not have the right" in response.content.decode()


def test_a_case_of_another_clinic_is_not_found(in_alpha: Any, api: Any, bob: Any) -> None:
    case = make_case(assessment=samples.full())
    response = api(bob).get(f"/cases/{case.id}/")
    assert response.status_code == 404
    assert "There is nothing at this address" in response.content.decode()
    assert "Chest pain" not in response.content.decode()


def test_a_form_without_its_csrf_token_is_refused(api: Any, alice: Any) -> None:
    response = api(alice, csrf=True).post("/cases/new/", form())
    assert response.status_code == 403
    assert "open for too long" in response.content.decode()


def test_sign_in_leads_to_the_page_that_was_asked_for(client: Any, alice: Any) -> None:
    page = client.get("/login/?next=/cases/new/", **ALPHA)
    assert 'name="next" value="/cases/new/"' in page.content.decode()
    typed = {"username": "alice", "password": alice.password, "next": "/cases/new/"}
    response = client.post("/login/", typed, **ALPHA)
    assert response.headers["Location"] == "/cases/new/"


def test_a_wrong_password_is_said_without_saying_which_part_was_wrong(client: Any, alice: Any) -> None:
    response = client.post("/login/", {"username": "alice", "password": "wrong"}, **ALPHA)
    assert response.status_code == 200
    assert 'role="alert"' in response.content.decode()


def test_sign_in_never_leads_to_another_site(client: Any, alice: Any) -> None:
    typed = {"username": "alice", "password": alice.password, "next": "https://elsewhere.example/"}
    assert client.post("/login/", typed, **ALPHA).headers["Location"] == "/"


def test_the_start_leads_to_the_work_list_or_to_sign_in(client: Any, api: Any, alice: Any) -> None:
    assert client.get("/", **ALPHA).headers["Location"] == "/login/"
    assert api(alice).get("/").headers["Location"] == "/cases/"


# --- the work list ----------------------------------------------------------------------------------


def test_the_work_list_shows_cases_with_level_and_state(in_alpha: Any, api: Any, alice: Any) -> None:
    make_case(assessment=samples.full())
    make_case("dead", reason="worker_lost")
    response = api(alice).get("/cases/")
    body = response.content.decode()
    assert response.headers["Cache-Control"] == "no-store"
    assert body.count("54-year-old female") == 2
    assert "Emergency now" in body
    assert "Ready" in body
    assert "Failed" in body


def test_an_empty_work_list_offers_the_first_case(api: Any, alice: Any) -> None:
    assert "Enter the first case" in api(alice).get("/cases/").content.decode()


def test_a_made_up_cursor_gets_the_400_page(api: Any, alice: Any) -> None:
    response = api(alice).get("/cases/?cursor=%00nonsense")
    assert response.status_code == 400
    assert "could not be read" in response.content.decode()


def test_older_cases_are_one_link_away(in_alpha: Any, api: Any, alice: Any) -> None:
    for _ in range(26):
        make_case()
    client = api(alice)
    link = re.search(r'href="(\?cursor=[^"]+)"', client.get("/cases/").content.decode())
    assert link
    older = client.get(f"/cases/{link[1]}")
    assert older.content.decode().count("54-year-old female") == 1


# --- entering a case --------------------------------------------------------------------------------


def test_a_typed_case_is_stored_and_its_page_shows_the_rules_at_once(in_alpha: Any, api: Any, alice: Any) -> None:
    client = api(alice)
    response = client.post("/cases/new/", form(age_value="54", systolic_bp="82"))
    assert response.status_code == 302, response.content
    case = Case.objects.get()
    assert response.headers["Location"] == f"/cases/{case.id}/"
    body = client.get(f"/cases/{case.id}/").content.decode()
    assert "By rules, before any model" in body
    assert "Emergency now" in body


def test_pressing_send_twice_makes_one_case(in_alpha: Any, api: Any, alice: Any) -> None:
    client, typed = api(alice), form(idempotency_key=str(uuid4()))
    first, second = client.post("/cases/new/", typed), client.post("/cases/new/", typed)
    assert first.headers["Location"] == second.headers["Location"]
    assert Case.objects.count() == 1


def test_a_changed_form_with_an_old_key_is_kept_and_can_be_sent_again(in_alpha: Any, api: Any, alice: Any) -> None:
    client, key = api(alice), str(uuid4())
    client.post("/cases/new/", form(idempotency_key=key))
    response = client.post("/cases/new/", form(idempotency_key=key, history="and now it is worse"))
    body = response.content.decode()
    assert response.status_code == 409
    assert "and now it is worse" in body
    assert key not in body


def test_nothing_typed_is_lost_when_a_field_is_wrong(api: Any, alice: Any) -> None:
    typed = form(heart_rate="800", history="It began\nat noon", medications="aspirin 75 mg daily", **{
        "labs-0-name": "CRP", "labs-0-value": "12", "symptoms-1-name": "nausea",
    })  # fmt: skip
    response = api(alice).post("/cases/new/", typed)
    body = response.content.decode()
    assert response.status_code == 400
    assert 'href="#id_heart_rate"' in body
    assert re.search(r'name="heart_rate" value="800"[^>]*aria-invalid="true"', body)
    for words in ("at noon", "aspirin 75 mg daily", 'value="CRP"', 'value="12"', 'value="nausea"'):
        assert words in body


def test_more_rows_can_be_asked_for_without_javascript(in_alpha: Any, api: Any, alice: Any) -> None:
    response = api(alice).post("/cases/new/", form(more_rows="labs", heart_rate="800"))
    body = response.content.decode()
    assert 'name="labs-3-name"' in body
    assert 'value="800"' in body
    assert Case.objects.count() == 0


def test_a_full_queue_keeps_the_form_and_says_when_to_come_back(api: Any, alice: Any, monkeypatch: Any) -> None:
    def full(**_: Any) -> None:
        raise TooManyRequests("This clinic has too many jobs waiting", retry_after=30)

    monkeypatch.setattr("apps.cases.services.request_assessment", full)
    response = api(alice).post("/cases/new/", form(history="typed with care"))
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "30"
    assert "typed with care" in response.content.decode()
    assert "too many jobs waiting" in response.content.decode()


def test_a_case_can_be_pasted_as_json(in_alpha: Any, api: Any, alice: Any) -> None:
    response = api(alice).post("/cases/new/json/", {"case_json": json.dumps(samples.CASE_DATA)})
    assert response.status_code == 302, response.content
    assert Case.objects.get().payload["labs"][0]["name"] == "Troponin T"


def test_pasted_json_can_be_read_into_the_form_first(in_alpha: Any, api: Any, alice: Any) -> None:
    typed = {"case_json": json.dumps(samples.CASE_DATA), "fill": "yes"}
    body = api(alice).post("/cases/new/json/", typed).content.decode()
    assert 'value="Troponin T"' in body
    assert "metformin 500 mg twice daily" in body
    assert Case.objects.count() == 0


def test_wrong_json_stays_in_the_box_with_the_field_named(api: Any, alice: Any) -> None:
    response = api(alice).post("/cases/new/json/", {"case_json": '{"history": "x", "vitals": {"heart_rate": 800}}'})
    assert response.status_code == 400
    assert "vitals.heart_rate" in response.content.decode()
    assert "800" in response.content.decode()


# --- passages ---------------------------------------------------------------------------------------


def test_a_passage_opens_with_the_quoted_words_marked(one_passage: Any, api: Any, alice: Any) -> None:
    start = samples.PASSAGE_TEXT.index(samples.QUOTE)
    address = f"/passages/medquad/1/?start={start}&end={start + len(samples.QUOTE)}"
    client = api(alice)
    panel = client.get(address, headers={"hx-request": "true"}).content.decode()
    assert f"<mark>{samples.QUOTE}</mark>" in panel
    assert "<html" not in panel
    page = client.get(address).content.decode()
    assert f"<mark>{samples.QUOTE}</mark>" in page
    for words in (
        "Heart Attack",
        "NHLBI",
        "2017-10",
        "reference",
        "Public domain",
        "https://www.example.org/heart-attack",
        "Thanks to",
    ):
        assert words in page
    assert "<html" in page


@pytest.mark.parametrize(
    "span", ["", "?start=5", "?start=9&end=3", "?start=0&end=99999", "?start=-1&end=4", "?start=a&end=b"]
)
def test_a_span_that_does_not_fit_marks_nothing(one_passage: Any, api: Any, alice: Any, span: str) -> None:
    response = api(alice).get(f"/passages/medquad/1/{span}")
    assert response.status_code == 200
    assert "<mark>" not in response.content.decode()


def test_an_unknown_passage_is_not_found(one_passage: Any, api: Any, alice: Any) -> None:
    assert api(alice).get("/passages/medquad/999/").status_code == 404


# --- what every page keeps --------------------------------------------------------------------------


def test_pages_carry_no_inline_script_or_style_and_a_strict_policy(in_alpha: Any, api: Any, alice: Any) -> None:
    case, client = make_case(assessment=samples.full()), api(alice)
    for address in ("/cases/", "/cases/new/", "/cases/new/json/", f"/cases/{case.id}/", "/nothing-here/"):
        response = client.get(address)
        body = response.content.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)", body), address
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", body), address
        assert not re.search(r'(?:src|href)="(?:https?:)?//', body.replace("https://www.example.org", "")), address
        policy = response.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'self'" in policy


def test_every_field_has_a_label_and_every_id_is_used_once(api: Any, alice: Any) -> None:
    body = re.sub(r"<template>.*?</template>", "", api(alice).get("/cases/new/").content.decode(), flags=re.S)
    ids = re.findall(r'\sid="([^"]+)"', body)
    assert len(ids) == len(set(ids))
    labels = set(re.findall(r'<label for="([^"]+)"', body))
    inputs = re.findall(r'<(?:input(?![^>]*type="hidden")|select|textarea)[^>]*\sid="([^"]+)"', body)
    assert len(inputs) > 40
    assert set(inputs) == labels & set(inputs)


def test_error_pages_say_nothing_about_the_inside(client: Any) -> None:
    response = client.get("/nothing-here/", **ALPHA)
    assert response.status_code == 404
    assert "There is nothing at this address" in response.content.decode()
    assert "urlconf" not in response.content.decode().lower()


def test_the_500_page_needs_no_database(rf: Any, django_assert_num_queries: Any) -> None:
    from medassist.web.views import server_error

    with django_assert_num_queries(0):
        response = server_error(rf.get("/"))
    assert response.status_code == 500
    assert "Something went wrong on our side" in response.content.decode()
