from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone
from guardian.shortcuts import assign_perm
from rest_framework.request import Request
from rest_framework.test import APIClient, APIRequestFactory

from medassist.accounts.access import (
    SCOPES,
    Actor,
    Permission,
    Role,
    actor_of,
    is_allowed,
    require,
    require_object,
    system_actor,
)
from medassist.accounts.authentication import ApiKeyAuthentication
from medassist.accounts.models import User
from medassist.accounts.services import create_person, issue_api_key, revoke_api_key
from medassist.audit.models import AuditEntry
from medassist.common.errors import InvalidInput, NotAuthenticated, NotFound, PermissionDenied, WrongClinic
from medassist.tenancy.context import clinic_context, public_context
from medassist.tenancy.models import ApiKey

pytestmark = [pytest.mark.django_db, pytest.mark.urls("medassist.accounts.tests.probe")]

Api = Callable[..., APIClient]
P, R = Permission, Role

# Written out, so that a change of a right is a change here as well.
CARE = {
    P.CASE_SUBMIT, P.CASE_READ, P.CASE_CANCEL, P.JOB_READ, P.NOTE_SUMMARIZE, P.NOTE_READ, P.CHAT_ASK, P.CHAT_READ, P.GUIDELINE_READ,
    P.DOCUMENT_INGEST, P.DOCUMENT_READ, P.DOCUMENT_SEARCH, P.MEDIA_GENERATE, P.MEDIA_READ,
}  # fmt: skip
CLINIC_RIGHTS: dict[Role, set[Permission]] = {
    R.CLINICIAN: {
        *CARE,
        P.CASE_BREAK_GLASS,
        P.CASE_RESTRICT,
        P.RULE_DECIDE,
        P.NOTE_RELEASE,
        P.ASSESSMENT_REVIEW,
        P.ASSESSMENT_RELEASE,
        P.OUTCOME_RECORD,
        P.PATIENT_INVITE,
    },
    R.NURSE: {*CARE, P.CASE_BREAK_GLASS, P.PATIENT_INVITE},
    R.PATIENT: {P.PORTAL_USE},
    R.CLINIC_ADMIN: {
        P.NOTE_TEMPLATE,
        P.MEDIA_GENERATE,
        P.MEDIA_READ,
        P.PROTOCOL_MANAGE,
        P.JOB_READ,
        P.AUDIT_READ,
        P.USAGE_READ,
        P.WEBHOOK_MANAGE,
        P.PEOPLE_MANAGE,
        P.KEY_MANAGE,
    },
    R.AUDITOR: {P.AUDIT_READ, P.USAGE_READ},
    R.PLATFORM_STAFF: set(),
}
PUBLIC_RIGHTS: dict[Role, set[Permission]] = {
    **{role: set() for role in Role},
    R.PLATFORM_STAFF: {P.GUIDELINE_MANAGE, P.AUDIT_READ, P.PEOPLE_MANAGE, P.KEY_MANAGE, P.CLINIC_MANAGE},
}
KEY_SCOPES = {
    *CARE,
    P.ASSESSMENT_REVIEW,
    P.OUTCOME_RECORD,
    P.AUDIT_READ,
    P.USAGE_READ,
    P.PROTOCOL_MANAGE,
    P.WEBHOOK_MANAGE,
}


@pytest.mark.parametrize("permission", [*Permission])
@pytest.mark.parametrize("role", [*Role])
def test_each_role_has_exactly_its_rights(role: Role, permission: Permission) -> None:
    with clinic_context("alpha"):
        actor = Actor(kind="user", id="1", clinic="alpha", role=role)
        assert is_allowed(actor, permission) is (permission in CLINIC_RIGHTS[role])
    with public_context():
        actor = Actor(kind="user", id="1", clinic="public", role=role)
        assert is_allowed(actor, permission) is (permission in PUBLIC_RIGHTS[role])


@pytest.mark.parametrize("permission", [*Permission])
def test_a_key_may_do_what_its_scopes_say_and_no_scope_manages(permission: Permission, in_alpha: object) -> None:
    actor = Actor(kind="api_key", id="k", clinic="alpha", scopes=frozenset({permission}))
    assert [other for other in Permission if is_allowed(actor, other)] == [permission]
    assert not is_allowed(Actor(kind="api_key", id="k", clinic="alpha"), permission)
    assert (permission in SCOPES) is (permission in KEY_SCOPES)


def test_rights_end_at_the_clinics_border(in_beta: object) -> None:
    for actor in (Actor(kind="user", id="1", clinic="alpha", role=R.CLINICIAN), system_actor("alpha", "worker")):
        with pytest.raises(PermissionDenied):
            require(actor, P.CASE_READ)


