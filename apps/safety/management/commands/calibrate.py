"""`manage.py calibrate FILE --backbone vllm --model llama-3.1-8b`: what adjudicated cases say about a model's scores."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from pydantic import ValidationError

from apps.safety.rules.uncertainty import same_condition, score_of
from apps.safety.schemas import CalibrationReport, ModelVersion, Pair
from apps.safety.services import calibrate
from medassist.accounts.access import Permission, system_actor
from medassist.clinical.assessment import Assessment
from medassist.common.errors import InvalidInput
from medassist.tenancy.schemas import PUBLIC_SCHEMA


class Command(BaseCommand):
    help = (
        'Fits a model version\'s probabilities on adjudicated cases: lines {"score": 0.7, "correct": true} or '
        '{"assessment": {…}, "diagnosis": ["…"]}. Without --keep it only reports.'
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--backbone", required=True)
        parser.add_argument("--model", required=True)
        parser.add_argument("--adapter", default="")
        parser.add_argument("--prompt", default="assessment.v1")
        parser.add_argument("--keep", action="store_true", help="store the map: numbers are shown from now on")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *_: Any, file: Path, keep: bool, json: bool, **options: Any) -> None:
        version = ModelVersion(**{name: options[name] for name in ("backbone", "model", "adapter", "prompt")})
        actor = system_actor(PUBLIC_SCHEMA, "calibrate", scopes=frozenset({Permission.CLINIC_MANAGE}))
        try:
            report = calibrate(actor=actor, version=version, pairs=tuple(_pairs(file, version)), keep=keep)
        except InvalidInput as error:
            raise CommandError("; ".join(f"{name}: {text}" for name, text in error.fields.items())) from None
        if json:
            self.stdout.write(report.model_dump_json())
            return
        self.stdout.write("\n".join(_lines(report)))
        self.stdout.write("stored: numbers of this version are shown" if keep else "not stored (--keep stores it)")


def _pairs(file: Path, version: ModelVersion) -> Iterator[Pair]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file.name} cannot be read ({type(error).__name__})") from None
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield from _of_line(json.loads(line), version)
            except (ValueError, ValidationError, RecursionError) as error:
                what = (
                    ".".join(map(str, error.errors()[0]["loc"])) if isinstance(error, ValidationError) else str(error)
                )
                raise CommandError(f"{file.name}:{number}: {what}") from None


def _of_line(data: Any, version: ModelVersion) -> Iterator[Pair]:
    if not isinstance(data, dict):
        raise ValueError("a line is a JSON object")
    if "assessment" not in data:
        yield Pair.model_validate(data)
        return
    assessment = Assessment.model_validate(data["assessment"])
    made_by = assessment.provenance
    if (made_by.backbone, made_by.model, made_by.adapter or "", made_by.prompt_version) != (
        version.backbone, version.model, version.adapter, version.prompt,
    ):  # fmt: skip
        raise ValueError("assessment.provenance: made by another backbone, model, adapter or prompt")
    names = data.get("diagnosis")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError("diagnosis: a list of names is needed")
    for item in assessment.differential:
        yield Pair(score=score_of(item), correct=any(same_condition(item.condition, name) for name in names))


def _lines(report: CalibrationReport) -> Iterator[str]:
    yield f"{report.pairs} conditions of adjudicated cases, {report.correct} of them the diagnosis"
    yield f"Brier  {report.brier:.4f} held out ({report.brier_raw:.4f} without the map)"
    yield f"ECE    {report.ece:.4f} held out ({report.ece_raw:.4f} without the map)"
    yield "  said   came true   conditions"
    for item in report.reliability:
        yield f"  {item.said:.2f}   {item.came:.2f}        {item.count}"
