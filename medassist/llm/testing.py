"""`ScriptedModel`: the fake that tests talk to. It passes the same contract suite as the real client."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from medassist.common.errors import BackboneTimeout, CallAborted, PromptTooLong
from medassist.llm.output import with_data
from medassist.llm.schemas import Capabilities, ChatRequest, ChatResult

Step = str | dict[str, Any] | Exception | Callable[[ChatRequest], "str | dict[str, Any] | Exception"]


class ScriptedModel:
    """Answers with `script` in order, then with its last step again; `requests` keeps what was asked.

    A step is a text, an object (sent as JSON), an exception to raise, or a function of the request
    that gives one of these. `delay_s` is how long each answer takes; it honours deadline and abort.
    """

    def __init__(
        self,
        script: Sequence[Step],
        *,
        name: str = "scripted",
        delay_s: float = 0.0,
        finish_reason: str = "stop",
        capabilities: Capabilities | None = None,
    ) -> None:
        if not script:
            raise ValueError("a script needs at least one step")
        self._script = list(script)
        self._name = name
        self._delay_s = delay_s
        self._finish_reason = finish_reason
        self._capabilities = capabilities or Capabilities(context_tokens=32768, language_model=False, probed=True)
        self._lock = threading.Lock()
        self.requests: list[ChatRequest] = []

    @property
    def name(self) -> str:
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    def complete(self, request: ChatRequest, *, abort: threading.Event | None = None) -> ChatResult:
        started = time.monotonic()
        text = self._next(request, abort)
        result = ChatResult(
            text=text,
            finish_reason=self._finish_reason,
            model="scripted",
            adapter=request.adapter,
            backbone=self._name,
            prompt_tokens=_tokens("".join(message.content for message in request.messages)),
            completion_tokens=_tokens(text),
            latency_ms=round((time.monotonic() - started) * 1000),
            language_model=self._capabilities.language_model,
        )
        return with_data(result, schema=request.json_schema)

    def stream(self, request: ChatRequest, *, abort: threading.Event | None = None) -> Iterator[str]:
        text = self._next(request, abort)
        for start in range(0, len(text), 16):
            if abort is not None and abort.is_set():
                raise CallAborted
            yield text[start : start + 16]

    def _next(self, request: ChatRequest, abort: threading.Event | None) -> str:
        with self._lock:
            step = self._script[min(len(self.requests), len(self._script) - 1)]
            self.requests.append(request)
        self._wait(request, abort)
        if _tokens("".join(message.content for message in request.messages)) > self._capabilities.context_tokens:
            raise PromptTooLong
        value = step(request) if callable(step) else step
        if isinstance(value, Exception):
            raise value
        return value if isinstance(value, str) else json.dumps(value)

    def _wait(self, request: ChatRequest, abort: threading.Event | None) -> None:
        aborted = (abort or threading.Event()).wait(min(self._delay_s, request.deadline_s))
        if aborted:
            raise CallAborted
        if self._delay_s > request.deadline_s:
            raise BackboneTimeout


def _tokens(text: str) -> int:
    return len(text) // 4 + 1
