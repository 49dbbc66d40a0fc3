"""The gateway against the stand-in's real HTTP and websocket: what is drawn, and what happens when something breaks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from apps.media import gateway
from apps.media.rules import catalogue, png, workflows
from apps.media.tests.conftest import Comfy
from medassist.common.errors import CallAborted, MediaFailed, MediaTimeout, MediaUnavailable


def graph(seed: int = 7) -> dict[str, Any]:
    return workflows.named("text_to_image").filled(
        {
            "positive": catalogue.prompt_of("heart", "flat_colour"), "negative": catalogue.NEGATIVE, "seed": seed,
            "width": 256, "height": 128, "checkpoint": "m.safetensors", "prefix": "t",
        }
    )  # fmt: skip


def call(**more: Any) -> gateway.Call:
    given: dict[str, Any] = {"graph": graph(), "prompt_id": str(uuid4()), "known": (), "seconds": 12.0, **more}
    return gateway.Call(**given)


def test_a_picture_is_submitted_watched_and_fetched(comfy: Comfy) -> None:
    told: list[tuple[int, int]] = []
    wanted = call(told=lambda done, total: told.append((done, total)))
    fetched = gateway.generate(wanted)
    assert fetched.prompt_id == wanted.prompt_id
    assert (png.read(fetched.data).width, png.read(fetched.data).height) == (256, 128)
    assert told == [(step, 10) for step in range(1, 11)]
    gateway.forget(fetched.prompt_id)
    state = comfy.state
    assert fetched.prompt_id not in state["history"]
    assert state["sockets"] == 0
    assert gateway.answers()


@pytest.mark.parametrize("times", [1, 3])
def test_a_dropped_websocket_loses_no_picture_and_draws_none_twice(comfy: Comfy, times: int) -> None:
    before = comfy.state["drawn"]
    comfy.fault("drop_websocket", times, seconds=1.0)
    assert png.read(gateway.generate(call()).data).width == 256
    assert comfy.state["drawn"] == before + 1


def test_a_silent_websocket_is_made_up_for_by_asking(comfy: Comfy) -> None:
    comfy.fault("silent")
    assert gateway.generate(call()).data


@pytest.mark.parametrize("mode", ["half_image", "cut_image"])
def test_half_an_image_is_fetched_again_and_never_kept(comfy: Comfy, mode: str) -> None:
    before = comfy.state["drawn"]
    comfy.fault(mode, 2)
    assert png.read(gateway.generate(call()).data).height == 128
    assert comfy.state["drawn"] == before + 1
    comfy.fault(mode)
    with pytest.raises(MediaFailed):
        gateway.generate(call())


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        ("error", MediaFailed), ("refuse", MediaFailed), ("busy", MediaUnavailable), ("garbage", MediaUnavailable),
    ],
)  # fmt: skip
def test_what_the_server_says_is_told_apart(comfy: Comfy, mode: str, error: type[Exception]) -> None:
    comfy.fault(mode)
    with pytest.raises(error):
        gateway.generate(call())


def test_a_frozen_server_is_given_up_in_time(comfy: Comfy) -> None:
    comfy.fault("frozen")
    started = time.monotonic()
    with pytest.raises(MediaUnavailable) as raised:
        gateway.generate(call())
    assert time.monotonic() - started < 4
    assert raised.value.retryable
    assert raised.value.retry_after
    assert not gateway.answers()


def test_a_server_that_freezes_while_drawing_is_given_up_in_time(comfy: Comfy) -> None:
    comfy.fault(seconds=30)
    failed: list[BaseException] = []

    def draw() -> None:
        try:
            gateway.generate(call(seconds=60))
        except MediaUnavailable as error:
            failed.append(error)

    thread = threading.Thread(target=draw)
    thread.start()
    comfy.until(lambda state: state["running"])
    comfy.fault("frozen", seconds=30)
    thread.join(timeout=20)
    assert len(failed) == 1


def test_nobody_there_is_unavailable(comfy: Comfy, settings: Any) -> None:
    settings.COMFYUI_URL = "http://127.0.0.1:9"
    with pytest.raises(MediaUnavailable):
        gateway.generate(call())


def test_a_server_that_lost_its_queue_is_asked_again_later(comfy: Comfy) -> None:
    comfy.fault(seconds=3)
    outcome = in_thread(lambda: gateway.generate(call()))
    comfy.until(lambda state: state["running"])
    comfy.fault("forget", 1, seconds=0.2)
    with pytest.raises(MediaUnavailable):
        outcome()


def in_thread(work: Callable[[], Any]) -> Callable[[], Any]:
    """Runs `work` beside; the function that is returned waits for its outcome."""
    found: dict[str, Any] = {}

    def run() -> None:
        try:
            found["value"] = work()
        except Exception as error:  # noqa: BLE001 - told to the waiter
            found["error"] = error

    thread = threading.Thread(target=run)
    thread.start()

    def wait() -> Any:
        thread.join(timeout=30)
        if "error" in found:
            raise found["error"]
        return found["value"]

    return wait


def test_cancelling_interrupts_ours_and_takes_waiting_ones_out(comfy: Comfy) -> None:
    comfy.fault(seconds=6)
    stop = threading.Event()
    first, second = call(stopped=stop.is_set), call(stopped=stop.is_set)
    outcomes = [in_thread(lambda: gateway.generate(first))]
    comfy.until(lambda state: state["running"] == first.prompt_id)
    outcomes.append(in_thread(lambda: gateway.generate(second)))
    comfy.until(lambda state: state["pending"] == [second.prompt_id])
    stop.set()
    for outcome in outcomes:
        with pytest.raises(CallAborted):
            outcome()
    comfy.until(lambda state: state["running"] is None and state["pending"] == [], seconds=3)


def test_cancelling_a_waiting_one_leaves_anothers_drawing_alone(comfy: Comfy) -> None:
    comfy.fault(seconds=2)
    stop = threading.Event()
    first, second = call(), call(stopped=stop.is_set)
    drawn = in_thread(lambda: gateway.generate(first))
    comfy.until(lambda state: state["running"] == first.prompt_id)
    waiting = in_thread(lambda: gateway.generate(second))
    comfy.until(lambda state: state["pending"] == [second.prompt_id])
    stop.set()
    with pytest.raises(CallAborted):
        waiting()
    assert drawn().data


def test_the_time_is_limited_and_the_server_is_told(comfy: Comfy) -> None:
    comfy.fault(seconds=20)
    with pytest.raises(MediaTimeout):
        gateway.generate(call(seconds=0.6))
    comfy.until(lambda state: state["running"] is None, seconds=4)


def test_a_run_that_takes_over_attaches_to_what_is_being_drawn(comfy: Comfy) -> None:
    comfy.fault(seconds=2)
    before = comfy.state["drawn"]
    dead = threading.Event()
    first = call(stopped=dead.is_set, left=lambda: True)
    lost = in_thread(lambda: gateway.generate(first))
    comfy.until(lambda state: state["running"] == first.prompt_id)
    dead.set()
    with pytest.raises(CallAborted):
        lost()
    taken = gateway.generate(call(known=[first.prompt_id]))
    assert taken.prompt_id == first.prompt_id
    # And once more, when it was drawn but not stored.
    assert gateway.generate(call(known=[first.prompt_id])).data == taken.data
    assert comfy.state["drawn"] == before + 1


def test_a_file_or_an_answer_beyond_the_limit_is_refused(comfy: Comfy, settings: Any) -> None:
    settings.MEDIA_MAX_BYTES = 100
    with pytest.raises(MediaFailed):
        gateway.generate(call())
