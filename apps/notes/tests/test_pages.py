"""The notes' pages: a note sent, read beside its lines, headings of the clinic's own, a hand-out checked for a patient."""

from __future__ import annotations

from typing import Any

import pytest

from apps.cases.tests.engine import backbone
from apps.notes.models import HandOut, Note, NoteTemplate
from apps.notes.pipeline.handout import draft_of
from apps.notes.schemas import BUILT_IN, SECTIONS, NoteSummary, Template, written
from apps.notes.tests.test_notes import NOTE
from apps.notes.views.notes import pieces_of
from apps.safety.services import plain_words
from medassist.audit.models import AuditEntry
from medassist.clinical.readability import readability
from medassist.tenancy.context import clinic_context

pytestmark = pytest.mark.django_db(transaction=True)


def summarised(api: Any, who: Any, text: str = NOTE, **more: str) -> dict[str, Any]:
    with backbone():
        answer = api(who).post("/api/v1/notes/summarize", {"text": text, **more}, format="json")
    assert answer.status_code == 200, answer.content
    body: dict[str, Any] = answer.json()
    return body


def test_a_note_is_sent_and_read_beside_the_lines_it_rests_on(api: Any, alice: Any) -> None:
    browser = api(alice)
    form = browser.get("/notes/new/").content.decode()
    key = form.split('name="idempotency_key" value="')[1].split('"')[0]
    sent = {"text": NOTE, "kind": "free_text", "template": "soap", "idempotency_key": key}
    with backbone():
        first = browser.post("/notes/new/", sent)
        again = browser.post("/notes/new/", sent)
        assert first.status_code == 302
        assert first["Location"] == again["Location"], "the same form sent twice is one note"
        wait_for(browser, first["Location"])
    shown = browser.get(first["Location"]).content.decode()
    for heading in ("Subjective", "Objective", "Plan"):
        assert f"<h3>{heading}</h3>" in shown
    lead = shown.split('class="source noprint" href="#')[1].split('"')[0]
    assert f'id="{lead}"' in shown
    assert "aspirin" in shown.split("In the note, but not in the summary")[1]
    assert "chest pain" in browser.get("/notes/").content.decode()


def wait_for(browser: Any, address: str) -> None:
    import time

    for _ in range(100):
        if b"The summary is ready" in browser.get(f"{address}progress/", headers={"HX-Request": "true"}).content:
            return
        time.sleep(0.1)
    raise AssertionError("the note was not summarised")


def test_an_empty_note_and_an_unknown_template_name_their_field(api: Any, alice: Any) -> None:
    refused = api(alice).post(
        "/notes/new/", {"text": "", "kind": "free_text", "template": "soap", "idempotency_key": "k"}
    )
    assert refused.status_code == 400
    assert b"id_text_error" in refused.content
    answer = api(alice).post("/api/v1/notes/summarize", {"text": NOTE, "template": "nowhere"}, format="json")
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {"template"}


def test_a_clinics_own_headings_lose_no_sentence(api: Any, ada: Any, alice: Any) -> None:
    browser = api(ada)
    lines = "Came with: reason\nWe saw: findings, results"
    assert browser.post("/notes/templates/", {"title": "Ward round", "lines": lines}).status_code == 302
    body = summarised(api, alice, template="ward-round")
    with clinic_context("alpha"):
        summary = NoteSummary.model_validate(body["summary"])
    headings = [part.heading for part in written(summary)]
    assert headings[:2] == ["Came with", "We saw"]
    assert headings[-1] == "Other"
    inside = sum(len(section.sentences) for part in written(summary) for section in part.sections)
    assert inside == sum(len(section.sentences) for section in summary.sections)
    assert browser.post("/notes/templates/ward-round/delete/").status_code == 302
    again = api(alice).get(f"/api/v1/notes/{body['note']}").json()["summary"]
    assert again["layout"] == body["summary"]["layout"], "a summary keeps the headings it was made with"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("Only words", "a colon"),
        ("Plan: treatment", "treatment"),
        ("One: reason\nTwo: reason", "two headings"),
    ],
)
def test_wrong_headings_are_refused_by_their_line(api: Any, ada: Any, lines: str, told: str) -> None:
    answer = api(ada).post("/notes/templates/", {"title": "Mine", "lines": lines})
    assert answer.status_code == 400
    assert told in answer.content.decode()
    with clinic_context("alpha"):
        assert not NoteTemplate.objects.exists()


def test_the_names_of_built_in_templates_cannot_be_taken(api: Any, ada: Any) -> None:
    assert api(ada).post("/notes/templates/", {"title": "SOAP", "lines": "A: reason"}).status_code == 400


def test_every_built_in_template_has_every_section_once() -> None:
    for template in BUILT_IN.values():
        assert sorted(name for part in template.parts for name in part.sections) == sorted(SECTIONS)


