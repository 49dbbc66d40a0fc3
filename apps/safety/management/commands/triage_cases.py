"""`manage.py triage_cases < cases.jsonl > levels.jsonl`: the red-flag rules and NEWS2 alone.

One `CaseInput` a line in (it may carry an `id`), one line out in the same order:
`{"id", "level", "rules": [ids], "news2": {"total", "parameters", "missing"}}`; a line that cannot be read gives
`{"id", "error": {"code", "detail", "fields"}}`. No clinic, database or model is needed.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.safety.services import triage_floor
from medassist.clinical.parsing import parse_case, parse_json
from medassist.common.errors import MedAssistError


class Command(BaseCommand):
    help = "Triages cases of a JSONL stream by rules only."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--input", default="-", help="a JSONL file; - is standard input")

    def handle(self, *_: Any, input: str, **__: Any) -> None:
        if input == "-":
            self._triage(sys.stdin)
            return
        try:
            with open(input, encoding="utf-8") as lines:  # noqa: PTH123 - mirrors standard input
                self._triage(lines)
        except OSError as error:
            raise CommandError(f"cannot read {input}: {error.strerror}") from None

    def _triage(self, lines: Iterable[str]) -> None:
        for line in lines:
            if line.strip():
                self.stdout.write(json.dumps(answer(line), ensure_ascii=False))


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
