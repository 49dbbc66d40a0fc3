"""`manage.py guideline_recall WORK`: which assessments cite a text that no longer holds, over all clinics."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from apps.cases.schemas import ClinicRecall, RecalledAssessment
from apps.cases.services import recall_in_clinics
from apps.rag.schemas import RecalledVersion
from apps.rag.selectors import recalled
from medassist.common.errors import MedAssistError
from medassist.tenancy.context import clinic_context, public_context
from medassist.tenancy.selectors import open_clinics

BY = "guideline_recall"


class Command(BaseCommand):
    help = "Lists the assessments that cite a superseded or withdrawn guideline, and reopens them for review."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("guideline", help="a work, or the id of one of its versions")
        parser.add_argument("--clinic", help="schema name; without it, every open clinic")
        parser.add_argument("--reopen", action="store_true", help="mark them to be reviewed again")
        parser.add_argument("--reason", default="", help="what clinicians read about it; needed with --reopen")
        parser.add_argument("--json", action="store_true", help="one assessment a line")

    def handle(
        self, *_: Any, guideline: str, clinic: str | None, reopen: bool, reason: str, **options: Any
    ) -> None:  # fmt: skip
        if reopen != bool(reason.strip()):
            raise CommandError("--reopen and --reason TEXT go together")
        try:
            with public_context():
                versions = recalled(work=guideline)
            if clinic:
                with clinic_context(clinic):
                    pass
        except MedAssistError as error:
            raise CommandError(f"{error.code}: {error.detail}") from None
        tell = self._as_lines if options["json"] else self._as_text
        if not options["json"]:
            self._versions(versions)
        clinics = [clinic] if clinic else [item.schema_name for item in open_clinics()]
        found = recall_in_clinics(by=BY, versions=versions, clinics=clinics, reopen_for=reason if reopen else None)
        done: list[ClinicRecall] = []
        for item in tqdm(found, total=len(clinics), unit="clinic", disable=not sys.stderr.isatty(), file=sys.stderr):
            tell(item)
            done.append(item)
        failed = [item for item in done if item.error]
        if not options["json"]:
            cited, reopened = sum(len(item.assessments) for item in done), sum(item.reopened for item in done)
            self.stdout.write(
                f"{cited} assessments in {len(done) - len(failed)} clinics cite it; {reopened} reopened now"
            )
        if failed:
            raise CommandError(", ".join(f"{item.clinic}: {item.error}" for item in failed))

    def _versions(self, versions: tuple[RecalledVersion, ...]) -> None:
        if not versions:
            self.stdout.write("No version of it has been superseded or withdrawn.")
        for item in versions:
            when = f" on {item.superseded_at:%Y-%m-%d}" if item.superseded_at else ""
            by = f" by {item.superseded_by} ({item.superseded_by_title})" if item.superseded_by else ""
            why = f": {item.reason}" if item.reason else ""
            self.stdout.write(f"{item.guideline_id} ({item.title}, {item.version}): {item.state}{when}{by}{why}")

    def _as_text(self, found: ClinicRecall) -> None:
        for item in found.assessments:
            self.stdout.write(
                f"{found.clinic}  case {item.case_id}  assessment {item.id}  {item.created_at:%Y-%m-%d %H:%M}  "
                f"{item.status}  {item.state}  {' '.join(item.passages)}"
            )

    def _as_lines(self, found: ClinicRecall) -> None:
        for item in found.assessments:
            self.stdout.write(json.dumps(_line(found.clinic, item)))


def _line(clinic: str, item: RecalledAssessment) -> dict[str, Any]:
    return {
        "clinic": clinic, "case": str(item.case_id), "assessment": str(item.id),
        "created_at": item.created_at.isoformat(), "status": item.status, "state": item.state,
        "guidelines": list(item.guidelines), "passages": list(item.passages),
    }  # fmt: skip
