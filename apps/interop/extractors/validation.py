"""Is a resource valid FHIR R4 in structure and data types? Asked of `fhir.resources` (R4B).

The library takes about 0.2 s to load, so it is loaded at the first question, not when a process starts. It does not
enforce value sets; `rules.vocabulary` holds those that are relied on.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from medassist.clinical.parsing import dotted

MOST_NAMED = 3


def why_not_valid(resource: dict[str, Any]) -> str:
    """Which elements are wrong and how, "" for a valid resource. No value is repeated.

    The narrative is not judged: nobody reads it here, and it is what systems get wrong most.
    """
    from fhir.resources.R4B import get_fhir_model_class

    try:
        model = get_fhir_model_class(str(resource.get("resourceType")))
    except (KeyError, LookupError):
        return "This type of resource is not of FHIR R4."
    judged = {name: value for name, value in resource.items() if name != "text"}
    try:
        model.model_validate(judged)
    except ValidationError as error:
        return "; ".join(_named(item) for item in error.errors(include_url=False, include_input=False)[:MOST_NAMED])
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        # The library's own checks of choice elements trip over shapes that they do not expect.
        return "The resource does not have the shape of its type."
    return ""


def _named(item: Any) -> str:
    where = dotted(part for part in item["loc"] if isinstance(part, int) or str(part).replace("_", "").isalnum())
    kinds = {"extra_forbidden": "unknown element", "missing": "missing", "model_field_validation.missing": "missing"}
    return f"{where[:120] or 'resource'}: {kinds.get(item['type'], 'not a valid value')}"


def require_valid(resource: dict[str, Any]) -> None:
    """For what we write ourselves; raises `ValidationError`: not to be caught, nothing invalid may leave."""
    from fhir.resources.R4B import get_fhir_model_class

    get_fhir_model_class(str(resource["resourceType"])).model_validate(resource)
