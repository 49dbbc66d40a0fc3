"""Signing in by password: whom it lets in, what it counts, which sessions there are and when they end."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from axes.models import AccessAttempt
from django.core import mail
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from redis.exceptions import RedisError
from rest_framework.test import APIClient

from conftest import HOSTS, PASSWORD, DoorClient
from medassist.accounts import sessions
from medassist.accounts.addresses import client_ip
from medassist.accounts.models import User
from medassist.accounts.services import store_person
from medassist.audit.models import AuditEntry
from medassist.tenancy.context import clinic_context, public_context

pytestmark = [pytest.mark.django_db]

Api = Callable[..., APIClient]
CHECKOUT = Path(__file__).resolve().parents[3]
NEW = "seven wise donkeys climb"


def browser(clinic: str = "alpha", address: str = "198.51.100.7") -> DoorClient:
    return DoorClient(HTTP_HOST=HOSTS[clinic], REMOTE_ADDR=address)


def sign_in(client: Any, username: str = "alice", password: str = PASSWORD, **more: str) -> Any:
    return client.post("/login/", {"username": username, "password": password, **more}, format="multipart")


def inside(client: Any) -> bool:
    return bool(client.get("/account/").status_code == 200)


def twin_of(person: Any) -> Any:
    """Somebody of beta with the same number: only the schema keeps the two apart."""
    with clinic_context("beta"):
        twin = User(pk=person.user.pk, username="twin", role="clinician")
        twin.set_password(PASSWORD)
        twin.save()
        return twin


def told(clinic: str = "alpha") -> list[tuple[str, str, dict[str, Any]]]:
    """The trail's entries about the door, the oldest first: action, who, detail."""
    with public_context() if clinic == "public" else clinic_context(clinic):
        rows = AuditEntry.objects.order_by("seq").values_list("action", "actor_label", "detail")
        return [row for row in rows if not row[0].startswith(("clinic.", "person.created"))]


# --- who comes in ---------------------------------------------------------------------------------


def test_a_person_signs_in_where_they_belong_and_nowhere_else(alice: Any, bob: Any, staff: Any) -> None:
    for clinic, username in (("alpha", "alice"), ("beta", "bob"), ("public", "sam")):
        client = browser(clinic)
        assert sign_in(client, username)["Location"] == "/"
        assert inside(client)
    for clinic, username in (("beta", "alice"), ("alpha", "bob"), ("alpha", "sam"), ("public", "alice")):
        client = browser(clinic)
        assert sign_in(client, username).status_code == 200
        assert not inside(client)


def test_a_session_of_one_clinic_is_nothing_in_another(alice: Any) -> None:
    twin_of(alice)
    client = browser()
    sign_in(client)
    stranger = browser("beta")
    stranger.cookies = client.cookies
    assert inside(client)
    assert not inside(stranger)


def test_the_session_changes_its_name_when_somebody_signs_in(alice: Any) -> None:
    client = browser()
    client.get("/login/")
    client.session["planted"] = "yes"
    before = client.session.session_key
    sign_in(client)
    assert client.session.session_key != before


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//beta.localhost/cases/", "http://beta.localhost/", "javascript:alert(1)"]
)
def test_after_signing_in_nobody_is_led_elsewhere(alice: Any, wanted: str) -> None:
    assert sign_in(browser(), next=wanted)["Location"] == "/"


def test_after_signing_in_one_comes_to_the_page_that_was_asked_for(alice: Any) -> None:
    client = browser()
    asked = client.get("/cases/?page=2")
    assert asked["Location"] == "/login/?next=/cases/%3Fpage%3D2"
    assert sign_in(client, next="/cases/?page=2")["Location"] == "/cases/?page=2"


def test_nobody_can_sign_themselves_up() -> None:
    for address in ("/signup/", "/account/signup/", "/accounts/signup/", "/account/second-factor/webauthn/signup/"):
        assert browser().get(address).status_code == 404


