"""Turns a model's text into the object that the schema asked for, or says that it cannot be used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jsonschema

from medassist.common.errors import BadModelOutput
from medassist.llm.failures import UnusableAnswer
from medassist.llm.schemas import ChatResult


def with_data(result: ChatResult, *, schema: Mapping[str, Any] | None) -> ChatResult:
    """The result with the object that its text holds; raises `UnusableAnswer`."""
    try:
        data = parse_output(result.text, finish_reason=result.finish_reason, schema=schema)
    except BadModelOutput as error:
        raise UnusableAnswer(error.detail, result=replace(result, text="")) from None
    return replace(result, data=data)


def parse_output(text: str, *, finish_reason: str, schema: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The answer's object; None when no schema was asked for. Raises `BadModelOutput`.

    Messages name the place that is wrong, never the text: it may repeat the patient's record.
    """
    if finish_reason == "content_filter":
        raise BadModelOutput("The model's answer was cut by its server's content filter.")
    if not text.strip():
        raise BadModelOutput("The model gave an empty answer.")
    if schema is None:
        return None
    if finish_reason == "length":
        raise BadModelOutput("The model's answer was cut off at its length limit.")
    try:
        data = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise BadModelOutput("The model's answer is not JSON.") from None
    if not isinstance(data, dict):
        raise BadModelOutput("The model's answer is not a JSON object.")
    _check(data, schema)
    return data


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _check(data: dict[str, Any], schema: Mapping[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(dict(schema))
    error = next(iter(validator.iter_errors(data)), None)
    if error is not None:
        where = ".".join(str(part) for part in error.absolute_path if isinstance(part, int) or part.isidentifier())
        raise BadModelOutput(f"The model's answer does not fit the schema at {where or 'its top'} ({error.validator}).")
