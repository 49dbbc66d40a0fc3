"""A clinic's own sign-in service: whom it lets in, and everything at which it stays closed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import connection

from medassist.accounts.addresses import issuer_problem
from medassist.accounts.models import IdentityProvider, User
from medassist.accounts.tests.fake_provider import CLIENT, SECRET, FakeProvider
from medassist.accounts.tests.test_sign_in import browser, inside, sign_in, told
from medassist.tenancy.context import clinic_context, public_context
from medassist.tenancy.services import require_second_factor

pytestmark = [pytest.mark.django_db]

ADDRESS = "alice.adams@alpha.example"


@pytest.fixture
def fake(settings: Any) -> Iterator[FakeProvider]:
    settings.OIDC_HOSTS = ("127.0.0.1",)
    provider = FakeProvider(claims={"sub": "s-1", "email": ADDRESS, "email_verified": True, "name": "Alice Adams"})
    server = provider.start()
    yield provider
    server.shutdown()
    server.server_close()


@pytest.fixture
def stored(fake: FakeProvider) -> IdentityProvider:
    with clinic_context("alpha"):
        return IdentityProvider.objects.create(
            name="Alpha ID", issuer=fake.issuer, client_id=CLIENT, client_secret=SECRET, is_active=True
        )


@pytest.fixture
def known(alice: Any) -> Any:
    with clinic_context("alpha"):
        User.objects.filter(pk=alice.user.pk).update(email=ADDRESS.upper())
    return alice


def change(stored: IdentityProvider, **values: Any) -> None:
    with clinic_context("alpha"):
        IdentityProvider.objects.filter(pk=stored.pk).update(**values)


def come(fake: FakeProvider, stored: IdentityProvider, client: Any = None, next_page: str = "") -> tuple[Any, Any]:
    """The whole way: our page, the provider, back again. The client, and the last answer."""
    client = client or browser()
    away = client.get(f"/sso/{stored.key}/", {"next": next_page} if next_page else {})
    if away.status_code != 302:
        return client, away
    assert away["Location"].startswith(f"{fake.issuer}/authorize?")
    return client, client.get(fake.consent(away["Location"]))


# --- who comes in ---------------------------------------------------------------------------------


def test_the_sign_in_page_offers_it_in_its_clinic_alone(stored: IdentityProvider) -> None:
    assert b"Sign in with Alpha ID" in browser().get("/login/").content
    for clinic in ("beta", "public"):
        assert b"Alpha ID" not in browser(clinic).get("/login/").content
        assert browser(clinic).get(f"/sso/{stored.key}/").status_code == 404
    change(stored, is_active=False)
    assert b"Alpha ID" not in browser().get("/login/").content
    assert browser().get(f"/sso/{stored.key}/").status_code == 404


def test_a_verified_address_finds_the_person_and_later_the_subject_does(
    fake: FakeProvider, stored: IdentityProvider, known: Any
) -> None:
    client, answer = come(fake, stored, next_page="/cases/?page=2")
    assert (answer.status_code, answer["Location"]) == (302, "/cases/?page=2")
    assert inside(client)
    # The address may change at the provider: from now on the subject says who it is.
    fake.claims = {"sub": "s-1", "email": "new@alpha.example", "email_verified": False}
    client, _ = come(fake, stored)
    assert inside(client)
    with clinic_context("alpha"):
        link = SocialAccount.objects.get()
        assert (link.user_id, link.uid, link.extra_data) == (known.user.pk, "s-1", {})
        assert User.objects.count() == 1
    actions = [action for action, _, _ in told()]
    assert actions == ["identity.linked", "session.started", "session.started"]
    assert told()[1][2]["method"] == "socialaccount"


def test_what_the_provider_says_changes_nobody(fake: FakeProvider, stored: IdentityProvider, known: Any) -> None:
    fake.claims |= {"preferred_username": "root", "given_name": "Mallory", "role": "platform_staff"}
    come(fake, stored)
    come(fake, stored)
    with clinic_context("alpha"):
        person = User.objects.get()
    assert (person.username, person.full_name, person.role) == ("alice", "Alice Adams", "clinician")


@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "yes"},
        {"email": "somebody@else.example"},
        {"email": None},
    ],
    ids=str,
)
def test_without_a_verified_address_that_is_known_nobody_comes_in(
    fake: FakeProvider, stored: IdentityProvider, known: Any, claims: dict[str, Any]
) -> None:
    fake.claims |= claims
    client, answer = come(fake, stored)
    assert answer.status_code == 403
    assert b"ask your clinic" in answer.content
    assert not inside(client)
    with clinic_context("alpha"):
        assert (SocialAccount.objects.count(), User.objects.count()) == (0, 1)
    assert told()[-1][0] == "session.refused"


def test_an_address_of_two_people_or_of_one_out_of_use_finds_nobody(
    fake: FakeProvider, stored: IdentityProvider, known: Any, nora: Any
) -> None:
    with clinic_context("alpha"):
        User.objects.filter(pk=nora.user.pk).update(email=ADDRESS)
    assert come(fake, stored)[1].status_code == 403
    with clinic_context("alpha"):
        User.objects.filter(pk=nora.user.pk).update(email="")
        User.objects.filter(pk=known.user.pk).update(is_active=False)
    assert come(fake, stored)[1].status_code == 403


def test_a_linked_person_out_of_use_stays_out(fake: FakeProvider, stored: IdentityProvider, known: Any) -> None:
    come(fake, stored)
    with clinic_context("alpha"):
        User.objects.filter(pk=known.user.pk).update(is_active=False)
    client, answer = come(fake, stored)
    assert answer.status_code == 403
    assert not inside(client)


def test_an_address_given_to_somebody_else_at_the_provider_is_not_enough(
    fake: FakeProvider, stored: IdentityProvider, known: Any
) -> None:
    come(fake, stored)
    fake.claims |= {"sub": "s-2"}
    client, answer = come(fake, stored)
    assert answer.status_code == 403
    assert not inside(client)


def test_another_issuers_subjects_are_other_people(fake: FakeProvider, stored: IdentityProvider, known: Any) -> None:
    come(fake, stored)
    with clinic_context("alpha"):
        other = IdentityProvider(name="x", issuer="https://other.example")
    assert other.key != stored.key


def test_people_are_made_only_where_the_clinic_said_so_and_with_its_role(
    fake: FakeProvider, stored: IdentityProvider, known: Any, settings: Any
) -> None:
    fake.claims = {"sub": "s-9", "email": "new@alpha.example", "email_verified": True, "name": "Nia New"}
    assert come(fake, stored)[1].status_code == 403
    change(stored, creates_people=True, default_role="nurse")
    client, _ = come(fake, stored)
    assert inside(client)
    with clinic_context("alpha"):
        made = User.objects.get(email="new@alpha.example")
        assert (made.role, made.full_name, made.has_usable_password()) == ("nurse", "Nia New", False)
    # No second way in past the provider.
    assert client.get("/account/password/").status_code == 404
    settings.PASSWORD_RESET_BY_EMAIL = True
    browser().post("/account/password/reset/", {"email": "new@alpha.example"}, format="multipart")
    assert mail.outbox == []
    fake.claims |= {"sub": "s-10", "email": "unproven@alpha.example", "email_verified": False}
    assert come(fake, stored)[1].status_code == 403


def test_a_second_factor_here_is_asked_for_after_the_provider(
    fake: FakeProvider, stored: IdentityProvider, known: Any
) -> None:
    from medassist.accounts.tests.test_second_factor import AT, set_up

    client = browser()
    sign_in(client)
    set_up(client)
    client, answer = come(fake, stored)
    assert answer["Location"] == f"{AT}authenticate/"
    assert not inside(client)


def test_where_one_is_required_the_providers_counts_only_if_the_clinic_says_so(
    fake: FakeProvider, stored: IdentityProvider, known: Any
) -> None:
    with public_context():
        require_second_factor(schema_name="alpha", required=True, by="tests")
    client, _ = come(fake, stored)
    assert client.get("/rules/").status_code == 302
    change(stored, second_factor_there=True)
    client, _ = come(fake, stored)
    assert client.get("/rules/").status_code == 200
    # By password the same person still needs one of their own.
    client = browser()
    sign_in(client)
    assert client.get("/rules/").status_code == 302


# --- the dialogue ---------------------------------------------------------------------------------

STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.mark.parametrize(
    "wrong",
    [
        {"token_changes": {"iss": "https://evil.example"}},
        {"token_changes": {"aud": "another-client"}},
        {"token_changes": {"azp": "another-client"}},
        {"token_changes": {"exp": 1}},
        {"token_changes": {"exp": None}},
        {"token_changes": {"sub": None}},
        {"token_changes": {"sub": "s-7"}},
        {"info_changes": {"sub": "s-7"}},
        {"info_changes": {"sub": None}},
        {"sign_with": STRANGER},
        {"sign_with": "", "algorithm": "none"},
        {"sign_with": "a secret that both know, long enough for it", "algorithm": "HS256"},
        {"config_changes": {"issuer": "https://evil.example"}},
        {"config_changes": {"token_endpoint": "https://evil.example/token"}},
        {"config_changes": {"jwks_uri": "http://192.0.2.1/keys"}},
        {"config_changes": {"jwks_uri": None}},
        {"config_changes": {"userinfo_endpoint": "file:///etc/passwd"}},
        {"down": True},
    ],
    ids=lambda given: ",".join(
        f"{name}={value if isinstance(value, str | dict) else type(value).__name__}" for name, value in given.items()
    ),
)
def test_everything_that_does_not_fit_keeps_the_door_closed(
    fake: FakeProvider, stored: IdentityProvider, known: Any, wrong: dict[str, Any]
) -> None:
    for name, value in wrong.items():
        setattr(fake, name, value)
    client, answer = come(fake, stored)
    assert answer.status_code == 403
    assert b"did not work" in answer.content
    assert not inside(client)
    with clinic_context("alpha"):
        assert not SocialAccount.objects.exists()
    assert told()[-1][2]["reason"].startswith("dialogue_")


def test_keys_behind_a_redirect_are_not_fetched(fake: FakeProvider, stored: IdentityProvider, known: Any) -> None:
    fake.config_changes = {"jwks_uri": f"{fake.issuer}/elsewhere"}
    _, answer = come(fake, stored)
    assert answer.status_code == 403
    assert "/elsewhere" in fake.asked
    assert "/keys" not in fake.asked


def test_an_answer_that_this_browser_did_not_ask_for_is_refused(
    fake: FakeProvider, stored: IdentityProvider, known: Any
) -> None:
    away = browser().get(f"/sso/{stored.key}/")
    victim = browser()
    # Somebody else's code, slipped to a victim who would then work in a stranger's account.
    assert victim.get(fake.consent(away["Location"])).status_code == 403
    assert not inside(victim)
    assert victim.get(f"/sso/{stored.key}/callback/?code=x&state=made-up").status_code == 403
    assert victim.get(f"/sso/{stored.key}/callback/").status_code == 403


def test_a_code_works_once(fake: FakeProvider, stored: IdentityProvider, known: Any) -> None:
    client = browser()
    back = fake.consent(client.get(f"/sso/{stored.key}/")["Location"])
    client.get(back)
    assert inside(client)
    client.post("/logout/")
    assert client.get(back).status_code == 403
    assert not inside(client)


def test_afterwards_nobody_is_led_elsewhere(fake: FakeProvider, stored: IdentityProvider, known: Any) -> None:
    assert come(fake, stored, next_page="https://evil.example/")[1]["Location"] == "/"


def test_the_provider_cannot_link_itself_to_who_is_signed_in(
    fake: FakeProvider, stored: IdentityProvider, known: Any, nora: Any
) -> None:
    client = browser()
    sign_in(client, "nora")
    away = client.get(f"/sso/{stored.key}/?process=connect")
    client.get(fake.consent(away["Location"]))
    with clinic_context("alpha"):
        assert not SocialAccount.objects.filter(user=nora.user).exists()


# --- the row --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("https://id.example", True),
        ("https://ID.example/realms/a", True),
        ("http://id.example", False),
        ("https://other.example", False),
        ("https://id.example.evil.example", False),
        ("https://id.example@evil.example", False),
        ("https://user@id.example", False),
        ("https://id.example?x=1", False),
        ("http://127.0.0.1:80", False),
        ("ftp://id.example", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_only_hosts_that_the_operator_listed_are_asked(settings: Any, url: str, fits: bool) -> None:
    settings.OIDC_HOSTS = ("id.example",)
    assert (issuer_problem(url) == "") is fits


def test_with_no_host_listed_there_is_no_provider(
    settings: Any, fake: FakeProvider, stored: IdentityProvider, known: Any
) -> None:
    settings.OIDC_HOSTS = ()
    assert come(fake, stored)[1].status_code == 403
    assert fake.asked == []


def test_the_secret_is_encrypted_and_never_shown(stored: IdentityProvider, ada: Any) -> None:
    with public_context(), connection.cursor() as cursor:
        cursor.execute("SELECT client_secret FROM alpha.accounts_identityprovider")
        assert cursor.fetchone()[0].startswith("v1:test:")
    client = browser()
    sign_in(client, "ada")
    page = client.get(f"/admin/accounts/identityprovider/{stored.pk}/change/")
    assert page.status_code == 200
    assert SECRET not in page.content.decode()
    assert f"/sso/{stored.key}/callback/" in page.content.decode()


def test_the_clinics_administrator_edits_it_and_nobody_else(
    fake: FakeProvider, ada: Any, alice: Any, audrey: Any, staff: Any, settings: Any
) -> None:
    address = "/admin/accounts/identityprovider/add/"
    form = {"name": "Alpha ID", "issuer": "https://evil.example", "client_id": CLIENT, "new_secret": SECRET}
    client = browser()
    sign_in(client, "ada")
    assert b"has not listed" in client.post(address, form, format="multipart").content
    form["issuer"] = fake.issuer
    assert client.post(address, {**form, "creates_people": "on"}, format="multipart").status_code == 200
    assert client.post(address, {**form, "is_active": "on"}, format="multipart").status_code == 302
    with clinic_context("alpha"):
        stored = IdentityProvider.objects.get()
        assert (stored.client_secret, stored.is_active) == (SECRET, True)
    # One a clinic; an empty secret keeps the one that is stored.
    assert client.get(address).status_code == 403
    page = f"/admin/accounts/identityprovider/{stored.pk}/change/"
    assert client.post(page, {**form, "new_secret": "", "name": "B"}, format="multipart").status_code == 302
    with clinic_context("alpha"):
        stored.refresh_from_db()
        assert (stored.client_secret, stored.name, stored.is_active) == (SECRET, "B", False)
    assert [detail["changed"] for action, _, detail in told() if action == "identity_provider.stored"] != []
    assert SECRET not in str(told())
    other = browser()
    sign_in(other, "audrey")
    assert other.get(page).status_code == 403
    office = browser("public")
    sign_in(office, "sam")
    assert office.get("/admin/accounts/identityprovider/").status_code == 403


def test_people_to_be_made_need_a_role() -> None:
    with clinic_context("alpha"), pytest.raises(ValidationError):
        IdentityProvider(name="x", issuer="https://id.example", client_id="x", creates_people=True).full_clean()