def test_signing_out_needs_a_post_and_the_token(alice: Any) -> None:
    client = browser()
    sign_in(client)
    assert client.get("/logout/").status_code == 405
    strict = DoorClient(enforce_csrf_checks=True, HTTP_HOST=HOSTS["alpha"])
    strict.cookies = client.cookies
    assert strict.post("/logout/").status_code == 403
    assert inside(client)
    assert client.post("/logout/")["Location"] == "/login/"
    assert not inside(client)
    assert [entry[0] for entry in told()] == ["session.started", "session.ended"]
    assert told()[1][2] == {"reason": "signed_out", "sessions": 1}


def test_the_admin_site_has_no_door_of_its_own(ada: Any, alice: Any) -> None:
    stranger = browser()
    # The admin site's own form would know neither the second factor nor the clinic's rules.
    answer = stranger.post("/admin/login/", {"username": "ada", "password": PASSWORD}, format="multipart")
    assert answer["Location"].startswith("/login/")
    assert not inside(stranger)
    client = browser()
    sign_in(client, "ada")
    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/password_change/")["Location"] == "/account/password/"
    care = browser()
    sign_in(care)
    assert care.get("/admin/login/?next=/admin/").status_code == 403


def test_the_tables_of_sessions_and_links_have_no_admin_pages(ada: Any) -> None:
    client = browser()
    sign_in(client, "ada")
    for name in ("mfa/authenticator", "usersessions/usersession", "account/emailaddress", "socialaccount/socialapp"):
        assert client.get(f"/admin/{name}/").status_code == 404


# --- failures and lock-out ------------------------------------------------------------------------


def test_five_wrong_passwords_lock_a_name_at_one_address(alice: Any, settings: Any) -> None:
    client = browser()
    answers = [sign_in(client, password="wrong") for _ in range(settings.AXES_FAILURE_LIMIT)]
    assert [answer.status_code for answer in answers] == [200] * (settings.AXES_FAILURE_LIMIT - 1) + [429]
    right = sign_in(client)
    assert right.status_code == 429
    assert int(right["Retry-After"]) == 900
    # From another address the person herself still comes in, and so does a colleague from this one.
    assert sign_in(browser(address="198.51.100.8"))["Location"] == "/"
    events = [(action, detail.get("method")) for action, _, detail in told()]
    assert events == [
        *[("session.refused", "password")] * (settings.AXES_FAILURE_LIMIT - 1),
        ("person.locked_out", None),
        ("session.refused", "password"),
        ("session.started", "password"),
    ]


def test_a_name_that_does_not_exist_is_told_the_same(alice: Any, settings: Any) -> None:
    def pages(username: str) -> list[tuple[int, str]]:
        client = browser()
        answers = [sign_in(client, username, "wrong") for _ in range(settings.AXES_FAILURE_LIMIT + 1)]
        return [(a.status_code, _without_secrets(a.content.decode(), username)) for a in answers]

    assert pages("alice") == pages("nobody")


def _without_secrets(page: str, username: str) -> str:
    page = re.sub(r'(csrfmiddlewaretoken" value=|X-CSRFToken": )"[^"]*"', "", page)
    return page.replace(username, "NAME")


def test_made_up_names_do_not_fill_the_trail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medassist.accounts.events._strangers", {})
    monkeypatch.setattr("medassist.accounts.events._STRANGERS_A_MINUTE", 3)
    for number in range(6):
        sign_in(browser(), f"nobody{number}", "wrong")
    # Six tries may meet the turn of a minute.
    assert 3 <= len(told()) <= 5
    assert "nobody" not in str(told())


