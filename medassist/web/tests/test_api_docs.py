"""The API's description is 3.1 and can be read in a browser without anything from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from medassist.web.tests.browser import complaints, launched

PAGES = {"/api/v1/docs/": "MedAssist API", "/api/v1/redoc/": "MedAssist API"}


@pytest.mark.django_db
def test_the_served_description_is_openapi_3_1(client: Any) -> None:
    served = client.get("/api/v1/schema/?format=json", HTTP_HOST="alpha.localhost").json()
    assert served["openapi"].startswith("3.1")
    assert served["info"]["version"] == "1.0.0"


@pytest.mark.django_db
@pytest.mark.parametrize("path", PAGES)
def test_the_pages_name_no_other_host_and_hold_no_script(client: Any, path: str) -> None:
    answer = client.get(path, HTTP_HOST="alpha.localhost")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "//" not in text.replace("<!DOCTYPE html>", "")
    assert "<style" not in text
    assert "<script>" not in text
    assert "unsafe" not in answer["Content-Security-Policy"]


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with launched() as found:
        yield found


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_both_pages_are_drawn_under_the_sites_policy(browser: Browser, live_server: Any) -> None:
    for path, heading in PAGES.items():
        page = browser.new_page()
        said = complaints(page)
        asked: list[str] = []
        page.on("response", lambda answer: asked.append(answer.url))  # noqa: B023
        page.goto(f"http://alpha.localhost:{live_server.thread.port}{path}")
        expect(page.get_by_role("heading", name=heading).first).to_be_visible(timeout=30_000)
        expect(page.get_by_text("/api/v1/cases/analyze").first).to_be_visible(timeout=30_000)
        # ReDoc wants a picture of its maker's; the policy refuses it before anything is asked.
        assert [line for line in said if not re.match(r"Loading the image 'https://cdn\.redoc\.ly", line)] == []
        outside = [url for url in asked if "alpha.localhost" not in url and not url.startswith(("data:", "blob:"))]
        assert outside == []
        if "redoc" in path:
            # Drawn with its styles, not as bare text.
            widths = page.evaluate("[document.querySelector('.menu-content').offsetWidth, window.innerWidth]")
            assert widths[0] < widths[1] / 2
        page.close()
