"""Notes: what comes in, what leaves, and the direct path with its ways out."""

from __future__ import annotations

import json
import threading
from typing import Any
from uuid import UUID, uuid4

import pytest

from apps.cases.tests.engine import backbone
from apps.notes.models import Note, SummaryRecord
from apps.notes.pipeline.lines import lines_of
from apps.notes.pipeline.omissions import omissions_of
from medassist.audit.models import AuditEntry
from medassist.common.errors import BackboneUnavailable
from medassist.jobs import direct, ledger, progress, runner, sweeper
from medassist.jobs.models import Job
from medassist.llm.schemas import ChatRequest
from medassist.tenancy.context import clinic_context, public_context

pytestmark = pytest.mark.django_db(transaction=True)

NOTE = (
    "54-year-old woman presents with chest pain since this morning. She denies fever and has no cough. "
    "Past history of hypertension. On examination the heart rate is 112 and the blood pressure is 148/92 mmHg. "
    "Troponin was 18 ng/L. Impression: possible angina. Take aspirin 300 mg now. Follow-up with cardiology on Monday."
)
URL = "/api/v1/notes/summarize"


def job(answer: Any) -> Job:
    with public_context():
        return Job.objects.get(pk=answer.json()["job"]["id"])


def sentences(summary: dict[str, Any]) -> list[str]:
    return [sentence["text"] for section in summary["sections"] for sentence in section["sentences"]]


def test_a_short_note_is_answered_at_once_with_every_sentence_at_its_place(api: Any, alice: Any) -> None:
    with backbone():
        answer = api(alice).post(URL, {"text": NOTE}, format="json")
    assert answer.status_code == 200, answer.content
    summary = answer.json()["summary"]
    assert summary["status"] == "released"
    names = [section["name"] for section in summary["sections"]]
    assert names[0] == "reason"
    assert {"findings", "results", "plan_recorded"} <= set(names)
    for section in summary["sections"]:
        for sentence in section["sentences"]:
            for place in sentence["source"]:
                assert NOTE[place["start"] : place["end"]] == place["quote"]
    assert "She denies fever and has no cough." in sentences(summary)
    assert "aspirin" not in json.dumps(summary["sections"]), "a medicine is not restated with its dose"
    assert any(item["kind"] == "medicine" and "aspirin" in item["place"]["quote"] for item in summary["omissions"])
    assert summary["disclaimers"]
    found = job(answer)
    assert (found.state, found.attempt, found.fence) == ("done", 1, 1)
    assert found.worker.startswith("direct:")


def test_what_is_stored_is_encrypted_audited_and_read_again(api: Any, alice: Any) -> None:
    with backbone():
        answer = api(alice).post(URL, {"text": NOTE}, format="json")
    note_id = answer.json()["note"]
    read = api(alice).get(f"/api/v1/notes/{note_id}").json()
    assert read["text"] == NOTE
    assert read["summary"] == answer.json()["summary"]
    with clinic_context("alpha"):
        actions = set(AuditEntry.objects.values_list("action", flat=True))
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT text FROM notes_note")
            assert "chest pain" not in str(cursor.fetchall())
    assert {"note.submit", "note.summary.store", "note.read"} <= actions


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text"),
        ({"text": "   "}, "text"),
        ({"text": "x", "kind": "poem"}, "kind"),
        ({"text": "x", "dose": "1 g"}, "dose"),
        ({"text": 5}, "text"),
        ([], ""),
    ],
)
def test_bad_input_names_the_field(api: Any, alice: Any, body: Any, field: str) -> None:
    answer = api(alice).post(URL, body, format="json")
    assert answer.status_code == 400
    assert field in answer.json()["errors"]
    with clinic_context("alpha"):
        assert not Note.objects.exists()


def test_nobody_else_gets_in(api: Any, alice: Any, bob: Any, pat: Any, stranger_key: Any) -> None:
    with backbone():
        note_id = api(alice).post(URL, {"text": NOTE}, format="json").json()["note"]
    assert api(pat).post(URL, {"text": NOTE}, format="json").status_code == 403
    assert api(pat).get(f"/api/v1/notes/{note_id}").status_code == 403
    assert api(bob).get(f"/api/v1/notes/{note_id}").status_code == 404
    assert api(alice).get(f"/api/v1/notes/{uuid4()}").status_code == 404