def test_a_lock_in_one_clinic_is_none_in_another(member: Any, settings: Any) -> None:
    from medassist.accounts.access import Role

    for clinic in ("alpha", "beta"):
        member("zoe", Role.NURSE, clinic=clinic)
    for _ in range(settings.AXES_FAILURE_LIMIT):
        sign_in(browser(), "zoe", "wrong")
    assert sign_in(browser(), "zoe").status_code == 429
    assert sign_in(browser("beta"), "zoe")["Location"] == "/"
    with clinic_context("beta"):
        assert AccessAttempt.objects.count() == 0


def test_a_lock_ends_by_itself_and_by_signing_in_the_count(alice: Any, settings: Any) -> None:
    client = browser()
    for _ in range(settings.AXES_FAILURE_LIMIT - 1):
        sign_in(client, password="wrong")
    assert sign_in(client)["Location"] == "/"
    client.post("/logout/")
    assert sign_in(client, password="wrong").status_code == 200
    for _ in range(settings.AXES_FAILURE_LIMIT):
        sign_in(client, password="wrong")
    assert sign_in(client).status_code == 429
    with clinic_context("alpha"):
        AccessAttempt.objects.update(attempt_time=timezone.now() - settings.AXES_COOLOFF_TIME - timedelta(seconds=1))
    assert sign_in(client)["Location"] == "/"


def test_what_is_stored_of_a_failure_holds_no_password_and_no_code(alice: Any) -> None:
    sign_in(browser(), password="my secret word", next="/cases/?q=chest+pain")
    with clinic_context("alpha"):
        stored = str(AccessAttempt.objects.values().get())
    assert "my secret word" not in stored
    assert "chest" not in stored


def test_an_administrator_opens_a_lock_by_command_and_in_the_admin_site(
    alice: Any, ada: Any, settings: Any, capsys: Any
) -> None:
    def lock() -> Any:
        client = browser()
        for _ in range(settings.AXES_FAILURE_LIMIT):
            sign_in(client, password="wrong")
        assert sign_in(client).status_code == 429
        return client

    client = lock()
    call_command("unlock_person", "alice", "--clinic", "alpha")
    assert sign_in(client)["Location"] == "/"
    client = lock()
    office = browser(address="198.51.100.20")
    sign_in(office, "ada")
    answer = office.post(
        "/admin/accounts/user/", {"action": "unlock", "_selected_action": [alice.user.pk]}, format="multipart"
    )
    assert answer.status_code == 302
    assert sign_in(client)["Location"] == "/"
    who = [label for action, label, _ in told() if action == "person.unlocked"]
    assert who == ["command: unlock_person", "ada"]
    with pytest.raises(CommandError, match="not_found"):
        call_command("unlock_person", "nobody", "--clinic", "alpha")
    with pytest.raises(CommandError):
        call_command("unlock_person", "alice", "--clinic", "beta")


@pytest.mark.parametrize(
    ("trusted", "wire", "written", "expected"),
    [
        ((), "203.0.113.9", "198.51.100.1", "203.0.113.9"),
        (("10.0.0.0/8",), "203.0.113.9", "198.51.100.1", "203.0.113.9"),
        (("10.0.0.0/8",), "10.0.0.2", "198.51.100.1", "198.51.100.1"),
        # The first is what a stranger wrote to be taken for somebody else.
        (("10.0.0.0/8",), "10.0.0.2", "192.0.2.66, 198.51.100.1", "198.51.100.1"),
        (("10.0.0.0/8",), "10.0.0.2", "192.0.2.66, 198.51.100.1, 10.0.0.3", "198.51.100.1"),
        (("10.0.0.0/8",), "10.0.0.2", "nonsense", "10.0.0.2"),
        (("10.0.0.0/8",), "10.0.0.2", "", "10.0.0.2"),
        (("2001:db8::/32",), "2001:db8::1", "2001:db9::7", "2001:db9::7"),
        ((), "", "", None),
    ],
)
def test_a_forwarded_address_is_believed_from_trusted_proxies_only(
    settings: Any, trusted: tuple[str, ...], wire: str, written: str, expected: str | None
) -> None:
    from ipaddress import ip_network

    settings.TRUSTED_PROXIES = tuple(ip_network(one) for one in trusted)
    request = RequestFactory().get("/", REMOTE_ADDR=wire, HTTP_X_FORWARDED_FOR=written)
    assert client_ip(request) == expected


