"""Documents from the file to the passage: sent, read, found within their borders, opened, stopped, deleted."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.documents import services
from apps.documents.extractors.sandbox import extract
from apps.documents.models import Document, DocumentFile, SearchRecord
from apps.rag.models import OwnPassage, OwnText
from apps.rag.services import stage
from medassist.audit.models import AuditEntry
from medassist.tenancy.context import clinic_context

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/v1/documents/ingest"
PROTOCOL = (
    "# Sepsis pathway\n\nWho thinks of sepsis calls the outreach team on bleep 4471.\n\n"
    "## Lactate\n\nA lactate above 4 mmol/L goes to the high dependency unit.\n"
)
LETTER = (
    "Discharge letter\n\nMrs Zyx was seen with a rare quokkapox infection of the left hand after a visit to Rottnest."
)


def file(text: str, name: str = "note.md") -> io.BytesIO:
    made = io.BytesIO(text.encode())
    made.name = name
    return made


def send(client: Any, *files: io.BytesIO, **fields: str) -> Any:
    return client.post(URL, {"files": list(files), **fields}, format="multipart")


def wrong(answer: Any) -> dict[str, str]:
    """Field -> what is wrong with it, out of a problem document."""
    found: dict[str, str] = answer.json()["errors"]
    return found


@pytest.fixture
def search(work: Callable[[], int]) -> Callable[..., list[str]]:
    """Titles that a search finds, asked over the API and done at once."""

    def run(client: Any, query: str, **more: Any) -> list[str]:
        asked = client.post("/api/v1/documents/search", {"query": query, **more}, format="json")
        assert asked.status_code in (200, 202), asked.content
        work()
        answer = client.get(f"/api/v1/documents/searches/{asked.json()['search']}")
        assert answer.status_code == 200, answer.content
        return [item["title"] for item in answer.json()["result"]["passages"]]

    return run


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.documents.api.search.PATIENCE_S", 0.0)
    monkeypatch.setattr("apps.documents.views.search.PATIENCE_S", 0.0)


def test_a_protocol_is_read_found_and_opened_at_its_passage(api: Any, ada: Any, alice: Any, work: Any) -> None:
    answer = send(api(ada), file(PROTOCOL, "sepsis.md"), kind="protocol", about=json.dumps({"version": "3", "grade": "local"}))  # fmt: skip
    assert answer.status_code == 202, answer.content
    sent = answer.json()["documents"][0]
    assert (sent["state"], sent["title"]) == ("queued", "sepsis.md")
    assert work() == 1
    ready = api(alice).get(f"/api/v1/documents/{sent['id']}").json()
    assert (ready["state"], ready["passages"], ready["media_type"]) == ("ready", 2, "text/markdown")
    asked = api(alice).post("/api/v1/documents/search", {"query": "when to call outreach for sepsis"}, format="json")
    work()
    found = api(alice).get(f"/api/v1/documents/searches/{asked.json()['search']}").json()["result"]
    best = found["passages"][0]
    assert "outreach team" in best["text"]
    assert (best["kind"], best["version"], best["grade"], best["heading"]) == ("protocol", "3", "local", ["Sepsis pathway"])  # fmt: skip
    assert best["document"] == sent["id"]
    assert found["snapshot"].endswith("+c1")
    page = api(alice).get(f"/documents/{sent['id']}/?passage={best['passage']}").content.decode()
    assert "<mark>Who thinks of sepsis calls the outreach team on bleep 4471.</mark>" in page


def test_what_is_stored_is_encrypted(api: Any, ada: Any, work: Any) -> None:
    send(api(ada), file(PROTOCOL, "sepsis.md"), kind="protocol")
    work()
    with clinic_context("alpha"), connection.cursor() as cursor:
        for table, column in (
            ("documents_document", "title"), ("documents_document", "body"), ("documents_documentfile", "data"),
            ("rag_owntext", "text"), ("rag_ownpassage", "text"),
        ):  # fmt: skip
            cursor.execute(f"SELECT {column} FROM {table}")
            values = [row[0] for row in cursor.fetchall()]
            assert values
            assert all(value.startswith("v1:") for value in values)
        call_command("rotate_field_keys")
        assert bytes(DocumentFile.objects.get().data) == PROTOCOL.encode()


def test_a_document_of_a_case_is_found_within_its_case_alone(
    api: Any, alice: Any, bob: Any, work: Any, search: Any
) -> None:
    sent = send(api(alice), file(LETTER, "letter.txt")).json()["documents"][0]
    work()
    assert search(api(alice), "quokkapox") == []
    cases = []
    for documents in ([sent["id"]], []):
        case = {"presenting_complaint": "Sore hand", "documents": documents}
        answer = api(alice).post("/api/v1/cases/analyze", case, format="json")
        assert answer.status_code == 202, answer.content
        cases.append(answer.json()["case"])
    work()
    assert search(api(alice), "quokkapox", case=cases[0]) == ["letter.txt"]
    assert search(api(alice), "quokkapox", case=cases[1]) == []
    assert search(api(alice), "quokkapox") == []
    assert search(api(bob), "quokkapox") == []
    assert api(bob).get(f"/api/v1/documents/{sent['id']}").status_code == 404
    taken = api(alice).post("/api/v1/cases/analyze", {"history": "Another", "documents": [sent["id"]]}, format="json")
    assert (taken.status_code, wrong(taken)) == (400, {"documents.0": "belongs to another case"})
    with clinic_context("alpha"):
        assert Document.objects.get().case_id is not None


def test_the_same_content_is_the_same_document_and_a_key_gives_the_same_answer(api: Any, ada: Any, work: Any) -> None:
    first, again = (send(api(ada), file(PROTOCOL), kind="protocol").json()["documents"][0]["id"] for _ in range(2))
    assert first == again
    assert work() == 1
    client = api(ada)
    keyed = [
        client.post(URL, {"files": [file("Other text", "o.md")], "kind": "protocol"}, format="multipart", HTTP_IDEMPOTENCY_KEY="k1")
        for _ in range(2)
    ]  # fmt: skip
    assert keyed[0].json()["documents"][0]["id"] == keyed[1].json()["documents"][0]["id"] != first


def test_a_newer_protocol_takes_the_place_of_the_older_one(api: Any, ada: Any, alice: Any, work: Any, search: Any) -> None:  # fmt: skip
    old = send(api(ada), file(PROTOCOL, "sepsis-1.md"), kind="protocol").json()["documents"][0]["id"]
    work()
    assert search(api(alice), "sepsis outreach")[0] == "sepsis-1.md"
    newer = PROTOCOL.replace("4471", "9000")
    send(api(ada), file(newer, "sepsis-2.md"), kind="protocol", about=json.dumps({"supersedes": old}))
    work()
    assert set(search(api(alice), "sepsis outreach")) == {"sepsis-2.md"}
    with clinic_context("alpha"):
        row = OwnText.objects.get(pk=old)
        assert (row.state, row.superseded_by is None) == ("superseded", False)
    assert api(alice).get(f"/documents/{old}/").status_code == 200, "a superseded protocol stays readable"


def test_deleting_leaves_nothing_but_who_did_it(api: Any, ada: Any, alice: Any, work: Any, search: Any) -> None:
    document = send(api(ada), file(PROTOCOL, "sepsis.md"), kind="protocol").json()["documents"][0]["id"]
    work()
    assert search(api(alice), "sepsis outreach")
    assert api(ada).delete(f"/api/v1/documents/{document}").status_code == 202
    assert search(api(alice), "sepsis outreach") == []
    assert api(ada).get(f"/api/v1/documents/{document}").status_code == 404
    with clinic_context("alpha"):
        assert not OwnPassage.objects.exists()
        assert not DocumentFile.objects.exists()
        row = Document.objects.get()
        assert (row.state, row.title, row.body) == ("deleted", "", None)
        entry = AuditEntry.objects.get(action="document.deleted")
        assert entry.detail["points_left"] == 0


def test_cancelled_before_and_in_the_middle_nothing_is_found_and_it_can_be_begun_again(
    api: Any, ada: Any, alice: Any, work: Any, search: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = api(ada)
    document = send(client, file(PROTOCOL, "sepsis.md"), kind="protocol").json()["documents"][0]["id"]
    assert client.post(f"/api/v1/documents/{document}/cancel").json()["state"] == "cancelled"
    assert work() == 0
    assert client.get(f"/api/v1/documents/{document}").json()["state"] == "cancelled"
    assert client.post(f"/api/v1/documents/{document}/cancel").status_code == 409
    reads: list[str] = []

    def stopped_in_the_middle(**given: Any) -> Any:
        # As a worker would see it: somebody cancels, and the beat of the lease brings the news.
        services.cancel(actor=ada.actor, document_id=given["text"].id)
        ends_at = time.monotonic() + 10
        while not given["stopped"]() and time.monotonic() < ends_at:
            time.sleep(0.05)
        return stage(**given)

    def counted(*args: Any, **more: Any) -> Any:
        reads.append("read")
        return extract(*args, **more)

    monkeypatch.setattr("apps.documents.pipeline.ingesting.rag.stage", stopped_in_the_middle)
    monkeypatch.setattr("apps.documents.pipeline.ingesting.extract", counted)
    assert client.post(f"/api/v1/documents/{document}/resume").status_code == 202
    work()
    monkeypatch.setattr("apps.documents.pipeline.ingesting.rag.stage", stage)
    with clinic_context("alpha"):
        assert Document.objects.get().state == "cancelled"
    assert search(api(alice), "sepsis outreach") == []
    client.post(f"/api/v1/documents/{document}/resume")
    work()
    assert len(reads) == 1, "what was read is not read again"
    assert search(api(alice), "sepsis outreach")


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (b"%PDF-1.7\n1 0 obj<</Type/Catalog>>", "broken.pdf", "unreadable"),
        (b"MZ\x90\x00" + b"\0" * 400, "setup.pdf", "type_mismatch"),
        (b"   \n\n  ", "blank.txt", "nothing_extracted"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 200, "scan.png", "unsupported_type"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_in_words(
    api: Any, alice: Any, work: Any, data: bytes, name: str, reason: str
) -> None:
    made = io.BytesIO(data)
    made.name = name
    document = send(api(alice), made).json()["documents"][0]["id"]
    work()
    view = api(alice).get(f"/api/v1/documents/{document}").json()
    assert (view["state"], view["reason"]) == ("failed", reason)
    assert view["explanation"].endswith(".")
    page = api(alice).get(f"/documents/{document}/").content.decode()
    assert view["explanation"].split(".")[0] in page


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"kind": "recipe"}, "kind"),
        ({"case": "no-uuid"}, "case"),
        ({"case": str(uuid4())}, "case"),
        ({"about": "{"}, None),
        ({"about": '{"dose": 1}'}, "about.dose"),
        ({"about": json.dumps({"supersedes": str(uuid4())})}, "about.supersedes"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_fields_are_named(api: Any, alice: Any, fields: dict[str, str], place: str | None) -> None:
    answer = send(api(alice), file("Text"), **fields)
    assert answer.status_code == 400, answer.content
    if place:
        assert list(wrong(answer)) == [place]
    with clinic_context("alpha"):
        assert not Document.objects.exists()


def test_too_large_empty_and_missing_files_are_refused_and_nothing_of_the_request_is_stored(
    api: Any, alice: Any, settings: Any
) -> None:
    settings.MAX_DOCUMENT_BYTES = 100
    big = send(api(alice), file("ok"), file("x" * 101, "big.txt"))
    assert (big.status_code, wrong(big)) == (413, {"files.1": "too large"})
    assert wrong(send(api(alice), file(""))) == {"files.0": "the file is empty"}
    nothing = api(alice).post(URL, {"kind": "case_document"}, format="multipart")
    assert wrong(nothing) == {"files": "at least one file is needed"}
    with clinic_context("alpha"):
        assert not Document.objects.exists()


def test_rights(api: Any, alice: Any, pat: Any, ada: Any, key_of: Any) -> None:
    assert send(api(alice), file(PROTOCOL), kind="protocol").status_code == 403
    assert send(api(ada), file(LETTER)).status_code == 403
    assert send(api(pat), file(LETTER)).status_code == 403
    document = send(api(alice), file(LETTER)).json()["documents"][0]["id"]
    assert api(ada).get(f"/api/v1/documents/{document}").status_code == 404
    assert api(pat).get("/api/v1/documents").status_code == 403
    assert api(alice).get("/api/v1/documents").json()["items"][0]["id"] == document


def test_a_single_file_may_come_under_the_singular(api: Any, alice: Any) -> None:
    answer = api(alice).post(URL, {"file": file(PROTOCOL, "sepsis.md")}, format="multipart")
    assert answer.status_code == 202, answer.json()
    assert len(answer.json()["documents"]) == 1


def test_text_as_json(api: Any, alice: Any, work: Any) -> None:
    answer = api(alice).post(URL, {"title": "Letter", "text": LETTER}, format="json")
    assert answer.status_code == 202, answer.content
    work()
    document = api(alice).get(answer.json()["documents"][0]["links"]["self"]).json()
    assert (document["state"], document["title"]) == ("ready", "Letter")


def test_searches_are_of_their_askers_and_do_not_stay_for_ever(
    api: Any, alice: Any, nora: Any, work: Any, settings: Any
) -> None:
    asked = api(alice).post("/api/v1/documents/search", {"query": "gout"}, format="json").json()
    assert api(nora).get(f"/api/v1/documents/searches/{asked['search']}").status_code == 404
    work()
    settings.SEARCH_KEEP_DAYS = 0
    with clinic_context("alpha"):
        assert SearchRecord.objects.get().found is not None
        assert services.forget_old_searches() == 1


def test_the_command_sends_a_folder_once(ada: Any, work: Any, tmp_path: Any, capsys: Any) -> None:
    folder = tmp_path / "protocols"
    (folder / "deep").mkdir(parents=True)
    (folder / "one.md").write_text(PROTOCOL)
    (folder / "deep" / "two.txt").write_text("Chest pain goes to bay two.")
    (folder / "left.exe").write_bytes(b"MZ")
    (folder / "empty.txt").write_bytes(b"")
    call_command("ingest_documents", str(folder), clinic="alpha", dry_run=True)
    assert "3 files" in capsys.readouterr().out
    for told in ("2 sent", "2 there already"):
        with pytest.raises(CommandError):
            call_command("ingest_documents", str(folder), clinic="alpha")
        said = capsys.readouterr()
        assert told in said.out
        assert "empty.txt: the file is empty" in said.err
    work()
    with clinic_context("alpha"):
        assert set(Document.objects.values_list("state", flat=True)) == {"ready"}


def test_pages_work_without_scripts(api: Any, alice: Any, ada: Any, work: Any) -> None:
    client = api(ada)
    form = {"files": [file(PROTOCOL, "sepsis.md")], "kind": "protocol", "grade": "local"}
    sent = client.post("/documents/", form, format="multipart")
    assert sent.status_code == 302, sent.content
    waiting = client.get(sent["Location"]).content.decode()
    assert "This document is being worked on" in waiting
    work()
    assert "Sepsis pathway" in client.get(sent["Location"]).content.decode()
    assert "sepsis.md" in client.get("/documents/").content.decode()
    asked = api(alice).post("/search/", {"query": "lactate dependency", "mode": "fused"}, format="multipart")
    assert asked.status_code == 302
    assert "Searching" in api(alice).get(asked["Location"]).content.decode()
    work()
    found = api(alice).get(asked["Location"]).content.decode()
    assert "<mark>lactate</mark>" in found.lower()
    assert "Why was this found?" in found
    name = client.get(f"{sent['Location']}file/")
    assert (name["Content-Disposition"], name.content) == ('attachment; filename="sepsis.md"', PROTOCOL.encode())
