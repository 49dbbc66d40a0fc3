"""The clinicians' journey in a real Chromium: by keyboard, on a phone, in the dark, and without JavaScript."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from apps.cases.models import Case
from apps.cases.tests import samples
from apps.cases.tests.stored import add_assessment, job_of, make_case
from apps.chat import services as chat
from apps.chat.schemas import ChatInput
from medassist.accounts.access import Permission, system_actor
from medassist.jobs import progress
from medassist.jobs.models import Job
from medassist.tenancy.context import clinic_context
from medassist.web.tests.browser import barriers, complaints, faint_text, launched, overflow, unnamed_controls

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PHONE = {"width": 360, "height": 780}
DESK = {"width": 1360, "height": 900}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with pytest.MonkeyPatch.context() as patch:
        # Playwright's synchronous API keeps an event loop on this thread, where Django then refuses the ORM.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        with launched() as browser:
            yield browser


@pytest.fixture
def address(live_server: Any) -> str:
    return f"http://alpha.localhost:{live_server.thread.port}"


@pytest.fixture
def open_page(browser: Browser, address: str, api: Any, alice: Any) -> Iterator[Callable[..., Page]]:
    """A page of Alice's, signed in; options are the browser context's."""
    contexts: list[BrowserContext] = []

    def make(signed_in: bool = True, **options: Any) -> Page:
        context = browser.new_context(base_url=address, **{"viewport": DESK, **options})
        contexts.append(context)
        if signed_in:
            cookie = api(alice).cookies["sessionid"].value
            context.add_cookies([{"name": "sessionid", "value": cookie, "url": address}])
        return context.new_page()

    yield make
    for context in contexts:
        context.close()


def stored(state: str = "done", assessment: Any = None, **job: Any) -> Case:
    with clinic_context("alpha"):
        return make_case(state, assessment, **job)


def finish(case: Case) -> None:
    """What the worker does at the end."""
    job_id = job_of(case)
    with clinic_context("alpha"):
        add_assessment(case, samples.full(), job_id)
    Job.objects.filter(pk=job_id).update(state="done")


def test_a_case_is_entered_and_followed_by_keyboard_alone(open_page: Any, alice: Any) -> None:
    page = open_page(signed_in=False)
    said = complaints(page)
    page.goto("/cases/new/")
    expect(page.get_by_label("Username")).to_be_focused()
    page.keyboard.type("alice")
    page.keyboard.press("Tab")
    page.keyboard.type(alice.password)
    page.keyboard.press("Enter")
    expect(page).to_have_title("New case · MedAssist")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    walk_to(page, "id_age_value")
    page.keyboard.type("54")
    walk_to(page, "id_presenting_complaint")
    page.keyboard.type("Chest pain for 25 minutes, radiating to the left arm")
    walk_to(page, "id_heart_rate")
    page.keyboard.type("112")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_contain_text("54-year-old")
    expect(page.get_by_text("By rules, before any model")).to_be_visible()
    with clinic_context("alpha"):
        case = Case.objects.get()
    finish(case)
    expect(page.get_by_role("heading", name="Differential diagnosis")).to_be_visible(timeout=10_000)
    expect(page.locator("#announcer")).to_have_text("The assessment is ready.")
    assert said == []


def walk_to(page: Page, field: str) -> None:
    for _ in range(60):
        if page.evaluate("document.activeElement.id") == field:
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{field} cannot be reached with the Tab key")


@pytest.fixture
def events(settings: Any, open_page: Any) -> Iterator[str]:
    """A real events process on a free port, which the pages' policy allows."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    settings.EVENTS_URL = url
    policy = settings.CONTENT_SECURITY_POLICY
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": {**policy["DIRECTIVES"], "connect-src": ["'self'", url]}}
    environment = {**os.environ, "REDIS_URL": settings.REDIS_URL, "TICKET_KEY": settings.TICKET_KEY}
    command = [sys.executable, "-m", "medassist.events", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            await_port(port)
            yield url
        finally:
            process.terminate()


def await_port(port: int) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    pytest.fail("The events process does not answer")


def test_steps_arrive_as_events_that_polling_could_not_know(open_page: Any, events: str) -> None:
    case = stored("running")
    page = open_page()
    said = complaints(page)
    page.goto(f"/cases/{case.id}/")
    # The ledger's row names no step: what the page shows can only come from the events.
    progress.publish("alpha", job_of(case), "step", {"step": "gather", "state": "started"})
    progress.publish("alpha", job_of(case), "step", {"step": "gather", "state": "finished", "ms": 1500})
    progress.publish("alpha", job_of(case), "step", {"step": "draft", "state": "started"})
    expect(page.locator('[data-step="draft"]')).to_have_attribute("data-state", "started")
    expect(page.locator('[data-step="gather"]')).to_contain_text("1.5 s")
    expect(page.locator("#announcer")).to_have_text("Draft with citations")
    finish(case)
    progress.publish("alpha", job_of(case), "state", {"state": "done"})
    progress.publish("alpha", job_of(case), "end", {})
    expect(page.get_by_role("heading", name="Differential diagnosis")).to_be_visible()
    assert said == []


def test_a_passage_opens_beside_the_claim_and_gives_the_focus_back(open_page: Any, one_passage: Any) -> None:
    case = stored(assessment=samples.full())
    page = open_page()
    said = complaints(page)
    page.goto(f"/cases/{case.id}/")
    chip = page.get_by_role("link", name="Source 1: Heart Attack, NHLBI").first
    chip.focus()
    page.keyboard.press("Enter")
    panel = page.get_by_role("dialog", name="Guideline passage")
    expect(panel.locator("mark")).to_have_text(samples.QUOTE)
    expect(panel.get_by_role("heading", name="Heart Attack")).to_be_focused()
    expect(chip).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(chip).to_be_focused()
    assert said == []


def test_a_record_chip_leads_to_the_quoted_part_of_the_record(open_page: Any) -> None:
    case = stored(assessment=samples.full())
    page = open_page()
    page.goto(f"/cases/{case.id}/")
    page.get_by_role("link", name="Record: Troponin T").click()
    part = page.locator("#rec-labs-0")
    expect(part).to_be_focused()
    expect(part).to_be_in_viewport()
    page.get_by_role("link", name="Record: Examination").click()
    assert page.evaluate("[...CSS.highlights.get('record-quote')][0].toString()") == "No calf swelling"


def test_rows_are_added_without_a_round_trip(open_page: Any) -> None:
    page = open_page()
    page.goto("/cases/new/")
    page.get_by_label("Presenting complaint").fill("cough")
    page.get_by_role("button", name="Add a laboratory value").click()
    expect(page.locator("#id_labs-2-name")).to_be_focused()
    page.keyboard.type("CRP")
    page.locator("#id_labs-2-value").fill("12")
    page.get_by_role("button", name="Assess this case").last.click()
    expect(page.locator(".record")).to_contain_text("CRP")


def test_a_mistake_moves_the_focus_to_the_summary_that_leads_to_the_field(open_page: Any) -> None:
    page = open_page()
    page.goto("/cases/new/")
    page.get_by_label("Heart rate").fill("800")
    page.get_by_role("button", name="Assess this case").last.click()
    expect(page.get_by_role("alert").first).to_be_focused()
    page.get_by_role("link", name="Heart rate").click()
    expect(page.get_by_label("Heart rate")).to_be_focused()
    expect(page.get_by_label("Heart rate")).to_have_value("800")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_every_page_fits_and_can_be_read_and_named(
    open_page: Any, scheme: str, viewport: Any, one_passage: Any
) -> None:
    cases = [
        stored(assessment=samples.full()), stored(assessment=samples.abstained()), stored("running", step="draft"),
        stored("dead", reason="worker_lost"),
    ]  # fmt: skip
    page = open_page(viewport=viewport, color_scheme=scheme)
    said = complaints(page)
    addresses = ["/cases/", "/cases/new/", "/cases/new/json/", "/passages/medquad/1/?start=3&end=20"]
    addresses += [
        "/documents/",
        "/search/",
        "/rules/",
        "/rules/gi_bleed/",
        "/notes/",
        "/notes/new/",
        "/cases/new/text/",
        "/cases/new/fhir/",
    ]
    addresses += ["/cases/?level=routine&status=waiting", f"/cases/{cases[0].id}/assessments/"]
    with clinic_context("alpha"):
        first = Case.objects.get(pk=cases[0].id).assessments.get()
    addresses += [f"/cases/{cases[0].id}/assessments/{first.pk}/release/"]
    addresses += [f"/cases/{cases[0].id}/chat/", a_conversation(cases[0].id)]
    addresses += ["/account/", "/account/password/", "/account/second-factor/", "/account/second-factor/required/"]
    for address in [*addresses, *(f"/cases/{case.id}/" for case in cases)]:
        page.goto(address)
        assert overflow(page) <= 0, address
        assert unnamed_controls(page) == [], address
        assert faint_text(page) == [], address
        assert barriers(page) == [], address
        assert page.get_by_role("heading", level=1).count() == 1 or address.startswith("/passages/"), address
    assert said == []


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_a_patients_pages_fit_and_can_be_read_and_named(open_page: Any, api: Any, alice: Any, viewport: Any) -> None:
    case = stored(assessment=samples.full())
    page = open_page(viewport=viewport, color_scheme="dark", signed_in=False)
    said = complaints(page)
    code = re.search(r"<code>([A-Z0-9-]{19})</code>", api(alice).post(f"/cases/{case.id}/invite/").content.decode())
    assert code
    page.goto("/invitation/")
    for label, value in (
        ("Code", code.group(1)),
        ("Your name", "P"),
        ("User name", "newpat"),
        ("Password", "a long pass phrase"),
    ):
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="My cases", level=1)).to_be_visible()
    page.locator("main h2 a").click()
    own = page.url
    for address in (own, f"{own}questions/", f"{own}seen/", f"{own}consent/", "/my/", "/invitation/"):
        page.goto(address)
        assert overflow(page) <= 0, address
        assert unnamed_controls(page) == [], address
        assert faint_text(page) == [], address
        assert barriers(page) == [], address
        assert page.get_by_role("heading", level=1).count() == 1, address
    page.goto(f"{own}questions/")
    page.get_by_label("Your answer").fill("pain in my chest")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", name="Since when?")).to_be_visible()
    page.get_by_label("Your answer").fill("Since this morning, with sweating")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("alert")).to_contain_text("Get emergency help now")
    assert said == []