def test_a_made_up_forwarded_address_opens_no_lock(alice: Any, settings: Any) -> None:
    client = browser()
    for number in range(settings.AXES_FAILURE_LIMIT):
        sign_in(client, password="wrong")
        client.defaults["HTTP_X_FORWARDED_FOR"] = f"192.0.2.{number}"
    assert sign_in(client).status_code == 429


# --- sessions -------------------------------------------------------------------------------------


def test_the_account_page_lists_where_i_am_signed_in_and_ends_the_others(alice: Any, nora: Any) -> None:
    here, there, third, hers = browser(), browser(address="203.0.113.5"), browser(address="203.0.113.6"), browser()
    for client in (here, there, third):
        sign_in(client)
    sign_in(hers, "nora")
    page = here.get("/account/").content.decode()
    assert "203.0.113.5" in page
    assert page.count("Sign out there") == 2
    with clinic_context("alpha"):
        other = UserSession.objects.get(ip="203.0.113.5")
        noras = UserSession.objects.get(user=nora.user)
    assert here.post("/account/sessions/end/", {"session": noras.pk}, format="multipart").status_code == 302
    assert inside(hers)
    assert here.post("/account/sessions/end/", {"session": other.pk}, format="multipart").status_code == 302
    assert not inside(there)
    assert inside(third)
    here.post("/account/sessions/end/")
    assert not inside(third)
    assert inside(here)
    reasons = [detail["reason"] for action, _, detail in told() if action == "session.ended"]
    assert reasons == ["ended_elsewhere", "ended_elsewhere"]


def test_a_new_password_ends_every_session_here_and_elsewhere(alice: Any) -> None:
    here, there = browser(), browser(address="203.0.113.5")
    sign_in(here)
    sign_in(there)
    weak = here.post(
        "/account/password/", {"oldpassword": PASSWORD, "password1": "short", "password2": "short"}, format="multipart"
    )
    assert weak.status_code == 200
    assert b"too short" in weak.content
    wrong = {"oldpassword": "not it", "password1": NEW, "password2": NEW}
    assert here.post("/account/password/", wrong, format="multipart").status_code == 200
    assert inside(there)
    answer = here.post("/account/password/", {**wrong, "oldpassword": PASSWORD}, format="multipart")
    assert (answer.status_code, answer["Location"]) == (302, "/login/")
    assert not inside(here)
    assert not inside(there)
    with clinic_context("alpha"):
        assert not UserSession.objects.exists()
    assert sign_in(browser()).status_code == 200
    assert sign_in(browser(), password=NEW)["Location"] == "/"
    assert {"person.password_changed", "session.ended"} <= {action for action, _, _ in told()}


def test_deactivation_ends_every_session(alice: Any, ada: Any) -> None:
    client = browser()
    sign_in(client)
    with clinic_context("alpha"):
        person = User.objects.get(pk=alice.user.pk)
        person.is_active = False
        store_person(person=person, by=ada.actor, created=False, changed=["is_active"])
        assert not UserSession.objects.filter(user=person).exists()
    assert not inside(client)
    with clinic_context("alpha"):
        person.is_active = True
        store_person(person=person, by=ada.actor, created=False, changed=["is_active"])
    # Being let in again does not bring the old session back.
    assert not inside(client)


