"""Breakers and fallbacks: who is asked, who is left alone, and what the caller is told."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from medassist.common import env
from medassist.common.errors import (
    BackboneRejected,
    BackboneTimeout,
    BackboneUnavailable,
    BadModelOutput,
    CallAborted,
    ConfigurationError,
)
from medassist.llm import registry
from medassist.llm.breaker import PAUSE_S, THRESHOLD, Breaker
from medassist.llm.failover import Failover, Member
from medassist.llm.protocol import ChatModel
from medassist.llm.schemas import Capabilities, ChatRequest, Message, Tier
from medassist.llm.testing import ScriptedModel, Step
from medassist.llm.tests.servers import reference_service

ASK = ChatRequest(messages=(Message("user", "Hello?"),), deadline_s=5)
DOWN = BackboneUnavailable()


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def member(clock: Clock, *script: Step, name: str = "one", **options: Any) -> Member:
    return Member(ScriptedModel(script, name=name, **options), Breaker(clock=clock))


def calls(one: Member) -> int:
    assert isinstance(one.model, ScriptedModel)
    return len(one.model.requests)


def test_it_is_a_chat_model(clock: Clock) -> None:
    assert isinstance(Failover([member(clock, "a")]), ChatModel)


# --- the breaker ----------------------------------------------------------------------------------


def test_it_opens_after_failures_in_a_row_lets_one_probe_through_and_closes(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    for _ in range(THRESHOLD):
        assert breaker.enter()
        breaker.failed()
    assert not breaker.enter()
    assert breaker.view().state == "open"
    clock.now += PAUSE_S
    assert breaker.view().state == "half_open"
    assert breaker.enter()
    assert not breaker.enter(), "only one probe at a time"
    breaker.succeeded()
    assert breaker.view().state == "closed"
    assert breaker.enter()
    assert breaker.enter()


def test_a_failed_probe_opens_it_again_and_an_aborted_one_frees_the_place(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    for _ in range(THRESHOLD):
        breaker.failed()
    clock.now += PAUSE_S
    assert breaker.enter()
    breaker.failed()
    assert breaker.blocked_s == PAUSE_S
    clock.now += PAUSE_S
    assert breaker.enter()
    breaker.left()
    assert breaker.enter()


def test_a_success_in_between_starts_the_count_anew(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    for _ in range(3):
        for _ in range(THRESHOLD - 1):
            breaker.failed()
        breaker.succeeded()
    assert breaker.view().state == "closed"


@given(st.lists(st.sampled_from(["enter", "succeeded", "failed", "left", "wait", "time"]), max_size=60))
def test_whatever_happens_a_call_is_let_through_again_after_the_pause(events: list[str]) -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    for event in events:
        if event == "time":
            clock.now += 1.0
        elif event == "wait":
            breaker.asked_to_wait(3.0)
        elif event == "enter":
            breaker.enter()
        else:
            getattr(breaker, event)()
    breaker.left()
    clock.now += PAUSE_S + 3
    assert breaker.enter()


# --- the order ------------------------------------------------------------------------------------


def test_the_next_backbone_answers_when_the_first_is_away(clock: Clock) -> None:
    first, second = member(clock, DOWN), member(clock, "from the second", name="two")
    result = Failover([first, second], clock=clock).complete(ASK)
    assert (result.text, result.backbone) == ("from the second", "two")


def test_a_dead_backbone_is_no_longer_asked_and_comes_back(clock: Clock) -> None:
    first, second = member(clock, *[DOWN] * THRESHOLD, "back"), member(clock, "second", name="two")
    both = Failover([first, second], clock=clock)
    for _ in range(THRESHOLD + 7):
        assert both.complete(ASK).text == "second"
    assert calls(first) == THRESHOLD
    clock.now += PAUSE_S
    assert both.complete(ASK).text == "back"


@pytest.mark.parametrize("error", [BackboneRejected(), BadModelOutput()])
def test_a_refused_request_or_a_bad_answer_is_nobody_elses_business(clock: Clock, error: Exception) -> None:
    first, second = member(clock, error), member(clock, "second")
    both = Failover([first, second], clock=clock)
    for _ in range(THRESHOLD + 2):
        with pytest.raises(type(error)):
            both.complete(ASK)
    assert calls(second) == 0
    assert first.breaker.view().state == "closed"


def test_an_aborted_call_ends_there_and_says_nothing_about_the_server(clock: Clock) -> None:
    first, second = member(clock, "late", delay_s=5.0), member(clock, "second")
    abort = threading.Event()
    abort.set()
    with pytest.raises(CallAborted):
        Failover([first, second], clock=clock).complete(ASK, abort=abort)
    assert calls(second) == 0
    assert first.breaker.view().failures == 0


def test_a_server_that_asks_for_a_pause_gets_it_without_a_failure(clock: Clock) -> None:
    first, second = member(clock, BackboneUnavailable(retry_after=30), "again"), member(clock, "second")
    both = Failover([first, second], clock=clock)
    assert both.complete(ASK).text == "second"
    assert both.complete(ASK).text == "second"
    assert (calls(first), first.breaker.view().failures) == (1, 0)
    clock.now += 30
    assert both.complete(ASK).text == "again"


def test_with_everybody_away_the_caller_learns_when_to_come_back(clock: Clock) -> None:
    alone = Failover([member(clock, DOWN)], clock=clock)
    for _ in range(THRESHOLD):
        with pytest.raises(BackboneUnavailable):
            alone.complete(ASK)
    with pytest.raises(BackboneUnavailable) as caught:
        alone.complete(ASK)
    assert caught.value.retry_after == PAUSE_S
    assert caught.value.retryable


def test_the_deadline_is_one_for_all(clock: Clock) -> None:
    def slow(_request: ChatRequest) -> Exception:
        clock.now += 4.5
        return BackboneTimeout()

    first, second = member(clock, slow), member(clock, "too late")
    with pytest.raises(BackboneTimeout):
        Failover([first, second], clock=clock).complete(ASK)
    assert calls(second) == 0
    generous = replace(ASK, deadline_s=20)
    assert Failover([member(clock, slow), second], clock=clock).complete(generous).text == "too late"
    assert isinstance(second.model, ScriptedModel)
    assert second.model.requests[0].deadline_s == pytest.approx(15.5)


def test_a_fallback_that_knows_no_schema_is_passed_over(clock: Clock) -> None:
    plain = Capabilities(json_schema=False, probed=True)
    second = member(clock, "prose", capabilities=plain)
    third = member(clock, {"a": 1}, name="three")
    found = Failover([member(clock, DOWN), second, third], clock=clock)
    asked = replace(ASK, json_schema={"type": "object"})
    assert found.complete(asked).backbone == "three"
    assert found.complete(ASK).text == "prose"


def test_a_stream_moves_on_before_its_first_piece_and_never_after(clock: Clock) -> None:
    both = Failover([member(clock, DOWN), member(clock, "a text of several pieces", name="two")], clock=clock)
    assert "".join(both.stream(ASK)) == "a text of several pieces"


# --- settings and the command ---------------------------------------------------------------------


@pytest.fixture
def two_servers(settings: Settings) -> Iterator[tuple[str, str]]:
    with reference_service(model="llama-3.1-8b") as llama, reference_service(model="qwen-3-8b") as qwen:
        settings.LLM_BASE_URL, settings.LLM_MODEL = f"{llama}/v1", "llama-3.1-8b"
        settings.LLM_HEAVY_BASE_URL, settings.LLM_HEAVY_MODEL = f"{llama}/v1", "llama-3.1-8b"
        settings.LLM_FALLBACKS = (env.Backbone("spare", f"{qwen}/v1", "qwen-3-8b", "none"),)
        yield llama, qwen
        registry.close_all()


def backbones(*arguments: str) -> str:
    out = io.StringIO()
    call_command("backbones", *arguments, stdout=out)
    return out.getvalue()


def test_swapping_the_model_is_a_matter_of_settings(two_servers: tuple[str, str], settings: Settings) -> None:
    assert registry.model_for("light").complete(ASK).model == "llama-3.1-8b"
    settings.LLM_BASE_URL, settings.LLM_MODEL = f"{two_servers[1]}/v1", "qwen-3-8b"
    assert registry.model_for("light").complete(ASK).model == "qwen-3-8b"


def test_a_dead_primary_is_stood_in_for_by_a_real_server(two_servers: tuple[str, str], settings: Settings) -> None:
    settings.LLM_BASE_URL = "http://127.0.0.1:1/v1"
    result = registry.model_for("light").complete(ASK)
    assert (result.backbone, result.model) == ("spare", "qwen-3-8b")


def test_a_fallback_of_both_tiers_has_one_breaker(two_servers: tuple[str, str]) -> None:
    light, heavy = ([registry.member_of(one) for one in registry.ordinary(tier)] for tier in get_args(Tier))
    assert light[1] is heavy[1]
    assert light[0].breaker is heavy[0].breaker, "one server under two names fails for both"


def test_the_command_lists_probes_and_explains(two_servers: tuple[str, str], settings: Settings) -> None:
    listed = backbones("list")
    assert "primary" in listed
    assert "spare" in listed
    assert "not a language model" in listed
    assert "qwen-3-8b: answered" in backbones("probe")
    settings.LLM_BASE_URL = "http://127.0.0.1:1/v1"
    explained = [line for line in backbones("explain", "--tier", "light").splitlines() if "because" not in line]
    assert "passed over" in explained[1]
    assert "would answer" in explained[2]
    with pytest.raises(CommandError, match="did not answer"):
        backbones("probe")


def test_without_a_backbone_the_command_says_so(settings: Settings) -> None:
    settings.LLM_BASE_URL = ""
    settings.LLM_FALLBACKS = ()
    with pytest.raises(CommandError, match="LLM_BASE_URL"):
        backbones("list")


def test_fallbacks_are_read_from_variables_that_fail_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_FALLBACKS", "spare, big-one")
    monkeypatch.setenv("LLM_SPARE_BASE_URL", "http://a/v1")
    monkeypatch.setenv("LLM_SPARE_MODEL", "m")
    with pytest.raises(ConfigurationError, match="LLM_BIG_ONE_BASE_URL"):
        env.backbones("LLM_FALLBACKS")
    monkeypatch.setenv("LLM_FALLBACKS", "spare")
    assert env.backbones("LLM_FALLBACKS") == (env.Backbone("spare", "http://a/v1", "m", "none"),)
    monkeypatch.delenv("LLM_FALLBACKS")
    assert env.backbones("LLM_FALLBACKS") == ()
