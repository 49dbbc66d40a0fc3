"""`manage.py check_claims < in.jsonl > out.jsonl`: the grounding check over single claims, without a database."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from apps.safety.rules.grounding import check_claim
from medassist.clinical.draft import DraftCite, DraftClaim, Source
from medassist.common.line_command import LineCommand


class Command(LineCommand):
    help = 'Reads {"id","claim","kind"?,"cites"?,"sources":[{"id","text","kind"}]} lines, writes {"id","verdict","reason","cites"} lines.'

    def answer(self, line: str) -> dict[str, Any]:
        return answer(line)


def answer(line: str) -> dict[str, Any]:
    """The output object for one input line."""
    try:
        item = json.loads(line)
    except (ValueError, RecursionError):
        return _error(None, "not_json", "the line is not valid JSON")
    if not isinstance(item, dict):
        return _error(None, "invalid_input", "a line is a JSON object")
    ident = item.get("id")
    try:
        claim, sources = _read(item)
    except (ValidationError, KeyError, TypeError, AttributeError):
        return _error(ident, "invalid_input", "claim and sources [{id, text, kind}] are required")
    try:
        result = check_claim(claim, sources)
    except Exception:  # noqa: BLE001 - one failing line must neither stop the others nor pass as supported
        return {"id": ident, "verdict": "unsupported", "reason": "check_failed", "cites": []}
    cites = result.claim.cites if result.claim else ()
    return {
        "id": ident,
        "verdict": "supported" if result.claim else "unsupported",
        "reason": result.reason,
        "cites": [{"source": c.source, "start": c.start, "end": c.end} for c in cites],
    }


def _read(item: dict[str, Any]) -> tuple[DraftClaim, list[Source]]:
    sources = [
        Source(id=str(s["id"]), kind=s.get("kind", "guideline"), label=str(s.get("label", s["id"])), text=s["text"])
        for s in item["sources"]
    ]
    said = item["claim"]
    if isinstance(said, dict):
        return DraftClaim.model_validate(said), sources
    kinds = {source.kind for source in sources}
    kind: Any = item.get("kind") or (
        "patient_fact" if kinds == {"record"} else "guideline" if kinds == {"guideline"} else "inference"
    )
    cites = tuple(DraftCite.model_validate(cite) for cite in item.get("cites", ()))
    return DraftClaim(text=said, kind=kind, cites=cites), sources


def _error(ident: Any, code: str, detail: str) -> dict[str, Any]:
    return {"id": ident, "error": {"code": code, "detail": detail}}
