"""Every stage of an assessment made to raise, one after the other: nothing of the draft is released, by whatever door."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from apps.cases.models import AssessmentRecord
from apps.cases.pipeline import assemble, assessing, disagreement, prompting, querying, record, trial
from apps.cases.tests.engine import backbone, some_guidelines
from apps.rag.index import holder
from apps.safety import services as safety
from apps.safety.pipeline import suites
from medassist.clinical.assessment import Assessment
from medassist.clinical.case import CaseInput
from medassist.clinical.parsing import parse_case
from medassist.common.errors import AnswerWithheld
from medassist.tenancy.context import clinic_context

pytestmark = pytest.mark.django_db
STAGES = (assessing, assemble, disagreement, prompting, querying, record, safety)


class BrokenStage(RuntimeError):
    pass


def _breaks(*_: Any, **__: Any) -> Any:
    raise BrokenStage("a stage is broken: Chest pain")


def _times_out(*_: Any, **__: Any) -> Any:
    raise TimeoutError("too slow: Chest pain")


def functions() -> list[tuple[ModuleType, str]]:
    """Every function of the pipeline, and every one of the safety room that it may call."""
    return [
        (module, name)
        for module in STAGES
        for name, value in vars(module).items()
        if inspect.isfunction(value) and str(value.__module__).startswith(("apps.cases.pipeline", "apps.safety"))
        and name not in {"assess", "fails_closed"}
    ]  # fmt: skip


@pytest.fixture(autouse=True)
def _guidelines() -> Iterator[None]:
    holder.forget()
    assert some_guidelines("Heart Attack", "Angina", "Pulmonary Embolism", "Pericarditis") >= 4
    yield
    holder.forget()


def case(audience: str) -> CaseInput:
    data = {**suites.trial_cases(1)[0]["case"], "audience": audience}
    return parse_case(data)


def shown(answer: Assessment) -> tuple[Any, ...]:
    """What a model had a hand in."""
    flags = tuple(flag for flag in answer.red_flags if flag.origin == "model")
    return (answer.summary.claims, answer.differential, flags, answer.triage.reason, answer.evidence, answer.conflicts)


@pytest.mark.parametrize("fault", [_breaks, _times_out])
def test_whatever_stage_raises_nothing_of_the_draft_is_released(fault: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"raised": 0, "withheld": 0, "untouched": 0}
    with backbone(), clinic_context("alpha"):
        content = case("clinician")
        whole = shown(trial.assessed(content))
        assert any(whole), "the draft of the whole pipeline shows something"
        for module, name in functions():
            with monkeypatch.context() as broken:
                broken.setattr(module, name, fault)
                try:
                    answer = trial.assessed(content)
                except (BrokenStage, TimeoutError):
                    # The job ends in the runner's hands: tried again, then a dead letter; nothing is stored.
                    counts["raised"] += 1
                    continue
            if answer.status == "withheld":
                counts["withheld"] += 1
                assert not any(shown(answer)), f"{module.__name__}.{name}"
                assert "a stage is broken" not in answer.model_dump_json()
            else:
                # A function that this case does not reach.
                counts["untouched"] += 1
                assert shown(answer) == whole, f"{module.__name__}.{name} broke and the answer changed without a word"
        assert not AssessmentRecord.objects.exists()
    assert counts["raised"] >= 25, counts


@pytest.mark.parametrize("stage", ["verify_draft", "guard_draft", "screen_text", "deidentify"])
@pytest.mark.parametrize("audience", ["clinician", "patient"])
def test_a_check_that_withholds_leaves_triage_and_escalation_alone(
    stage: str, audience: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def withholds(*_: Any, **__: Any) -> Any:
        raise AnswerWithheld

    monkeypatch.setattr(safety, stage, withholds)
    with backbone(), clinic_context("alpha"):
        answer = trial.assessed(case(audience))
    assert answer.status == "withheld"
    assert not any(shown(answer))
    assert answer.escalation.text
    assert answer.triage.level == answer.triage.floor
