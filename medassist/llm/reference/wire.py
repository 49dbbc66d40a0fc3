"""OpenAI's chat format: reads a request strictly, writes answers, chunks and errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from starlette.responses import Response

from medassist.common import env

MODEL = env.text("REFERENCE_MODEL", "medassist-reference")
"""The name under which it is asked for; another one lets several of them stand in for several models."""
FINGERPRINT = {"language_model": False, "kind": "extractive reference backbone"}
DEFAULT_MAX_TOKENS = 4096


class WireError(Exception):
    """An error to answer with, in OpenAI's form."""

    def __init__(
        self,
        status: int,
        message: str,
        kind: str = "BadRequestError",
        *,
        param: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.kind, self.param, self.retry_after = status, message, kind, param, retry_after

    def response(self) -> Response:
        headers = {} if self.retry_after is None else {"Retry-After": f"{self.retry_after:g}"}
        body = {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.status}}
        return json_response(body, status=self.status, headers=headers)


@dataclass(frozen=True, slots=True)
class Asked:
    """A chat request as far as this service understands it."""

    model: str
    fault_text: str
    messages: tuple[tuple[str, str], ...]
    schema: dict[str, Any] | None
    any_json: bool
    max_tokens: int
    stream: bool
    include_usage: bool

    @property
    def prompt_text(self) -> str:
        return "\n".join(content for _, content in self.messages)


def read_request(body: bytes, mark: str) -> Asked:
    """Raises `WireError` with the status that vLLM would give."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise WireError(400, "The request body is not valid JSON.") from None
    if not isinstance(data, dict):
        raise WireError(400, "The request body must be a JSON object.")
    name, _, fault_text = str(data.get("model", "")).partition(mark)
    if name != MODEL:
        raise WireError(404, f"The model `{name[:100]}` does not exist.", "NotFoundError", param="model")
    schema, any_json = _schema(data.get("response_format"))
    options = data.get("stream_options")
    return Asked(
        model=name,
        fault_text=fault_text,
        messages=_messages(data.get("messages")),
        schema=schema,
        any_json=any_json,
        max_tokens=_max_tokens(data),
        stream=data.get("stream") is True,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
    )


def _messages(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list) or not value:
        raise WireError(400, "`messages` must be a list with at least one message.", param="messages")
    found = []
    for message in value:
        if not isinstance(message, dict) or message.get("role") not in {"system", "developer", "user", "assistant"}:
            raise WireError(400, "Each message needs a `role` of system, user or assistant.", param="messages")
        content = message.get("content")
        if isinstance(content, list):
            content = "".join(
                str(part.get("text", "")) for part in content if isinstance(part, dict) and part.get("type") == "text"
            )
        if not isinstance(content, str):
            raise WireError(400, "Each message needs a text `content`.", param="messages")
        found.append((str(message["role"]), content))
    return tuple(found)


def _schema(value: Any) -> tuple[dict[str, Any] | None, bool]:
    if value is None or not isinstance(value, dict) or value.get("type") == "text":
        return None, False
    if value.get("type") == "json_object":
        return None, True
    inner = value.get("json_schema")
    schema = inner.get("schema") if isinstance(inner, dict) else None
    if value.get("type") != "json_schema" or not isinstance(schema, dict):
        raise WireError(400, "`response_format` must be json_schema with a schema.", param="response_format")
    return schema, False


def _max_tokens(data: dict[str, Any]) -> int:
    value = data.get("max_completion_tokens", data.get("max_tokens"))
    if value is None:
        return DEFAULT_MAX_TOKENS
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise WireError(400, "max_tokens must be at least 1.", param="max_tokens")
    return value


def tokens_in(text: str) -> int:
    """An estimate: four characters a token."""
    return (len(text) + 3) // 4


def completion(identifier: str, created: int, text: str, finish: str, usage: dict[str, int]) -> dict[str, Any]:
    return {
        "id": identifier,
        "object": "chat.completion",
        "created": created,
        "model": MODEL,
        "medassist": FINGERPRINT,
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text}, "logprobs": None, "finish_reason": finish}
        ],
        "usage": usage,
    }


def chunk(
    identifier: str,
    created: int,
    *,
    delta: dict[str, str] | None = None,
    finish: str | None = None,
    usage: dict[str, int] | None = None,
) -> bytes:
    """One server-sent event; with `usage` it carries no choice, as in OpenAI's format."""
    choices = (
        [] if usage is not None else [{"index": 0, "delta": delta or {}, "logprobs": None, "finish_reason": finish}]
    )
    body: dict[str, Any] = {
        "id": identifier,
        "object": "chat.completion.chunk",
        "created": created,
        "model": MODEL,
        "medassist": FINGERPRINT,
        "choices": choices,
    }
    if usage is not None:
        body["usage"] = usage
    return b"data: " + orjson.dumps(body) + b"\n\n"


def json_response(body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status_code=status, headers=headers, media_type="application/json")
