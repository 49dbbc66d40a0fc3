"""`manage.py guard_texts < in.jsonl > out.jsonl`: the medicine guard over many texts, without a database."""

from __future__ import annotations

import json
from typing import Any

from apps.safety.rules.guard import check_text
from medassist.common.line_command import LineCommand


class Command(LineCommand):
    help = 'Reads {"id","text","record","audience"} lines, writes {"id","verdict","rules","spans"} lines; bad lines give an error object.'

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
    ident, text = item.get("id"), item.get("text")
    record: Any = item.get("record", "") or ""
    audience: Any = item.get("audience", "clinician") or "clinician"
    if not isinstance(text, str) or not isinstance(record, str):
        return _error(ident, "invalid_input", "text and record must be strings")
    if audience not in ("clinician", "patient"):
        return _error(ident, "invalid_input", "audience must be clinician or patient")
    try:
        verdict = check_text(text, record=record, audience=audience)
    except Exception:  # noqa: BLE001 - one failing line must neither stop the others nor pass as allowed
        return {"id": ident, "verdict": "block", "rules": ["guard_failed"], "spans": [[0, len(text)]]}
    spans = list(dict.fromkeys((f.start, f.end) for f in verdict.findings))
    return {
        "id": ident,
        "verdict": "allow" if verdict.allowed else "block",
        "rules": list(verdict.codes),
        "spans": [list(span) for span in spans],
    }


def _error(ident: Any, code: str, detail: str) -> dict[str, Any]:
    return {"id": ident, "error": {"code": code, "detail": detail}}
