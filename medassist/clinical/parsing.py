"""Reads a `CaseInput` out of untrusted data and names every field that is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from medassist.clinical.case import CaseInput
from medassist.common.errors import InvalidInput, NotJson

MAX_DEPTH = 12
_Contract = TypeVar("_Contract", bound=BaseModel)


def parse_json(body: bytes | str) -> Any:
    """The JSON value in `body`; raises `NotJson` for everything that is not strict JSON in UTF-8."""
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        where = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise NotJson(f"The body is not valid JSON{where}.") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def parse_case(data: Any) -> CaseInput:
    """A `CaseInput`; raises `InvalidInput` whose `fields` name each wrong place as a dotted path."""
    return parse_as(CaseInput, data, called="case")


def parse_as(contract: type[_Contract], data: Any, *, called: str) -> _Contract:
    """A value of `contract`, called so in messages; raises `InvalidInput` as `parse_case` does."""
    if not isinstance(data, dict):
        raise InvalidInput(f"A {called} is a JSON object.", fields={"": "must be an object"})
    _refuse_unwritable_text(data, "", 0)
    try:
        # strict=False so that JSON arrays become tuples and strings UUIDs and dates; numbers and
        # booleans carry strictness of their own in the contract.
        return contract.model_validate(data)
    except ValidationError as error:
        raise InvalidInput(f"The {called} is not valid; see fields.", fields=field_errors(error)) from None


def field_errors(error: ValidationError) -> dict[str, str]:
    """Dotted path -> message. The offending value is left out: it may be patient text."""
    fields: dict[str, str] = {}
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        path = dotted(item["loc"])
        message = "unknown field" if item["type"] == "extra_forbidden" else item["msg"].removeprefix("Value error, ")
        if path == "" and "presenting_complaint" in message:
            path = "presenting_complaint"
        fields.setdefault(path, message)
    return fields


def dotted(location: Iterable[int | str]) -> str:
    """("labs", 0, "value") -> "labs.0.value"; pydantic's own union labels are dropped."""
    hidden = {"float", "str", "constrained-str", "constrained-float"}
    return ".".join(str(part) for part in location if not (isinstance(part, str) and part in hidden))


def _refuse_unwritable_text(value: Any, path: str, depth: int) -> None:
    # A lone surrogate or a NUL passes json.loads and fails much later, in an encoder or in Postgres.
    if depth > MAX_DEPTH:
        raise InvalidInput("The case is nested too deeply.", fields={path: "nested too deeply"})
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= ch <= "\udfff" for ch in value):
            raise InvalidInput(
                "The text holds characters that cannot be stored.", fields={path: "holds a NUL or a lone surrogate"}
            )
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_unwritable_text(key, path or "(key)", depth + 1)
            _refuse_unwritable_text(item, f"{path}.{key}" if path else key, depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_unwritable_text(item, f"{path}.{index}", depth + 1)
