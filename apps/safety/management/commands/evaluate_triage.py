"""Vignettes with a known urgency against the triage floor: what is missed, what is raised, with intervals."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from apps.safety.rules.intervals import wilson
from apps.safety.services import triage_floor
from medassist.clinical.parsing import parse_case
from medassist.clinical.triage import SEVERITY
from medassist.common.errors import InvalidInput

TIERS = {"critical": "emergency_now", "urgent": "same_day", "routine": "routine"}


class Command(BaseCommand):
    help = 'Judges the triage floor on vignettes: lines of {"id", "tier": critical|urgent|routine, "case"}; prints JSON.'

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", nargs="?", help="a JSON lines file; standard input without it")
        parser.add_argument("--list", action="store_true", help="also the ids that were missed or raised")

    def handle(self, *_args: Any, **options: Any) -> None:
        text = Path(options["path"]).read_text(encoding="utf-8") if options["path"] else sys.stdin.read()
        levels: Counter[tuple[str, str]] = Counter()
        ids: dict[str, list[str]] = {"critical_missed": [], "urgent_sent_home": [], "routine_raised": []}
        refused = 0
        for line in filter(str.strip, text.splitlines()):
            row = json.loads(line)
            try:
                level = triage_floor(parse_case(row["case"])).level
            except InvalidInput:
                refused += 1
                continue
            levels[row["tier"], level] += 1
            for name in _wrong(row["tier"], level):
                ids[name].append(str(row["id"]))
        self.stdout.write(json.dumps(self._report(levels, ids, refused, named=options["list"]), indent=2))

    @staticmethod
    def _report(
        levels: Counter[tuple[str, str]], ids: dict[str, list[str]], refused: int, *, named: bool
    ) -> dict[str, Any]:
        report: dict[str, Any] = {"refused": refused}
        of = {tier: sum(count for (have, _), count in levels.items() if have == tier) for tier in TIERS}
        for name, tier in (("critical_missed", "critical"), ("urgent_sent_home", "urgent"), ("routine_raised", "routine")):
            low, high = wilson(len(ids[name]), of[tier])
            report[name] = {"count": len(ids[name]), "of": of[tier], "interval": [round(low, 3), round(high, 3)]}
            if named:
                report[name]["ids"] = ids[name]
        report["levels"] = {f"{tier} -> {level}": count for (tier, level), count in sorted(levels.items())}
        return report


def _wrong(tier: str, level: str) -> list[str]:
    low = SEVERITY[level] < SEVERITY[TIERS[tier]]
    if tier == "routine":
        return ["routine_raised"] if level != "routine" else []
    return [{"critical": "critical_missed", "urgent": "urgent_sent_home"}[tier]] if low else []