def test_an_administrator_signs_a_person_out_everywhere_and_sets_a_password(alice: Any, ada: Any) -> None:
    client, office = browser(), browser(address="198.51.100.20")
    sign_in(client)
    sign_in(office, "ada")
    chosen = {"action": "sign_out_everywhere", "_selected_action": [alice.user.pk]}
    assert office.post("/admin/accounts/user/", chosen, format="multipart").status_code == 302
    assert not inside(client)
    sign_in(client)
    answer = office.post(
        f"/admin/accounts/user/{alice.user.pk}/password/",
        {"password1": NEW, "password2": NEW, "usable_password": "true"},
        format="multipart",
    )
    assert answer.status_code == 302
    assert not inside(client)
    assert [label for action, label, _ in told() if action == "person.password_changed"] == ["ada"]


# --- idle -----------------------------------------------------------------------------------------


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock that sessions are measured by."""
    gone = [0.0]
    real = time.time
    monkeypatch.setattr("medassist.accounts.sessions.time.time", lambda: real() + gone[0])

    def move(seconds: float) -> None:
        gone[0] += seconds

    return move


def test_a_session_that_nobody_uses_ends(alice: Any, later: Any, settings: Any) -> None:
    client = browser()
    sign_in(client)
    for _ in range(3):
        later(settings.SESSION_COOKIE_AGE - 100)
        assert inside(client)
    later(settings.SESSION_COOKIE_AGE + 1)
    assert client.get("/cases/")["Location"].startswith("/login/")
    assert told()[-1][2] == {"reason": "idle", "sessions": 1}


@pytest.mark.parametrize("poll", ["/cases/", "/api/v1/cases"])
def test_polling_does_not_keep_a_session_alive(alice: Any, later: Any, settings: Any, poll: str) -> None:
    client = browser()
    sign_in(client)
    header: dict[str, Any] = {} if poll.startswith("/api/") else {"HTTP_HX_REQUEST": "true", "HTTP_X_BACKGROUND": "1"}
    for _ in range(9):
        later(settings.SESSION_COOKIE_AGE / 10)
        assert client.get(poll, **header).status_code == 200
    later(settings.SESSION_COOKIE_AGE / 10 + 1)
    assert client.get(poll, **header).status_code in {302, 401}
    assert not inside(client)


def test_the_page_may_ask_how_long_and_say_that_somebody_is_there(alice: Any, later: Any, settings: Any) -> None:
    client = browser()
    sign_in(client)
    later(600)
    left = client.get("/account/sessions/left/", HTTP_X_BACKGROUND="1").json()["left"]
    assert settings.SESSION_COOKIE_AGE - 605 <= left <= settings.SESSION_COOKIE_AGE - 595
    assert client.post("/account/sessions/stay/").json()["left"] >= settings.SESSION_COOKIE_AGE - 5
    assert browser().get("/account/sessions/left/").json() == {"left": 0}


def test_an_ordinary_page_is_not_one_more_write(alice: Any) -> None:
    client = browser()
    sign_in(client)
    client.get("/account/sessions/left/")
    with CaptureQueriesContext(connection) as captured:
        client.get("/rules/")
    assert not [one["sql"] for one in captured if "UPDATE" in one["sql"] and "django_session" in one["sql"]]


def test_every_poll_of_every_template_says_that_it_is_one() -> None:
    silent = []
    templates = [*CHECKOUT.glob("apps/*/templates/**/*.html"), *CHECKOUT.glob("medassist/templates/**/*.html")]
    for path in templates:
        for tag in re.findall(r"<[a-z]+[^<>]*hx-trigger=[^<>]*>", re.sub(r"\{%.*?%\}", "", path.read_text("utf-8"))):
            headers = re.search(r"hx-headers='([^']*)'", tag)
            # As the browser would read it: what is no JSON is no header.
            said = json.loads(headers[1]) if headers else {}
            if re.search(r'hx-trigger="[^"]*(poll|every|load)', tag) and sessions.BACKGROUND not in said:
                silent.append(f"{path.name}: {tag[:80]}")
    assert len(templates) > 30
    assert silent == []


# --- a forgotten password -------------------------------------------------------------------------


def test_without_e_mail_the_page_says_whom_to_ask(settings: Any) -> None:
    settings.PASSWORD_RESET_BY_EMAIL = False
    page = browser().get("/account/password/reset/")
    assert b"ask your clinic" in page.content
    sent = browser().post("/account/password/reset/", {"email": "a@b.example"}, format="multipart")
    assert b"ask your clinic" in sent.content
    assert mail.outbox == []


def test_a_link_by_e_mail_works_once_and_for_this_clinic_alone(alice: Any, bob: Any, settings: Any) -> None:
    settings.PASSWORD_RESET_BY_EMAIL = True
    for clinic in ("alpha", "beta"):
        with clinic_context(clinic):
            User.objects.update(email="one@clinic.example")
    client = browser()
    sign_in(client)

    def ask(address: str) -> Any:
        return browser().post("/account/password/reset/", {"email": address}, format="multipart")

    known, unknown = ask("one@clinic.example"), ask("nobody@clinic.example")
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert [letter.to for letter in mail.outbox] == [["one@clinic.example"]]
    link = re.search(r"https?://alpha\.localhost(/\S+)", str(mail.outbox[0].body))
    assert link is not None
    assert b"too old" in browser("beta").get(link[1]).content
    visitor = browser()
    form = visitor.get(link[1])["Location"]
    answer = visitor.post(form, {"password1": NEW, "password2": NEW}, format="multipart")
    assert answer.status_code == 302
    assert not inside(client)
    assert sign_in(browser(), password=NEW)["Location"] == "/"
    assert b"used already" in visitor.get(link[1], follow=True).content
    with clinic_context("beta"):
        assert User.objects.get().check_password(PASSWORD)


def test_when_mail_cannot_be_sent_the_page_says_the_same(
    alice: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any, **__: Any) -> None:
        raise ConnectionRefusedError

    settings.PASSWORD_RESET_BY_EMAIL = True
    monkeypatch.setattr("django.core.mail.EmailMultiAlternatives.send", down)
    monkeypatch.setattr("django.core.mail.EmailMessage.send", down)
    with clinic_context("alpha"):
        User.objects.update(email="one@clinic.example")
    answers = [
        browser().post("/account/password/reset/", {"email": email}, format="multipart")
        for email in ("one@clinic.example", "nobody@clinic.example")
    ]
    assert [(answer.status_code, answer["Location"]) for answer in answers] == [
        (302, "/account/password/reset/sent/")
    ] * 2


def test_a_password_signs_in_when_redis_does_not_answer(alice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: Any, **__: Any) -> None:
        raise RedisError("down")

    for name in ("get", "set", "add", "delete", "get_many", "set_many", "incr"):
        monkeypatch.setattr(cache, name, down)
    client = browser()
    assert sign_in(client, password="wrong").status_code == 200
    assert sign_in(client)["Location"] == "/"
    assert inside(client)


def test_the_shared_cache_keeps_clinics_apart() -> None:
    """The real one, in Redis, as the settings make it: what is remembered of person 1 of a clinic is its own."""
    from django.utils.module_loading import import_string

    from medassist.settings import base

    values = dict(base.CACHES["default"])
    real = import_string(values.pop("BACKEND"))(values.pop("LOCATION"), values)
    with clinic_context("alpha"):
        assert real.add("spent-code:1:123456", "y", timeout=5)
        assert not real.add("spent-code:1:123456", "y", timeout=5)
    with clinic_context("beta"):
        assert real.add("spent-code:1:123456", "y", timeout=5)
    for clinic in ("alpha", "beta"):
        with clinic_context(clinic):
            real.delete("spent-code:1:123456")


def test_keys_are_untouched_by_all_of_this(api: Api, key_of: Any, settings: Any, later: Any) -> None:
    client = api(key=key_of("alpha"))
    later(settings.SESSION_COOKIE_AGE * 2)
    assert client.get("/api/v1/cases").status_code == 200
