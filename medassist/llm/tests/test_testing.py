"""The scripted fake keeps to its script."""

from __future__ import annotations

import threading

import pytest

from medassist.common.errors import BackboneTimeout, BackboneUnavailable, BadModelOutput, CallAborted
from medassist.llm.schemas import ChatRequest, Message
from medassist.llm.testing import ScriptedModel

ASK = ChatRequest(messages=(Message("user", "hello"),), deadline_s=5)
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


def test_steps_are_given_in_order_and_the_last_one_again() -> None:
    model = ScriptedModel(["one", "two"])
    assert [model.complete(ASK).text for _ in range(3)] == ["one", "two", "two"]
    assert len(model.requests) == 3


def test_an_exception_in_the_script_is_raised() -> None:
    model = ScriptedModel([BackboneUnavailable(retry_after=3), "fine"])
    with pytest.raises(BackboneUnavailable) as caught:
        model.complete(ASK)
    assert caught.value.retry_after == 3
    assert model.complete(ASK).text == "fine"


def test_an_answer_against_the_schema_is_bad_output() -> None:
    asked = ChatRequest(messages=ASK.messages, json_schema=SCHEMA)
    assert ScriptedModel([{"a": 1}]).complete(asked).data == {"a": 1}
    for wrong in ({"a": "x"}, "not json", "[1]", '{"a": NaN}'):
        with pytest.raises(BadModelOutput):
            ScriptedModel([wrong]).complete(asked)
    with pytest.raises(BadModelOutput):
        ScriptedModel([{"a": 1}], finish_reason="length").complete(asked)


def test_a_slow_answer_meets_the_deadline_and_the_abort() -> None:
    model = ScriptedModel(["late"], delay_s=5)
    with pytest.raises(BackboneTimeout):
        model.complete(ChatRequest(messages=ASK.messages, deadline_s=0.05))
    abort = threading.Event()
    threading.Timer(0.05, abort.set).start()
    with pytest.raises(CallAborted):
        model.complete(ASK, abort=abort)
