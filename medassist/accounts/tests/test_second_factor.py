"""The second factor: set up, asked for, required, lost; its secrets at rest."""

from __future__ import annotations

import base64
import io
import re
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.urls import reverse
from redis.exceptions import RedisError

from conftest import PASSWORD
from medassist.accounts.adapters import SecondFactorAdapter
from medassist.accounts.tests.test_sign_in import browser, inside, sign_in, told, twin_of
from medassist.audit.models import AuditEntry
from medassist.common.crypto import UnreadableCiphertext
from medassist.tenancy.context import clinic_context, public_context
from medassist.tenancy.models import Clinic
from medassist.tenancy.services import require_second_factor

pytestmark = [pytest.mark.django_db]

AT = "/account/second-factor/"


def code_of(secret: str, step: int = 0) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + step)))


def confirm(client: Any) -> None:
    answer = client.post("/account/reauthenticate/", {"password": PASSWORD}, format="multipart")
    assert answer.status_code == 302


def set_up(client: Any) -> tuple[str, list[str]]:
    """An authenticator app for who is signed in: its secret, and the recovery codes that were shown."""
    confirm(client)
    page = client.get(f"{AT}totp/activate/").content.decode()
    found = re.search(r'<code class="secret">(\w+)</code>', page)
    assert found is not None
    assert 'src="data:image/svg+xml;base64,' in page
    # Of the step before, so that signing in can use the present one.
    answer = client.post(f"{AT}totp/activate/", {"code": code_of(found[1], -1)}, format="multipart")
    assert answer["Location"] == f"{AT}recovery-codes/"
    codes = re.findall(r"<code>(\d{8})</code>", client.get(answer["Location"]).content.decode())
    assert len(codes) == 10
    return found[1], codes


@pytest.fixture
def with_app(alice: Any) -> tuple[str, list[str]]:
    client = browser()
    sign_in(client)
    return set_up(client)


def half_way() -> Any:
    client = browser()
    assert sign_in(client)["Location"] == f"{AT}authenticate/"
    assert not inside(client)
    return client


def enter(client: Any, code: str) -> Any:
    return client.post(f"{AT}authenticate/", {"code": code}, format="multipart")


# --- asked for ------------------------------------------------------------------------------------


def test_a_password_alone_opens_nothing_any_more(with_app: Any) -> None:
    client = half_way()
    for address in ("/cases/", "/account/", AT, "/admin/"):
        assert client.get(address).status_code == 302
    assert client.get("/api/v1/cases").status_code == 401
    assert enter(client, "000000").status_code == 200
    assert not inside(client)
    answer = enter(client, code_of(with_app[0]))
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert inside(client)
    assert told()[-1][2]["method"] == "password,totp"


def test_the_page_asked_for_is_reached_after_the_code(with_app: Any) -> None:
    client = browser()
    sign_in(client, next="/cases/?page=2")
    assert enter(client, code_of(with_app[0]))["Location"] == "/cases/?page=2"


def test_a_code_works_once_for_as_long_as_it_would_be_good(with_app: Any) -> None:
    code = code_of(with_app[0])
    assert enter(half_way(), code).status_code == 302
    # allauth forgets a used code after one period, but accepts it in three.
    for key in [key for key in cache._cache if "spent-code" not in key]:  # type: ignore[attr-defined]
        del cache._cache[key]  # type: ignore[attr-defined]
    assert enter(half_way(), code).status_code == 200
    assert enter(half_way(), f"{code[:3]} {code[3:]}").status_code == 200


def test_a_recovery_code_works_once_and_is_not_shown_again(with_app: Any) -> None:
    _, codes = with_app
    client = half_way()
    assert enter(client, codes[3]).status_code == 302
    assert enter(half_way(), codes[3]).status_code == 200
    assert enter(half_way(), codes[4]).status_code == 302
    confirm(client)
    page = client.get(f"{AT}recovery-codes/").content.decode()
    assert "8 codes are left" in page
    assert not any(code in page for code in codes)
    assert client.get(f"{AT}recovery-codes/download/").status_code == 403


def test_guessing_codes_locks_as_guessing_passwords_does(with_app: Any, settings: Any) -> None:
    client = half_way()
    answers = [enter(client, f"00000{n}").status_code for n in range(settings.AXES_FAILURE_LIMIT)]
    assert answers == [200] * (settings.AXES_FAILURE_LIMIT - 1) + [429]
    assert enter(client, code_of(with_app[0])).status_code == 429
    assert sign_in(browser()).status_code == 429
    assert not inside(client)
    refused = [detail["method"] for action, _, detail in told() if action == "session.refused"]
    assert refused == ["code"] * settings.AXES_FAILURE_LIMIT


