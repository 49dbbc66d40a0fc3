"""A real vLLM passes the suite of every `ChatModel`, for its base model and for an adapter by name."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from medassist.common.errors import CallAborted
from medassist.llm.openai_compatible import OpenAICompatible
from medassist.llm.schemas import ChatRequest, Message
from medassist.llm.tests.test_contract import *  # noqa: F403  the suite itself; only its model is another
from medassist.llm.tests.vllm.server import VLLM

pytestmark = [pytest.mark.vllm, pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(params=["demo", "clinic-a"])  # type: ignore[no-redef]
def model(request: pytest.FixtureRequest, vllm: VLLM) -> Iterator[OpenAICompatible]:
    made = OpenAICompatible(name="light", base_url=vllm.url, model=request.param, api_key="none")
    yield made
    made.close()


def test_the_adapters_are_named_by_the_server(vllm: VLLM) -> None:
    base = OpenAICompatible(name="light", base_url=vllm.url, model="demo", api_key="none")
    assert base.capabilities.adapters == ("clinic-a",)
    assert base.capabilities.context_tokens == 32_768
    base.close()


def test_an_adapter_answers_differently_from_its_base(vllm: VLLM) -> None:
    asked = ChatRequest(messages=(Message("user", "Say hello."),), max_tokens=64, deadline_s=30, temperature=0.0)
    answers = []
    for name in ("demo", "clinic-a"):
        one = OpenAICompatible(name="light", base_url=vllm.url, model=name, api_key="none")
        answers.append(one.complete(asked).text)
        one.close()
    assert answers[0].startswith("Hello. This is a very small model")
    assert answers[0] != answers[1]


def test_an_aborted_call_frees_the_server(vllm: VLLM) -> None:
    one = OpenAICompatible(name="light", base_url=vllm.url, model="clinic-a", api_key="none")
    # Reading a prompt of this length takes seconds on a CPU: the abort comes in the middle of it.
    asked = ChatRequest(messages=(Message("user", "word " * 6_000),), max_tokens=64, deadline_s=60)
    abort = threading.Event()
    threading.Timer(0.4, abort.set).start()
    started = time.monotonic()
    with pytest.raises(CallAborted):
        one.complete(asked, abort=abort)
    assert time.monotonic() - started < 2
    until = time.monotonic() + 5
    while vllm.metric("vllm:num_requests_running") and time.monotonic() < until:
        time.sleep(0.2)
    assert vllm.metric("vllm:num_requests_running") == 0
    one.close()
