"""A restricted case: every door is closed to who is not named, and opens to who says why."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.cases.models import Case, CaseAccess
from apps.cases.tests import samples
from apps.cases.tests.stored import job_of, make_case
from medassist.accounts.access import Permission
from medassist.audit.models import AuditEntry
from medassist.tenancy.context import clinic_context

pytestmark = pytest.mark.django_db
WORDS = "tearing pain of a quokkaesque kind"


@pytest.fixture
def case(api: Any, alice: Any) -> Case:
    with clinic_context("alpha"):
        made = make_case(assessment=samples.full())
        made.headline = WORDS
        made.save()
    answer = api(alice).post(f"/cases/{made.id}/access/", {"do": "restrict"})
    assert answer.status_code == 302
    return made


def doors(case: Case) -> list[tuple[str, str]]:
    with clinic_context("alpha"):
        assessment = case.assessments.get().pk
    job = job_of(case)
    return [
        ("get", f"/api/v1/cases/{case.id}"), ("get", f"/api/v1/cases/{case.id}/assessments"),
        ("get", f"/api/v1/fhir/assessments/{assessment}"), ("post", f"/api/v1/assessments/{assessment}/review"),
        ("get", f"/api/v1/jobs/{job}"), ("get", f"/api/v1/jobs/{job}/events"), ("post", f"/api/v1/jobs/{job}/cancel"),
        ("post", f"/api/v1/cases/{case.id}/outcome"), ("get", f"/api/v1/documents?case={case.id}"),
        ("post", "/api/v1/chat"), ("post", "/api/v1/documents/search"),
        ("get", f"/cases/{case.id}/"), ("get", f"/cases/{case.id}/jobs/{job}/"), ("get", f"/cases/{case.id}/assessments/"),
        ("get", f"/cases/{case.id}/chat/"), ("post", f"/cases/{case.id}/chat/ask/"), ("post", f"/cases/{case.id}/reanalyse/"),
        ("get", f"/cases/{case.id}/assessments/{assessment}/release/"), ("post", f"/cases/{case.id}/invite/"),
        ("post", f"/cases/{case.id}/impression/"), ("post", f"/cases/{case.id}/outcome/"), ("get", f"/cases/{case.id}/access/"),
    ]  # fmt: skip


def body_for(address: str, case: Case) -> dict[str, Any]:
    """What the address takes, so that nothing but the restriction can refuse it."""
    if address.endswith("/review"):
        return {"reviews": [{"claim": "c1", "verdict": "accept"}]}
    if address.startswith("/api/") and address.endswith("/outcome"):
        return {"diagnoses": [{"name": "Angina"}]}
    if address == "/api/v1/chat":
        return {"case": str(case.id), "question": "Why?"}
    if address == "/api/v1/documents/search":
        return {"case": str(case.id), "query": "pain"}
    return (
        {} if address.startswith("/api/") else {"question": "Why?", "text": "pain", "diagnoses": "Angina", "key": "k"}
    )


def test_every_door_is_closed_to_who_is_not_named(api: Any, member: Any, case: Case) -> None:
    other = member("carol", "clinician")
    client = api(other)
    for method, address in doors(case):
        body = body_for(address, case) if method == "post" else {}
        answer = getattr(client, method)(address, body, **({"format": "json"} if "/api/" in address and body else {}))
        assert answer.status_code == 403, (address, answer.status_code, answer.content[:300])
        assert b"quokkaesque" not in answer.content, address
        assert b"chest pain" not in answer.content.lower(), address
    listed = client.get("/api/v1/cases").json()["items"]
    mine = next(row for row in listed if row["id"] == str(case.id))
    assert (mine["restricted"], mine["headline"]) == (True, "")
    page = client.get("/cases/").content.decode()
    assert "Restricted case" in page
    assert "quokkaesque" not in page
    assert client.post("/cases/", {"words": "quokkaesque"}).content.decode().count(str(case.id)) == 0


def test_who_restricted_it_and_whom_they_name_open_it(api: Any, alice: Any, nora: Any, case: Case) -> None:
    assert api(alice).get(f"/cases/{case.id}/").status_code == 200
    assert api(nora).get(f"/cases/{case.id}/").status_code == 403
    wrong = api(alice).post(f"/cases/{case.id}/access/", {"do": "name", "username": "nobody"})
    assert wrong.status_code == 400
    assert api(alice).post(f"/cases/{case.id}/access/", {"do": "name", "username": "nora"}).status_code == 302
    assert api(nora).get(f"/cases/{case.id}/").status_code == 200
    with clinic_context("alpha"):
        access = CaseAccess.objects.get(name="nora")
        own = CaseAccess.objects.get(name="alice")
    api(alice).post(f"/cases/{case.id}/access/", {"do": "end", "access": str(access.id)})
    assert api(nora).get(f"/cases/{case.id}/").status_code == 403
    api(alice).post(f"/cases/{case.id}/access/", {"do": "end", "access": str(own.id)})
    assert api(alice).get(f"/cases/{case.id}/").status_code == 200, "the last one stays"
    api(alice).post(f"/cases/{case.id}/access/", {"do": "lift"})
    assert api(nora).get(f"/cases/{case.id}/").status_code == 200


def test_breaking_the_glass_needs_a_reason_lasts_a_shift_and_is_seen(
    api: Any, nora: Any, audrey: Any, pat: Any, bob: Any, case: Case
) -> None:
    nurse = api(nora)
    shown = nurse.get(f"/cases/{case.id}/")
    assert shown.status_code == 403
    assert b"Why must you see this case now?" in shown.content
    assert nurse.post(f"/cases/{case.id}/break-glass/", {"reason": "now"}).status_code == 400
    assert nurse.get(f"/cases/{case.id}/").status_code == 403
    assert api(pat).post(f"/cases/{case.id}/break-glass/", {"reason": "I want to see it"}).status_code == 403
    assert api(bob).post(f"/cases/{case.id}/break-glass/", {"reason": "I want to see it"}).status_code == 404
    done = nurse.post(f"/cases/{case.id}/break-glass/", {"reason": "Patient has collapsed in the corridor"})
    assert done.status_code == 302
    assert nurse.get(f"/cases/{case.id}/").status_code == 200
    seen = api(audrey).get("/accesses/").content.decode()
    assert "Patient has collapsed in the corridor" in seen
    assert nurse.get("/accesses/").status_code == 403
    with clinic_context("alpha"):
        entry = AuditEntry.objects.get(action="case.break_glass")
        assert entry.object_id == str(case.id)
        assert "collapsed" not in json.dumps(entry.detail)
        CaseAccess.objects.filter(broke_glass=True).update(until=timezone.now() - timedelta(minutes=1))
    assert nurse.get(f"/cases/{case.id}/").status_code == 403, "after the shift it is closed again"


def test_a_key_does_not_open_a_restricted_case(api: Any, key_of: Any, case: Case) -> None:
    client = api(key=key_of("alpha", Permission.CASE_READ, Permission.JOB_READ))
    answer = client.get(f"/api/v1/cases/{case.id}")
    assert (answer.status_code, answer.json()["code"]) == (403, "record_restricted")
