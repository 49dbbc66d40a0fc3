"""Many cases in one call: a line for each, none lost for another's sake."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from apps.cases import services
from apps.cases.models import Case
from medassist.accounts.access import Permission
from medassist.audit.models import AuditEntry
from medassist.jobs.models import Job
from medassist.jobs.schemas import LANES
from medassist.tenancy.context import clinic_context

pytestmark = pytest.mark.django_db

Api = Callable[..., Any]
PATH = "/api/v1/cases/bulk"
COUGH = {"presenting_complaint": "Cough for two days"}
HEART = {"presenting_complaint": "Crushing chest pain for 25 minutes spreading to the left arm, sweating"}


def lines(*cases: Any) -> bytes:
    return b"\n".join(case if isinstance(case, bytes) else json.dumps(case).encode() for case in cases)


def send(client: Any, body: bytes, **headers: str) -> list[dict[str, Any]]:
    answer = client.post(PATH, body, content_type="application/x-ndjson", **headers)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/x-ndjson")
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


def test_each_line_has_its_answer_and_a_bad_one_costs_nobody_else(api: Api, key_of: Api) -> None:
    wrong = {"vitals": {"heart_rate": 800}, "presenting_complaint": "Palpitations"}
    said = send(api(key=key_of("alpha")), lines(COUGH, b"{not json", wrong, b"", b"[]", b"\xff\xfe", HEART))
    assert [(one["line"], one["status"]) for one in said] == [
        (1, 202),
        (2, 400),
        (3, 400),
        (5, 400),
        (6, 400),
        (7, 202),
    ]
    assert [one["problem"]["code"] for one in said if "problem" in one] == [
        "not_json", "invalid_input", "invalid_input", "not_json",
    ]  # fmt: skip
    assert said[2]["problem"]["errors"] == {"vitals.heart_rate": "Input should be less than or equal to 350"}
    assert said[5]["triage"]["level"] == "emergency_now"
    with clinic_context("alpha"):
        assert {str(case.pk) for case in Case.objects.all()} == {said[0]["case"], said[5]["case"]}
        assert AuditEntry.objects.filter(action="case.submit").count() == 2
        assert {job.lane for job in Job.objects.all()} == {LANES["batch"]}


def test_the_same_file_with_the_same_key_makes_nothing_twice(api: Api, key_of: Api) -> None:
    client = api(key=key_of("alpha"))
    first = send(client, lines(COUGH, HEART), HTTP_IDEMPOTENCY_KEY="night-list")
    again = send(client, lines(COUGH, HEART, COUGH), HTTP_IDEMPOTENCY_KEY="night-list")
    assert [one["case"] for one in again[:2]] == [one["case"] for one in first]
    assert again[2]["status"] == 202
    changed = send(client, lines(HEART, HEART), HTTP_IDEMPOTENCY_KEY="night-list")
    assert [one["status"] for one in changed] == [409, 202]
    assert changed[0]["problem"]["code"] == "idempotency_conflict"
    with clinic_context("alpha"):
        assert Case.objects.count() == 3


def test_a_fault_of_ours_is_told_on_its_line_and_tells_nothing(
    api: Api, key_of: Api, monkeypatch: pytest.MonkeyPatch
) -> None:

    real = services.request_assessment

    def broken(*, case: Any, **rest: Any) -> Any:
        if "Cough" in case.presenting_complaint:
            raise RuntimeError("SECRET patient text")
        return real(case=case, **rest)

    monkeypatch.setattr("apps.cases.services.request_assessment", broken)
    said = send(api(key=key_of("alpha")), lines(COUGH, HEART))
    assert [one["status"] for one in said] == [500, 202]
    assert "SECRET" not in json.dumps(said)


def test_jobs_carry_the_name_of_the_request(api: Api, key_of: Api) -> None:
    [said] = send(api(key=key_of("alpha")), lines(COUGH), HTTP_X_REQUEST_ID="bulk-request-1")
    assert said["job"]["trace_id"] == "bulk-request-1"


@pytest.mark.parametrize(
    ("body", "type_", "status", "code"),
    [
        (b"", "application/x-ndjson", 400, "invalid_input"),
        (b"\n \n", "application/x-ndjson", 400, "invalid_input"),
        (lines(COUGH), "application/json", 415, "unsupported_media_type"),
        (lines(COUGH, COUGH, COUGH, COUGH), "application/x-ndjson", 413, "too_large"),
        (b" " * 3000, "application/x-ndjson", 413, "too_large"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_cases_is_refused_as_a_whole(
    api: Api, key_of: Api, settings: Any, body: bytes, type_: str, status: int, code: str
) -> None:
    settings.MAX_BULK_LINES, settings.MAX_BULK_BYTES = 3, 2000
    answer = api(key=key_of("alpha")).post(PATH, body, content_type=type_)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    with clinic_context("alpha"):
        assert not Case.objects.exists()


def test_a_line_may_be_no_larger_than_a_case(api: Api, key_of: Api, settings: Any) -> None:
    settings.MAX_CASE_BYTES = 100
    said = send(api(key=key_of("alpha")), lines({"history": "x" * 200}, COUGH))
    assert [one["status"] for one in said] == [413, 202]


def test_bulk_asks_for_the_right_to_submit(api: Api, key_of: Api, pat: Any) -> None:
    for client in (api(key=key_of("alpha", Permission.CASE_READ)), api(pat)):
        assert client.post(PATH, lines(COUGH), content_type="application/x-ndjson").status_code == 403
    assert api().post(PATH, lines(COUGH), content_type="application/x-ndjson").status_code == 401


def test_a_full_queue_is_told_line_by_line(api: Api, key_of: Api, settings: Any) -> None:
    settings.JOB_CLINIC_QUEUE_LIMIT = 1
    said = send(api(key=key_of("alpha")), lines(COUGH, HEART))
    assert [one["status"] for one in said] == [202, 429]