def a_conversation(case_id: Any) -> str:
    actor = system_actor("alpha", "tests", scopes=frozenset(Permission))
    with clinic_context("alpha"):
        question = ChatInput(case=case_id, question="What is recorded about her chest pain, and since when?")
        asked = chat.ask(actor=actor, given=question)
    return f"/chat/{asked.conversation_id}/"


def test_without_javascript_a_case_can_still_be_entered_and_read(open_page: Any, one_passage: Any) -> None:
    page = open_page(java_script_enabled=False)
    page.goto("/cases/new/")
    page.get_by_role("button", name="Add a symptom").click()
    page.locator("#id_symptoms-3-name").fill("fever")
    page.get_by_label("Presenting complaint").fill("cough")
    page.get_by_role("button", name="Assess this case").last.click()
    page.wait_for_url("**/cases/*-*/")
    expect(page.locator(".record")).to_contain_text("fever")
    case = stored(assessment=samples.full())
    page.goto(f"/cases/{case.id}/")
    page.get_by_role("link", name="Source 1: Heart Attack, NHLBI").first.click()
    expect(page.locator("mark")).to_have_text(samples.QUOTE)


def test_on_paper_every_drawer_is_open_and_no_control_is_left(open_page: Any) -> None:
    case = stored(assessment=samples.full())
    page = open_page()
    page.goto(f"/cases/{case.id}/")
    page.emulate_media(media="print")
    expect(page.get_by_text("Guideline snapshot")).to_be_visible()
    expect(page.get_by_role("button", name="Analyse again")).to_be_hidden()
    expect(page.locator(".topbar")).to_be_hidden()


def test_the_check_for_barriers_sees_one(open_page: Any) -> None:
    page = open_page()
    page.goto("/cases/")
    page.evaluate("document.querySelector('main').innerHTML += '<form><input type=text></form><a href=/x></a>'")
    found = " ".join(barriers(page))
    assert "label:" in found
    assert "link-name:" in found
