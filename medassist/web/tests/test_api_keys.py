"""Keys are listed, made, rotated and ended over the API and the command; a key knows itself and no other."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from medassist.accounts.access import SCOPES, Permission
from medassist.audit.models import AuditEntry
from medassist.jobs.progress import client as redis_client
from medassist.tenancy.context import clinic_context
from medassist.tenancy.models import ApiKey
from medassist.web import limits

pytestmark = pytest.mark.django_db

Api = Callable[..., Any]


def prefix_of(key: str) -> str:
    return key.split("_")[1]


def works(api: Api, key: str) -> bool:
    return bool(api(key=key).get("/api/v1/keys/current").status_code == 200)


def test_after_a_rotation_both_secrets_work_until_the_overlap_ends(api: Api, ada: Any, key_of: Api) -> None:
    old = key_of("alpha", Permission.CASE_READ)
    answer = api(ada).post(f"/api/v1/keys/{prefix_of(old)}/rotate", {"overlap_seconds": 3600}, format="json")
    assert answer.status_code == 201
    new = answer.json()["key"]
    assert prefix_of(new) == prefix_of(old)
    assert works(api, old)
    assert works(api, new)
    assert api(key=new).get("/api/v1/keys/current").json()["previous_secret_until"]
    ApiKey.objects.filter(prefix=prefix_of(old)).update(previous_until=timezone.now())
    assert not works(api, old)
    assert works(api, new)
    with clinic_context("alpha"):
        entry = AuditEntry.objects.get(action="api_key.rotated")
        assert (entry.object_id, "key" in json.dumps(entry.detail)) == (prefix_of(old), False)


def test_without_overlap_the_secret_before_ends_at_once_and_an_older_one_always(
    api: Api, ada: Any, key_of: Api
) -> None:
    first = key_of("alpha")
    path = f"/api/v1/keys/{prefix_of(first)}/rotate"
    second = api(ada).post(path, {}, format="json").json()["key"]
    third = api(ada).post(path, {}, format="json").json()["key"]
    assert [works(api, key) for key in (first, second, third)] == [False, True, True]
    fourth = api(ada).post(path, {"overlap_seconds": 0}, format="json").json()["key"]
    assert [works(api, key) for key in (second, third, fourth)] == [False, False, True]


def test_a_key_rotates_itself_and_keeps_scopes_and_expiry(api: Api, key_of: Api) -> None:
    ends = timezone.now() + timedelta(days=3)
    old = key_of("alpha", Permission.CASE_READ, expires_at=ends)
    made = api(key=old).post("/api/v1/keys/current/rotate", {}, format="json")
    assert (made.status_code, made.json()["scopes"]) == (201, ["case.read"])
    told = api(key=made.json()["key"]).get("/api/v1/keys/current").json()
    assert (told["scopes"], told["state"], told["expires_at"]) == (["case.read"], "active", made.json()["expires_at"])


def test_what_no_longer_works_cannot_be_rotated(api: Api, ada: Any, key_of: Api) -> None:
    revoked, expired = key_of("alpha"), key_of("alpha")
    assert api(ada).delete(f"/api/v1/keys/{prefix_of(revoked)}").status_code == 204
    ApiKey.objects.filter(prefix=prefix_of(expired)).update(expires_at=timezone.now())
    for key in (revoked, expired):
        answer = api(ada).post(f"/api/v1/keys/{prefix_of(key)}/rotate", {}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (409, "state_conflict")
    assert api(key=revoked).get("/api/v1/keys/current").json()["code"] == "key_revoked"
    states = {row["prefix"]: row["state"] for row in api(ada).get("/api/v1/keys").json()["items"]}
    assert states == {prefix_of(revoked): "revoked", prefix_of(expired): "expired"}


def test_an_administrator_makes_a_key_and_sees_no_secret_again(api: Api, ada: Any) -> None:
    given = {"name": "Lab", "scopes": ["case.read"], "days": 30}
    made = api(ada).post("/api/v1/keys", given, format="json")
    assert made.status_code == 201
    assert works(api, made.json()["key"])
    listed = api(ada).get("/api/v1/keys")
    assert listed.json()["scopes"] == sorted(scope.code for scope in SCOPES)
    assert made.json()["key"].split("_", 2)[2] not in listed.content.decode()
    faults: list[dict[str, Any]] = [
        {"scopes": ["key.manage"]},
        {"scopes": []},
        {"name": ""},
        {"days": 0},
        {"surprise": 1},
    ]
    for wrong in faults:
        answer = api(ada).post("/api/v1/keys", {**given, **wrong}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")


def test_nobody_else_reaches_a_key(
    api: Api, key_of: Api, stranger_key: str, ada: Any, alice: Any, pat: Any, audrey: Any
) -> None:
    prefix, others = prefix_of(key_of("alpha")), prefix_of(stranger_key)
    addresses = [("get", ""), ("delete", ""), ("post", "/rotate"), ("get", "/usage")]
    for place in (others, "0" * 12, "not-a-prefix"):
        for method, rest in addresses:
            answer = getattr(api(ada), method)(f"/api/v1/keys/{place}{rest}")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    for client in (api(alice), api(pat), api(key=key_of("alpha"))):
        for method, rest in addresses[:3]:
            assert getattr(client, method)(f"/api/v1/keys/{prefix}{rest}").status_code == 403
    assert api(alice).get("/api/v1/keys/current").status_code == 403
    assert api(audrey).get(f"/api/v1/keys/{prefix}/usage").status_code == 200


def test_usage_counts_requests_and_jobs_by_day(api: Api, key_of: Api, ada: Any) -> None:
    limits._silent_until = 0.0
    key = key_of("alpha")
    for name in redis_client().scan_iter("keyuse:*"):
        redis_client().delete(name)
    client = api(key=key)
    client.post("/api/v1/cases/analyze", {"presenting_complaint": "Cough for two days"}, format="json")
    client.get("/api/v1/cases")
    path = f"/api/v1/keys/{prefix_of(key)}/usage"
    [day] = api(ada).get(path).json()["days"]
    assert (day["requests"], day["refused"], day["jobs"]) == (2, 0, 1)
    assert api(ada).get(f"{path}?days=93").status_code == 400


def run(*words: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("api_keys", *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_command_lists_rotates_ends_and_counts(api: Api, key_of: Api) -> None:
    old = key_of("alpha")
    prefix = prefix_of(old)
    api(key=old).post("/api/v1/cases/analyze", {"presenting_complaint": "Cough for two days"}, format="json")
    assert [json.loads(line)["prefix"] for line in run("list", "--clinic", "alpha")[0].splitlines()] == [prefix]
    new, told = run("rotate", prefix, "--clinic", "alpha", "--overlap-hours", "0")
    assert "0 hours" in told
    assert [works(api, old), works(api, new.strip())] == [False, True]
    assert [json.loads(line)["jobs"] for line in run("usage", "--clinic", "alpha")[0].splitlines()] == [1]
    run("revoke", prefix, "--clinic", "alpha")
    assert not works(api, new.strip())
    assert "case.read" in run("scopes")[0].split()
    for wrong in (
        ("rotate", prefix, "--clinic", "alpha"),
        ("rotate", prefix, "--clinic", "beta"),
        ("list", "--clinic", "gamma"),
    ):
        with pytest.raises(CommandError):
            run(*wrong)


def test_the_command_sets_a_clinics_rates(api: Api, key_of: Api) -> None:
    limits._silent_until = 0.0
    assert json.loads(run("rates", "--clinic", "alpha", "--reads", "9")[0]) == {
        "clinic": "alpha", "reads_per_minute": 9, "writes_per_minute": None,
    }  # fmt: skip
    answer = api(key=key_of("alpha")).get("/api/v1/cases")
    assert answer["RateLimit-Policy"] == '"read";q=9;w=60'
    assert '"reads_per_minute": null' in run("rates", "--clinic", "alpha", "--reads", "default")[0]
