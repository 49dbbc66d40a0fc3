"""Pictures from the request to the file: off by default, guarded, paid from their own allowance, labelled, audited."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any
from uuid import UUID

import pytest

from apps.media import services
from apps.media.jobs import GENERATE
from apps.media.models import Media, MediaFile
from apps.media.rules import png
from apps.media.schemas import MediaInput
from apps.media.selectors import media_stands_apart
from apps.media.tests.conftest import CHECKOUT, Comfy
from medassist.accounts.access import Permission
from medassist.audit.models import AuditEntry
from medassist.common.errors import ConfigurationError, MediaOff, QuotaExceeded
from medassist.jobs import runner
from medassist.jobs.models import Job, Quota
from medassist.tenancy.context import clinic_context, public_context

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_heart(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The heart has a connection of its own, which cannot see what a test has not committed: to it every job is lost."""
    if "transactional_db" not in request.fixturenames:
        monkeypatch.setattr(runner._heart, "watch", lambda _run: None)


BODY = {"topic": "hand_washing", "style": "flat_colour"}


def ask(client: Any, **more: Any) -> Any:
    return client.post("/api/v1/media/generate", {**BODY, **more}, format="json")


def test_pictures_are_off_by_default(api: Any, alice: Any, settings: Any) -> None:
    assert settings.MEDIA_ENABLED is False
    answer = ask(api(alice))
    assert (answer.status_code, answer.json()["code"]) == (409, "media_off")
    assert api(alice).get("/api/v1/media/catalogue").json()["enabled"] is False
    assert b"/media/" not in api(alice).get("/").content


def test_pictures_may_be_on_for_some_clinics_only(api: Any, alice: Any, bob: Any, comfy: Comfy, settings: Any) -> None:
    settings.MEDIA_CLINICS = ["alpha"]
    assert ask(api(alice)).status_code == 202
    assert ask(api(bob)).json()["code"] == "media_off"


def test_a_picture_is_asked_for_drawn_labelled_stored_and_fetched(api: Any, alice: Any, comfy: Comfy) -> None:
    client = api(alice)
    asked = ask(client, title="Leaflet for the ward", seed=5)
    assert asked.status_code == 202
    found = asked.json()
    assert (found["state"], found["ai_generated"], found["job"]["queue"]) == ("queued", True, "media")
    assert client.get(f"{found['links']['self']}/file").status_code == 404
    assert runner.drain("media") == 1
    ready = client.get(found["links"]["self"]).json()
    assert ready["state"] == "ready"
    assert ready["provenance"]["seed"] == 5
    assert ready["provenance"]["topic"] == "hand_washing"
    file = client.get(ready["links"]["file"])
    assert file["Content-Type"] == "image/png"
    assert png.read(file.content).height > 1024
    assert json.loads(png.texts_of(file.content)["Provenance"]) == ready["provenance"]
    state = comfy.state
    # Nothing that a person wrote, and nothing that says who asked, reached the image server.
    assert "Leaflet" not in json.dumps(state["seen"])
    assert "alpha" not in json.dumps(state["seen"])
    assert state["history"] == []
    listed = client.get("/api/v1/media").json()["items"]
    assert [one["id"] for one in listed] == [found["id"]]
    with clinic_context("alpha"):
        actions = set(AuditEntry.objects.values_list("action", flat=True))
        assert {"media.generate", "media.stored", "media.download", "media.list"} <= actions
        assert MediaFile.objects.count() == 1
    assert client.get("/api/v1/media/catalogue").json()["left_today"] == 49


@pytest.mark.parametrize(
    "wrong",
    [
        {"topic": "wound"}, {"style": "photo"}, {"topic": "heart, photo of a patient"}, {"prompt": "anything"},
        {"image": "aGVsbG8="}, {"shape": "huge"}, {"seed": -1}, {"title": "x" * 121}, {"title": "Leaflet for Mrs Agnes Miller"},
        {"title": "Warfarin leaflet"}, {"title": "NHS 943 476 5919"}, {"title": "born 12.03.1961"}, {"title": "two\nlines"},
    ],
    ids=lambda wrong: str(wrong)[:40],
)  # fmt: skip
def test_whatever_is_not_of_the_catalogue_is_refused_and_reaches_nobody(
    api: Any, alice: Any, comfy: Comfy, wrong: dict[str, Any]
) -> None:
    before = comfy.state["seen"]
    answer = ask(api(alice), **wrong)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
    assert next(iter(wrong)) in json.dumps(answer.json()["errors"])
    with clinic_context("alpha"):
        assert not Media.objects.exists()
    assert comfy.state["seen"] == before


