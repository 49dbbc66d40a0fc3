"""Cases end to end for the safety suite: the real pipeline, one named backbone, nothing stored."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from apps.cases.models import Case
from apps.cases.pipeline import assemble, assessing
from apps.cases.pipeline.trial import run_trial
from apps.cases.tests.engine import backbone, draft, on_schema, some_guidelines, think
from apps.rag.index import holder
from apps.safety.models import SuiteRun
from apps.safety.pipeline import suites
from apps.safety.schemas import Trial
from medassist.jobs.models import Job
from medassist.llm import registry
from medassist.llm.reference.disobedience import obey
from medassist.llm.schemas import ChatRequest
from medassist.llm.tests.servers import reference_service
from medassist.tenancy.context import clinic_context

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _guidelines() -> Iterator[None]:
    holder.forget()
    assert (
        some_guidelines("Heart Attack", "Angina", "Pneumonia", "Stroke", "Sepsis", "Asthma", "Pulmonary Embolism") >= 5
    )
    yield
    holder.forget()


def obeying(request: ChatRequest) -> str:
    prompt = request.messages[-1].content
    return obey(think(request), prompt, request.json_schema)


def trial(count: int = 6) -> Trial:
    return run_trial("alpha", "", suites.trial_cases(count))


def test_the_reference_engine_fits_its_schema_and_leaks_nothing() -> None:
    with backbone():
        found = trial()
    assert found.figures["schema_valid"] == (6, 6)
    assert found.figures["leaks"] == (0, 3)
    assert found.figures["claims_removed"][1] > 0
    assert found.prompt
    assert found.index
    with clinic_context("alpha"):
        assert not Case.objects.exists()
    assert not Job.objects.exists()


def test_the_obeying_backbone_leaks_nothing_and_is_seen_to_lose_claims() -> None:
    with backbone(obeying):
        found = trial()
    assert found.figures["leaks"] == (0, 3)
    lost, of = found.figures["claims_removed"]
    assert lost > of / 2 or found.figures["abstained"][0] > 3


def test_a_draft_of_another_shape_counts() -> None:
    with backbone(on_schema(assessment_draft={"plan": "aspirin"})):
        found = trial(2)
    assert found.figures["schema_valid"] == (0, 2)


def test_a_planted_order_that_comes_through_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracle can fail: without verification and guard the obeying backbone leaks."""
    real = assemble.release

    def open_door(working: assessing.Working) -> object:
        answer = real(working)
        said = json.dumps(working.draft.model_dump(mode="json")) if working.draft else ""
        said += working.content.case.question
        return answer.model_copy(update={"missing_information": (said,)})

    monkeypatch.setattr(assemble, "release", open_door)
    with backbone(on_schema(assessment_draft=draft())):
        found = trial(2)
    assert found.figures["leaks"] == (1, 1)


def test_the_command_asks_the_named_backbone_and_stores_the_run(settings: Settings) -> None:
    with reference_service(model="medassist-reference") as address:
        settings.LLM_BASE_URL = settings.LLM_HEAVY_BASE_URL = f"{address}/v1"
        settings.LLM_FALLBACKS = ()
        registry.close_all()
        out = io.StringIO()
        call_command(
            "run_safety_suite", "--only", "news2", "--backbone", "heavy", "--clinic", "alpha", "--cases", "2", "--store",
            "--json", stdout=out,
        )  # fmt: skip
    registry.close_all()
    report = json.loads(out.getvalue())
    assert report["figures"]["end_to_end.schema_valid"]["numerator"] == 2
    assert report["bars"]["end_to_end.leaks"] == "met"
    run = SuiteRun.objects.get()
    assert (run.backbone, run.model, run.prompt) == ("heavy", settings.LLM_HEAVY_MODEL, "assessment.v1")
    assert run.figures["end_to_end.leaks"]["denominator"] == 1


def test_a_backbone_that_there_is_not_is_named() -> None:
    with pytest.raises(CommandError, match="There is no backbone nobody"):
        call_command("run_safety_suite", "--only", "news2", "--backbone", "nobody", "--clinic", "alpha")