def test_one_key_makes_one_note(api: Any, alice: Any) -> None:
    with backbone():
        first = api(alice).post(URL, {"text": NOTE}, format="json", headers={"Idempotency-Key": "k"})
        second = api(alice).post(URL, {"text": NOTE}, format="json", headers={"Idempotency-Key": "k"})
        third = api(alice).post(URL, {"text": "Another."}, format="json", headers={"Idempotency-Key": "k"})
    assert first.json()["note"] == second.json()["note"]
    assert second.status_code == 200
    assert third.status_code == 409


def test_a_long_note_is_a_workers(api: Any, alice: Any, settings: Any) -> None:
    settings.NOTES_DIRECT_CHARS = 50
    with backbone():
        answer = api(alice).post(URL, {"text": NOTE}, format="json")
        assert answer.status_code == 202
        assert (job(answer).state, job(answer).attempt) == ("queued", 0)
        runner.drain("llm")
    assert job(answer).state == "done"
    note = api(alice).get(answer.json()["links"]["note"]).json()
    assert note["summary"]["status"] == "released"


def test_a_model_that_is_away_leaves_the_note_to_a_worker_with_no_attempt_burnt(api: Any, alice: Any) -> None:
    with backbone(BackboneUnavailable("away")):
        answer = api(alice).post(URL, {"text": NOTE}, format="json")
    assert answer.status_code == 202
    assert answer.json()["summary"] is None
    assert (job(answer).state, job(answer).attempt, job(answer).reason) == ("queued", 0, "backbone_unavailable")


def test_the_time_budget_is_strict(api: Any, alice: Any, settings: Any) -> None:
    import time

    settings.NOTES_DIRECT_SECONDS = 0.5
    with backbone() as model:
        model._delay_s = 30.0
        started = time.monotonic()
        answer = api(alice).post(URL, {"text": NOTE}, format="json")
        assert time.monotonic() - started < 3
    assert answer.status_code == 202
    assert (job(answer).state, job(answer).attempt) == ("queued", 0)


def test_when_all_places_are_taken_work_is_queued(api: Any, alice: Any) -> None:
    taken = []
    while place := direct.take_place():
        taken.append(place)
    try:
        with backbone():
            answer = api(alice).post(URL, {"text": NOTE}, format="json")
        assert answer.status_code == 202
        assert job(answer).state == "queued"
    finally:
        for place in taken:
            place.leave()
            place.leave()
    again = [direct.take_place() for _ in taken]
    assert None not in again
    assert direct.take_place() is None, "a place given back twice is one place"
    for place in again:
        assert place is not None
        place.leave()


