"""`manage.py in_every_clinic export_adjudicated --out FILE`, or within one clinic: what `calibrate` reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.cases.selectors import adjudicated
from medassist.accounts.access import system_actor
from medassist.tenancy.context import clinic_context, current_schema
from medassist.tenancy.schemas import PUBLIC_SCHEMA


class Command(BaseCommand):
    help = "Writes the assessments of a clinic whose outcome is known, one JSON line each, for `calibrate`. It holds patient data."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--clinic", default="", help="the clinic's schema; needed outside in_every_clinic")
        parser.add_argument("--out", type=Path, required=True)

    def handle(self, *_: Any, clinic: str, out: Path, **__: Any) -> None:
        name = clinic or current_schema()
        if name == PUBLIC_SCHEMA:
            raise CommandError("--clinic is needed: outcomes belong to a clinic")
        with clinic_context(name):
            actor = system_actor(name, "export_adjudicated")
            # Only its owner reads the file.
            out.touch(mode=0o600)
            with out.open("w", encoding="utf-8") as lines:
                done = sum(
                    bool(lines.write(json.dumps(row, ensure_ascii=False) + "\n")) for row in adjudicated(actor=actor)
                )
        self.stdout.write(f"{done} adjudicated assessments written to {out.name}")
