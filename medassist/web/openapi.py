"""What the API's schema says beyond the views: how callers identify themselves, and the problem documents."""

from __future__ import annotations

import re
from typing import Any

from django.urls import Resolver404, resolve
from drf_spectacular.extensions import OpenApiAuthenticationExtension

from medassist.web import examples, versions

_ANY_ID = "00000000-0000-0000-0000-000000000000"

PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem document. `code` is stable; `errors` maps a field's dotted path to what is wrong.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {"type": "object", "additionalProperties": {"type": "string"}},
        "estimated_wait_s": {
            "type": ["integer", "null"],
            "description": "With a full queue: how long a job would wait; null when nothing is known yet.",
        },
    },
}


_HEADERS = {
    "API-Version": {"description": "Version of this API.", "schema": {"type": "string"}},
    "RateLimit-Policy": {"description": "Requests (`q`) of this kind in `w` seconds.", "schema": {"type": "string"}},
    "RateLimit": {
        "description": "What is left (`r`) until the window ends in `t` seconds.",
        "schema": {"type": "string"},
    },
}


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "medassist.accounts.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:  # noqa: ARG002
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Authorization: Api-Key <key>`; a key belongs to one clinic.",
        }


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "medassist.accounts.authentication.ClinicSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:  # noqa: ARG002
        return {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "The pages' own sign-in."}


def with_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:  # noqa: ARG001
    """Every operation may answer with a problem document."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    answer = {
        "description": "A problem document",
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {"example": {"summary": "Fields that are wrong", "value": examples.PROBLEM}},
            }
        },
    }
    for path in result.get("paths", {}).values():
        for operation in path.values():
            if isinstance(operation, dict) and "responses" in operation:
                operation["responses"].setdefault("default", answer)
                examples.add(operation)
                _tell_headers(operation)
    _mark_deprecated(result)
    return result


def _tell_headers(operation: dict[str, Any]) -> None:
    """What every answer carries, and that a read may be answered with 304."""
    done = operation["responses"].get("200")
    if (
        done is not None
        and {"application/json", "application/fhir+json"} & set(done.get("content", {}))
        and ("requestBody" not in operation and not operation["operationId"].endswith("_cancel"))
    ):
        operation["responses"]["304"] = {"description": "You have it already: `If-None-Match` named its `ETag`."}
        done["headers"] = {"ETag": {"description": "Of these very bytes.", "schema": {"type": "string"}}}
    for answer in operation["responses"].values():
        answer.setdefault("headers", {}).update(_HEADERS)


def _mark_deprecated(result: dict[str, Any]) -> None:
    """What `versions.DEPRECATIONS` says, in the description as well."""
    for method, name in versions.DEPRECATIONS:
        for address, path in result.get("paths", {}).items():
            try:
                match = resolve(re.sub(r"{[^}]+}", _ANY_ID, address))
            except Resolver404:
                continue
            if match.url_name == name and method.lower() in path:
                path[method.lower()]["deprecated"] = True
