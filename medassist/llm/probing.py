"""Asks a server once what it can do (`/v1/models`) and remembers the answer for the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from medassist.common.errors import MedAssistError
from medassist.llm.schemas import Capabilities

RETRY_S = 15.0
"""A server that could not be asked is asked again after this long, not on every call."""
REFRESH_S = 600.0


class Probe:
    """Lazy, thread-safe, never raises: an unreachable server leaves safe values."""

    def __init__(self, list_models: Callable[[], list[dict[str, Any]]], *, model: str) -> None:
        self._list_models = list_models
        self._model = model
        self._lock = threading.Lock()
        self._known = Capabilities()
        self._next = 0.0

    @property
    def language_model(self) -> bool:
        """What is known so far, without asking the server."""
        return self._known.language_model

    def capabilities(self) -> Capabilities:
        if time.monotonic() >= self._next and self._lock.acquire(blocking=not self._known.probed):
            try:
                if time.monotonic() >= self._next:
                    self._ask()
            finally:
                self._lock.release()
        return self._known

    def _ask(self) -> None:
        try:
            self._known = read_models(self._list_models(), model=self._model)
            self._next = time.monotonic() + REFRESH_S
        except MedAssistError:
            self._next = time.monotonic() + RETRY_S


def read_models(models: list[dict[str, Any]], *, model: str) -> Capabilities:
    """Capabilities out of the entries of `/v1/models`; `max_model_len` and `parent` are vLLM's, `medassist` is ours."""
    mine = next((entry for entry in models if entry.get("id") == model), None)
    if mine is None:
        return Capabilities(probed=bool(models))
    length = mine.get("max_model_len")
    if length is None:
        # An adapter's entry says nothing of its own: it has the context of the model below it.
        below = next((entry for entry in models if entry.get("id") == mine.get("parent")), {})
        length = below.get("max_model_len")
    said = says_language_model(mine)
    return Capabilities(
        logprobs=mine.get("owned_by") == "vllm",
        context_tokens=length if isinstance(length, int) and length > 0 else Capabilities().context_tokens,
        adapters=tuple(str(entry["id"]) for entry in models if entry.get("parent") == model and entry.get("id")),
        language_model=True if said is None else said,
        probed=True,
    )


def says_language_model(extra: Mapping[str, Any] | None) -> bool | None:
    """The server's own word on whether a language model answers; None when it says nothing."""
    ours = (extra or {}).get("medassist")
    said = ours.get("language_model") if isinstance(ours, Mapping) else None
    return said if isinstance(said, bool) else None