def test_who_has_no_right_is_turned_away_and_the_other_clinic_sees_nothing(
    api: Any, alice: Any, pat: Any, audrey: Any, bob: Any, key_of: Any, comfy: Comfy
) -> None:
    mine = ask(api(alice)).json()["links"]["self"]
    for client in (api(pat), api(audrey), api(key=key_of("alpha", Permission.CASE_READ))):
        assert ask(client).status_code == 403
        assert client.get(mine).status_code == 403
        assert client.get("/api/v1/media").status_code == 403
        assert client.post(f"{mine}/cancel").status_code == 403
    assert ask(api()).status_code == 401
    for path in (mine, f"{mine}/file"):
        assert api(bob).get(path).status_code == 404
    assert api(bob).post(f"{mine}/cancel").status_code == 404
    reader = api(key=key_of("alpha", Permission.MEDIA_READ))
    assert reader.get(mine).status_code == 200
    assert ask(reader).status_code == 403


def test_one_key_gives_one_picture(api: Any, alice: Any, comfy: Comfy) -> None:
    client = api(alice)
    first = client.post("/api/v1/media/generate", BODY, format="json", HTTP_IDEMPOTENCY_KEY="k1").json()
    again = client.post("/api/v1/media/generate", BODY, format="json", HTTP_IDEMPOTENCY_KEY="k1").json()
    other = client.post("/api/v1/media/generate", {**BODY, "seed": 1}, format="json", HTTP_IDEMPOTENCY_KEY="k1")
    assert first["id"] == again["id"]
    assert other.json()["code"] == "idempotency_conflict"


def test_pictures_have_an_allowance_of_their_own(api: Any, alice: Any, comfy: Comfy, settings: Any) -> None:
    settings.MEDIA_JOBS_PER_DAY = 2
    with public_context():
        Quota.objects.create(clinic="alpha", person="", jobs_per_day=1)
    client = api(alice)
    assert [ask(client).status_code for _ in range(3)] == [202, 202, 429]
    refused = ask(client)
    assert refused.json()["code"] == "quota_exceeded"
    assert int(refused["Retry-After"]) > 0
    # Pictures used up nothing of what the clinic has for its cases.
    with clinic_context("alpha"):
        from medassist.jobs import quotas

        quotas.check(clinic="alpha", person="user:1")
        assert quotas.left_in("alpha")[0].jobs_left == 1


def test_cancelling_ends_a_waiting_picture(api: Any, alice: Any, comfy: Comfy) -> None:
    client = api(alice)
    mine = ask(client).json()["links"]["self"]
    assert client.post(f"{mine}/cancel").json() == {"state": "cancelled"}
    assert client.get(mine).json()["state"] == "cancelled"
    assert client.post(f"{mine}/cancel").status_code == 409
    assert runner.drain("media") == 0


def test_a_drawing_that_fails_is_tried_again_and_ends_as_a_dead_letter(
    api: Any, alice: Any, comfy: Comfy, settings: Any
) -> None:
    settings.JOB_MAX_ATTEMPTS = 3
    comfy.fault("error", 1)
    client = api(alice)
    mine = ask(client).json()["links"]["self"]
    run_to_its_end()
    assert client.get(mine).json()["state"] == "ready"
    comfy.fault("error")
    mine = ask(client).json()["links"]["self"]
    run_to_its_end()
    dead = client.get(mine).json()
    assert (dead["state"], dead["reason"], dead["job"]["attempt"]) == ("failed", "media_failed", 3)
    assert dead["explanation"]


def run_to_its_end() -> None:
    for _ in range(8):
        Job.objects.filter(queue="media", state="queued").update(not_before="2020-01-01T00:00:00Z")
        runner.drain("media")


def test_a_server_that_is_away_burns_no_attempt(api: Any, alice: Any, comfy: Comfy) -> None:
    comfy.fault("busy")
    client = api(alice)
    mine = ask(client).json()["links"]["self"]
    run_to_its_end()
    waiting = client.get(mine).json()
    assert (waiting["state"], waiting["job"]["reason"], waiting["job"]["attempt"]) == ("queued", "media_unavailable", 0)
    comfy.fault()
    run_to_its_end()
    assert client.get(mine).json()["state"] == "ready"


def test_switched_off_meanwhile_nothing_is_drawn(api: Any, alice: Any, comfy: Comfy, settings: Any) -> None:
    client = api(alice)
    mine = ask(client).json()["links"]["self"]
    settings.MEDIA_ENABLED = False
    before = comfy.state["drawn"]
    run_to_its_end()
    assert client.get(mine).json()["reason"] == "media_off"
    assert comfy.state["drawn"] == before


def test_the_pages_show_ask_and_label(api: Any, alice: Any, comfy: Comfy) -> None:
    client = api(alice)
    form = client.get("/media/")
    assert form.status_code == 200
    assert b"Washing hands" in form.content
    assert b'href="/media/"' in client.get("/media/").content
    sent = client.post("/media/", {**BODY, "shape": "wide", "title": "", "key": "one"})
    assert sent.status_code == 302
    place = sent["Location"]
    assert b"being drawn" in client.get(place).content
    assert client.get(f"{place}progress/", HTTP_HX_REQUEST="true").status_code == 200
    runner.drain("media")
    assert client.get(f"{place}progress/", HTTP_HX_REQUEST="true")["HX-Refresh"] == "true"
    page = client.get(place).content.decode()
    assert "AI-generated illustration" in page
    assert "text_to_image@1" in page
    assert client.get(f"{place}file/").content.startswith(png.SIGNATURE)
    wrong = client.post("/media/", {**BODY, "shape": "wide", "title": "Warfarin", "key": "two"})
    assert wrong.status_code == 400
    assert b"no medicines" in wrong.content
    assert client.post(f"{place}cancel/").status_code == 302


