"""An assessment asks the backbone that its clinic's route says, and its tokens are counted for who submitted it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from apps.cases import selectors, services
from apps.cases.tests.engine import backbone, on_schema, some_guidelines
from apps.cases.tests.test_pipeline import DEMO
from apps.rag.index import holder
from medassist.accounts.access import Actor, Role, system_actor
from medassist.clinical.assessment import Assessment
from medassist.clinical.parsing import parse_case
from medassist.jobs import estimate, runner
from medassist.jobs.models import Job, Quota, TokenUsage
from medassist.llm import registry, table
from medassist.llm.models import Backbone, Route
from medassist.llm.tests.servers import reference_service
from medassist.tenancy.context import clinic_context, public_context

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_heart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner._heart, "watch", lambda _run: None)


@pytest.fixture
def guidelines() -> Iterator[None]:
    holder.forget()
    assert some_guidelines("Heart Attack", "Angina")
    yield
    holder.forget()
    registry.close_all()


def assessed(clinic: str, *, person: str = "7") -> Assessment:
    actor = Actor(kind="user", id=person, clinic=clinic, role=Role.CLINICIAN)
    with clinic_context(clinic):
        job_id = services.request_assessment(actor=actor, case=parse_case(DEMO)).job_id
    assert runner.drain("llm") >= 1
    with clinic_context(clinic):
        found = selectors.assessment_of_job(actor=system_actor(clinic, "tests"), job_id=job_id)
    assert found is not None
    return found


@pytest.mark.slow
def test_each_clinic_is_served_by_its_own_route_and_the_provenance_says_by_whom(
    guidelines: None, settings: Settings
) -> None:
    with reference_service(model="llama-3.1-70b") as llama, reference_service(model="qwen-3-32b") as qwen:
        settings.LLM_HEAVY_BASE_URL, settings.LLM_HEAVY_MODEL, settings.LLM_FALLBACKS = (
            f"{llama}/v1",
            "llama-3.1-70b",
            (),
        )
        with public_context():
            pinned = Backbone.objects.create(name="qwen", base_url=f"{qwen}/v1", model="qwen-3-32b", order=9)
            Route.objects.create(clinic="alpha", kind="cases.assessment", backbone=pinned)
        table.forget()
        alpha, beta = assessed("alpha").provenance, assessed("beta").provenance
    assert (alpha.backbone, alpha.model) == ("qwen", "qwen-3-32b")
    assert (beta.backbone, beta.model) == ("heavy", "llama-3.1-70b")
    with public_context():
        used = set(TokenUsage.objects.values_list("clinic", "person", "backbone", "model"))
    assert used == {("alpha", "user:7", "qwen", "qwen-3-32b"), ("beta", "user:7", "heavy", "llama-3.1-70b")}


def test_tokens_are_counted_for_who_submitted_also_when_the_answer_was_no_good(guidelines: None) -> None:
    with backbone(on_schema(assessment_draft="not json")) as model:
        assert assessed("alpha", person="8").status != "released"
    with public_context():
        row = TokenUsage.objects.get()
    assert (row.clinic, row.person, row.backbone, row.adapter) == ("alpha", "user:8", "scripted", "")
    assert row.calls == len(model.requests) >= 3
    assert row.prompt_tokens > 0


def test_the_lane_becomes_a_priority_only_where_servers_know_it(guidelines: None, settings: Settings) -> None:
    with backbone() as model:
        assessed("alpha")
        assert {request.priority for request in model.requests} == {0}
        settings.LLM_PRIORITY = True
        assessed("alpha")
    assert model.requests[-1].priority == -10, "the sample is an emergency"
    assert [registry.priority_of(lane) for lane in ("emergency", "interactive", "batch", "")] == [-10, 0, 10, 0]


# --- the API --------------------------------------------------------------------------------------

ROUTINE = {"presenting_complaint": "Itchy elbow for two weeks"}


def test_a_case_beyond_the_allowance_is_a_clear_problem_and_an_emergency_is_taken(
    api: Any, alice: Any, bob: Any
) -> None:
    with public_context():
        Quota.objects.create(clinic="alpha", jobs_per_day=0)
    refused = api(alice).post("/api/v1/cases/analyze", ROUTINE, format="json")
    body = refused.json()
    assert (refused.status_code, body["code"]) == (429, "quota_exceeded")
    assert body["errors"] == {"jobs_per_day": "0 jobs a day for this clinic"}
    assert 1 <= int(refused["Retry-After"]) <= 3600
    assert api(alice).get("/api/v1/cases").json()["items"] == []
    assert api(alice).post("/api/v1/cases/analyze", DEMO, format="json").status_code == 202
    assert api(bob).post("/api/v1/cases/analyze", ROUTINE, format="json").status_code == 202


def test_an_answer_and_a_full_queue_tell_the_estimated_wait(api: Any, alice: Any, settings: Settings) -> None:
    taken = api(alice).post("/api/v1/cases/analyze", ROUTINE, format="json").json()
    assert taken["job"]["estimated_wait_s"] is None, "nothing has ended yet"
    ended = timezone.now()
    with public_context():
        Job.objects.update(state="done", started_at=ended - timedelta(seconds=30), finished_at=ended)
    estimate.forget_estimates()
    taken = api(alice).post("/api/v1/cases/analyze", ROUTINE, format="json").json()
    assert taken["job"]["estimated_wait_s"] == 0
    estimate.forget_estimates()
    taken = api(alice).post("/api/v1/cases/analyze", ROUTINE, format="json").json()
    assert taken["job"]["estimated_wait_s"] == 30
    settings.JOB_CLINIC_QUEUE_LIMIT = 2
    estimate.forget_estimates()
    full = api(alice).post("/api/v1/cases/analyze", ROUTINE, format="json")
    assert (full.status_code, full.json()["code"], full.json()["estimated_wait_s"]) == (429, "too_many_requests", 60)
    assert full["Retry-After"] == "60"
