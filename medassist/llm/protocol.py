"""`ChatModel`: what every backbone can do. The fake and the real client pass one contract suite."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from medassist.llm.schemas import Capabilities, ChatRequest, ChatResult


@runtime_checkable
class ChatModel(Protocol):
    """A model behind one name.

    Raised by both calls: `BackboneUnavailable` (unreachable, overloaded, failed; `retry_after` when the
    server said so), `BackboneTimeout` (the deadline passed), `PromptTooLong`, `BackboneRejected` (any
    other refusal of the request), `BadModelOutput` (an answer that cannot be used), `CallAborted`.
    """

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def complete(self, request: ChatRequest, *, abort: threading.Event | None = None) -> ChatResult:
        """The whole answer. Setting `abort` from another thread ends the call and frees the server."""
        ...

    def stream(self, request: ChatRequest, *, abort: threading.Event | None = None) -> Iterator[str]:
        """The answer piece by piece, unchecked. Closing the iterator ends the call."""
        ...