def test_an_unknown_role_has_no_rights(alice: Any, in_alpha: object) -> None:
    from medassist.accounts.access import actor_for_user

    alice.user.role = "owner"
    assert actor_for_user(alice.user).role is None
    assert not any(is_allowed(actor_for_user(alice.user), permission) for permission in Permission)


def test_an_object_grant_opens_one_record_in_one_clinic(pat: Any, alice: Any, bob: Any, in_alpha: object) -> None:
    # People are records as good as any for this; their ids are the same in both clinics on purpose.
    view = P.CASE_READ
    with pytest.raises(NotFound):
        require_object(pat.actor, view, alice.user)
    assign_perm("accounts.view_user", pat.user, alice.user)
    require_object(pat.actor, view, alice.user)
    with pytest.raises(NotFound):
        require_object(pat.actor, view, pat.user)
    with pytest.raises(NotFound):
        require_object(pat.actor, P.CASE_CANCEL, alice.user)
    with clinic_context("beta"), pytest.raises(NotFound):
        require_object(pat.actor, view, bob.user)
    User.objects.filter(pk=pat.user.pk).update(is_active=False)
    with pytest.raises(NotFound):
        require_object(pat.actor, view, alice.user)
    assert ContentType.objects.get_for_model(User).pk


def test_people_of_both_clinics_have_the_same_numbers(alice: Any, bob: Any) -> None:
    # Otherwise the test above could not tell that a grant stays in its clinic.
    with clinic_context("beta"):
        assert User.objects.filter(pk=bob.user.pk).exists()
        assert list(User.objects.values_list("username", flat=True)) == ["bob"]


# --- the API's doors ------------------------------------------------------------------------------


def test_the_api_is_closed_to_strangers(api: Api) -> None:
    for path in ("/case", "/unnamed"):
        answer = api().get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_a_view_that_names_no_right_is_closed_to_all(
    api: Api, alice: Any, ada: Any, key_of: Callable[..., str]
) -> None:
    for client in (api(alice), api(ada), api(key=key_of("alpha"))):
        assert client.get("/unnamed").status_code == 403


def test_people_reach_what_their_role_allows(api: Api, alice: Any, pat: Any) -> None:
    assert api(alice).get("/case").json()["label"] == "alice"
    assert api(pat).get("/case").json()["code"] == "permission_denied"


def test_a_deactivated_person_is_nobody_at_once(api: Api, alice: Any) -> None:
    client = api(alice)
    with clinic_context("alpha"):
        User.objects.filter(pk=alice.user.pk).update(is_active=False)
    assert client.get("/case").status_code == 401


