"""A whole assessment by a real vLLM, and the same with the server killed in mid-job."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from uuid import UUID

import pytest

from apps.cases import selectors, services
from apps.cases.models import AssessmentRecord
from apps.cases.tests.engine import some_guidelines
from apps.rag.index import holder
from medassist.accounts.access import system_actor
from medassist.clinical.assessment import Assessment
from medassist.clinical.parsing import parse_case
from medassist.embedded.processes import free_port
from medassist.jobs import runner
from medassist.jobs.models import Job
from medassist.llm import registry
from medassist.llm.openai_compatible import OpenAICompatible
from medassist.llm.tests.vllm.server import PYTHON, VLLM, make_model
from medassist.tenancy.context import clinic_context, public_context

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(600),
    pytest.mark.skipif(not PYTHON, reason="real vLLM: make test-vllm"),
]
ACTOR = system_actor("alpha", "tests")


@pytest.fixture(scope="module")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VLLM]:
    folder = tmp_path_factory.mktemp("vllm")
    make_model(folder)
    server = VLLM(folder, free_port())
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture
def served(vllm: VLLM, transactional_db: None) -> Iterator[VLLM]:
    some_guidelines("Heart Attack", "Angina")
    model = OpenAICompatible(name="heavy", base_url=vllm.url, model="demo", api_key="none")
    withdraw = registry.serve("heavy", model)
    yield vllm
    withdraw()
    model.close()
    holder.forget()


def submit() -> UUID:
    case = parse_case({"presenting_complaint": "Chest pain for an hour, sweating", "vitals": {"heart_rate": 112}})
    with clinic_context("alpha"):
        return services.request_assessment(actor=ACTOR, case=case).job_id


def job(job_id: UUID) -> Job:
    with public_context():
        return Job.objects.get(pk=job_id)


def result(job_id: UUID) -> Assessment:
    with clinic_context("alpha"):
        assert AssessmentRecord.objects.filter(job_id=job_id).count() == 1
        found = selectors.assessment_of_job(actor=ACTOR, job_id=job_id)
    assert found is not None
    return found


def test_a_case_is_assessed_by_a_real_language_model_server(served: VLLM) -> None:
    job_id = submit()
    runner.drain("llm")
    found = result(job_id)
    assert found.provenance.language_model
    assert (found.provenance.model, found.provenance.backbone) == ("demo", "heavy")
    assert found.provenance.completion_tokens > 0
    # It knows one empty draft by heart: that is too little to release, and the rules are shown all the same.
    assert found.status == "abstained"
    assert found.triage.level == "emergency_now"
    assert found.red_flags


def test_a_server_killed_in_mid_job_costs_no_attempt_and_the_job_is_done_when_it_is_back(served: VLLM) -> None:
    job_id = submit()
    killer = threading.Thread(target=_kill_when_asked, args=(served,))
    killer.start()
    runner.drain("llm", limit=1)
    killer.join()
    if job(job_id).state != "done":
        assert (job(job_id).state, job(job_id).attempt) == ("queued", 0)
        assert job(job_id).reason.startswith("backbone_")
    served.start()
    until = time.monotonic() + 60
    while job(job_id).state != "done" and time.monotonic() < until:
        runner.drain("llm")
        time.sleep(0.5)
    assert result(job_id).provenance.model == "demo"


def _kill_when_asked(server: VLLM) -> None:
    before = server.metric("vllm:prompt_tokens_total")
    until = time.monotonic() + 30
    while time.monotonic() < until and not (
        server.metric("vllm:num_requests_running") or server.metric("vllm:prompt_tokens_total") > before
    ):
        time.sleep(0.01)
    server.kill()
