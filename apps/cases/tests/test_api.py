"""The API of cases and jobs, as a hospital's system meets it. No worker runs here."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import jsonschema
import pytest
from django.utils import timezone

from apps.cases.models import Case
from apps.cases.tests import samples
from apps.cases.tests.stored import make_case
from medassist.accounts.access import Permission
from medassist.audit.models import AuditEntry
from medassist.jobs.models import Job
from medassist.tenancy.context import clinic_context, public_context

pytestmark = pytest.mark.django_db

ANALYZE = "/api/v1/cases/analyze"
BODY = {
    "patient": {"age": {"value": 62, "unit": "years"}, "sex": "male"},
    "presenting_complaint": "Chest pain radiating to the left arm for 25 minutes",
    "vitals": {"heart_rate": 138, "systolic_bp": 82},
}

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "minLength": 1},
        "status": {"type": "integer"},
        "code": {"type": "string", "pattern": "^[a-z_]+$"},
        "errors": {"type": "object"},
    },
}


def problem(response: Any) -> dict[str, Any]:
    """The body of an error answer, which must be a problem document."""
    assert response["Content-Type"].startswith("application/problem+json")
    body: dict[str, Any] = json.loads(response.content)
    jsonschema.validate(body, PROBLEM)
    assert body["status"] == response.status_code
    return body


def post(client: Any, body: Any = BODY, **headers: str) -> Any:
    data = body if isinstance(body, bytes | str) else json.dumps(body)
    return client.post(ANALYZE, data, content_type="application/json", **headers)


@pytest.fixture
def hospital(api: Any, key_of: Callable[..., str]) -> Any:
    return api(key=key_of("alpha"))


def test_a_case_is_taken_with_its_triage_floor_at_once(hospital: Any) -> None:
    response = post(hospital)
    body = response.json()
    assert response.status_code == 202
    assert body["triage"]["level"] == "emergency_now"
    assert "acs" in {flag["id"] for flag in body["red_flags"]}
    assert body["triage"]["news2"]["parameters"] == {"heart_rate": 3, "systolic_bp": 3}
    assert "temperature_c" in body["triage"]["news2"]["missing"]
    assert (body["job"]["state"], body["job"]["lane"], body["assessment"]) == ("queued", "emergency", None)
    assert response["Location"] == body["links"]["job"]
    assert hospital.get(body["links"]["job"]).json()["id"] == body["job"]["id"]


def test_the_case_the_job_and_the_audit_row_are_written_together(hospital: Any) -> None:
    body = post(hospital).json()
    with clinic_context("alpha"):
        case = Case.objects.get(pk=body["case"])
        assert case.payload["presenting_complaint"] == BODY["presenting_complaint"]
        assert AuditEntry.objects.filter(object_id=str(case.pk)).exists()
    with public_context():
        job = Job.objects.get(pk=body["job"]["id"])
    assert job.references == {"case": body["case"]}


def test_the_ledger_and_the_audit_trail_hold_no_patient_text(hospital: Any) -> None:
    post(hospital)
    with public_context():
        ledger = json.dumps(list(Job.objects.values()), default=str)
    with clinic_context("alpha"):
        trail = json.dumps(list(AuditEntry.objects.values()), default=str)
    for text in (ledger, trail):
        assert "Chest" not in text
        assert "138" not in text.split("heart_rate")[-1] or "heart_rate" not in text


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({**BODY, "favourite_colour": "blue"}, 400, "invalid_input", "favourite_colour"),
        ({**BODY, "vitals": {"heart_rate": 800}}, 400, "invalid_input", "vitals.heart_rate"),
        ({**BODY, "vitals": {"pulse": 80}}, 400, "invalid_input", "vitals.pulse"),
        ({**BODY, "vitals": {"heart_rate": "138"}}, 400, "invalid_input", "vitals.heart_rate"),
        ({**BODY, "vitals": {"systolic_bp": 80, "diastolic_bp": 120}}, 400, "invalid_input", "vitals"),
        ({**BODY, "patient": {"age": {"value": 300, "unit": "years"}}}, 400, "invalid_input", "patient.age"),
        ({**BODY, "labs": [{"name": "K", "value": True}]}, 400, "invalid_input", "labs.0.value"),
        ({**BODY, "documents": [str(uuid4())]}, 400, "invalid_input", "documents.0"),
        ({"patient": {}}, 400, "invalid_input", "presenting_complaint"),
        ({**BODY, "history": "a\u0000b"}, 400, "invalid_input", "history"),
        ({**BODY, "locale": "English"}, 400, "invalid_input", "locale"),
        ([BODY], 400, "invalid_input", ""),
        ("null", 400, "invalid_input", ""),
        (b"{not json", 400, "not_json", None),
        (b"", 400, "invalid_input", "presenting_complaint"),
        (b'{"presenting_complaint": NaN}', 400, "not_json", None),
        (b"\xff\xfe", 400, "not_json", None),
        (b"[" * 5_000, 400, "not_json", None),
    ],
)
def test_bad_input_is_a_clear_problem_that_names_the_field(
    hospital: Any, body: Any, status: int, code: str, field: Any
) -> None:
    response = post(hospital, body)
    found = problem(response)
    assert (response.status_code, found["code"]) == (status, code)
    if field is not None:
        assert field in found["errors"]
    with clinic_context("alpha"):
        assert not Case.objects.exists()


def test_a_problem_never_repeats_what_was_sent(hospital: Any) -> None:
    response = post(hospital, {**BODY, "vitals": {"heart_rate": "SECRET-VALUE"}, "locale": "SECRET-LOCALE"})
    assert b"SECRET" not in response.content


def test_ten_megabytes_are_refused_before_they_are_parsed(hospital: Any) -> None:
    response = post(hospital, b'{"presenting_complaint": "' + b"x" * 10_000_000 + b'"}')
    assert (response.status_code, problem(response)["code"]) == (413, "too_large")


def test_another_content_type_is_refused(hospital: Any) -> None:
    response = hospital.post(ANALYZE, "a=b", content_type="application/x-www-form-urlencoded")
    assert (response.status_code, problem(response)["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("wait", ["-1", "x", "3.5", "99999"])
def test_a_wrong_wait_is_refused_by_name(hospital: Any, wait: str) -> None:
    response = hospital.post(f"{ANALYZE}?wait={wait}", json.dumps(BODY), content_type="application/json")
    assert "wait" in problem(response)["errors"]


def test_a_wrong_idempotency_key_is_refused_by_name(hospital: Any) -> None:
    assert "Idempotency-Key" in problem(post(hospital, HTTP_IDEMPOTENCY_KEY="two words"))["errors"]


def test_one_key_gives_one_job_and_another_body_is_refused(hospital: Any) -> None:
    first = post(hospital, HTTP_IDEMPOTENCY_KEY="k-1").json()
    again = post(hospital, HTTP_IDEMPOTENCY_KEY="k-1").json()
    assert (again["case"], again["job"]["id"]) == (first["case"], first["job"]["id"])
    other = post(hospital, {**BODY, "history": "more"}, HTTP_IDEMPOTENCY_KEY="k-1")
    assert (other.status_code, problem(other)["code"]) == (409, "idempotency_conflict")
    with clinic_context("alpha"):
        assert Case.objects.count() == 1


# --- who may --------------------------------------------------------------------------------------


def test_a_stranger_is_asked_to_identify_themselves(api: Any) -> None:
    for response in (post(api()), api().get("/api/v1/cases"), api().get(f"/api/v1/jobs/{uuid4()}")):
        assert (response.status_code, problem(response)["code"]) == (401, "not_authenticated")


def test_a_wrong_key_is_refused(api: Any) -> None:
    response = post(api(key="ma_00000000_" + "x" * 40))
    assert (response.status_code, problem(response)["code"]) == (401, "not_authenticated")


def test_an_expired_key_is_refused_with_its_own_code(api: Any, key_of: Callable[..., str]) -> None:
    key = key_of("alpha", expires_at=timezone.now() + timedelta(seconds=1))
    from medassist.tenancy.models import ApiKey

    with public_context():
        ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    response = post(api(key=key))
    assert (response.status_code, problem(response)["code"]) == (401, "key_expired")


def test_a_key_of_another_clinic_is_refused_at_this_host(api: Any, stranger_key: str) -> None:
    response = post(api(key=stranger_key))
    assert (response.status_code, problem(response)["code"]) == (403, "wrong_clinic")


def test_a_key_without_the_scope_is_refused(api: Any, key_of: Callable[..., str]) -> None:
    response = post(api(key=key_of("alpha", Permission.CASE_READ)))
    assert (response.status_code, problem(response)["code"]) == (403, "permission_denied")


@pytest.mark.parametrize("person", ["pat", "audrey", "ada"])
def test_people_without_the_right_are_refused(api: Any, request: pytest.FixtureRequest, person: str) -> None:
    response = post(api(request.getfixturevalue(person)))
    assert (response.status_code, problem(response)["code"]) == (403, "permission_denied")


def test_a_session_needs_its_csrf_token(api: Any, alice: Any) -> None:
    assert post(api(alice, csrf=True)).status_code == 403
    assert post(api(alice)).status_code == 202


def test_another_clinics_case_is_indistinguishable_from_none(
    api: Any, key_of: Callable[..., str], stranger_key: str
) -> None:
    taken = post(api(key=key_of("alpha"))).json()
    stranger = api(key=stranger_key, host="beta.localhost")
    addresses = [
        taken["links"]["case"],
        taken["links"]["job"],
        taken["links"]["case"] + "/assessments",
        taken["links"]["job"] + "/events",
    ]
    for address in addresses:
        theirs, nothing = (
            stranger.get(address),
            stranger.get(address.replace(taken["case"], str(uuid4())).replace(taken["job"]["id"], str(uuid4()))),
        )
        assert (theirs.status_code, nothing.status_code) == (404, 404)
        assert problem(theirs)["code"] == problem(nothing)["code"] == "not_found"
    assert stranger.post(taken["links"]["job"] + "/cancel").status_code == 404
    assert stranger.get("/api/v1/cases").json()["items"] == []


def test_an_unknown_host_is_not_found(api: Any, key_of: Callable[..., str]) -> None:
    response = post(api(host="gamma.localhost"))
    assert response.status_code == 404


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_other_methods_are_refused_as_problems(hospital: Any, method: str) -> None:
    response = getattr(hospital, method)(ANALYZE)
    assert (response.status_code, problem(response)["code"]) == (405, "method_not_allowed")


def test_an_unknown_address_under_the_api_is_a_problem(hospital: Any) -> None:
    assert problem(hospital.get("/api/v1/nothing"))["code"] == "not_found"


# --- reading --------------------------------------------------------------------------------------


def test_a_finished_case_shows_its_assessment_and_lists_page_by_cursor(hospital: Any) -> None:
    with clinic_context("alpha"):
        case = make_case("done", samples.full())
        for _ in range(3):
            make_case("queued")
    detail = hospital.get(f"/api/v1/cases/{case.pk}").json()
    assert detail["assessment"]["schema_version"] == "1.1"
    assert detail["assessment"]["disclaimers"]
    assert len(hospital.get(f"/api/v1/cases/{case.pk}/assessments").json()["items"]) == 1
    seen: list[str] = []
    page = hospital.get("/api/v1/cases?limit=2").json()
    while True:
        seen += [item["id"] for item in page["items"]]
        if not page["next_cursor"]:
            break
        page = hospital.get("/api/v1/cases", {"limit": 2, "cursor": page["next_cursor"]}).json()
    assert len(seen) == len(set(seen)) == 4


def test_reading_a_case_leaves_an_audit_row(hospital: Any) -> None:
    with clinic_context("alpha"):
        case = make_case("done", samples.full())
        before = AuditEntry.objects.count()
    hospital.get(f"/api/v1/cases/{case.pk}")
    with clinic_context("alpha"):
        assert AuditEntry.objects.count() > before


def test_a_waiting_job_can_be_cancelled(hospital: Any) -> None:
    taken = post(hospital).json()
    cancelled = hospital.post(taken["links"]["job"] + "/cancel")
    assert (cancelled.status_code, cancelled.json()["state"]) == (202, "cancelled")
    again = hospital.post(taken["links"]["job"] + "/cancel")
    assert again.status_code in {202, 409}


def test_the_job_document_names_what_an_operator_needs(hospital: Any) -> None:
    job = hospital.get(post(hospital, HTTP_IDEMPOTENCY_KEY="abc").json()["links"]["job"]).json()
    assert UUID(job["id"])
    assert (job["kind"], job["clinic"], job["queue"], job["tier"], job["mode"]) == (
        "cases.assessment",
        "alpha",
        "llm",
        "heavy",
        "batch",
    )
    assert (job["attempt"], job["fence"], job["idempotency_key"]) == (0, 0, "abc")
    assert set(job["references"]) == {"case"}


def test_the_schema_describes_every_address(client: Any) -> None:
    response = client.get("/api/v1/schema/?format=json", HTTP_HOST="alpha.localhost")
    schema = response.json()
    assert {"/api/v1/cases/analyze", "/api/v1/cases", "/api/v1/jobs/{job_id}"} <= set(schema["paths"])
    assert schema["openapi"].startswith("3.")
    assert "CaseInput" in schema["components"]["schemas"]


def test_a_key_that_may_only_submit_gets_its_answer(api: Any, key_of: Callable[..., str]) -> None:
    response = post(api(key=key_of("alpha", Permission.CASE_SUBMIT)))
    assert (response.status_code, response.json()["job"]["state"]) == (202, "queued")


def test_a_body_of_unknown_length_is_refused_instead_of_lost(hospital: Any) -> None:
    response = hospital.generic("POST", ANALYZE, b"", HTTP_TRANSFER_ENCODING="chunked")
    assert (response.status_code, problem(response)["code"]) == (411, "length_required")
