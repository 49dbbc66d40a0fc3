"""Webhooks from what happened to what was received, with the ledger's own runner between."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.cases.jobs import ASSESSMENT
from medassist.accounts.access import SCOPES, Permission, Role
from medassist.audit.services import record
from medassist.common.errors import PermissionDenied
from medassist.jobs import runner, sweeper
from medassist.jobs.models import Job
from medassist.tenancy.context import clinic_context, public_context
from medassist.webhooks import services
from medassist.webhooks.catalogue import BY_ACTION, EVENTS
from medassist.webhooks.jobs import DELIVER
from medassist.webhooks.models import Delivery, Endpoint
from medassist.webhooks.schemas import WebhookInput
from medassist.webhooks.tests.conftest import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hook(ada: Any, receiver: Receiver, transactional_db: None) -> Any:
    with clinic_context("alpha"):
        return services.add(actor=ada.actor, given=WebhookInput(url=receiver.url, events=("*",)))


def submit(client: Any, text: str = "A cough for two days") -> dict[str, Any]:
    answer = client.post("/api/v1/cases/analyze", {"presenting_complaint": text}, format="json")
    assert answer.status_code == 202, answer.content
    return dict(answer.json())


def due() -> None:
    """Time passes."""
    with public_context():
        Job.objects.filter(kind=DELIVER.name, state="queued").update(not_before=timezone.now() - timedelta(seconds=1))
        Endpoint.objects.update(retry_at=None)


def test_what_happened_is_told_signed_and_without_a_word_about_the_patient(
    hook: Any, receiver: Receiver, api: Callable[..., Any], alice: Any
) -> None:
    case = submit(api(alice), "Zebrafoxtrot: crushing chest pain for an hour, sweating, short of breath")
    assert runner.drain("hooks") == 2
    told = {json.loads(body)["type"]: json.loads(body) for _, body in receiver.got}
    assert set(told) == {"case.submitted", "case.emergency"}
    assert told["case.emergency"]["data"] == {
        "case": case["case"], "job": case["job"]["id"], "triage_floor": "emergency_now"
    }  # fmt: skip
    assert told["case.submitted"]["links"]["self"] == f"/api/v1/cases/{case['case']}"
    assert all(receiver.genuine(hook.secret, place) for place in range(2))
    assert not receiver.genuine("whsec_" + "A" * 43 + "=")
    assert b"Zebrafoxtrot" not in b"".join(body for _, body in receiver.got)
    assert api(alice).get(told["case.submitted"]["links"]["self"]).status_code == 200


def test_nothing_is_told_of_what_was_rolled_back(hook: Any, alice: Any) -> None:
    from django.db import transaction

    with clinic_context("alpha"), transaction.atomic():
        record(actor=alice.actor, action="case.submit", object_type="case", object_id="x", detail={"floor": "routine"})
        transaction.set_rollback(True)
    with public_context():
        assert not Delivery.objects.exists()
        assert not Job.objects.exists()


def test_who_did_not_ask_is_not_told(
    ada: Any, receiver: Receiver, api: Callable[..., Any], alice: Any, bob: Any
) -> None:
    with clinic_context("alpha"):
        services.add(actor=ada.actor, given=WebhookInput(url=receiver.url, events=("case.emergency",)))
        services.add(actor=ada.actor, given=WebhookInput(url=receiver.url, events=("*",), active=False))
    submit(api(alice))
    submit(api(bob), "Crushing chest pain, sweating")
    assert runner.drain("hooks") == 0
    assert receiver.got == []


def test_a_failure_is_tried_again_later_with_the_same_id_and_a_new_time(
    hook: Any, receiver: Receiver, api: Callable[..., Any], alice: Any
) -> None:
    receiver.answers = [500, 503]
    submit(api(alice))
    assert runner.drain("hooks") == 1, "it must wait before it is tried again"
    with public_context():
        row = Job.objects.get(kind=DELIVER.name)
        assert (row.state, row.attempt, row.reason) == ("queued", 1, "delivery_failed")
        assert row.not_before > timezone.now() + timedelta(seconds=2)
    due()
    runner.drain("hooks")
    due()
    runner.drain("hooks")
    ids = {headers["webhook-id"] for headers, _ in receiver.got}
    assert (len(receiver.got), len(ids)) == (3, 1)
    assert len({body for _, body in receiver.got}) == 1
    assert receiver.genuine(hook.secret)
    with public_context():
        sent = Delivery.objects.get()
        assert (sent.tries, sent.last_status, Job.objects.get(pk=sent.job_id).state) == (3, 200, "done")
        assert Endpoint.objects.values_list("failing_since", flat=True).get() is None


def test_one_message_finds_a_receiver_away_and_the_others_wait_without_using_up_tries(
    hook: Any, receiver: Receiver, api: Callable[..., Any], alice: Any
) -> None:
    receiver.answers = [503] * 50
    for _ in range(5):
        submit(api(alice))
    runner.drain("hooks")
    assert len(receiver.got) == 1
    with public_context():
        assert sorted(Job.objects.filter(kind=DELIVER.name).values_list("attempt", flat=True)) == [0, 0, 0, 0, 1]


def test_after_its_last_try_it_is_a_dead_letter_and_can_be_sent_again(
    hook: Any, receiver: Receiver, api: Callable[..., Any], alice: Any, ada: Any
) -> None:
    receiver.answers = [400] * 10
    submit(api(alice))
    for _ in range(12):
        runner.drain("hooks")
        due()
    assert len(receiver.got) == 10
    client = api(ada)
    (dead,) = client.get("/api/v1/webhooks/deliveries?state=dead").json()["items"]
    assert (dead["state"], dead["tries"], dead["last_status"], dead["last_problem"]) == ("dead", 10, 400, "refused")
    assert client.get("/api/v1/webhooks/deliveries?state=delivered").json()["items"] == []
    again = client.post(dead["links"]["redeliver"])
    assert (again.status_code, again.json()["state"]) == (202, "waiting")
    assert client.post(dead["links"]["redeliver"]).status_code == 409
    runner.drain("hooks")
    assert client.get(dead["links"]["self"]).json()["state"] == "delivered"
    assert receiver.got[-1][0]["webhook-id"] == receiver.got[0][0]["webhook-id"]


def test_an_address_that_is_gone_is_switched_off(
    hook: Any, receiver: Receiver, api: Callable[..., Any], alice: Any, ada: Any
) -> None:
    receiver.answers = [410]
    submit(api(alice))
    runner.drain("hooks")
    seen = api(ada).get(f"/api/v1/webhooks/{hook.id}").json()
    assert (seen["active"], seen["off_reason"]) == (False, "gone")
    submit(api(alice))
    with public_context():
        assert Delivery.objects.count() == 1
    back = api(ada).patch(f"/api/v1/webhooks/{hook.id}", {"active": True}, format="json").json()
    assert (back["active"], back["off_reason"], back["failing_since"]) == (True, "", None)


def test_a_rotation_signs_with_both_secrets(hook: Any, receiver: Receiver, api: Callable[..., Any], ada: Any) -> None:
    fresh = api(ada).post(f"/api/v1/webhooks/{hook.id}/rotate").json()["secret"]
    assert fresh != hook.secret
    assert api(ada).post(f"/api/v1/webhooks/{hook.id}/test").status_code == 202
    runner.drain("hooks")
    assert receiver.genuine(fresh)
    assert receiver.genuine(hook.secret)
    with public_context():
        Endpoint.objects.update(previous_until=timezone.now() - timedelta(seconds=1))
    api(ada).post(f"/api/v1/webhooks/{hook.id}/test")
    runner.drain("hooks")
    assert receiver.genuine(fresh)
    assert not receiver.genuine(hook.secret)


def test_a_dead_letter_is_told_once_however_it_died(
    hook: Any, receiver: Receiver, api: Callable[..., Any], alice: Any
) -> None:
    job_id = submit(api(alice))["job"]["id"]
    runner.drain("hooks")
    with public_context():
        Job.objects.filter(pk=job_id).update(deadline_at=timezone.now() - timedelta(seconds=1))
    sweeper.sweep()
    for _ in range(3):
        sweeper.sweep_above()
    runner.drain("hooks")
    told = [json.loads(body) for _, body in receiver.got if b"job.failed" in body]
    assert [one["data"] for one in told] == [{"job": job_id, "kind": ASSESSMENT.name, "reason": "deadline_exceeded"}]


def test_secrets_and_addresses_are_sealed_and_shown_once(
    hook: Any, receiver: Receiver, api: Callable[..., Any], ada: Any
) -> None:
    from django.db import connection

    with public_context(), connection.cursor() as cursor:
        cursor.execute("SELECT hook::text FROM webhooks_endpoint hook")
        stored = cursor.fetchone()[0]
    assert "opensesame" not in stored
    assert hook.secret not in stored
    assert "secret" not in api(ada).get(f"/api/v1/webhooks/{hook.id}").json()


def test_only_an_administrator_and_a_key_with_the_scope(
    api: Callable[..., Any], key_of: Callable[..., str], alice: Any, stranger_key: str, hook: Any
) -> None:
    assert Permission.WEBHOOK_MANAGE.roles == {Role.CLINIC_ADMIN}
    assert Permission.WEBHOOK_MANAGE in SCOPES
    assert api(alice).get("/api/v1/webhooks").status_code == 403
    with clinic_context("alpha"), pytest.raises(PermissionDenied):
        services.webhooks(actor=alice.actor)
    theirs = api(key=stranger_key, host="beta.localhost")
    assert theirs.get("/api/v1/webhooks").json()["items"] == []
    assert theirs.get(f"/api/v1/webhooks/{hook.id}").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "https://10.0.0.1/", "events": ["*"]}, "url"),
        ({"url": "https://hooks.example.org/", "events": ["case.unheard_of"]}, "events.0"),
        ({"url": "https://hooks.example.org/", "events": []}, "events"),
        ({"url": "https://hooks.example.org/", "events": ["*"], "colour": "red"}, "colour"),
    ],
)
def test_a_wrong_webhook_is_refused_by_the_name_of_its_field(
    api: Callable[..., Any], ada: Any, body: dict[str, Any], field: str
) -> None:
    answer = api(ada).post("/api/v1/webhooks", body, format="json")
    assert answer.status_code == 400
    assert field in answer.json()["errors"]


def test_every_event_is_told_of_what_the_trail_writes(hook: Any, alice: Any) -> None:
    """Each entry that an event comes from gives it, with the keys that the catalogue promises."""
    from django.db import transaction

    for action, events in BY_ACTION.items():
        values = {key: "x" for event in events for key in event.names} | {
            key: value for event in events for key, value in event.only.items()
        }
        with clinic_context("alpha"), transaction.atomic():
            record(actor=alice.actor, action=action, object_type="thing", object_id="1", detail=values)
        for event in events:
            with public_context():
                body = Delivery.objects.get(type=event.name).body
            assert set(body["data"]) == {event.subject, *event.names.values()}
            assert body["links"] == ({"self": body["links"]["self"]} if event.link else {})
    assert {event.name for events in BY_ACTION.values() for event in events} == set(EVENTS) - {"job.failed"}


def test_the_actions_of_the_catalogue_are_written_somewhere() -> None:
    """An action that was renamed in a room would silence its event: names and keys are held to the rooms' own text."""
    from pathlib import Path

    source = "".join(path.read_text() for path in Path("apps").rglob("*.py") if "tests" not in path.parts)
    for action, events in BY_ACTION.items():
        assert f'action="{action}"' in source, action
        for event in events:
            for key in event.names:
                assert f'"{key}"' in source or f"{key}=" in source, (action, key)


def test_old_deliveries_are_forgotten(hook: Any, api: Callable[..., Any], ada: Any) -> None:
    api(ada).post(f"/api/v1/webhooks/{hook.id}/test")
    assert services.forget_old() == 0
    with public_context():
        Delivery.objects.update(created_at=timezone.now() - timedelta(days=31))
    assert services.forget_old() == 1