def test_the_clinics_administrator_sees_the_pictures_and_changes_none(
    api: Any, ada: Any, alice: Any, comfy: Comfy
) -> None:
    ask(api(alice))
    page = api(ada).get("/admin/media/media/")
    assert page.status_code == 200
    assert b"hand_washing" in page.content
    assert api(ada).get("/admin/media/media/add/").status_code == 403


# --- apart from language models ----------------------------------------------------------------------


def ids() -> set[str | None]:
    return {found.id for found in media_stands_apart()}


def test_media_has_a_queue_of_its_own() -> None:
    assert GENERATE.queue == "media"
    assert ids() == set()


@pytest.mark.parametrize("queue", ["llm", "ingest", "control"])
def test_a_queue_shared_with_clinical_work_is_refused(settings: Any, queue: str) -> None:
    settings.MEDIA_QUEUE = queue
    assert "medassist.E201" in ids()


def test_a_shared_card_a_shared_server_and_a_missing_one_are_refused(settings: Any) -> None:
    settings.MEDIA_GPU_LABELS, settings.LLM_GPU_LABELS = ["pool-a", "Pool-B"], ["pool-b"]
    assert "medassist.E202" in ids()
    settings.LLM_GPU_LABELS = ["pool-c"]
    settings.COMFYUI_URL, settings.LLM_BASE_URL = "http://gpu:8000", "http://GPU:8000/v1"
    assert ids() == {"medassist.E203"}
    settings.COMFYUI_URL, settings.MEDIA_ENABLED = "", True
    assert ids() == {"medassist.E204"}
    settings.COMFYUI_URL = "http://comfyui:8188"
    assert ids() == set()
    settings.MEDIA_GPU_LABELS = []
    assert ids() == {"medassist.W201"}
    settings.MEDIA_WORKFLOW = "missing"
    assert "medassist.E205" in ids()


def test_a_worker_of_media_serves_no_other_queue() -> None:
    from medassist.jobs.tasks import _on_start

    class Instance:
        class app:
            class amqp:
                class queues:
                    consume_from = ("media", "llm")

    with pytest.raises(ConfigurationError):
        _on_start(Instance)


# --- a worker that dies ------------------------------------------------------------------------------

WORKER = """
import os, django
django.setup()
from medassist.jobs import runner
runner.drain("media")
"""


@pytest.mark.django_db(transaction=True)
def test_the_picture_of_a_worker_that_was_killed_is_stored_once(alice: Any, comfy: Comfy, settings: Any) -> None:
    from django.db import connection

    settings.JOB_LEASE_SECONDS = 2
    comfy.fault(seconds=4)
    before = comfy.state["drawn"]
    with clinic_context("alpha"):
        asked = services.generate(actor=alice.actor, given=MediaInput(topic="heart"))
    place = connection.settings_dict
    url = f"postgresql://{place['USER']}:{place['PASSWORD']}@{place['HOST']}:{place['PORT']}/{place['NAME']}"
    environment = {
        **os.environ, "DATABASE_URL": url, "MEDIA_ENABLED": "true", "COMFYUI_URL": comfy.url, "JOB_LEASE_SECONDS": "2",
        "DJANGO_SETTINGS_MODULE": "medassist.settings.base",
    }  # fmt: skip
    for name in ("SECRET_KEY", "FIELD_KEYS", "AUDIT_KEY", "REDIS_URL"):
        environment[name] = str(getattr(settings, name))
    worker = subprocess.Popen([sys.executable, "-c", WORKER], cwd=CHECKOUT, env=environment)
    try:
        comfy.until(lambda state: state["running"], seconds=30)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait(timeout=10)
    from medassist.jobs import sweeper

    end = time.monotonic() + 15
    state = ""
    while state != "done" and time.monotonic() < end:
        sweeper.sweep()
        runner.drain("media")
        with public_context():
            state = Job.objects.get(pk=asked.job_id).state
        time.sleep(0.1)
    assert state == "done"
    # The picture that the dead worker had asked for was taken, not another one drawn.
    assert comfy.state["drawn"] == before + 1
    with clinic_context("alpha"):
        assert Media.objects.get(pk=UUID(str(asked.media_id))).fence == 2
        assert MediaFile.objects.count() == 1


def test_refused_without_a_right_or_an_allowance_at_the_service_too(alice: Any, comfy: Comfy, settings: Any) -> None:
    with clinic_context("alpha"):
        settings.MEDIA_JOBS_PER_DAY = 0
        with pytest.raises(QuotaExceeded):
            services.generate(actor=alice.actor, given=MediaInput(topic="heart"))
        settings.MEDIA_ENABLED = False
        with pytest.raises(MediaOff):
            services.generate(actor=alice.actor, given=MediaInput(topic="heart"))