def test_headings_are_for_the_clinics_administrator_and_notes_for_who_cares(
    api: Any, alice: Any, ada: Any, pat: Any, audrey: Any
) -> None:
    assert api(alice).get("/notes/templates/").status_code == 403
    for stranger in (ada, pat, audrey):
        assert api(stranger).get("/notes/").status_code == 403
    assert api(ada).get("/notes/templates/").status_code == 200


def test_a_hand_out_goes_out_checked_and_can_be_taken_back(api: Any, alice: Any, nora: Any) -> None:
    body = summarised(api, alice)
    address = f"/notes/{body['note']}/handout/"
    browser = api(alice)
    drafted = browser.get(address).content.decode()
    assert "Why you came" in drafted
    assert "aspirin" not in drafted
    text = "You came with chest pain. We looked at your heart. You will be seen again on Monday."
    for forbidden in ("Take aspirin 300 mg now.", "Stop your metformin.", "Take an extra tablet if it hurts."):
        refused = browser.post(address, {"text": f"{text} {forbidden}"})
        assert refused.status_code == 400
        assert forbidden.rstrip(".") in refused.content.decode()
    assert browser.post(address, {"text": f"{text} Your pressure was 999."}).status_code == 400
    assert browser.post(address, {"text": text}).status_code == 302
    assert api(nora).get(address).content.decode().count("You came with chest pain") == 1
    assert api(nora).post(address, {"text": text}).status_code == 403
    with clinic_context("alpha"):
        assert HandOut.objects.get().text == text
        assert {"note.handout.release"} <= set(AuditEntry.objects.values_list("action", flat=True))
    assert browser.post(f"{address}withdraw/").status_code == 302
    with clinic_context("alpha"):
        assert not HandOut.objects.filter(withdrawn_at__isnull=True).exists()


def test_a_text_that_is_hard_to_read_is_released_only_knowingly(api: Any, alice: Any) -> None:
    body = summarised(api, alice)
    address = f"/notes/{body['note']}/handout/"
    hard = (
        "Electrocardiographic abnormalities necessitated additional investigations regarding myocardial ischaemia and its "
        "possible complications, notwithstanding haemodynamic stability."
    )
    browser = api(alice)
    refused = browser.post(address, {"text": hard})
    assert refused.status_code == 400
    assert "reading grade" in refused.content.decode()
    assert browser.post(address, {"text": hard, "accept_hard": "on"}).status_code == 302


def test_another_clinic_and_a_stranger_find_no_note(api: Any, alice: Any, bob: Any) -> None:
    body = summarised(api, alice)
    for address in (f"/notes/{body['note']}/", f"/notes/{body['note']}/handout/", f"/notes/{body['note']}/progress/"):
        assert api(bob).get(address, headers={"HX-Request": "true"}).status_code == 404


def test_words_of_a_record_become_plain_and_others_stay() -> None:
    assert plain_words("Hypertension and SOB.") == "High blood pressure and shortness of breath."
    assert plain_words("PEFR 400, acted well, CTPA done") == "PEFR 400, acted well, CTPA done"


def test_a_draft_for_the_patient_leaves_out_what_a_patient_may_not_read() -> None:
    summary = NoteSummary.model_validate(
        {
            "status": "released", "disclaimers": [],
            "sections": [{"name": "plan_recorded", "sentences": [
                {"text": "Follow-up with cardiology on Monday.", "source": []},
                {"text": "Start ramipril 2.5 mg daily.", "source": []},
            ]}],
            "provenance": {"backbone": None, "model": None, "prompt_version": "p", "guard_version": "g", "job_id": "j",
                           "created_at": "2026-01-01T00:00:00Z"},
        }
    )  # fmt: skip
    draft = draft_of(summary, note="Start ramipril 2.5 mg daily.")
    assert "cardiology" in draft
    assert "ramipril" not in draft
    assert "ask your clinician" in draft


def test_the_note_is_shown_whole_whatever_is_cited() -> None:
    assert "".join(piece.text for piece in pieces_of(NOTE, None)) == NOTE


def test_reading_grades_order_texts_as_people_would() -> None:
    easy = readability("You came with chest pain. We will see you again soon.")
    hard = readability("Haemodynamic instability necessitated immediate cardiological consultation.")
    assert easy.grade < 6 < hard.grade
    assert readability("").grade == 0
    assert Template.model_validate(BUILT_IN["soap"].model_dump()) == BUILT_IN["soap"]


def test_a_note_sent_before_there_were_templates_reads_as_before(api: Any, alice: Any) -> None:
    body = summarised(api, alice)
    old = {**body["summary"], "schema_version": "1.0", "layout": []}
    assert next(part.heading for part in written(NoteSummary.model_validate(old))) == "Reason for the visit"
    with clinic_context("alpha"):
        assert Note.objects.get(pk=body["note"]).template == "standard"
