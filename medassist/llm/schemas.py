"""What crosses the border to a model and back. Frozen, pure, the same for every backbone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Tier = Literal["light", "heavy"]


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One question to a model. `deadline_s` is the total budget in seconds, connecting included.

    With `json_schema` the answer is one JSON object that the schema accepts, or `BadModelOutput`.
    `priority` is vLLM's: lower is sooner, 0 is the default. `adapter` is the served name of a LoRA adapter.
    """

    messages: tuple[Message, ...]
    json_schema: Mapping[str, Any] | None = None
    schema_name: str = "answer"
    max_tokens: int = 2048
    temperature: float = 0.0
    seed: int | None = None
    deadline_s: float = 60.0
    stream: bool = False
    """Read the answer as a stream and put it together: a server that dies half-way is noticed sooner."""
    trace_id: str = ""
    priority: int = 0
    adapter: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatResult:
    """A complete answer. `data` is the parsed object when the request had a schema, else None."""

    text: str
    data: dict[str, Any] | None = None
    finish_reason: str = "stop"
    model: str
    adapter: str | None = None
    backbone: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latency_ms: int = 0
    language_model: bool = True
    """False when the answer was put together without a language model (the reference backbone)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What callers may ask of a backbone; they ask these flags, never its brand.

    The values here are what holds while a server has not been reached: a context that every served
    model has, and nothing optional.
    """

    json_schema: bool = True
    streaming: bool = True
    logprobs: bool = False
    context_tokens: int = 4096
    adapters: tuple[str, ...] = ()
    language_model: bool = True
    probed: bool = False
    """True when the server itself said so."""


@dataclass(frozen=True, slots=True)
class Served:
    """A version of a model as calls meet it."""

    backbone: str
    model: str
    adapter: str = ""

    def __str__(self) -> str:
        return f"{self.backbone} / {self.model}" + (f" with adapter {self.adapter}" if self.adapter else "")


@dataclass(frozen=True, slots=True)
class Activation:
    """A version that calls would meet from now on, and the one that they meet today (None: nobody)."""

    version: Served
    instead_of: Served | None