def test_a_right_password_does_not_take_wrong_codes_back(with_app: Any, settings: Any) -> None:
    for n in range(settings.AXES_FAILURE_LIMIT - 1):
        assert enter(half_way(), f"00000{n}").status_code == 200
    assert enter(half_way(), "123456").status_code == 429


def test_when_codes_cannot_be_checked_nobody_comes_in(with_app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: Any, **__: Any) -> bool:
        raise RedisError("down")

    client = half_way()
    monkeypatch.setattr(cache, "add", down)
    answer = enter(client, code_of(with_app[0]))
    assert b"cannot be checked at the moment" in answer.content
    assert not inside(client)


def test_leaving_half_way_forgets_who_it_was(with_app: Any) -> None:
    client = half_way()
    client.post("/logout/")
    assert enter(client, code_of(with_app[0]))["Location"] == "/login/"
    assert not inside(client)


# --- at rest, and between clinics -----------------------------------------------------------------


def stored_text(clinic: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT string_agg(data::text, ' ') FROM {clinic}.mfa_authenticator")
        return str(cursor.fetchone()[0])


def test_secrets_and_codes_are_encrypted_at_rest(with_app: Any) -> None:
    secret, codes = with_app
    with public_context():
        text = stored_text("alpha")
    assert text.count("v1:test:") == 2
    assert secret not in text
    assert not any(code in text for code in codes)


def test_a_secret_that_is_being_set_up_is_encrypted_in_the_session(alice: Any) -> None:
    client = browser()
    sign_in(client)
    confirm(client)
    page = client.get(f"{AT}totp/activate/").content.decode()
    found = re.search(r'<code class="secret">(\w+)</code>', page)
    assert found is not None
    with clinic_context("alpha"):
        assert found[1] not in str(dict(client.session))


def test_an_app_of_one_clinic_is_nothing_in_another(with_app: Any, alice: Any) -> None:
    twin_of(alice)
    client = browser("beta")
    assert sign_in(client, "twin")["Location"] == "/"
    assert inside(client)
    with clinic_context("beta"):
        assert not Authenticator.objects.exists()


def test_a_secret_copied_into_another_clinic_does_not_open(with_app: Any, bob: Any) -> None:
    with clinic_context("alpha"):
        stored = Authenticator.objects.get(type="totp").data
        assert SecondFactorAdapter().decrypt(stored["secret"]) == with_app[0]
    with clinic_context("beta"), pytest.raises(UnreadableCiphertext):
        SecondFactorAdapter().decrypt(stored["secret"])


def test_keys_are_rotated_inside_second_factors_as_well(with_app: Any, settings: Any) -> None:
    settings.FIELD_KEYS = f"new:{base64.b64encode(b'n' * 32).decode()},{settings.FIELD_KEYS}"
    with clinic_context("alpha"):
        call_command("rotate_field_keys", stdout=io.StringIO())
    with public_context():
        text = stored_text("alpha")
    assert (text.count("v1:new:"), text.count("v1:test:")) == (2, 0)
    assert enter(half_way(), code_of(with_app[0])).status_code == 302
    assert enter(half_way(), with_app[1][0]).status_code == 302


# --- changed --------------------------------------------------------------------------------------


def test_changing_a_factor_asks_for_the_password_again(with_app: Any) -> None:
    client = half_way()
    enter(client, code_of(with_app[0]))
    for address in ("totp/deactivate/", "recovery-codes/generate/", "webauthn/add/", "recovery-codes/"):
        assert "/account/reauthenticate/" in client.get(f"{AT}{address}")["Location"]
    client.post(f"{AT}totp/deactivate/")
    with clinic_context("alpha"):
        assert Authenticator.objects.filter(type="totp").exists()


def test_taking_the_app_away_ends_the_other_sessions_and_is_on_record(with_app: Any) -> None:
    client, other = half_way(), half_way()
    enter(client, code_of(with_app[0]))
    enter(other, with_app[1][0])
    assert inside(other)
    confirm(client)
    assert client.post(f"{AT}totp/deactivate/").status_code == 302
    assert inside(client)
    assert not inside(other)
    with clinic_context("alpha"):
        assert not Authenticator.objects.exists()
    kinds = [detail["kind"] for action, _, detail in told() if action == "second_factor.removed"]
    assert sorted(kinds) == ["recovery_codes", "totp"]


@pytest.mark.django_db(transaction=True)
def test_setting_up_is_on_record(alice: Any) -> None:
    client = browser()
    sign_in(client)
    set_up(client)
    added = [(who, detail["kind"]) for action, who, detail in told() if action == "second_factor.added"]
    assert sorted(added) == [("alice", "recovery_codes"), ("alice", "totp")]


def test_an_administrator_takes_a_lost_factor_away(with_app: Any, capsys: Any) -> None:
    client = half_way()
    enter(client, code_of(with_app[0]))
    call_command("unlock_person", "alice", "--clinic", "alpha", "--reset-second-factor")
    assert "2 second factors taken away" in capsys.readouterr().out
    assert not inside(client)
    assert sign_in(browser())["Location"] == "/"
    assert "second_factor.reset" in {action for action, _, _ in told()}


# --- required -------------------------------------------------------------------------------------


@pytest.fixture
def required(db: None) -> None:
    with public_context():
        require_second_factor(schema_name="alpha", required=True, by="tests")


def test_it_is_off_unless_the_clinic_wants_it() -> None:
    with public_context():
        assert not Clinic.objects.filter(second_factor_required=True).exists()


def test_where_it_is_required_one_comes_to_the_page_that_sets_it_up(required: None, alice: Any) -> None:
    client = browser()
    sign_in(client)
    for address in ("/cases/", "/", "/cases/new/", "/rules/"):
        assert client.get(address)["Location"] == f"{AT}required/"
    assert b"A second factor is needed" in client.get(f"{AT}required/").content
    answer = client.get("/api/v1/cases")
    assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required")
    fragment = client.get("/cases/", HTTP_HX_REQUEST="true")
    assert (fragment.status_code, fragment["HX-Redirect"]) == (401, f"{AT}required/")
    assert client.post("/cases/new/", {"presenting_complaint": "x"}, format="multipart").status_code == 302
    assert inside(client)
    set_up(client)
    assert client.get("/cases/").status_code == 200
    assert client.get("/api/v1/cases").status_code == 200


def test_it_binds_clinicians_and_administrators_of_that_clinic_and_no_key(
    required: None, api: Any, alice: Any, ada: Any, nora: Any, pat: Any, bob: Any, key_of: Any
) -> None:
    bound = {person.user.username: api(person).get("/rules/").status_code for person in (alice, nora, bob)}
    assert bound == {"alice": 302, "nora": 200, "bob": 200}
    assert api(ada).get("/admin/")["Location"] == f"{AT}required/"
    assert api(pat).get(reverse("cases:portal")).status_code == 200
    assert api(key=key_of("alpha")).get("/api/v1/cases").status_code == 200


def test_without_its_factor_a_session_is_closed_again(required: None, alice: Any) -> None:
    client = browser()
    sign_in(client)
    set_up(client)
    assert client.get("/cases/").status_code == 200
    confirm(client)
    client.post(f"{AT}totp/deactivate/")
    assert client.get("/cases/")["Location"] == f"{AT}required/"


def test_platform_staff_are_bound_by_the_operators_setting(staff: Any, settings: Any) -> None:
    client = browser("public")
    sign_in(client, "sam")
    assert client.get("/admin/").status_code == 200
    settings.PLATFORM_SECOND_FACTOR = True
    assert client.get("/admin/")["Location"] == f"{AT}required/"
    set_up(client)
    assert client.get("/admin/").status_code == 200


def test_the_clinics_wish_is_set_by_command_and_in_the_admin_site(staff: Any, capsys: Any) -> None:
    call_command("require_second_factor", "alpha")
    assert "is required" in capsys.readouterr().out
    with public_context():
        assert Clinic.objects.get(schema_name="alpha").second_factor_required
    call_command("require_second_factor", "alpha", "--off")
    with public_context():
        assert not Clinic.objects.get(schema_name="alpha").second_factor_required
    with clinic_context("alpha"):
        actions = list(AuditEntry.objects.order_by("seq").values_list("action", flat=True))[-2:]
    assert actions == ["clinic.second_factor.required", "clinic.second_factor.optional"]
    client = browser("public")
    sign_in(client, "sam")
    with public_context():
        page = client.get(f"/admin/tenancy/clinic/{Clinic.objects.get(schema_name='alpha').pk}/change/")
    assert b"second_factor_required" in page.content
