"""The one door to a model, with the scripted fake behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from apps.safety.gateway import Answer, ask, check_shape
from medassist.clinical.draft import candidates_json_schema, draft_json_schema
from medassist.common.errors import BackboneTimeout, BackboneUnavailable, BadModelOutput, CallAborted, PromptTooLong
from medassist.llm import registry
from medassist.llm.schemas import ChatRequest, ChatResult
from medassist.llm.testing import ScriptedModel

Serve = Callable[..., ScriptedModel]


@pytest.fixture
def serve() -> Iterator[Serve]:
    undo: list[Callable[[], None]] = []

    def put(script: Sequence[Any], **options: Any) -> ScriptedModel:
        model = ScriptedModel(script, **options)
        undo.append(registry.serve("light", model))
        return model

    yield put
    for one in undo:
        one()


def candidates(**options: Any) -> Answer:
    given: dict[str, Any] = {
        "task": "candidates",
        "messages": [("system", "Name conditions."), ("user", "Chest pain.")],
        "schema": candidates_json_schema(),
        "schema_name": "candidates",
    }
    return ask(**(given | options))


def test_an_answer_says_what_was_said_and_by_whom(serve: Serve) -> None:
    model = serve([{"conditions": ["Heart attack"]}])
    answer = candidates(trace_id="t-1", max_tokens=77, deadline_s=5.0)
    assert answer.data == {"conditions": ["Heart attack"]}
    assert (answer.backbone, answer.model, answer.language_model) == ("scripted", "scripted", False)
    assert answer.prompt_tokens > 0
    request = model.requests[0]
    assert [(m.role, m.content) for m in request.messages] == [("system", "Name conditions."), ("user", "Chest pain.")]
    assert (request.schema_name, request.max_tokens, request.deadline_s, request.trace_id) == (
        "candidates",
        77,
        5.0,
        "t-1:candidates",
    )


@pytest.mark.parametrize(
    "output",
    [
        "",
        "not json",
        "[1]",
        "{}",
        '{"conditions": "Heart attack"}',
        '{"conditions": [1]}',
        '{"conditions": [], "dose": "5 mg"}',
        '{"conditions": [""]}',
        '{"conditions": ["a","b"',
    ],
)
def test_an_answer_that_does_not_fit_is_refused(serve: Serve, output: str) -> None:
    serve([output])
    with pytest.raises(BadModelOutput):
        candidates()


@pytest.mark.parametrize("error", [BackboneUnavailable, BackboneTimeout, PromptTooLong, BadModelOutput])
def test_the_backbones_own_errors_pass_through(serve: Serve, error: type[Exception]) -> None:
    serve([error()])
    with pytest.raises(error):
        candidates()


def test_one_call_is_one_attempt(serve: Serve) -> None:
    model = serve(["not json", {"conditions": []}])
    with pytest.raises(BadModelOutput):
        candidates()
    assert len(model.requests) == 1


def test_a_late_answer_is_a_timeout(serve: Serve) -> None:
    serve([{"conditions": []}], delay_s=5.0)
    with pytest.raises(BackboneTimeout):
        candidates(deadline_s=0.05)


@pytest.mark.parametrize("deadline", [0.0, -1.0])
def test_without_time_left_nobody_is_asked(serve: Serve, deadline: float) -> None:
    model = serve([{"conditions": []}])
    with pytest.raises(BackboneTimeout):
        candidates(deadline_s=deadline)
    assert model.requests == []


def test_an_aborted_call_asks_nobody(serve: Serve) -> None:
    model = serve([{"conditions": []}])
    abort = threading.Event()
    abort.set()
    with pytest.raises(CallAborted):
        candidates(abort=abort)
    assert model.requests == []


def test_an_abort_while_the_model_thinks_ends_the_call(serve: Serve) -> None:
    serve([{"conditions": []}], delay_s=30.0)
    abort = threading.Event()
    threading.Timer(0.05, abort.set).start()
    with pytest.raises(CallAborted):
        candidates(abort=abort, deadline_s=60.0)


class _Claims:
    """A backbone that says its answer fits the schema without having looked."""

    name = "claims"

    def __init__(self, data: dict[str, Any] | None, text: str = "", after: Callable[[], None] | None = None) -> None:
        self.data, self.text, self.after = data, text, after

    def complete(self, request: ChatRequest, *, abort: threading.Event | None = None) -> ChatResult:
        if self.after:
            self.after()
        return ChatResult(text=self.text, data=self.data, model="m", backbone="claims")


@pytest.mark.parametrize(
    "model",
    [_Claims({"conditions": [1]}), _Claims({"plan": "Give aspirin"}), _Claims(None, "nonsense"), _Claims(None, "[]")],
)
def test_a_backbone_is_not_believed_about_the_schema(model: Any) -> None:
    undo = registry.serve("light", model)
    try:
        with pytest.raises(BadModelOutput):
            candidates()
    finally:
        undo()


def test_an_answer_that_comes_after_the_abort_is_dropped() -> None:
    abort = threading.Event()
    model: Any = _Claims({"conditions": []}, after=abort.set)
    undo = registry.serve("light", model)
    try:
        with pytest.raises(CallAborted):
            candidates(abort=abort)
    finally:
        undo()


def test_a_fabricated_citation_cannot_be_said() -> None:
    schema = draft_json_schema(["r1", "g1"])
    draft: dict[str, Any] = {
        "triage_level": "routine",
        "triage_reason": "",
        "differential": [],
        "red_flags": [],
        "missing_information": [],
        "summary": [{"text": "Cough.", "kind": "patient_fact", "cites": [{"source": "r1", "quote": "Cough"}]}],
    }
    check_shape(draft, schema)
    draft["summary"][0]["cites"][0]["source"] = "g9"
    with pytest.raises(BadModelOutput) as caught:
        check_shape(draft, schema)
    assert "summary.0.cites.0.source" in caught.value.detail
    assert "g9" not in caught.value.detail
