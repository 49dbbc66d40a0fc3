"""The doors: who may, what is answered, what is stored and audited; the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings

from apps.cases.models import AssessmentRecord, Case
from apps.cases.tests import samples
from apps.cases.tests.stored import make_case
from apps.interop.tests.records import condition, observation, order, quantity, record
from apps.interop.tests.test_fuzz import damaged
from medassist.accounts.access import Permission
from medassist.audit.models import AuditEntry
from medassist.jobs.models import Job
from medassist.jobs.schemas import LANES
from medassist.tenancy.context import clinic_context, public_context

pytestmark = pytest.mark.django_db

URL = "/api/v1/fhir/cases"
SAMPLE = Path(__file__).parent / "data/synthea_clemente.json"


def post(client: Any, data: Any, query: str = "", content_type: str = "application/fhir+json", **headers: str) -> Any:
    return client.generic("POST", URL + query, json.dumps(data), content_type=content_type, **headers)


def problem(response: Any) -> str:
    assert response["Content-Type"].startswith("application/problem+json"), response.content
    return str(response.json()["code"])


@pytest.fixture
def assessment(db: None) -> str:
    with clinic_context("alpha"):
        case = make_case("done", samples.full())
        return str(AssessmentRecord.objects.get(case=case).pk)


# --- in -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["application/fhir+json", "application/json"])
def test_a_record_becomes_a_case_with_its_floor_at_once(api: Any, alice: Any, content_type: str) -> None:
    sent = record(observation("59408-5", quantity(82, "%")), condition("Asthma"), observation("8867-4", {"value": 9}))
    answer = post(api(alice), sent, content_type=content_type, HTTP_ACCEPT=content_type)
    assert answer.status_code == 202, answer.content
    assert answer["Content-Type"] == "application/json"
    body = answer.json()
    assert body["triage"]["level"] == "emergency_now"
    assert body["red_flags"]
    assert body["job"]["lane"] == "emergency"
    assert body["imported"]["entries"] == {"total": 5, "used": 4, "left_out": 0, "quarantined": 1}
    assert [item["code"] for item in body["imported"]["problems"]] == ["unknown_unit"]
    assert answer["Location"] == body["links"]["job"]
    stored = api(alice).get(body["links"]["case"]).json()["case"]
    assert stored == body["imported"]["case"]
    assert stored["vitals"]["spo2"] == 82
    with clinic_context("alpha"):
        entry = AuditEntry.objects.get(action="fhir.import")
        assert entry.object_id == body["case"]
        assert entry.detail["quarantined"] == 1
        assert "Asthma" not in json.dumps(entry.detail)


def test_a_dry_run_shows_the_case_and_stores_nothing(api: Any, alice: Any) -> None:
    answer = post(api(alice), record(condition("Asthma")), "?validate=1")
    assert answer.status_code == 200
    assert answer.json()["imported"]["case"]["past_history"] == ["Asthma (active)"]
    assert answer.json()["case"] is None
    with clinic_context("alpha"):
        assert Case.objects.count() == 0
        assert not AuditEntry.objects.filter(action__in=["fhir.import", "case.submit"]).exists()
    with public_context():
        assert Job.objects.count() == 0
    no_case = post(api(alice), {"resourceType": "Patient"}, "?validate=1")
    assert (no_case.status_code, no_case.json()["imported"]["refusal"]["code"]) == (200, "complaint_missing")


def test_what_makes_no_case_is_answered_with_an_operation_outcome(api: Any, alice: Any) -> None:
    sent = record(condition("Asthma", colour="red"))
    sent["entry"][0]["resource"]["deceasedBoolean"] = True
    answer = post(api(alice), sent)
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/fhir+json")
    outcome = answer.json()
    from apps.interop.extractors.validation import require_valid

    require_valid(outcome)
    first, *others = outcome["issue"]
    assert (first["severity"], first["details"]["coding"][0]["code"]) == ("error", "patient_deceased")
    assert first["expression"] == ["Bundle.entry[0].resource"]
    (broken,) = [item for item in others if item["details"]["coding"][0]["code"] == "not_valid"]
    assert (broken["severity"], broken["code"]) == ("warning", "structure")
    assert "colour: unknown element" in broken["diagnostics"]


def test_the_same_key_gives_the_same_case(api: Any, alice: Any) -> None:
    first = post(api(alice), record(), HTTP_IDEMPOTENCY_KEY="visit-1").json()
    again = post(api(alice), record(), HTTP_IDEMPOTENCY_KEY="visit-1").json()
    assert (first["case"], first["job"]["id"]) == (again["case"], again["job"]["id"])
    other = post(api(alice), record(condition("Asthma")), HTTP_IDEMPOTENCY_KEY="visit-1")
    assert (other.status_code, problem(other)) == (409, "idempotency_conflict")
    with clinic_context("alpha"):
        assert AuditEntry.objects.filter(action="fhir.import").count() == 1


@pytest.mark.parametrize(
    ("query", "body", "kind", "status", "code"),
    [
        ("?validate=yes", "{}", "application/json", 400, "invalid_input"),
        ("", "{", "application/fhir+json", 400, "not_json"),
        ("", '{"a": NaN}', "application/fhir+json", 400, "not_json"),
        ("", "<Bundle/>", "application/fhir+xml", 415, "unsupported_media_type"),
        ("", '"' + "x" * 2_000_001 + '"', "application/fhir+json", 413, "too_large"),
    ],
)
def test_what_is_no_fhir_at_all_is_a_problem_document(
    api: Any, alice: Any, query: str, body: str, kind: str, status: int, code: str
) -> None:
    answer = api(alice).generic("POST", URL + query, body, content_type=kind)
    assert (answer.status_code, problem(answer)) == (status, code)


def test_the_rights_are_those_of_cases(
    api: Any, request: pytest.FixtureRequest, key_of: Callable[..., str], stranger_key: str
) -> None:
    assert problem(post(api(), record())) == "not_authenticated"
    assert problem(post(api(key=stranger_key), record())) == "wrong_clinic"
    assert problem(post(api(key=key_of("alpha", Permission.CASE_READ)), record())) == "permission_denied"
    for person in ("pat", "audrey", "ada"):
        for query in ("", "?validate=1"):
            assert problem(post(api(request.getfixturevalue(person)), record(), query)) == "permission_denied"
    key = key_of("alpha", Permission.CASE_SUBMIT, Permission.JOB_READ)
    assert post(api(key=key), record()).status_code == 202


@settings(
    max_examples=40, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(damaged())
def test_no_damage_makes_the_door_fail(api: Any, alice: Any, data: Any) -> None:
    answer = post(api(alice), data)
    assert answer.status_code in {202, 400, 413, 422}, answer.content
    assert post(api(alice), data, "?validate=1").status_code in {200, 400, 413}


# --- out ----------------------------------------------------------------------------------------------


def test_an_assessment_is_served_as_a_bundle_and_audited(api: Any, alice: Any, assessment: str) -> None:
    answer = api(alice).get(f"/api/v1/fhir/assessments/{assessment}", HTTP_ACCEPT="application/fhir+json")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/fhir+json")
    body = answer.json()
    assert (body["resourceType"], body["id"]) == ("Bundle", assessment)
    assert body["entry"][1]["resource"]["subject"] == {"type": "Patient", "identifier": {"value": "A-1182"}}
    with clinic_context("alpha"):
        assert set(AuditEntry.objects.filter(object_id=assessment).values_list("action", flat=True)) == {
            "assessment.read", "fhir.export",
        }  # fmt: skip


def test_an_assessment_of_another_clinic_is_not_there(
    api: Any, bob: Any, pat: Any, assessment: str, stranger_key: str, key_of: Callable[..., str]
) -> None:
    address = f"/api/v1/fhir/assessments/{assessment}"
    assert problem(api().get(address)) == "not_authenticated"
    theirs, nothing = api(bob).get(address), api(bob).get(f"/api/v1/fhir/assessments/{uuid4()}")
    assert (theirs.status_code, theirs.json()["detail"]) == (nothing.status_code, nothing.json()["detail"])
    assert problem(theirs) == "not_found"
    assert problem(api(key=stranger_key).get(address)) == "wrong_clinic"
    assert problem(api(pat).get(address)) == "permission_denied"
    assert problem(api(key=key_of("alpha", Permission.CASE_SUBMIT)).get(address)) == "permission_denied"
    with clinic_context("alpha"):
        assert not AuditEntry.objects.filter(action="fhir.export").exists()


# --- the command --------------------------------------------------------------------------------------


def run(*arguments: str) -> tuple[list[dict[str, Any]], str]:
    out, err = StringIO(), StringIO()
    call_command("import_fhir", *arguments, stdout=out, stderr=err)
    return [json.loads(line) for line in out.getvalue().splitlines()], err.getvalue()


def test_the_command_imports_files_and_tells_of_each(tmp_path: Path) -> None:
    (tmp_path / "patient.json").write_text('{"resourceType": "Patient"}')
    (tmp_path / "bad.json").write_text("{")
    files = [str(SAMPLE), str(tmp_path / "patient.json"), str(tmp_path / "bad.json")]
    lines, told = run("--clinic", "alpha", *files)
    assert [line["file"] for line in lines] == files
    assert lines[0]["level"] in {"routine", "same_day", "emergency_now"}
    assert lines[1]["refusal"]["code"] == "complaint_missing"
    assert lines[2]["error"]["code"] == "not_json"
    assert "1 of 3" in told
    with clinic_context("alpha"):
        assert str(Case.objects.get().pk) == lines[0]["case"]
    with public_context():
        assert Job.objects.get().lane == LANES["batch"]


def test_a_dry_run_of_the_command_stores_nothing(tmp_path: Path) -> None:
    lines, _ = run("--dry-run", "--full", str(SAMPLE))
    assert lines[0]["draft"]["vitals"]["systolic_bp"] == 122.45876888709122
    with clinic_context("alpha"):
        assert Case.objects.count() == 0
    with pytest.raises(CommandError, match="--clinic"):
        run(str(SAMPLE))
    with pytest.raises(CommandError, match="cannot read"):
        run("--dry-run", str(tmp_path / "none.json"))
    with pytest.raises(CommandError, match="not_found"):
        run("--clinic", "nowhere", str(SAMPLE))


# --- the house ----------------------------------------------------------------------------------------


def test_the_fhir_library_is_not_loaded_until_it_is_asked() -> None:
    from medassist.web.tests.test_house import loaded_by

    loaded = loaded_by("import medassist.wsgi\nfrom django.urls import get_resolver\nget_resolver().url_patterns")
    assert "fhir" not in loaded


def test_orders_come_in_and_none_goes_out(api: Any, alice: Any, assessment: str) -> None:
    body = post(api(alice), record(order("Metformin 500 mg")), "?validate=1").json()
    assert body["imported"]["case"]["medications"] == ["Metformin 500 mg"]
    served = api(alice).get(f"/api/v1/fhir/assessments/{assessment}").content
    assert b"Medication" not in served
