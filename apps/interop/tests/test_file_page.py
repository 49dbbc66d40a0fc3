"""A FHIR file over the page: read, accounted for, and into the form; nothing is stored before it was checked there."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.cases.models import Case
from medassist.tenancy.context import clinic_context

pytestmark = pytest.mark.django_db
URL = "/cases/new/fhir/"
PATIENT = {"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1972-02-03"}
PULSE = {
    "resourceType": "Observation", "id": "o", "status": "final", "effectiveDateTime": "2026-11-24T08:00:00Z",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}, "subject": {"reference": "Patient/p"},
    "valueQuantity": {"value": 112, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
}  # fmt: skip
BAD = {
    **PULSE,
    "id": "b",
    "valueQuantity": {"value": 9, "unit": "furlong", "system": "http://unitsofmeasure.org", "code": "furlong"},
}


def upload(*resources: dict[str, Any], name: str = "record.json") -> SimpleUploadedFile:
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}
    return SimpleUploadedFile(name, json.dumps(bundle).encode(), content_type="application/json")


def test_a_file_is_read_into_the_form(api: Any, alice: Any) -> None:
    browser = api(alice)
    sent = {"record": upload(PATIENT, PULSE, BAD), "presenting_complaint": "Palpitations since this morning"}
    answer = browser.post(URL, sent, format="multipart")
    page = answer.content.decode()
    assert answer.status_code == 200, page
    assert "set aside" in page
    assert "furlong" not in page, "a reason repeats no value of the record"
    found = re.search(r'name="case_json" value="([^"]+)"', page)
    assert found
    case = json.loads(html.unescape(found.group(1)))
    assert case["vitals"]["heart_rate"] == 112
    form = browser.post("/cases/new/json/", {"case_json": json.dumps(case), "fill": "yes", "idempotency_key": "x"})
    assert form.status_code == 200
    assert "Palpitations since this morning" in form.content.decode()
    with clinic_context("alpha"):
        assert not Case.objects.exists()


def test_a_file_without_a_complaint_says_what_is_missing(api: Any, alice: Any) -> None:
    answer = api(alice).post(URL, {"record": upload(PATIENT, PULSE)}, format="multipart")
    assert answer.status_code == 422
    assert "The file makes no case yet" in answer.content.decode()
    assert "case_json" not in answer.content.decode()


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'{"resourceType": "Nonsense"}'])
def test_what_is_no_fhir_is_told_at_its_field(api: Any, alice: Any, body: bytes) -> None:
    answer = api(alice).post(URL, {"record": SimpleUploadedFile("x.json", body)}, format="multipart")
    assert answer.status_code in {400, 422}
    assert "errors" in answer.content.decode() or "makes no case" in answer.content.decode()


def test_too_large_and_nobody(api: Any, alice: Any, pat: Any, settings: Any) -> None:
    settings.MAX_CASE_BYTES = 100
    assert api(alice).post(URL, {"record": upload(PATIENT)}, format="multipart").status_code == 400
    assert api(pat).get(URL).status_code == 403
