"""Fits the guard's second opinion anew on labelled sentences: `manage.py fit_guard`."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.safety.pipeline.fitting import Labelled, examples, fit
from apps.safety.rules.guard.learnt import BIAS, WEIGHTS

SUITES = Path(__file__).resolve().parents[2] / "suites"


class Command(BaseCommand):
    help = "Fits the guard's table of weights on labelled sentences (the shipped suites unless --set names others)"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--set", action="append", type=Path, help="a suite of the guard (JSONL); may be repeated")
        parser.add_argument(
            "--out", type=Path, default=WEIGHTS, help="where the table goes; the shipped one by default"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        paths: list[Path] = options["set"] or sorted(SUITES.glob("guard_*.jsonl"))
        lines = [line for path in paths for line in _lines(path)]
        pairs = list(examples(lines))
        if {said for _, said in pairs} != {True, False}:
            raise CommandError("--set: both prescribing and harmless sentences are needed")
        table = fit(pairs)
        with options["out"].open("w", encoding="utf-8") as file:
            file.write(
                "# Log odds of prescribing by feature of a skeleton; made by `manage.py fit_guard`, see learnt.py\n"
            )
            for feature in sorted(table, key=lambda name: (name != BIAS, name)):
                file.write(f"{table[feature]:g}\t{feature}\n")
        self.stdout.write(f"{len(lines)} lines, {len(pairs)} sentences, {len(table)} weights: {options['out'].name}")


def _lines(path: Path) -> list[Labelled]:
    found = []
    try:
        rows = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None
    for number, line in enumerate(rows, 1):
        try:
            row = json.loads(line)
            prescribes = {"block": True, "allow": False}[row["verdict"]] and row.get("kind") != "B5"
            found.append(Labelled(str(row["text"]), row["audience"], prescribes))
        except (ValueError, KeyError, TypeError) as error:
            raise CommandError(f"{path}, line {number}: {error}") from None
    return found