def test_a_session_needs_the_csrf_token_to_write_and_a_key_does_not(
    api: Api, alice: Any, key_of: Callable[..., str]
) -> None:
    assert api(alice, csrf=True).get("/case").status_code == 200
    answer = api(alice, csrf=True).post("/case", {}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert api(key=key_of("alpha"), csrf=True).post("/case", {}, format="json").status_code == 200


@pytest.mark.parametrize("scheme", ["Api-Key", "Bearer", "api-key"])
def test_a_key_works_under_both_schemes(api: Api, key_of: Callable[..., str], scheme: str) -> None:
    key = key_of("alpha", P.CASE_READ)
    answer = api().get("/case", HTTP_AUTHORIZATION=f"{scheme} {key}")
    assert answer.json() == {"kind": "api_key", "id": key.split("_")[1], "clinic": "alpha", "label": "alpha system"}


def test_a_key_without_the_scope_is_denied(api: Api, key_of: Callable[..., str]) -> None:
    assert api(key=key_of("alpha", P.JOB_READ)).get("/case").status_code == 403


def test_expired_revoked_and_wrong_keys_say_so(api: Api, key_of: Callable[..., str]) -> None:
    expiring, revoked = key_of("alpha", expires_at=timezone.now() + timedelta(hours=1)), key_of("alpha")
    assert api(key=expiring).get("/case").status_code == 200
    ApiKey.objects.filter(prefix=expiring.split("_")[1]).update(expires_at=timezone.now() - timedelta(seconds=1))
    by = system_actor("alpha", "tests", scopes=frozenset(Permission))
    with clinic_context("alpha"):
        revoke_api_key(clinic="alpha", prefix=revoked.split("_")[1], by=by)
        revoke_api_key(clinic="alpha", prefix=revoked.split("_")[1], by=by)
    for key, code in (
        (expiring, "key_expired"),
        (revoked, "key_revoked"),
        (key_of("alpha")[:-1] + "!", "not_authenticated"),
        ("ma_000000000000_" + "A" * 43, "not_authenticated"),
        ("", "not_authenticated"),
    ):
        answer = api(key=key).get("/case")
        assert (answer.status_code, answer.json()["code"]) == (401, code)


def test_a_key_of_another_clinic_is_refused_even_behind_the_middleware(stranger_key: str, in_alpha: object) -> None:
    request = APIRequestFactory().get("/case", HTTP_AUTHORIZATION=f"Api-Key {stranger_key}")
    with pytest.raises(WrongClinic):
        ApiKeyAuthentication().authenticate(Request(request))


def test_a_bad_key_is_not_excused_by_a_session(api: Api, alice: Any) -> None:
    assert api(alice, key="ma_000000000000_" + "A" * 43).get("/case").status_code == 401


def test_the_use_of_a_key_is_noted_at_most_once_a_minute(api: Api, key_of: Callable[..., str]) -> None:
    client = api(key=key_of("alpha"))
    client.get("/case")
    first = ApiKey.objects.get().last_used_at
    client.get("/case")
    assert ApiKey.objects.get().last_used_at == first
    assert first is not None
    ApiKey.objects.update(last_used_at=first - timedelta(minutes=2))
    client.get("/case")
    last = ApiKey.objects.get().last_used_at
    assert last is not None
    assert last >= first


# --- services -------------------------------------------------------------------------------------


def test_a_keys_secret_is_stored_nowhere(key_of: Callable[..., str]) -> None:
    secret = key_of("alpha").split("_", 2)[2]
    stored = ApiKey.objects.get()
    assert secret not in str(vars(stored))
    assert len(secret) == 43
    with clinic_context("alpha"):
        entry = AuditEntry.objects.first()
        assert entry is not None
        assert (entry.action, entry.object_id) == ("api_key.issued", stored.prefix)
        assert secret not in str(vars(entry))


def test_keys_are_refused_without_right_scope_name_or_future(ada: Any, alice: Any, in_alpha: object) -> None:
    def issue(by: Any = ada.actor, clinic: str = "alpha", **changed: Any) -> Any:
        values: dict[str, Any] = {"name": "lab", "scopes": [P.CASE_READ], "expires_at": None, **changed}
        return issue_api_key(clinic=clinic, by=by, **values)

    assert issue().key.startswith("ma_")
    wrong: list[dict[str, Any]] = [
        {"name": " "},
        {"scopes": []},
        {"scopes": [P.PEOPLE_MANAGE]},
        {"expires_at": timezone.now()},
    ]
    for changed in wrong:
        with pytest.raises(InvalidInput):
            issue(**changed)
    with pytest.raises(PermissionDenied):
        issue(by=alice.actor)
    with pytest.raises(NotFound):
        issue(clinic="beta")


def test_making_a_person_needs_the_right_and_is_on_record(ada: Any, alice: Any, in_alpha: object) -> None:
    person = create_person(username="zoe", full_name="Zoe", role=R.NURSE, by=ada.actor)
    assert not User.objects.get(pk=person.id).has_usable_password()
    entry = AuditEntry.objects.first()
    assert entry is not None
    assert (entry.action, entry.object_id, entry.actor_label) == ("person.created", person.id, "ada")
    with pytest.raises(PermissionDenied):
        create_person(username="yan", full_name="Yan", role=R.NURSE, by=alice.actor)
    assert not User.objects.filter(username="yan").exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"username": "ada"},
        {"password": "password"},
        {"role": Role.PLATFORM_STAFF},
        {"role": "king"},
        {"username": "a b"},
    ],
)
def test_people_that_would_not_do_are_refused(changed: dict[str, Any], ada: Any, in_alpha: object) -> None:
    values: dict[str, Any] = {"username": "zoe", "full_name": "Zoe", "role": R.NURSE, "by": ada.actor}
    with pytest.raises(InvalidInput):
        create_person(**{**values, **changed})


def test_nobody_in_a_clinic_is_above_the_rules(ada: Any, staff: Any, in_alpha: object) -> None:
    ada.user.role = Role.PLATFORM_STAFF
    assert not ada.user.is_superuser
    with public_context():
        assert staff.user.is_superuser


def test_nobody_is_no_actor() -> None:
    from django.contrib.auth.models import AnonymousUser
    from django.test import RequestFactory

    request = RequestFactory().get("/")
    with pytest.raises(NotAuthenticated):
        actor_of(request)
    request.user = AnonymousUser()
    with pytest.raises(NotAuthenticated):
        actor_of(request)
