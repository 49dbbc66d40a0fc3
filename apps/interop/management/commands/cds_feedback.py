"""`manage.py cds_feedback --clinic demo > feedback.jsonl`: what clinicians did with cards, one JSON object a line."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.interop.services.hooks import feedback_lines
from medassist.accounts.access import system_actor
from medassist.common.errors import MedAssistError
from medassist.tenancy.context import clinic_context


class Command(BaseCommand):
    help = "Writes the feedback on CDS Hooks cards of a clinic as JSON lines, without patients and comments."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--clinic", required=True, help="schema name of the clinic")

    def handle(self, *_: Any, clinic: str, **__: Any) -> None:
        try:
            with clinic_context(clinic):
                for line in feedback_lines(actor=system_actor(clinic, "cds_feedback")):
                    self.stdout.write(json.dumps(line))
        except MedAssistError as error:
            raise CommandError(f"{error.code}: {error.detail}") from None
