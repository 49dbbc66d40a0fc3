"""The one door to a language model. Everything behind it is a capability; everything before it is ours."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Literal

from apps.safety.schemas import Answer
from medassist.common.errors import BackboneTimeout, BadModelOutput, CallAborted
from medassist.jobs import usage
from medassist.llm import registry
from medassist.llm.failures import UnusableAnswer
from medassist.llm.schemas import ChatRequest, ChatResult, Message

__all__ = ["Answer", "ask", "check_shape", "only"]

SAMPLE_TEMPERATURE = 0.7


def ask(
    *,
    task: str,
    messages: Sequence[tuple[Literal["system", "user", "assistant"], str]],
    schema: dict[str, Any],
    schema_name: str,
    tier: Literal["light", "heavy"] = "light",
    deadline_s: float = 60.0,
    abort: threading.Event | None = None,
    max_tokens: int = 2048,
    trace_id: str = "",
    clinic: str = "",
    kind: str = "",
    lane: str = "",
    subject: str = "",
    person: str = "",
    seed: int | None = None,
) -> Answer:
    """One structured answer of the tier's model to `messages`.

    With a `seed` the answer is a sample: warm, and another one for another seed.
    One attempt: repairing and retrying belong to the caller, who knows what is at stake. `task` names
    the call in traces. `clinic`, `kind` and `lane` choose the route, `subject` (a job's id) decides about canaries;
    tokens are counted for `person` of `clinic`, also those of an answer that is refused. Raises the `Backbone*`
    errors, `BadModelOutput` when the answer does not fit the schema, `CallAborted` when `abort` was set.
    """
    if abort is not None and abort.is_set():
        raise CallAborted()
    if deadline_s <= 0:
        raise BackboneTimeout("No time was left for the language model.")
    request = ChatRequest(
        messages=tuple(Message(role=role, content=content) for role, content in messages),
        json_schema=schema,
        schema_name=schema_name,
        max_tokens=max_tokens,
        deadline_s=deadline_s,
        trace_id=f"{trace_id}:{task}" if trace_id else task,
        priority=registry.priority_of(lane),
        temperature=SAMPLE_TEMPERATURE if seed is not None else 0.0,
        seed=seed,
    )
    model = registry.model_for(tier, clinic=clinic, kind=kind, lane=lane, subject=subject)
    try:
        result = model.complete(request, abort=abort)
    except UnusableAnswer as error:
        _count(error.result, clinic, person)
        raise
    _count(result, clinic, person)
    if abort is not None and abort.is_set():
        raise CallAborted()
    data = result.data if result.data is not None else _parsed(result.text)
    check_shape(data, schema)
    return Answer(
        data=data,
        backbone=result.backbone,
        model=result.model,
        adapter=result.adapter,
        language_model=result.language_model,
        prompt_tokens=result.prompt_tokens,
        completion_tokens=result.completion_tokens,
        latency_ms=result.latency_ms,
    )


@contextmanager
def only(backbone: str, *, adapter: str = "") -> Iterator[str]:
    """Every call of this process goes to the named backbone, enabled or not, and to nobody else; gives its model's name.

    For evaluations in a process of their own. Raises `NotFound`.
    """
    server = registry.named(backbone)
    model = registry.alone(server, adapter=adapter)
    with ExitStack() as stack:
        for tier in ("light", "heavy"):
            stack.callback(registry.serve(tier, model))
        yield server.model


def _count(result: ChatResult, clinic: str, person: str) -> None:
    if clinic:
        usage.add(
            clinic=clinic, person=person, backbone=result.backbone, model=result.model, adapter=result.adapter or "",
            prompt_tokens=result.prompt_tokens, completion_tokens=result.completion_tokens,
        )  # fmt: skip


def _parsed(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise BadModelOutput("The model's answer is not JSON.") from None
    if not isinstance(data, dict):
        raise BadModelOutput("The model's answer is not a JSON object.")
    return data


_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}


def check_shape(value: Any, schema: dict[str, Any], path: str = "") -> None:
    """Holds an answer to our own schema even when a backbone claims that it did; raises `BadModelOutput`.

    Messages name the place and the rule, never the value: it may be patient text.
    """
    kind = schema.get("type")
    if kind in _TYPES and (
        not isinstance(value, _TYPES[kind]) or (kind in {"integer", "number"} and isinstance(value, bool))
    ):
        raise BadModelOutput(f"The model's answer is wrong at {path or 'its top'} (type).")
    if "enum" in schema and value not in schema["enum"]:
        raise BadModelOutput(f"The model's answer is wrong at {path or 'its top'} (enum).")
    if isinstance(value, dict):
        _check_object(value, schema, path)
    elif isinstance(value, list):
        if len(value) > schema.get("maxItems", len(value)):
            raise BadModelOutput(f"The model's answer is wrong at {path or 'its top'} (maxItems).")
        for index, item in enumerate(value):
            check_shape(item, schema.get("items", {}), f"{path}.{index}".lstrip("."))
    elif isinstance(value, str) and not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        raise BadModelOutput(f"The model's answer is wrong at {path or 'its top'} (length).")


def _check_object(value: dict[str, Any], schema: dict[str, Any], path: str) -> None:
    properties = schema.get("properties", {})
    if schema.get("additionalProperties") is False and set(value) - set(properties):
        raise BadModelOutput(f"The model's answer is wrong at {path or 'its top'} (unknown property).")
    for name in schema.get("required", ()):
        if name not in value:
            raise BadModelOutput(f"The model's answer is wrong at {path or 'its top'} (missing property).")
    for name, rule in properties.items():
        if name in value:
            check_shape(value[name], rule, f"{path}.{name}".lstrip("."))
