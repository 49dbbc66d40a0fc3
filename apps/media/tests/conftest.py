"""A stand-in for ComfyUI as a process of its own, with faults on request, and media switched on towards it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from medassist.embedded.processes import free_port

CHECKOUT = Path(__file__).resolve().parents[3]


@dataclass
class Comfy:
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}{path}", data=data), timeout=5) as answer:
            raw = answer.read()
        return json.loads(raw) if raw else {}

    def fault(self, mode: str = "", times: int = 0, seconds: float = 0.2) -> None:
        self.ask("/stub/faults", {"mode": mode, "times": times, "seconds": seconds})

    @property
    def state(self) -> Any:
        return self.ask("/stub/state")

    def until(self, holds: Callable[[Any], bool], seconds: float = 8.0) -> Any:
        end = time.monotonic() + seconds
        while not holds(state := self.state):
            assert time.monotonic() < end, state
            time.sleep(0.02)
        return state


@pytest.fixture(scope="session")
def comfy_process() -> Iterator[Comfy]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "medassist.comfyui", "--port", str(port), "--faults", "--seconds", "0.2"], cwd=CHECKOUT
    )
    comfy = Comfy(port)
    try:
        for _ in range(200):
            try:
                comfy.ask("/system_stats")
                break
            except OSError:
                time.sleep(0.05)
        yield comfy
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture
def comfy(comfy_process: Comfy, settings: Any) -> Iterator[Comfy]:
    settings.MEDIA_ENABLED = True
    settings.COMFYUI_URL = comfy_process.url
    settings.MEDIA_REPLY_SECONDS = 2.0
    settings.MEDIA_POLL_SECONDS = 0.5
    settings.MEDIA_TIMEOUT_SECONDS = 15.0
    comfy_process.fault()
    yield comfy_process
    comfy_process.fault()
    comfy_process.ask("/queue", {"clear": True})
    comfy_process.ask("/interrupt", {})
    comfy_process.until(lambda state: state["running"] is None)