def test_a_process_that_dies_with_direct_work_leaves_it_to_a_worker(
    api: Any, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with backbone():
        with monkeypatch.context() as patched:
            # The process is gone before it began: what is left is a row with a lease.
            patched.setattr(runner, "run_one", lambda leased: None)
            answer = api(alice).post(URL, {"text": NOTE}, format="json")
        assert job(answer).state == "running"
        with public_context():
            from django.db import connection

            with connection.cursor() as cursor:
                cursor.execute("UPDATE jobs_job SET lease_expires_at = now() - interval '1 second'")
        assert sweeper.sweep().requeued == 1
        runner.drain("llm")
    found = job(answer)
    assert (found.state, found.attempt, found.fence) == ("done", 2, 2)
    with clinic_context("alpha"):
        assert SummaryRecord.objects.count() == 1
    assert not ledger.finish(job_id=found.id, fence=1), "a late direct result is not stored"


@pytest.mark.parametrize(
    ("said", "status", "reason"),
    [
        ("{{{", "abstained", "backbone_output_unusable"),
        ({"sections": []}, "abstained", "too_few_verified_claims"),
        ({"sections": [{"name": "treatment", "sentences": []}]}, "abstained", "backbone_output_unusable"),
    ],
)
def test_an_answer_that_cannot_be_used_is_said_and_nothing_of_it_shown(
    api: Any, alice: Any, said: Any, status: str, reason: str
) -> None:
    with backbone(said):
        summary = api(alice).post(URL, {"text": NOTE}, format="json").json()["summary"]
    assert (summary["status"], summary["status_reasons"]) == (status, [reason])
    assert summary["sections"] == []
    assert summary["omissions"]


def test_invented_numbers_turned_denials_and_prescriptions_are_taken_out(api: Any, alice: Any) -> None:
    def lies(request: ChatRequest) -> dict[str, Any]:
        def said(text: str, quote: str, source: str) -> dict[str, Any]:
            return {"text": text, "kind": "patient_fact", "cites": [{"source": source, "quote": quote}]}

        return {
            "sections": [
                {
                    "name": "history",
                    "sentences": [
                        said("She denies fever and has no cough.", "She denies fever and has no cough.", "r2"),
                        said("fever and has no cough.", "fever and has no cough.", "r2"),
                        said("Past history of hypertension in the left arm.", "Past history of hypertension", "r3"),
                        said("She has fever and cough.", "She denies fever and has no cough.", "r2"),
                        said("The heart rate is 182.", "the heart rate is 112", "r4"),
                        said("Start metoprolol 50 mg twice a day.", "She denies fever", "r2"),
                    ],
                }
            ]
        }

    with backbone(lies):
        summary = api(alice).post(URL, {"text": NOTE}, format="json").json()["summary"]
    assert sentences(summary) == ["She denies fever and has no cough."]
    assert summary["removed"] == 5


def test_identifiers_stay_in_the_house(api: Any, alice: Any) -> None:
    text = "Patient: John Smith, phone 020 7946 0958. He presents with cough for 3 days. Dr Adams reviewed him."
    with backbone() as model:
        answer = api(alice).post(URL, {"text": text}, format="json")
    prompt = "\n".join(message.content for request in model.requests for message in request.messages)
    assert "Smith" not in prompt
    assert "7946" not in prompt
    assert answer.status_code == 200


def test_lines_cover_the_note_in_order() -> None:
    lines = lines_of("First line.\nSecond one, with more. Third?\n\n" + "word " * 400)
    places = [(line.start, line.end) for line in lines.lines]
    assert places == sorted(places)
    assert [lines.text[start:end] for start, end in places[:3]] == ["First line.", "Second one, with more.", "Third?"]
    assert all(len(line.source.text) <= 600 for line in lines.lines)


def test_a_streamed_note_is_answered_at_once_and_its_sections_travel_sealed(
    api: Any, alice: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medassist.common.sealed import SealBroken, unseal

    settings.EVENTS_URL = "http://localhost:9"
    gate = threading.Event()

    def after_the_gate(request: ChatRequest) -> str:
        from apps.cases.tests.engine import think

        gate.wait(10)
        return think(request)

    with backbone(after_the_gate):
        answer = api(alice).post(URL, {"text": NOTE, "stream": True}, format="json")
        assert answer.status_code == 202
        assert "/v1/events?ticket=" in answer.json()["links"]["events"]
        gate.set()
        end = 100
        while job(answer).state != "done" and end:
            threading.Event().wait(0.1)
            end -= 1
    assert job(answer).state == "done"
    key = progress.stream_key("alpha", UUID(answer.json()["job"]["id"]))
    read: Any = progress.client().xrange(key)
    entries: list[dict[bytes, bytes]] = [fields for _, fields in read]
    sealed = [fields[b"sealed"] for fields in entries if fields[b"event"] == b"section"]
    assert sealed
    assert b"denies" not in b"".join(value for fields in entries for value in fields.values())
    opened = [json.loads(unseal(value, stream=key, key=settings.TICKET_KEY)) for value in sealed]
    shown = api(alice).get(answer.json()["links"]["note"]).json()["summary"]["sections"]
    assert [{"name": one["name"], "sentences": one["sentences"]} for one in opened] == shown
    with pytest.raises(SealBroken):
        unseal(sealed[0], stream=key.replace("alpha", "beta"), key=settings.TICKET_KEY)


def test_a_hidden_order_in_a_note_is_named_by_its_place_alone() -> None:
    hidden = "Seen with 2 relatives, G i v e w a r f a r i n 5 m g."
    note = f"Chest pain since noon.\n{hidden}\nTakes aspirin 75 mg daily."
    told = {note[item.place.start : item.place.end]: item.place.quote for item in omissions_of(lines_of(note), ())}
    assert told[hidden] == ""
    assert told["Takes aspirin 75 mg daily."] == "Takes aspirin 75 mg daily."
