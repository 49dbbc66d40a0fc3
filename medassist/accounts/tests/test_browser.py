"""Signing in with a real Chromium: passkeys, an authenticator app by keyboard, the page that asks whether one is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import Browser, BrowserContext, Page, expect

from conftest import PASSWORD
from medassist.web.tests.browser import complaints, faint_text, launched, overflow, unnamed_controls

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PHONE = {"width": 360, "height": 780}
DESK = {"width": 1360, "height": 900}
AT = "/account/second-factor/"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with pytest.MonkeyPatch.context() as patch:
        # Playwright's synchronous API keeps an event loop on this thread, where Django then refuses the ORM.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        with launched() as browser:
            yield browser


@pytest.fixture
def open_page(browser: Browser, live_server: Any) -> Iterator[Callable[..., Page]]:
    """A page of clinic alpha; options are the browser context's."""
    contexts: list[BrowserContext] = []

    def make(**options: Any) -> Page:
        address = f"http://alpha.localhost:{live_server.thread.port}"
        context = browser.new_context(base_url=address, **{"viewport": DESK, **options})
        contexts.append(context)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()


def sign_in(page: Page, address: str = "/account/") -> None:
    page.goto(address)
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")


def confirm(page: Page) -> None:
    expect(page.get_by_role("heading", name="Please confirm that it is you")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")


def with_key(page: Page) -> None:
    """A security key in the browser that agrees to everything, with a fingerprint."""
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def fits(page: Page) -> None:
    assert overflow(page) <= 0, page.url
    assert unnamed_controls(page) == [], page.url
    assert faint_text(page) == [], page.url
    expect(page.get_by_role("heading", level=1)).to_have_count(1)


def test_a_passkey_signs_in_without_a_password(open_page: Any, alice: Any) -> None:
    page = open_page()
    said = complaints(page)
    with_key(page)
    sign_in(page, f"{AT}webauthn/add/")
    confirm(page)
    page.get_by_label("Name").fill("Ward computer")
    page.get_by_label("Sign in with it alone").check()
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.goto(f"{AT}webauthn/")
    expect(page.get_by_text("Ward computer").first).to_be_visible()
    expect(page.get_by_text("signs in alone")).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_title("Sign in · MedAssist")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.goto("/account/")
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    assert said == []


def test_a_passkey_is_the_second_factor_after_the_password(open_page: Any, alice: Any) -> None:
    page = open_page()
    said = complaints(page)
    with_key(page)
    sign_in(page, f"{AT}webauthn/add/")
    confirm(page)
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    sign_in(page)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    assert said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_every_page_of_the_way_fits_and_can_be_read_and_named(
    open_page: Any, alice: Any, scheme: str, viewport: Any
) -> None:
    page = open_page(viewport=viewport, color_scheme=scheme)
    said = complaints(page)
    with_key(page)
    for address in ("/login/", "/login/?idle=1", "/account/password/reset/"):
        page.goto(address)
        fits(page)
    sign_in(page, f"{AT}totp/activate/")
    expect(page.get_by_role("heading", name="Please confirm that it is you")).to_be_visible()
    fits(page)
    confirm(page)
    secret = page.locator("code.secret").inner_text()
    expect(page.get_by_role("img", name="QR code for your authenticator app")).to_be_visible()
    fits(page)
    page.get_by_label("Authenticator code").fill("000000")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Incorrect code")).to_be_visible()
    fits(page)
    page.get_by_label("Authenticator code").fill(code_of(secret))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    fits(page)
    for address in (
        "/account/", AT, f"{AT}required/", f"{AT}totp/deactivate/", f"{AT}recovery-codes/", f"{AT}recovery-codes/generate/",
        f"{AT}webauthn/", f"{AT}webauthn/add/", "/account/password/", "/account/reauthenticate/", f"{AT}reauthenticate/",
    ):  # fmt: skip
        page.goto(address)
        fits(page)
    page.get_by_role("button", name="Sign out").click()
    sign_in(page)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    fits(page)
    assert said == []


def code_of(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def test_by_keyboard_alone_one_stays_or_is_signed_out(open_page: Any, alice: Any, settings: Any) -> None:
    settings.SESSION_COOKIE_AGE, settings.SESSION_WARNING_SECONDS = 8, 5
    page = open_page()
    said = complaints(page)
    sign_in(page)
    dialog = page.get_by_role("alertdialog", name="Are you still there?")
    expect(dialog).to_be_visible(timeout=6_000)
    expect(page.get_by_role("button", name="Stay signed in")).to_be_focused()
    fits(page)
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(dialog).to_be_visible(timeout=6_000)
    # Nobody answers: what was on the page goes, and the way back leads to it.
    expect(page).to_have_title("Sign in · MedAssist", timeout=10_000)
    expect(page.get_by_text("nobody used the page for a while")).to_be_visible()
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    assert said == []


def test_typing_is_being_there(open_page: Any, alice: Any, settings: Any) -> None:
    settings.SESSION_COOKIE_AGE, settings.SESSION_WARNING_SECONDS = 8, 3
    page = open_page()
    sign_in(page, "/cases/new/")
    field = page.get_by_label("Presenting complaint")
    for _ in range(10):
        field.press_sequentially("pain ", delay=100)
        page.wait_for_timeout(700)
    expect(page.get_by_role("alertdialog")).to_be_hidden()
    expect(field).to_have_value("pain " * 10)
    page.goto("/account/")
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
