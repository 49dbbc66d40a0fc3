"""The smallest value that a JSON schema accepts: what the reference backbone answers to a task it does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DEEPEST = 24


def minimal_instance(schema: Mapping[str, Any], root: Mapping[str, Any] | None = None, depth: int = 0) -> Any:
    """A valid instance for the keywords that structured output uses; null beyond what it can follow."""
    root = root or schema
    if depth > _DEEPEST:
        return None
    if "$ref" in schema:
        return minimal_instance(_resolve(str(schema["$ref"]), root), root, depth + 1)
    for keyword in ("const", "default"):
        if keyword in schema:
            return schema[keyword]
    if schema.get("enum"):
        return schema["enum"][0]
    for keyword in ("anyOf", "oneOf", "allOf"):
        if schema.get(keyword):
            merged = {key: value for key, value in schema.items() if key not in {"anyOf", "oneOf", "allOf"}}
            return minimal_instance({**merged, **schema[keyword][0]}, root, depth + 1)
    return _of_type(schema, root, depth)


def _of_type(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = "null" if "null" in kind else kind[0]
    if kind == "object" or (kind is None and "properties" in schema):
        properties = schema.get("properties", {})
        return {
            name: minimal_instance(properties.get(name, {}), root, depth + 1) for name in schema.get("required", ())
        }
    if kind == "array":
        items = schema.get("items")
        one = items if isinstance(items, Mapping) else {}
        return [minimal_instance(one, root, depth + 1) for _ in range(int(schema.get("minItems", 0)))]
    if kind == "string":
        return "-" * int(schema.get("minLength", 0))
    if kind in {"integer", "number"}:
        return _number(schema, whole=kind == "integer")
    return False if kind == "boolean" else None


def _number(schema: Mapping[str, Any], *, whole: bool) -> int | float:
    step = 1 if whole else 0.5
    lowest: int | float | None = schema.get("minimum")
    above: int | float | None = schema.get("exclusiveMinimum")
    highest: int | float | None = schema.get("maximum")
    below: int | float | None = schema.get("exclusiveMaximum")
    if lowest is None and above is not None:
        lowest = above + step
    if lowest is not None:
        return lowest
    if highest is None and below is not None:
        highest = below - step
    return 0 if highest is None else min(0, highest)


def _resolve(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    node: Any = root
    for name in reference.removeprefix("#/").split("/"):
        node = node.get(name, {}) if isinstance(node, Mapping) else {}
    return node if isinstance(node, Mapping) else {}
