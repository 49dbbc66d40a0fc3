"""Whole journeys in a real Chromium with a real Celery worker and the reference backbone: clinician, nurse, patient, auditor.

The desk is Alice's, the telephone is the patient's. What the console says (also a refusal by the content security policy) fails the
test, except for the refusals that the journey asks for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from apps.cases.tests.engine import WORKER, backbone, process, some_guidelines
from apps.rag.index import holder
from medassist.llm.tests.servers import reference_service
from medassist.web.tests.browser import barriers, complaints, launched

pytestmark = [
    pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300),
]  # fmt: skip
NOTE = """Presenting complaint: chest pain for 40 minutes, pressure in the centre of the chest, going to the left arm, with sweating.
PMH: hypertension
Allergies: penicillin
Obs: HR 112, BP 148/92, RR 22, SpO2 95% on air, temp 36.9
54 year old woman"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with pytest.MonkeyPatch.context() as patch:
        # Playwright's synchronous API keeps an event loop on this thread, where Django then refuses the ORM.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        with launched() as browser:
            yield browser


@pytest.fixture
def worker(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    some_guidelines("Heart Attack", "Angina", "Pulmonary Embolism", "Pericarditis", "Panic Disorder")
    with reference_service() as address, process(
        *WORKER, log=tmp_path / "worker.log", LLM_BASE_URL=f"{address}/v1", LLM_HEAVY_BASE_URL=f"{address}/v1"
    ):  # fmt: skip
        yield
    holder.forget()


@pytest.fixture
def sit_down(browser: Browser, live_server: Any) -> Iterator[Callable[..., tuple[Page, list[str]]]]:
    """Signs a person in by the form, as people do."""
    address = f"http://alpha.localhost:{live_server.thread.port}"
    with ExitStack() as stack:

        def make(person: Any = None, **options: Any) -> tuple[Page, list[str]]:
            context = browser.new_context(base_url=address, **options)
            stack.callback(context.close)
            page = context.new_page()
            said = complaints(page)
            if person is not None:
                page.goto("/")
                page.get_by_label("Username").fill(person.user.username)
                page.get_by_label("Password").fill(person.password)
                page.get_by_role("button", name="Sign in", exact=True).click()
                page.wait_for_load_state()
            return page, said

        yield make


PHONE = {"viewport": {"width": 360, "height": 780}, "color_scheme": "dark", "has_touch": True}


def test_from_a_pasted_note_to_a_patient_who_reads_and_answers(
    worker: None, sit_down: Any, alice: Any, nora: Any, ada: Any
) -> None:
    desk, said = sit_down(alice)

    # Pasted text is read into the form, checked there, and assessed by the worker while the page shows the steps.
    desk.goto("/cases/new/text/")
    desk.get_by_label("Text of the case").fill(NOTE)
    desk.get_by_role("button", name="Read it into the form").click()
    expect(desk.get_by_label("Heart rate")).to_have_value(re.compile("112"))
    desk.get_by_role("button", name="Assess this case").last.click()
    expect(desk.get_by_text("By rules, before any model")).to_be_visible()
    expect(desk.get_by_role("heading", name="Differential diagnosis")).to_be_visible(timeout=60_000)
    case = desk.url
    assert barriers(desk) == []

    # A claim's source opens beside it; the claim is accepted.
    desk.locator(".chip[hx-get]").first.click()
    expect(desk.locator("#panel mark")).not_to_be_empty()
    desk.get_by_role("button", name="Close").click()
    desk.get_by_role("button", name="Accept").first.click()
    expect(desk.get_by_text("accepted by alice").first).to_be_visible()

    # A question about the case, answered with sources.
    desk.get_by_role("link", name="Ask about this case").click()
    desk.get_by_label("Your question").fill("Which features of a heart attack are recorded?")
    desk.get_by_role("button", name="Ask", exact=True).click()
    expect(desk.get_by_text("Go on asking")).to_be_visible(timeout=60_000)
    assert desk.locator(".turn .chip").count() > 0
    assert barriers(desk) == []

    # What it turned out to be.
    desk.goto(case)
    desk.get_by_label("Confirmed diagnoses").fill("Myocardial infarction")
    desk.get_by_role("button", name="Keep", exact=True).click()
    expect(desk.get_by_text("Kept.").first).to_be_visible()

    # The patient is invited, and comes by telephone.
    desk.goto(case)
    desk.get_by_role("button", name=re.compile("Invite")).first.click()
    code = desk.locator("code").inner_text()
    phone, heard = sit_down(**PHONE)
    phone.goto("/invitation/")
    for label, value in (
        ("Code", code),
        ("Your name", "Pia"),
        ("User name", "pia"),
        ("Password", "a long pass phrase"),
    ):
        phone.get_by_label(label, exact=True).fill(value)
    phone.get_by_role("button", name="Go on").click()
    phone.locator("main h2 a").click()
    expect(phone.get_by_text("Nothing has been released yet")).to_be_visible()
    assert "heart attack" not in phone.content().lower()

    # Released, read, answered.
    desk.goto(case)
    desk.get_by_role("link", name="Release to the patient").click()
    desk.get_by_label("What the patient will read").fill(
        "We think about your heart. Please stay in the hospital today."
    )
    desk.get_by_role("button", name="Release it").click()
    expect(desk.get_by_text("Released. The patient may read it now.")).to_be_visible()
    phone.reload()
    expect(phone.get_by_text("We think about your heart.")).to_be_visible()
    phone.get_by_label("Your message").fill("How long must I stay?")
    phone.get_by_role("button", name="Send").click()
    expect(phone.get_by_text("Your clinic will read it")).to_be_visible()
    desk.goto(case)
    desk.get_by_label("Your answer").fill("Until the doctors have seen all your tests.")
    desk.get_by_role("button", name="Answer", exact=True).click()
    phone.reload()
    expect(phone.get_by_text("Until the doctors have seen all your tests.")).to_be_visible()
    assert barriers(phone) == []

    # Withdrawn, and gone.
    desk.goto(case)
    desk.get_by_role("link", name="What the patient reads").click()
    desk.get_by_role("button", name="Withdraw it").click()
    expect(desk.get_by_text("The patient can no longer read it.")).to_be_visible()
    phone.reload()
    assert "We think about your heart." not in phone.content()
    assert said == []
    assert heard == []

    # Restricted: the nurse says why, the administrator sees it.
    desk.goto(f"{case}access/")
    desk.get_by_role("button", name="Restrict this case").click()
    ward, told = sit_down(nora)
    ward.goto(case)
    ward.get_by_label("Why must you see this case now?").fill("The patient has collapsed")
    ward.get_by_role("button", name="Open it on my responsibility").click()
    expect(ward.get_by_role("heading", name="Differential diagnosis")).to_be_visible()
    assert all("403" in line for line in told), told
    office, _heard = sit_down(ada)
    office.goto("/accesses/")
    expect(office.get_by_text("The patient has collapsed")).to_be_visible()


def test_a_note_becomes_a_summary_and_a_hand_out(sit_down: Any, alice: Any) -> None:
    # A short note is answered in the web process itself, which here is this one.
    with backbone():
        _summarise(*sit_down(alice))


def _summarise(desk: Page, said: list[str]) -> None:
    desk.goto("/notes/new/")
    desk.get_by_label("Note").fill(
        "54-year-old woman presents with chest pain since this morning. She denies fever and has no cough. "
        "On examination the heart rate is 112. Troponin was 18 ng/L. Follow-up with cardiology on Monday."
    )
    desk.get_by_role("button", name="Summarise").click()
    expect(desk.get_by_text("in the note").first).to_be_visible(timeout=60_000)
    desk.get_by_role("link", name="Patient's hand-out").or_(
        desk.get_by_role("link", name="Prepare a hand-out")
    ).first.click()
    expect(desk.get_by_role("heading", level=1)).to_contain_text("hand-out")
    assert barriers(desk) == []
    assert said == []


def test_an_administrator_looks_after_the_clinic(sit_down: Any, ada: Any) -> None:
    office, said = sit_down(ada)
    expect(office.get_by_text("jobs in 30 days")).to_be_visible()
    for address in (
        "/admin/",
        "/admin/audit/auditentry/",
        "/admin/accounts/user/",
        "/admin/safety/safetyevent/",
        "/rules/",
    ):
        office.goto(address)
        assert barriers(office, practice=False) == [], address
    assert said == []
