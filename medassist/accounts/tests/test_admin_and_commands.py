from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from medassist.accounts.models import User
from medassist.audit.models import AuditEntry
from medassist.tenancy.context import clinic_context, public_context
from medassist.tenancy.models import ApiKey, Clinic, Domain

pytestmark = [pytest.mark.django_db, pytest.mark.urls("medassist.urls_public")]

Api = Callable[..., APIClient]
NEW_PERSON = {
    "username": "zoe", "full_name": "Zoe Zimmer", "email": "", "role": "nurse", "usable_password": "true",
    "password1": "a long enough sentence", "password2": "a long enough sentence",
}  # fmt: skip


def _run(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_a_clinic_administrator_makes_and_changes_people(api: Api, ada: Any) -> None:
    client = api(ada)
    assert client.get("/admin/accounts/user/add/").status_code == 200
    assert client.post("/admin/accounts/user/add/", NEW_PERSON).status_code == 302
    with clinic_context("alpha"):
        zoe = User.objects.get(username="zoe")
        assert zoe.check_password("a long enough sentence")
    page = f"/admin/accounts/user/{zoe.pk}/change/"
    assert client.get(page).status_code == 200
    changed = {"username": "zoe", "full_name": "Zoe Z.", "email": "", "role": "auditor"}
    assert client.post(page, changed).status_code == 302
    with clinic_context("alpha"):
        zoe.refresh_from_db()
        assert (zoe.role, zoe.is_active) == ("auditor", False)
        actions = list(AuditEntry.objects.filter(object_id=str(zoe.pk)).values_list("action", "actor_label"))
        assert actions == [("person.changed", "ada"), ("person.created", "ada")]


def test_a_clinics_form_offers_no_platform_role(api: Api, ada: Any) -> None:
    answer = api(ada).post("/admin/accounts/user/add/", {**NEW_PERSON, "role": "platform_staff"})
    assert answer.status_code == 200
    with clinic_context("alpha"):
        assert not User.objects.filter(username="zoe").exists()


def test_people_are_not_deleted(api: Api, ada: Any, alice: Any) -> None:
    assert api(ada).post(f"/admin/accounts/user/{alice.user.pk}/delete/", {"post": "yes"}).status_code == 403


def test_the_admin_site_is_closed_to_care_staff_and_strangers(api: Api, alice: Any, pat: Any, key_of: Any) -> None:
    for client in (api(), api(alice), api(pat), api(key=key_of("alpha"))):
        assert client.get("/admin/accounts/user/").status_code == 302


def test_an_auditor_reads_the_trail_and_nothing_else(api: Api, audrey: Any) -> None:
    client = api(audrey)
    assert client.get("/admin/audit/auditentry/").status_code == 200
    with clinic_context("alpha"):
        entry = AuditEntry.objects.first()
    assert entry is not None
    page = f"/admin/audit/auditentry/{entry.pk}/change/"
    assert client.get(page).status_code == 200
    assert client.post(page, {"action": "x"}).status_code == 403
    assert client.get("/admin/audit/auditentry/add/").status_code == 403
    assert client.get("/admin/accounts/user/").status_code == 403


def test_a_clinics_administrator_sees_no_platform_pages(api: Api, ada: Any) -> None:
    for page in ("tenancy/clinic", "tenancy/apikey"):
        assert api(ada).get(f"/admin/{page}/").status_code == 403


def test_platform_staff_manage_clinics_and_see_keys(api: Api, staff: Any, key_of: Any) -> None:
    key_of("alpha")
    client = api(staff)
    for page in ("tenancy/clinic", "tenancy/apikey", "accounts/user", "audit/auditentry"):
        assert client.get(f"/admin/{page}/").status_code == 200
    assert client.get(f"/admin/tenancy/apikey/{ApiKey.objects.get().pk}/change/").status_code == 200
    alpha = Clinic.objects.get(schema_name="alpha")
    domain = Domain.objects.get(tenant=alpha)
    answer = client.post(
        f"/admin/tenancy/clinic/{alpha.pk}/change/",
        {
            "name": "Alpha renamed", "locale": "en-GB", "emergency_number": "999", "languages": '["en"]',
            "initial-languages": '["en"]',
            "domains-TOTAL_FORMS": "2", "domains-INITIAL_FORMS": "1", "domains-0-id": domain.pk,
            "domains-0-tenant": alpha.pk, "domains-0-domain": domain.domain, "domains-0-is_primary": "on",
            "domains-1-tenant": alpha.pk, "domains-1-domain": "new.localhost",
        },
    )  # fmt: skip
    assert answer.status_code == 302
    alpha.refresh_from_db()
    assert (alpha.name, alpha.domains.count()) == ("Alpha renamed", 2)
    entry = AuditEntry.objects.first()
    assert entry is not None
    assert (entry.action, entry.detail) == ("clinic.changed", {"changed": "name,hosts"})


def test_people_are_made_by_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_PASSWORD", "a long enough sentence")
    _run("create_person", "zoe", "--clinic", "alpha", "--role", "nurse", "--password-variable", "THE_PASSWORD")
    _run("create_person", "sam", "--clinic", "public", "--role", "platform_staff", "--no-password")
    with clinic_context("alpha"):
        assert User.objects.get(username="zoe").check_password("a long enough sentence")
    with public_context():
        assert User.objects.get(username="sam").is_superuser
    for wrong in (["--clinic", "gamma", "--role", "nurse"], ["--clinic", "alpha", "--role", "platform_staff"]):
        with pytest.raises(CommandError):
            _run("create_person", "eve", *wrong, "--no-password")


def test_keys_are_made_and_ended_by_command(api: Api) -> None:
    key = _run(
        "issue_api_key", "--clinic", "beta", "--name", "lab", "--scopes", "case.read,job.read", "--days", "3"
    ).strip()
    prefix = key.split("_")[1]
    assert ApiKey.objects.get(prefix=prefix).scopes == ["case.read", "job.read"]
    _run("revoke_api_key", prefix, "--clinic", "beta")
    assert ApiKey.objects.get(prefix=prefix).revoked_at is not None
    for wrong in ("people.manage", "case.fly", ""):
        with pytest.raises(CommandError):
            _run("issue_api_key", "--clinic", "beta", "--name", "lab", "--scopes", wrong)
    with pytest.raises(CommandError):
        _run("revoke_api_key", prefix, "--clinic", "alpha")
