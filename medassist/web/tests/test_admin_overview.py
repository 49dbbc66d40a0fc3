"""The admin site's first page, the audit trail taken away, and features switched off for a clinic."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apps.cases.tests.stored import make_case
from medassist.accounts.access import Permission
from medassist.audit.models import AuditEntry
from medassist.audit.services import verify_chain
from medassist.tenancy.context import clinic_context
from medassist.tenancy.models import Clinic
from medassist.tenancy.selectors import forget_clinics

pytestmark = pytest.mark.django_db
NOTE = {"text": "54-year-old woman presents with chest pain since this morning. She denies fever."}


def test_a_clinics_administrator_sees_its_use_and_plots(api: Any, ada: Any, alice: Any) -> None:
    with clinic_context("alpha"):
        make_case("done")
    page = api(ada).get("/admin/").content.decode()
    assert 'class="overview"' in page
    assert "jobs in 30 days" in page
    assert "<rect " in page
    assert "Jobs a day in the last 30 days: 1 in all, at most 1 on one day" in page
    assert "style=" not in page.split('class="overview"')[1].split("</section>")[0], "the policy allows no inline style"
    assert 'class="overview"' not in api(alice).get("/admin/").content.decode()


def test_platform_staff_sees_the_queues_of_all_clinics(api: Any, staff: Any) -> None:
    with clinic_context("alpha"):
        make_case("dead", reason="worker_lost")
    page = api(staff).get("/admin/").content.decode()
    assert "dead letters" in page
    assert 'class="tile alarm"' in page
    assert "open clinics" in page


def test_the_trail_is_taken_away_as_it_was_signed(api: Any, ada: Any, audrey: Any, alice: Any) -> None:
    api(alice).get("/api/v1/cases")
    api(alice).get("/cases/")
    answer = api(audrey).get("/admin/audit/auditentry/export/?action=case.list")
    lines = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]
    assert [line["action"] for line in lines] == ["case.list", "case.list"]
    with clinic_context("alpha"):
        kept = AuditEntry.objects.get(seq=lines[0]["seq"])
        assert lines[0]["mac"] == kept.mac
        assert AuditEntry.objects.get(action="audit.export").detail == {"entries": 2}
    assert verify_chain("alpha") == []
    assert api(alice).get("/admin/audit/auditentry/export/").status_code == 302, "care staff have no admin site"
    assert b"Export what is shown" in api(ada).get("/admin/audit/auditentry/").content


@pytest.fixture
def _no_chat_no_notes(db: None) -> Any:
    Clinic.objects.filter(schema_name="alpha").update(features_off=["chat", "notes"])
    forget_clinics()
    yield
    forget_clinics()


@pytest.mark.usefixtures("_no_chat_no_notes")
def test_what_is_switched_off_has_no_door(api: Any, alice: Any, key_of: Any) -> None:
    refused = api(alice).post("/api/v1/notes/summarize", NOTE, format="json")
    assert refused.status_code == 403
    assert "switched notes off" in refused.json()["detail"]
    by_key = api(key=key_of("alpha", Permission.NOTE_SUMMARIZE)).post("/api/v1/notes/summarize", NOTE, format="json")
    assert by_key.status_code == 403
    assert api(alice).get("/notes/").status_code == 403
    with clinic_context("alpha"):
        case = make_case("done")
    assert api(alice).get(f"/cases/{case.id}/chat/").status_code == 403
    page = api(alice).get(f"/cases/{case.id}/").content.decode()
    assert "Ask about this case" not in page
    assert ">Notes</a>" not in page
    assert ">Documents</a>" in page


def test_staff_switch_features_in_the_form(api: Any, staff: Any) -> None:
    clinic = Clinic.objects.get(schema_name="alpha")
    address = f"/admin/tenancy/clinic/{clinic.pk}/change/"
    page = api(staff).get(address).content.decode()
    assert 'name="features_off" value="chat"' in page
    form = {
        "name": clinic.name, "locale": clinic.locale, "emergency_number": clinic.emergency_number, "languages": '["en"]',
        "features_off": ["chat"], "domains-TOTAL_FORMS": "0", "domains-INITIAL_FORMS": "0",
    }  # fmt: skip
    answer = api(staff).post(address, form)
    assert answer.status_code == 302, answer.content.decode()[:3000]
    assert Clinic.objects.get(pk=clinic.pk).features_off == ["chat"]
    wrong = api(staff).post(address, {**form, "features_off": ["triage"]})
    assert wrong.status_code == 200
