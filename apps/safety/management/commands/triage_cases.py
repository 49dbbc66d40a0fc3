"""`manage.py triage_cases < cases.jsonl > levels.jsonl`: the red-flag rules and NEWS2 alone.

One `CaseInput` a line in (it may carry an `id`), one line out in the same order:
`{"id", "level", "rules": [ids], "news2": {"total", "parameters", "missing"}}`; a line that cannot be read gives
`{"id", "error": {"code", "detail", "fields"}}`. No clinic, database or model is needed.
"""

from __future__ import annotations

from typing import Any

from apps.safety.services import triage_floor
from medassist.clinical.parsing import parse_case, parse_json
from medassist.common.errors import MedAssistError
from medassist.common.line_command import LineCommand


class Command(LineCommand):
    help = "Triages cases of a JSONL stream by rules only."

    def answer(self, line: str) -> dict[str, Any]:
        return answer(line)


def answer(line: str) -> dict[str, Any]:
    """The output object for one input line."""
    given_id: Any = None
    try:
        data = parse_json(line)
        if isinstance(data, dict):
            given_id = data.pop("id", None)
        floor = triage_floor(parse_case(data))
    except MedAssistError as error:
        return {"id": given_id, "error": {"code": error.code, "detail": error.detail, "fields": error.fields}}
    score = floor.news2
    return {
        "id": given_id,
        "level": floor.level,
        "rules": [rule.id for rule in floor.rules],
        "news2": {"total": score.total, "parameters": score.parameters, "missing": list(score.missing)},
    }
