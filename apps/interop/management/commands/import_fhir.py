"""`manage.py import_fhir --clinic demo record.json …` or `manage.py import_fhir --dry-run record.json …`

One FHIR R4 Bundle or resource a file in, one JSON line a file out, in the same order. A dry run needs no database and
stores nothing; `--full` adds the mapped case to its lines. A file that makes no case is a line with its refusal; the exit
status stays 0, since each line says what became of its file.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.interop import services
from apps.interop.schemas import Imported
from medassist.accounts.access import system_actor
from medassist.clinical.parsing import parse_json
from medassist.common.errors import MedAssistError
from medassist.tenancy.context import clinic_context


class Command(BaseCommand):
    help = "Imports FHIR R4 records as cases of a clinic, or shows what they would make."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", help="a JSON file with a Bundle or a resource")
        parser.add_argument("--clinic", help="schema name of the clinic; needed unless it is a dry run")
        parser.add_argument("--dry-run", action="store_true", help="map and report, store nothing")
        parser.add_argument(
            "--full", action="store_true", help="with --dry-run: the mapped case as well (patient data)"
        )

    def handle(
        self, *_: Any, files: list[str], clinic: str | None, dry_run: bool, full: bool, **__: Any
    ) -> None:  # fmt: skip
        if not dry_run and not clinic:
            raise CommandError("invalid_input: give --clinic, or --dry-run")
        if clinic and not dry_run:
            try:
                with clinic_context(clinic):
                    pass
            except MedAssistError as error:
                raise CommandError(f"{error.code}: clinic {clinic}") from None
        made = 0
        for name in files:
            line = self._line(name, clinic if not dry_run else None, full)
            made += "refusal" not in line and "error" not in line
            self.stdout.write(json.dumps({"file": name, **line}, ensure_ascii=False))
        self.stderr.write(f"{made} of {len(files)} file(s) make a case")

    def _line(self, name: str, clinic: str | None, full: bool) -> dict[str, Any]:
        try:
            imported = services.read_record(parse_json(Path(name).read_bytes()))
            told = _account(imported, full=full)
            if clinic and imported.case is not None:
                with clinic_context(clinic):
                    done = services.submit_record(
                        actor=system_actor(clinic, "import_fhir"), imported=imported, lane="batch"
                    )
                told |= {"case": str(done.case_id), "job": str(done.job_id), "level": done.floor.level}
        except OSError as error:
            raise CommandError(f"cannot read {name}: {error.strerror}") from None
        except MedAssistError as error:
            return {"error": {"code": error.code, "detail": error.detail}}
        return told


def _account(imported: Imported, *, full: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "entries": imported.entries.model_dump(),
        "as_of": imported.as_of.isoformat(),
        "complaint_from": imported.complaint_from,
        "problems": [problem.model_dump() for problem in imported.problems],
    }
    if imported.refusal:
        told["refusal"] = imported.refusal.model_dump()
    if full:
        told["draft"] = imported.draft
    return told
