"""Analysing a case again while a result of it is stored: neither waits for the other in a circle."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, transaction

from apps.cases import services
from apps.cases.models import AssessmentRecord, Case
from apps.cases.tests import samples
from medassist.accounts.access import system_actor
from medassist.audit.services import record
from medassist.clinical.parsing import parse_case
from medassist.jobs import services as jobs
from medassist.tenancy.context import clinic_context

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_result_may_be_committed_while_its_case_is_analysed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with clinic_context("alpha"):
        actor = system_actor("alpha", "tests")
        requested = services.request_assessment(
            actor=actor, case=parse_case({"presenting_complaint": "Cough", "vitals": {"heart_rate": 80}})
        )
    holds_the_head, has_the_case = threading.Event(), threading.Event()
    failures: list[BaseException] = []

    def again() -> None:
        def waits(*args: Any, **kwargs: Any) -> Any:
            has_the_case.set()
            return submit(*args, **kwargs)

        submit = jobs.submit
        monkeypatch.setattr(jobs, "submit", waits)
        try:
            holds_the_head.wait(10)
            with clinic_context("alpha"):
                services.reanalyse.__wrapped__(actor=actor, case_id=requested.case_id)  # type: ignore[attr-defined]
        except BaseException as error:  # noqa: BLE001
            failures.append(error)
        finally:
            connection.close()

    other = threading.Thread(target=again)
    other.start()
    with clinic_context("alpha"), transaction.atomic():
        AssessmentRecord.objects.create(
            case=Case.objects.get(pk=requested.case_id), job_id=requested.job_id, fence=1, status="released",
            level="routine", payload=samples.full().model_dump(mode="json"),
        )  # fmt: skip
        record(actor=actor, action="assessment.store", object_type="assessment", object_id="x")
        holds_the_head.set()
        assert has_the_case.wait(10)
        # The other waits for the head now; the foreign key is checked as this block ends.
        threading.Event().wait(0.5)
    other.join(20)
    assert not failures
