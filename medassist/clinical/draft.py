"""`Draft`: what a backbone is asked to write, and the JSON schema that it is held to.

There is no field for a treatment, a medicine or a dose. The ids of the passages and of the record's
parts are an enumeration in the schema, so a fabricated citation cannot be expressed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from medassist.clinical.case import Frozen
from medassist.clinical.triage import TriageLevel

ClaimKind = Literal["patient_fact", "guideline", "inference"]
Band = Literal["likely", "possible", "less_likely", "cannot_miss"]


class Source(Frozen):
    """One citable text: a part of the record (`kind` "record") or a guideline passage.

    `id` is short and stable within one prompt: "r1", "r2" for the record, "g1", "g2" for passages.
    `text` is exactly what the model saw; quotes are matched against it literally (after
    normalisation of space and typography).
    """

    id: str
    kind: Literal["record", "guideline"]
    label: str
    """For the record the dotted path ("history", "labs.0"); for a passage its title."""
    text: str
    passage_id: str | None = None


class DraftCite(Frozen):
    source: str
    quote: str


class DraftClaim(Frozen):
    text: str
    kind: ClaimKind
    cites: tuple[DraftCite, ...] = ()


class DraftCondition(Frozen):
    condition: str
    band: Band
    claims_for: tuple[DraftClaim, ...] = ()
    claims_against: tuple[DraftClaim, ...] = ()
    claims_missing: tuple[str, ...] = ()


class Draft(Frozen):
    triage_level: TriageLevel
    triage_reason: str = ""
    summary: tuple[DraftClaim, ...] = ()
    differential: tuple[DraftCondition, ...] = ()
    red_flags: tuple[DraftClaim, ...] = ()
    missing_information: tuple[str, ...] = ()


class Candidates(Frozen):
    """First pass of retrieval: condition names worth looking up, most likely first."""

    conditions: tuple[str, ...] = ()


def draft_json_schema(source_ids: Sequence[str], *, max_conditions: int = 8) -> dict[str, Any]:
    """JSON schema of `Draft` with `source_ids` as the only citable ids.

    Written by hand rather than taken from pydantic: guided decoding wants a small flat grammar, every
    property required, no `$ref`, no `uniqueItems` (vLLM refuses it), bounded lengths.
    """
    cite = _object(
        source={"type": "string", "enum": list(source_ids) or ["none"]},
        quote={"type": "string", "minLength": 1, "maxLength": 400},
    )
    claim = _object(
        text={"type": "string", "minLength": 1, "maxLength": 400},
        kind={"type": "string", "enum": ["patient_fact", "guideline", "inference"]},
        cites=_array(cite, 4),
    )
    note = {"type": "string", "minLength": 1, "maxLength": 240}
    condition = _object(
        condition={"type": "string", "minLength": 1, "maxLength": 120},
        band={"type": "string", "enum": ["likely", "possible", "less_likely", "cannot_miss"]},
        claims_for=_array(claim, 5),
        claims_against=_array(claim, 4),
        claims_missing=_array(note, 5),
    )
    return _object(
        triage_level={"type": "string", "enum": ["emergency_now", "same_day", "routine"]},
        triage_reason={"type": "string", "maxLength": 300},
        summary=_array(claim, 10),
        differential=_array(condition, max_conditions),
        red_flags=_array(claim, 8),
        missing_information=_array(note, 10),
    )


def candidates_json_schema(*, max_conditions: int = 8) -> dict[str, Any]:
    """JSON schema of `Candidates`."""
    return _object(conditions=_array({"type": "string", "minLength": 1, "maxLength": 120}, max_conditions))


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _array(items: dict[str, Any], most: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "maxItems": most}
