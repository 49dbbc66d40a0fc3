"""How many queries each page and read of the API makes: pinned, and the same with many cases as with few."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.cases.tests import samples
from apps.cases.tests.stored import make_case
from medassist.tenancy.context import clinic_context

pytestmark = pytest.mark.django_db
PINNED = {
    "/cases/": 9, "/cases/?level=routine": 8, "/cases/{case}/": 21, "/cases/{case}/assessments/": 9, "/cases/{case}/chat/":
    5, "/cases/{case}/access/": 5, "/cases/new/": 3, "/notes/": 8, "/documents/": 8, "/rules/": 4, "/account/": 5,
    "/api/v1/cases": 9, "/api/v1/cases/{case}": 12, "/api/v1/cases/{case}/assessments": 9,
}  # fmt: skip


def count(browser: Any, address: str) -> tuple[int, list[str]]:
    browser.get(address)  # what a process remembers is there from now on
    with CaptureQueriesContext(connection) as asked:
        assert browser.get(address).status_code == 200, address
    return len(asked), [query["sql"][:160] for query in asked]


def test_pages_make_the_queries_that_are_pinned_however_many_cases_there_are(api: Any, alice: Any) -> None:
    browser = api(alice)
    with clinic_context("alpha"):
        case = make_case(assessment=samples.full())
    few = {page: count(browser, page.format(case=case.id)) for page in PINNED}
    with clinic_context("alpha"):
        for _ in range(12):
            make_case(assessment=samples.full())
    many = {page: count(browser, page.format(case=case.id)) for page in PINNED}
    assert {page: found for page, (found, _) in few.items()} == {page: found for page, (found, _) in many.items()}
    assert {page: found for page, (found, _) in many.items()} == PINNED
