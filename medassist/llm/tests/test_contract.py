"""What every `ChatModel` must do: one suite for the fake, the reference backbone and, by LLM_CONTRACT_URL, any server.

LLM_CONTRACT_URL=http://host:port/v1 (with LLM_CONTRACT_MODEL and LLM_CONTRACT_KEY) adds a live server, such as vLLM.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from medassist.common.errors import CallAborted, PromptTooLong
from medassist.llm.openai_compatible import OpenAICompatible
from medassist.llm.protocol import ChatModel
from medassist.llm.schemas import ChatRequest, Message
from medassist.llm.testing import ScriptedModel

SCHEMA = {
    "type": "object",
    "properties": {"level": {"type": "string", "enum": ["low", "high"]}, "count": {"type": "integer"}},
    "required": ["level", "count"],
    "additionalProperties": False,
}
PLAIN = ChatRequest(
    messages=(Message("system", "Answer briefly."), Message("user", "Say hello.")), max_tokens=64, deadline_s=30
)
STRUCTURED = replace(PLAIN, json_schema=SCHEMA, schema_name="level", max_tokens=128)
LIVE = os.environ.get("LLM_CONTRACT_URL", "")


def scripted() -> ScriptedModel:
    return ScriptedModel(
        [lambda request: {"level": "low", "count": 1} if request.json_schema else "Hello from a script."],
    )


@pytest.fixture(params=["scripted", "reference", *(["live"] if LIVE else [])])
def model(request: pytest.FixtureRequest) -> Iterator[ChatModel]:
    if request.param == "scripted":
        yield scripted()
        return
    url = LIVE if request.param == "live" else f"{request.getfixturevalue('faulty_service')}/v1"
    name = os.environ.get("LLM_CONTRACT_MODEL", "demo") if request.param == "live" else "medassist-reference"
    real = OpenAICompatible(name="light", base_url=url, model=name, api_key=os.environ.get("LLM_CONTRACT_KEY", "none"))
    yield real
    real.close()


def test_it_is_a_chat_model(model: ChatModel) -> None:
    assert isinstance(model, ChatModel)
    assert model.name


def test_a_plain_question_gets_a_text(model: ChatModel) -> None:
    result = model.complete(PLAIN)
    assert result.text.strip()
    assert result.data is None
    assert result.backbone == model.name
    assert result.prompt_tokens > 0
    assert result.completion_tokens > 0
    assert result.latency_ms >= 0


def test_a_schema_gets_an_object_that_fits(model: ChatModel) -> None:
    result = model.complete(STRUCTURED)
    assert result.data is not None
    assert result.data["level"] in {"low", "high"}
    assert isinstance(result.data["count"], int)


def test_reading_as_a_stream_gives_the_same_kind_of_result(model: ChatModel) -> None:
    result = model.complete(replace(STRUCTURED, stream=True))
    assert result.data is not None
    assert result.finish_reason == "stop"
    assert result.completion_tokens > 0


def test_a_stream_arrives_in_pieces_that_make_the_text(model: ChatModel) -> None:
    pieces = list(model.stream(PLAIN))
    assert "".join(pieces).strip()
    assert len(pieces) > 1


def test_capabilities_say_what_the_server_can_do(model: ChatModel) -> None:
    capabilities = model.capabilities
    assert capabilities.probed
    assert capabilities.json_schema
    assert capabilities.context_tokens >= 1024


def test_a_prompt_beyond_the_context_is_refused_as_such(model: ChatModel) -> None:
    words = "word " * (model.capabilities.context_tokens * 2)
    with pytest.raises(PromptTooLong):
        model.complete(replace(PLAIN, messages=(Message("user", words),)))


def test_an_abort_that_is_already_set_ends_the_call(model: ChatModel) -> None:
    abort = threading.Event()
    abort.set()
    started = time.monotonic()
    with pytest.raises(CallAborted):
        model.complete(PLAIN, abort=abort)
    assert time.monotonic() - started < 2


def test_many_threads_share_one_model(model: ChatModel) -> None:
    texts: list[str] = []
    threads = [threading.Thread(target=lambda: texts.append(model.complete(PLAIN).text)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(texts) == 16
    assert all(texts)
